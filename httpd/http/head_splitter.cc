#include "httpd/http/head_splitter.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/percent_encoding.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_target.h"

namespace pollux::http {
namespace {

constexpr size_t kBitsPerWord = HeadBitmaps::kBitsPerWord;
constexpr absl::string_view kVersionShape = "HTTP/1.1";

Version VersionOfDigit(char minor) {
  return minor == '0' ? Version::kHttp10 : Version::kHttp11;
}

// Reads the origin-form target of `size` bytes that stands at the front of
// `bytes`, which go on behind it: with a byte that no target has.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool SplitOriginTarget(
    ScanKernel kernel, absl::string_view bytes, size_t size,
    RequestHead& head) {
  if (bytes[0] != '/') return false;
  size_t path_bytes = size;
  size_t position = 1;
  while (true) {
    position += SkipPathBytes(kernel, bytes.substr(position));
    if (position >= size) break;
    if (bytes[position] == '?') {
      if (path_bytes == size) path_bytes = position;
      position += 1;
    } else if (IsTripletAt(bytes, position)) {
      position += 3;
    } else {
      return false;
    }
  }
  head.target_form = TargetForm::kOrigin;
  head.target = bytes.substr(0, size);
  head.path = bytes.substr(0, path_bytes);
  head.query = path_bytes == size
                   ? absl::string_view()
                   : bytes.substr(path_bytes + 1, size - path_bytes - 1);
  return position == size;
}

// Reads the request line, which ends with the CR at `line_end`.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool SplitRequestLine(
    ScanKernel kernel, absl::string_view message, uint64_t separators,
    size_t line_end, const HeadLimits& limits, RequestHead& head) {
  const char* const bytes = message.data();
  const size_t method_bytes = std::countr_zero(separators);
  const size_t target_begin = method_bytes + 1;
  // The space and the version.
  constexpr size_t kTailBytes = 1 + kVersionShape.size();
  if (method_bytes == 0 || method_bytes == kBitsPerWord ||
      line_end > limits.max_request_line_bytes ||
      line_end < target_begin + 1 + kTailBytes || bytes[method_bytes] != ' ') {
    return false;
  }
  const char* const version = bytes + line_end - kVersionShape.size();
  const char minor = version[kVersionShape.size() - 1];
  if (version[-1] != ' ' ||
      memcmp(version, kVersionShape.data(), kVersionShape.size() - 1) != 0 ||
      !absl::ascii_isdigit(minor)) {
    return false;
  }
  const size_t target_bytes = line_end - kTailBytes - target_begin;
  if (!SplitOriginTarget(kernel, message.substr(target_begin), target_bytes,
                         head)) {
    return false;
  }
  head.method_token = absl::string_view(bytes, method_bytes);
  head.method = MethodFromToken(head.method_token);
  head.version = VersionOfDigit(minor);
  return head.method != Method::kConnect;
}

// Goes from one CR to the next.
class LineEnds {
 public:
  explicit LineEnds(const HeadBitmaps& bitmaps)
      : words_(bitmaps.carriage_returns),
        end_(bitmaps.words * kBitsPerWord),
        rest_(words_[0]) {}

  // Whether there is another; `position` is its, then.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Next(size_t& position) {
    while (rest_ == 0) {
      base_ += kBitsPerWord;
      if (base_ == end_) return false;
      rest_ = words_[base_ / kBitsPerWord];
    }
    position = base_ + std::countr_zero(rest_);
    rest_ &= rest_ - 1;
    return true;
  }

 private:
  const uint64_t* const words_;
  const size_t end_;
  // The position of a word's first bit, and those bits of it that have not been
  // given out.
  size_t base_ = 0;
  uint64_t rest_;
};

// The position of the first separator from `from` on if it is within 64 bytes;
// else the 64th byte behind `from`, which may be one.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline size_t FindSeparator(
    const HeadBitmaps& bitmaps, size_t from) {
  const uint64_t* const words = bitmaps.separators + from / kBitsPerWord;
  // Two shifts up, since one by 64 bits is undefined.
  const uint64_t bits =
      words[0] >> from % kBitsPerWord | words[1] << 1 << ~from % kBitsPerWord;
  return from + std::countr_zero(bits);
}

// Whether the only control characters in front of the CR at `last`, which is in
// the last word, are the CRLFs of `lines` lines, of which is known that they
// are there.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasOnlyLineEnds(
    const HeadBitmaps& bitmaps, size_t last, size_t lines) {
  const uint64_t before = (uint64_t{1} << last % kBitsPerWord) - 1;
  return bitmaps.earlier_controls +
             std::popcount(bitmaps.last_controls & before) ==
         2 * lines;
}

