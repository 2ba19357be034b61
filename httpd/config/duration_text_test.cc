#include "httpd/config/duration_text.h"

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pollux::httpd {
namespace {

TEST(ParseDurationTextTest, ReadsWhatIsRight) {
  const struct {
    absl::string_view text;
    absl::Duration duration;
  } kRows[] = {
      {"0", absl::ZeroDuration()},        {"0s", absl::ZeroDuration()},
      {"10s", absl::Seconds(10)},         {"250ms", absl::Milliseconds(250)},
      {"1m", absl::Minutes(1)},           {"1h30m", absl::Minutes(90)},
      {"1.5s", absl::Milliseconds(1500)}, {"100us", absl::Microseconds(100)},
      {"7ns", absl::Nanoseconds(7)},      {"100000h", absl::Hours(100000)},
  };
  for (const auto& row : kRows) {
    const absl::StatusOr<absl::Duration> duration = ParseDurationText(row.text);
    ASSERT_TRUE(duration.ok()) << row.text << duration.status();
    EXPECT_EQ(*duration, row.duration) << row.text;
  }
}

struct WrongRow {
  absl::string_view name;
  absl::string_view text;
  std::string message;
};

void PrintTo(const WrongRow& row, std::ostream* out) { *out << row.text; }

WrongRow Guessed(absl::string_view name, absl::string_view text,
                 absl::string_view guess) {
  return {name, text,
          absl::StrCat("\"", text, "\" is not a duration: did you mean \"",
                       guess, "\"?")};
}

WrongRow Puzzling(absl::string_view name, absl::string_view text) {
  return {name, text,
          absl::StrCat("\"", text,
                       "\" is not a duration: write it as \"10s\", \"250ms\" "
                       "or \"1h30m\"")};
}

class WrongDurationTest : public testing::TestWithParam<WrongRow> {};

TEST_P(WrongDurationTest, SaysWhatWouldBeRight) {
  const absl::StatusOr<absl::Duration> duration =
      ParseDurationText(GetParam().text);
  EXPECT_EQ(duration.status(), absl::InvalidArgumentError(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, WrongDurationTest,
    testing::Values(Guessed("Blank", "10 s", "10s"),
                    Guessed("BlanksAround", " 10s ", "10s"),
                    Guessed("Word", "10sec", "10s"),
                    Guessed("Words", "1 hour 30 minutes", "1h30m"),
                    Guessed("Capitals", "10S", "10s"),
                    Guessed("Milliseconds", "250 msec", "250ms"),
                    Guessed("NoUnit", "10", "10s"),
                    Guessed("NoUnitBehind", "1m30", "1m30s"),
                    Guessed("Comma", "1,5s", "1.5s"),
                    Guessed("Days", "7d", "168h"),
                    Guessed("MostDays", "999 days", "23976h"),
                    Puzzling("OneDayMore", "1000d"), Puzzling("Empty", ""),
                    Puzzling("Negative", "-1s"), Puzzling("Infinite", "inf"),
                    Puzzling("Letters", "soon"),
                    Puzzling("Fortnight", "1fortnight"),
                    Puzzling("UnitAlone", "s"), Puzzling("Points", "1.2.3s"),
                    Puzzling("TooManyDays", "100000d"),
                    WrongRow{"Control", "1\n",
                             "\"1\\n\" is not a duration: write it as \"10s\", "
                             "\"250ms\" or \"1h30m\""}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pollux::httpd
