#include "httpd/http/byte_range.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

// What cannot be counted in 64 bits is behind the end of anything there is.
std::optional<uint64_t> ReadPosition(absl::string_view digits) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  if (digits.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char byte : digits) {
    if (!absl::ascii_isdigit(byte)) return std::nullopt;
    const uint64_t digit = byte - '0';
    number = number > (kMax - digit) / 10 ? kMax : number * 10 + digit;
  }
  return number;
}

}  // namespace

RangeVerdict ReadByteRange(absl::string_view value, uint64_t size_bytes,
                           ByteRange& range) {
  constexpr absl::string_view kUnit = "bytes=";
  // Units are compared without case (§14.1).
  if (!absl::StartsWithIgnoreCase(value, kUnit)) return RangeVerdict::kWhole;
  // A comma makes a list of it, with which nothing is done.
  const absl::string_view text = TrimOws(value.substr(kUnit.size()));
  const size_t dash = text.find('-');
  if (dash == text.npos) return RangeVerdict::kWhole;
  const std::optional<uint64_t> last = ReadPosition(text.substr(dash + 1));
  if (dash == 0) {
    // The end of so many bytes.
    if (!last.has_value()) return RangeVerdict::kWhole;
    if (*last == 0) return RangeVerdict::kUnsatisfiable;
    // Satisfiable, but no Content-Range can say so.
    if (size_bytes == 0) return RangeVerdict::kWhole;
    range = {.first = size_bytes - std::min(*last, size_bytes),
             .last = size_bytes - 1};
    return RangeVerdict::kPart;
  }
  const std::optional<uint64_t> first = ReadPosition(text.substr(0, dash));
  const bool is_open = dash + 1 == text.size();
  if (!first.has_value() || (!is_open && !last.has_value()) ||
      (last.has_value() && *last < *first)) {
    return RangeVerdict::kWhole;
  }
  if (*first >= size_bytes) return RangeVerdict::kUnsatisfiable;
  range = {.first = *first,
           .last = is_open ? size_bytes - 1 : std::min(*last, size_bytes - 1)};
  return RangeVerdict::kPart;
}

RangeVerdict JudgeRange(const RequestHead& head, const Validators& validators,
                        uint64_t size_bytes, int64_t now_unix_seconds,
                        ByteRange& range) {
  const Field* const field = head.fields.Find(FieldName::kRange);
  if (field == nullptr || head.method != Method::kGet ||
      head.fields.HasSeveral(FieldName::kRange) ||
      !IfRangeHolds(head, validators, now_unix_seconds)) {
    return RangeVerdict::kWhole;
  }
  return ReadByteRange(field->value, size_bytes, range);
}

void AppendContentRange(std::string& out, const ByteRange& range,
                        uint64_t size_bytes) {
  absl::StrAppend(&out, "bytes ", range.first, "-", range.last, "/",
                  size_bytes);
}

void AppendUnsatisfiedRange(std::string& out, uint64_t size_bytes) {
  absl::StrAppend(&out, "bytes */", size_bytes);
}

}  // namespace pollux::http