// Whether the value between the colon and the CR at `line_end` is one space and
// something that is white space neither in front nor at its end, as nearly all
// are. Of the bytes that may be there only white space is not above a space.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasPlainValue(const char* bytes,
                                                       size_t colon,
                                                       size_t line_end) {
  const auto is_visible = [](char byte) {
    return static_cast<unsigned char>(byte) > ' ';
  };
  return bytes[colon + 1] == ' ' && is_visible(bytes[colon + 2]) &&
         is_visible(bytes[line_end - 1]);
}

void TrimValues(absl::Span<Field> fields) {
  for (Field& field : fields) field.value = TrimOws(field.value);
}

// The loop over the fields calls nothing, so that all that it needs stays in
// registers.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline size_t Split(ScanKernel kernel,
                                                 absl::string_view message,
                                                 const HeadLimits& limits,
                                                 RequestHead& head) {
  HeadBitmaps bitmaps;
  FillBitmaps(kernel, message, bitmaps);
  LineEnds line_ends(bitmaps);
  size_t line_end;
  if (!line_ends.Next(line_end) ||
      !SplitRequestLine(kernel, message, bitmaps.separators[0], line_end,
                        limits, head)) {
    return 0;
  }

  const char* const bytes = message.data();
  const absl::Span<Field> room = head.fields.room();
  Field* next = room.data();
  Field* const end = next + room.size();
  bool has_plain_values = true;
  while (true) {
    // The message does not end with CR.
    if (bytes[line_end + 1] != '\n') return 0;
    const size_t line = line_end + 2;
    if (!line_ends.Next(line_end)) return 0;
    if (line_end == line) break;
    const size_t colon = FindSeparator(bitmaps, line);
    // CR is a separator, so a colon is not behind it.
    if (colon == line || bytes[colon] != ':' || next == end) return 0;
    size_t value = colon + 1;
    if (ABSL_PREDICT_TRUE(HasPlainValue(bytes, colon, line_end))) {
      ++value;
    } else {
      has_plain_values = false;
    }
    *next++ = {.name = absl::string_view(bytes + line, colon - line),
               .value = absl::string_view(bytes + value, line_end - value)};
  }
  const size_t head_bytes = line_end + 2;
  const size_t fields = next - room.data();
  if (bytes[line_end + 1] != '\n' ||
      !HasOnlyLineEnds(bitmaps, line_end, 1 + fields) ||
      head_bytes > limits.max_head_bytes || fields > limits.max_fields) {
    return 0;
  }
  if (!has_plain_values) TrimValues(room.first(fields));
  head.fields.Assign(fields);
  return head_bytes;
}

#if defined(__x86_64__)
// The same for processors that have better instructions for single bits.
[[gnu::target("avx2,bmi,bmi2,popcnt")]] size_t SplitWithBmi(
    absl::string_view message, const HeadLimits& limits, RequestHead& head) {
  return Split(ScanKernel::kAvx2, message, limits, head);
}
#endif

}  // namespace

size_t SplitPlainHead(ScanKernel kernel, absl::string_view message,
                      const HeadLimits& limits, RequestHead& head) {
  constexpr size_t kShortestHead =
      absl::string_view("A / HTTP/1.0\r\n\r\n").size();
  // So that a byte stands behind every CR.
  if (message.size() < kShortestHead || message.back() == '\r') return 0;
#if defined(__x86_64__)
  if (kernel == ScanKernel::kAvx2) return SplitWithBmi(message, limits, head);
#endif
  return Split(kernel, message, limits, head);
}

void SplitCheckedLines(absl::string_view lines, RequestHead& head) {
  const size_t method_end = lines.find(' ');
  const size_t target_end = lines.find(' ', method_end + 1);
  const size_t version_end = target_end + 1 + kVersionShape.size();
  head.method_token = lines.substr(0, method_end);
  head.method = MethodFromToken(head.method_token);
  head.target = lines.substr(method_end + 1, target_end - method_end - 1);
  head.version = VersionOfDigit(lines[version_end - 1]);

  size_t fields = 0;
  size_t line = version_end + 2;
  while (line < lines.size()) {
    const size_t colon = lines.find(':', line);
    const size_t line_end = lines.find('\r', colon);
    if (fields == head.fields.room().size()) head.fields.GrowRoom();
    head.fields.room()[fields++] = {
        .name = lines.substr(line, colon - line),
        .value = TrimOws(lines.substr(colon + 1, line_end - colon - 1))};
    line = line_end + 2;
  }
  head.fields.Assign(fields);
}

}  // namespace pollux::http
