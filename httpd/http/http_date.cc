#include "httpd/http/http_date.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

constexpr int64_t kSecondsPerDay = 24 * 60 * 60;
constexpr int64_t kFirstSecond = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31 23:59:59

constexpr std::array<absl::string_view, 7> kWeekdays = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};  // From 1970-01-01 on.
constexpr std::array<absl::string_view, 7> kLongWeekdays = {
    "Thursday", "Friday",  "Saturday", "Sunday",
    "Monday",   "Tuesday", "Wednesday"};
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

constexpr bool IsLeapYear(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

// `month` from 0.
constexpr int DaysOfMonth(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30,
                                         31, 31, 30, 31, 30, 31};
  return month == 1 && IsLeapYear(year) ? 29 : kDays[month];
}

// The inverse of DateOfDay(), by Howard Hinnant's days_from_civil.
constexpr int64_t DayOfDate(const CivilDate& date) {
  // Years from March, eras of 400 years.
  const int64_t year = date.month < 2 ? date.year - 1 : date.year;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year =
      (153 * ((date.month + 10) % 12) + 2) / 5 + date.day - 1;
  const int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

// Reads a date from its first byte to its last. What does not fit makes it
// fail, and what is read after that means nothing.
class DateReader {
 public:
  explicit DateReader(absl::string_view text) : rest_(text) {}

  void Text(absl::string_view expected) {
    if (rest_.substr(0, expected.size()) != expected) return Fail();
    rest_.remove_prefix(expected.size());
  }

  // `count` digits.
  int Number(int count) {
    int number = 0;
    for (int i = 0; i < count; ++i) {
      if (rest_.empty() || rest_[0] < '0' || rest_[0] > '9') {
        Fail();
        return 0;
      }
      number = number * 10 + (rest_[0] - '0');
      rest_.remove_prefix(1);
    }
    return number;
  }

  // Which of `names` stands here.
  template <size_t kCount>
  int Name(const std::array<absl::string_view, kCount>& names) {
    for (size_t i = 0; i < kCount; ++i) {
      if (rest_.substr(0, names[i].size()) != names[i]) continue;
      rest_.remove_prefix(names[i].size());
      return static_cast<int>(i);
    }
    Fail();
    return 0;
  }

  // "08:49:37", in seconds.
  int TimeOfDay() {
    const int hour = Number(2);
    Text(":");
    const int minute = Number(2);
    Text(":");
    const int second = Number(2);
    if (hour > 23 || minute > 59 || second > 60) Fail();
    return (hour * 60 + minute) * 60 + second;
  }

  bool NextIs(char byte) const { return !rest_.empty() && rest_[0] == byte; }

  // Whether all of the text was a date.
  bool Finish() const { return !failed_ && rest_.empty(); }

 private:
  void Fail() {
    failed_ = true;
    rest_ = absl::string_view();
  }

  absl::string_view rest_;
  bool failed_ = false;
};

std::optional<int64_t> SecondsOf(const DateReader& reader,
                                 const CivilDate& date, int second_of_day) {
  if (!reader.Finish() || date.day < 1 ||
      date.day > DaysOfMonth(date.year, date.month)) {
    return std::nullopt;
  }
  // The leap second of the last year there is would be in another.
  return std::min(DayOfDate(date) * kSecondsPerDay + second_of_day,
                  kLastSecond);
}

// Each reads what stands behind the day's name.

std::optional<int64_t> ParseImfFixdate(DateReader reader) {
  CivilDate date;
  reader.Text(", ");
  date.day = reader.Number(2);
  reader.Text(" ");
  date.month = reader.Name(kMonths);
  reader.Text(" ");
  date.year = reader.Number(4);
  reader.Text(" ");
  const int second_of_day = reader.TimeOfDay();
  reader.Text(" GMT");
  return SecondsOf(reader, date, second_of_day);
}

std::optional<int64_t> ParseRfc850Date(DateReader reader,
                                       int64_t now_unix_seconds) {
  CivilDate date;
  reader.Text(", ");
  date.day = reader.Number(2);
  reader.Text("-");
  date.month = reader.Name(kMonths);
  reader.Text("-");
  const int year_of_century = reader.Number(2);
  reader.Text(" ");
  const int second_of_day = reader.TimeOfDay();
  reader.Text(" GMT");

  const int64_t now = std::clamp(now_unix_seconds, kFirstSecond, kLastSecond);
  const int latest = DateOfDay((now - kFirstSecond) / kSecondsPerDay +
                               kFirstSecond / kSecondsPerDay)
                         .year +
                     50;
  date.year = latest - (latest - year_of_century) % 100;
  return SecondsOf(reader, date, second_of_day);
}

std::optional<int64_t> ParseAsctimeDate(DateReader reader) {
  CivilDate date;
  reader.Text(" ");
  date.month = reader.Name(kMonths);
  reader.Text(" ");
  if (reader.NextIs(' ')) {
    reader.Text(" ");
    date.day = reader.Number(1);
  } else {
    date.day = reader.Number(2);
  }
  reader.Text(" ");
  const int second_of_day = reader.TimeOfDay();
  reader.Text(" ");
  date.year = reader.Number(4);
  return SecondsOf(reader, date, second_of_day);
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

std::optional<int64_t> ParseHttpDate(absl::string_view text,
                                     int64_t now_unix_seconds) {
  DateReader reader(text);
  // The three differ in what follows the day's name.
  const size_t name_end = text.find_first_of(", ");
  if (name_end == text.npos) return std::nullopt;
  if (name_end > 3) {
    reader.Name(kLongWeekdays);
    return ParseRfc850Date(reader, now_unix_seconds);
  }
  reader.Name(kWeekdays);
  return text[name_end] == ',' ? ParseImfFixdate(reader)
                               : ParseAsctimeDate(reader);
}

}  // namespace pollux::http
