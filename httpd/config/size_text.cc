#include "httpd/config/size_text.h"

#include <cstddef>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace pollux::httpd {
namespace {

struct Unit {
  absl::string_view name;
  uint64_t bytes;
};

constexpr Unit kUnits[] = {{"", 1},
                           {"B", 1},
                           {"KB", 1000},
                           {"MB", 1000 * 1000},
                           {"GB", 1000 * 1000 * 1000},
                           {"TB", uint64_t{1000} * 1000 * 1000 * 1000},
                           {"KiB", 1 << 10},
                           {"MiB", 1 << 20},
                           {"GiB", 1 << 30},
                           {"TiB", uint64_t{1} << 40}};

std::optional<uint64_t> BytesOfUnit(absl::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit.bytes;
  }
  return std::nullopt;
}

size_t CountDigits(absl::string_view text) {
  size_t digits = 0;
  while (digits < text.size() &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[digits]))) {
    ++digits;
  }
  return digits;
}

std::string DidYouMeanSize(absl::string_view digits, absl::string_view unit) {
  return absl::StrCat("did you mean \"", digits, unit, "\"?");
}

// What would be right.
std::string Advise(absl::string_view text) {
  constexpr absl::string_view kForm =
      "write it as \"64KiB\", \"1MB\" or \"512\" (bytes)";
  const std::string plain =
      absl::AsciiStrToLower(absl::StrReplaceAll(text, {{" ", ""}, {"_", ""}}));
  const size_t digit_count = CountDigits(plain);
  if (digit_count == 0) return std::string(kForm);
  const std::string digits = plain.substr(0, digit_count);
  absl::string_view unit = absl::string_view(plain).substr(digit_count);
  if (unit == "" || unit == "b" || unit == "byte" || unit == "bytes") {
    return DidYouMeanSize(digits, unit.empty() ? "" : "B");
  }
  // "k", "kb", "kbyte", "kbytes", "ki", "kib", ...
  const char power = absl::ascii_toupper(static_cast<unsigned char>(unit[0]));
  const std::optional<uint64_t> known =
      BytesOfUnit(absl::StrCat(std::string(1, power), "B"));
  if (power == 'B' || !known.has_value()) return std::string(kForm);
  unit.remove_prefix(1);
  const bool is_binary = absl::ConsumePrefix(&unit, "i");
  if (unit != "" && unit != "b" && unit != "byte" && unit != "bytes") {
    return std::string(kForm);
  }
  const std::string binary = absl::StrCat(digits, std::string(1, power), "iB");
  if (is_binary) return absl::StrCat("did you mean \"", binary, "\"?");
  return absl::StrCat("did you mean \"", binary, "\" (powers of 1024) or \"",
                      digits, std::string(1, power), "B\" (powers of 1000)?");
}

absl::Status Wrong(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", absl::CHexEscape(text), "\" is ", why));
}

}  // namespace

absl::StatusOr<uint64_t> ParseSizeText(absl::string_view text) {
  const size_t digits = CountDigits(text);
  const std::optional<uint64_t> unit_bytes = BytesOfUnit(text.substr(digits));
  if (digits == 0 || !unit_bytes.has_value()) {
    return Wrong(text, absl::StrCat("not a size: ", Advise(text)));
  }
  uint64_t count;
  if (!absl::SimpleAtoi(text.substr(0, digits), &count) ||
      count > std::numeric_limits<uint64_t>::max() / *unit_bytes) {
    return Wrong(text, "too large a size: there are 2^64 bytes at most");
  }
  return count * *unit_bytes;
}

}  // namespace pollux::httpd
