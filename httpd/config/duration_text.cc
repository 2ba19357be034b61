#include "httpd/config/duration_text.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace pollux::httpd {
namespace {

struct Spelling {
  absl::string_view word;
  absl::string_view unit;
};

// In lower case. There are no days: none of 24 hours for everybody.
constexpr Spelling kSpellings[] = {{"h", "h"},
                                   {"hr", "h"},
                                   {"hrs", "h"},
                                   {"hour", "h"},
                                   {"hours", "h"},
                                   {"m", "m"},
                                   {"min", "m"},
                                   {"mins", "m"},
                                   {"minute", "m"},
                                   {"minutes", "m"},
                                   {"s", "s"},
                                   {"sec", "s"},
                                   {"secs", "s"},
                                   {"second", "s"},
                                   {"seconds", "s"},
                                   {"", "s"},
                                   {"ms", "ms"},
                                   {"msec", "ms"},
                                   {"msecs", "ms"},
                                   {"millis", "ms"},
                                   {"millisecond", "ms"},
                                   {"us", "us"},
                                   {"usec", "us"},
                                   {"milliseconds", "ms"},
                                   {"ns", "ns"},
                                   {"microseconds", "us"}};

absl::string_view UnitOf(absl::string_view word) {
  for (const Spelling& spelling : kSpellings) {
    if (spelling.word == word) return spelling.unit;
  }
  return "";
}

// The bytes at the front of `text` for which `belongs` holds, taken off it.
template <typename Predicate>
absl::string_view TakeWhile(absl::string_view& text, Predicate belongs) {
  size_t length = 0;
  while (length < text.size() && belongs(text[length])) ++length;
  const absl::string_view front = text.substr(0, length);
  text.remove_prefix(length);
  return front;
}

// What was probably meant; or "".
std::string Guess(absl::string_view text) {
  const std::string plain = absl::AsciiStrToLower(
      absl::StrReplaceAll(text, {{" ", ""}, {"_", ""}, {",", "."}}));
  absl::string_view rest = plain;
  std::string guess;
  while (!rest.empty()) {
    const absl::string_view number = TakeWhile(rest, [](unsigned char c) {
      return absl::ascii_isdigit(c) || c == '.';
    });
    const absl::string_view word =
        TakeWhile(rest, [](unsigned char c) { return absl::ascii_isalpha(c); });
    uint32_t days;
    const bool is_days = word == "d" || word == "day" || word == "days";
    if (is_days && absl::SimpleAtoi(number, &days) && days < 1000) {
      absl::StrAppend(&guess, days * 24, "h");
    } else if (!number.empty() && !UnitOf(word).empty()) {
      absl::StrAppend(&guess, number, UnitOf(word));
    } else {
      return "";
    }
  }
  absl::Duration duration;
  return absl::ParseDuration(guess, &duration) ? guess : "";
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDurationText(absl::string_view text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) &&
      duration != absl::InfiniteDuration() &&
      duration >= absl::ZeroDuration()) {
    return duration;
  }
  const std::string guess = Guess(text);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text), "\" is not a duration: ",
                   guess.empty() || guess == text
                       ? "write it as \"10s\", \"250ms\" or \"1h30m\""
                       : absl::StrCat("did you mean \"", guess, "\"?")));
}

}  // namespace pollux::httpd
