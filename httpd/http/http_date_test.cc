#include "httpd/http/http_date.h"

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <optional>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

constexpr int64_t kFirstSecond = -62'167'219'200;
constexpr int64_t kLastSecond = 253'402'300'799;

std::string Format(int64_t unix_seconds) {
  const HttpDate date = FormatHttpDate(unix_seconds);
  return std::string(date.data(), date.size());
}

// The C library's opinion; its %Y does not pad years below 1000.
std::string FormatWithLibrary(int64_t unix_seconds) {
  const time_t time = unix_seconds;
  struct tm parts;
  gmtime_r(&time, &parts);
  char before_year[32], year[32], after_year[32];
  strftime(before_year, sizeof(before_year), "%a, %d %b ", &parts);
  snprintf(year, sizeof(year), "%04d", parts.tm_year + 1900);
  strftime(after_year, sizeof(after_year), " %H:%M:%S GMT", &parts);
  return std::string(before_year) + year + after_year;
}

TEST(HttpDateTest, R22_KnownDates) {
  const struct {
    int64_t unix_seconds;
    absl::string_view text;
  } kKnown[] = {
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
      // RFC 9110 §5.6.7.
      {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      // Leap years, by each of the three rules.
      {951'782'400, "Tue, 29 Feb 2000 00:00:00 GMT"},
      {951'868'800, "Wed, 01 Mar 2000 00:00:00 GMT"},
      {1'709'164'800, "Thu, 29 Feb 2024 00:00:00 GMT"},
      {4'107'542'399, "Sun, 28 Feb 2100 23:59:59 GMT"},
      {4'107'542'400, "Mon, 01 Mar 2100 00:00:00 GMT"},
      // Where 32 bits end.
      {2'147'483'647, "Tue, 19 Jan 2038 03:14:07 GMT"},
      {2'147'483'648, "Tue, 19 Jan 2038 03:14:08 GMT"},
      {4'294'967'296, "Sun, 07 Feb 2106 06:28:16 GMT"},
      {kFirstSecond, "Sat, 01 Jan 0000 00:00:00 GMT"},
      {kLastSecond, "Fri, 31 Dec 9999 23:59:59 GMT"},
  };
  for (const auto& [unix_seconds, text] : kKnown) {
    EXPECT_EQ(Format(unix_seconds), text) << unix_seconds;
  }
}

TEST(HttpDateTest, ClampsWhatFourDigitsCannotSay) {
  EXPECT_EQ(Format(kFirstSecond - 1), Format(kFirstSecond));
  EXPECT_EQ(Format(kLastSecond + 1), Format(kLastSecond));
  EXPECT_EQ(Format(std::numeric_limits<int64_t>::min()), Format(kFirstSecond));
  EXPECT_EQ(Format(std::numeric_limits<int64_t>::max()), Format(kLastSecond));
}

TEST(HttpDateTest, EveryDayOfFourCenturiesAsTheLibrarySaysIt) {
  constexpr int64_t kSecondsPerDay = 86'400;
  // 1900 to 2300; another second each day.
  for (int64_t day = -25'567; day < 120'530; ++day) {
    const int64_t seconds =
        day * kSecondsPerDay + (day * 7919 % 86'400 + 86'400) % 86'400;
    ASSERT_EQ(Format(seconds), FormatWithLibrary(seconds)) << seconds;
  }
}

TEST(HttpDateTest, AnySecondAsTheLibrarySaysIt) {
  std::mt19937_64 random(/*seed=*/1994);
  std::uniform_int_distribution<int64_t> any(kFirstSecond, kLastSecond);
  for (int i = 0; i < 20'000; ++i) {
    const int64_t seconds = any(random);
    ASSERT_EQ(Format(seconds), FormatWithLibrary(seconds)) << seconds;
  }
}

// Sun, 06 Nov 1994 08:49:37 GMT.
constexpr int64_t kExample = 784'111'777;
constexpr int64_t kNow = 1'700'000'000;  // In 2023.

std::optional<int64_t> Parse(absl::string_view text, int64_t now = kNow) {
  GuardedBuffer buffer(/*capacity_bytes=*/64);
  return ParseHttpDate(buffer.Show(text), now);
}

TEST(ParseHttpDateTest, R20_ThreeFormats) {
  EXPECT_EQ(Parse("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(Parse("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(Parse("Sun Nov  6 08:49:37 1994"), kExample);
  EXPECT_EQ(Parse("Sun Nov 16 08:49:37 1994"), kExample + 10 * 24 * 60 * 60);
  EXPECT_EQ(Parse("Sun Nov 06 08:49:37 1994"), kExample);
}

TEST(ParseHttpDateTest, R20_ReadsWhatIsWritten) {
  std::minstd_rand random(/*seed=*/5);
  for (int round = 0; round < 100'000; ++round) {
    const int64_t span = kLastSecond - kFirstSecond + 1;
    const int64_t seconds =
        kFirstSecond +
        ((static_cast<int64_t>(random()) << 31) + random()) % span;
    ASSERT_EQ(ParseHttpDate(Format(seconds), kNow), seconds) << Format(seconds);
  }
}

TEST(ParseHttpDateTest, R20_EveryDayOfFourCenturies) {
  for (int64_t day = 0; day < 146'097; ++day) {
    const int64_t seconds = day * 24 * 60 * 60;
    ASSERT_EQ(ParseHttpDate(Format(seconds), kNow), seconds);
  }
}

TEST(ParseHttpDateTest, R20_YearsOfTwoDigits) {
  const auto year_of = [](absl::string_view digits, int64_t now) {
    const std::optional<int64_t> seconds =
        Parse(absl::StrCat("Sunday, 01-Jan-", digits, " 00:00:00 GMT"), now);
    return seconds.has_value() ? Format(*seconds).substr(12, 4) : "none";
  };
  EXPECT_EQ(year_of("23", kNow), "2023");
  EXPECT_EQ(year_of("24", kNow), "2024");
  EXPECT_EQ(year_of("73", kNow), "2073");
  EXPECT_EQ(year_of("74", kNow), "1974");
  EXPECT_EQ(year_of("94", kNow), "1994");
  EXPECT_EQ(year_of("00", kNow), "2000");
  EXPECT_EQ(year_of("69", 0), "1969");
  EXPECT_EQ(year_of("20", 0), "2020");
  EXPECT_EQ(year_of("21", 0), "1921");
}

TEST(ParseHttpDateTest, R20_LeapDaysAndSeconds) {
  EXPECT_TRUE(Parse("Thu, 29 Feb 2024 00:00:00 GMT").has_value());
  EXPECT_TRUE(Parse("Tue, 29 Feb 2000 00:00:00 GMT").has_value());
  EXPECT_FALSE(Parse("Wed, 29 Feb 2023 00:00:00 GMT").has_value());
  EXPECT_FALSE(Parse("Mon, 29 Feb 1900 00:00:00 GMT").has_value());
  EXPECT_EQ(Parse("Sat, 31 Dec 2016 23:59:60 GMT"),
            Parse("Sun, 01 Jan 2017 00:00:00 GMT"));
  EXPECT_EQ(Parse("Fri, 31 Dec 9999 23:59:60 GMT"), kLastSecond);
}

TEST(ParseHttpDateTest, R20_OtherTextIsNoDate) {
  for (const absl::string_view bad : {"",
                                      " ",
                                      "now",
                                      "784111777",
                                      "Sun",
                                      "Sun,",
                                      "Sun, ",
                                      "Sunday",
                                      "Sun, 6 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 94 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 UTC",
                                      "Sun, 06 Nov 1994 08:49:37 gmt",
                                      "sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 nov 1994 08:49:37 GMT",
                                      "Son, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      " Sun, 06 Nov 1994 08:49:37 GMT",
                                      "Sun,  06 Nov 1994 08:49:37 GMT",
                                      "Sun 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 00 Nov 1994 08:49:37 GMT",
                                      "Sun, 31 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 24:00:00 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT",
                                      "Sun, 06 Nov 1994 08:49:61 GMT",
                                      "Sun, 06 Nov 1994 8:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:49 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 +0000",
                                      "Sun, 06-Nov-94 08:49:37 GMT",
                                      "Sunday, 06 Nov 1994 08:49:37 GMT",
                                      "Sunday, 06-Nov-1994 08:49:37 GMT",
                                      "Sunday, 6-Nov-94 08:49:37 GMT",
                                      "Sunday, 06-Nov-94 08:49:37",
                                      "Sun Nov 6 08:49:37 1994",
                                      "Sun Nov  6 08:49:37 94",
                                      "Sun Nov  6 08:49:37 1994 GMT",
                                      "Sun Nov   6 08:49:37 1994",
                                      "Sun Nov  0 08:49:37 1994",
                                      "Sun, 06 Nov -994 08:49:37 GMT",
                                      "Sun, +6 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(Parse(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace pollux::http
