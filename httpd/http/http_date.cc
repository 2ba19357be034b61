#include "httpd/http/http_date.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;
constexpr int64_t kFirstSecond = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::array<absl::string_view, 7> kWeekdays = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};  // From 1970-01-01 on.
constexpr std::array<absl::string_view, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct CivilDate {
  int year;
  int month;  // From 0.
  int day;    // From 1.
};

// The proleptic Gregorian date, by Howard Hinnant's days_from_civil inverted:
// years are counted from March, so that the leap day is a year's last.
constexpr CivilDate DateOfDay(int64_t days_since_1970) {
  constexpr int64_t kDaysPerEra = 146'097;         // 400 years.
  const int64_t days = days_since_1970 + 719'468;  // Since 0000-03-01.
  const int64_t era = (days >= 0 ? days : days - kDaysPerEra + 1) / kDaysPerEra;
  const int day_of_era = static_cast<int>(days - era * kDaysPerEra);
  const int year_of_era = (day_of_era - day_of_era / 1'460 +
                           day_of_era / 36'524 - day_of_era / 146'096) /
                          365;
  const int day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int months_since_march = (5 * day_of_year + 2) / 153;
  const int month = (months_since_march + 2) % 12;
  const int year = static_cast<int>(era * 400) + year_of_era;
  return {.year = month < 2 ? year + 1 : year,
          .month = month,
          .day = day_of_year - (153 * months_since_march + 2) / 5 + 1};
}

// Writes a date from its first byte to its last.
class DateWriter {
 public:
  explicit DateWriter(HttpDate& date) : next_(date.data()) {}

  void Text(absl::string_view text) {
    next_ = std::copy(text.begin(), text.end(), next_);
  }

  void TwoDigits(int64_t number) {
    *next_++ = static_cast<char>('0' + number / 10);
    *next_++ = static_cast<char>('0' + number % 10);
  }

 private:
  char* next_;
};

}  // namespace

HttpDate FormatHttpDate(int64_t unix_seconds) {
  const int64_t seconds = std::clamp(unix_seconds, kFirstSecond, kLastSecond);
  // Division that rounds down, before 1970 too.
  const int64_t second_of_day =
      (seconds % kSecondsPerDay + kSecondsPerDay) % kSecondsPerDay;
  const int64_t day = (seconds - second_of_day) / kSecondsPerDay;
  const CivilDate civil = DateOfDay(day);

  HttpDate date;
  DateWriter writer(date);
  writer.Text(kWeekdays[(day % 7 + 7) % 7]);
  writer.Text(", ");
  writer.TwoDigits(civil.day);
  writer.Text(" ");
  writer.Text(kMonths[civil.month]);
  writer.Text(" ");
  writer.TwoDigits(civil.year / 100);
  writer.TwoDigits(civil.year % 100);
  writer.Text(" ");
  writer.TwoDigits(second_of_day / 3600);
  writer.Text(":");
  writer.TwoDigits(second_of_day / 60 % 60);
  writer.Text(":");
  writer.TwoDigits(second_of_day % 60);
  writer.Text(" GMT");
  return date;
}

}  // namespace pollux::http
