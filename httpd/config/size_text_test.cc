#include "httpd/config/size_text.h"

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pollux::httpd {
namespace {

TEST(ParseSizeTextTest, ReadsWhatIsRight) {
  const struct {
    absl::string_view text;
    uint64_t bytes;
  } kRows[] = {
      {"0", 0},
      {"512", 512},
      {"500B", 500},
      {"1KB", 1000},
      {"1KiB", 1024},
      {"64KiB", 65536},
      {"1MB", 1000000},
      {"1MiB", 1048576},
      {"2GB", 2000000000},
      {"2GiB", 2147483648},
      {"3TB", 3000000000000},
      {"1TiB", 1099511627776},
      {"007", 7},
      {"18446744073709551615", UINT64_MAX},
  };
  for (const auto& row : kRows) {
    const absl::StatusOr<uint64_t> bytes = ParseSizeText(row.text);
    ASSERT_TRUE(bytes.ok()) << row.text << bytes.status();
    EXPECT_EQ(*bytes, row.bytes) << row.text;
  }
}

struct WrongRow {
  absl::string_view name;
  absl::string_view text;
  std::string message;
};

void PrintTo(const WrongRow& row, std::ostream* out) { *out << row.text; }

WrongRow NotASize(absl::string_view name, absl::string_view text,
                  absl::string_view advice) {
  return {name, text, absl::StrCat("\"", text, "\" is not a size: ", advice)};
}

class WrongSizeTest : public testing::TestWithParam<WrongRow> {};

TEST_P(WrongSizeTest, SaysWhatWouldBeRight) {
  const absl::StatusOr<uint64_t> bytes = ParseSizeText(GetParam().text);
  EXPECT_EQ(bytes.status(), absl::InvalidArgumentError(GetParam().message));
}

constexpr absl::string_view kForm =
    "write it as \"64KiB\", \"1MB\" or \"512\" (bytes)";
constexpr absl::string_view kKilo =
    "did you mean \"64KiB\" (powers of 1024) or \"64KB\" (powers of 1000)?";

INSTANTIATE_TEST_SUITE_P(
    Rows, WrongSizeTest,
    testing::Values(
        NotASize("Blank", "64 KiB", "did you mean \"64KiB\"?"),
        NotASize("SmallLetters", "64kib", "did you mean \"64KiB\"?"),
        NotASize("NoB", "64Ki", "did you mean \"64KiB\"?"),
        NotASize("Kb", "64kb", kKilo), NotASize("K", "64K", kKilo),
        NotASize("SmallK", "64k", kKilo),
        NotASize("Kbytes", "64 kbytes", kKilo),
        NotASize("Underscore", "64_000", "did you mean \"64000\"?"),
        NotASize("Bytes", "64 bytes", "did you mean \"64B\"?"),
        NotASize("SmallB", "64b", "did you mean \"64B\"?"),
        NotASize("Empty", "", kForm), NotASize("Negative", "-1", kForm),
        NotASize("Fraction", "1.5MiB", kForm), NotASize("Word", "much", kForm),
        NotASize("UnitAlone", "KiB", kForm), NotASize("Rate", "5KB/s", kForm),
        NotASize("BB", "5BB", kForm), NotASize("OtherUnit", "5XB", kForm),
        WrongRow{"Control", "1\n",
                 absl::StrCat("\"1\\n\" is not a size: ", kForm)},
        WrongRow{"TooLarge", "18446744073709551616",
                 "\"18446744073709551616\" is too large a size: there are 2^64 "
                 "bytes at most"},
        WrongRow{"TooLargeWithUnit", "16777216TiB",
                 "\"16777216TiB\" is too large a size: there are 2^64 bytes at "
                 "most"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pollux::httpd
