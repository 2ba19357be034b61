#include "httpd/http/http_date.h"

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

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

}  // namespace
}  // namespace pollux::http
