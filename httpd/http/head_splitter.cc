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
#include "httpd/http/field_name.h"
#include "httpd/http/field_table.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_bitmaps_inline.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/head_meaning.h"
#include "httpd/http/percent_encoding.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_target.h"

namespace pollux::http {
namespace {

// Bytes are read several at a time, and bits from any byte on.
static_assert(std::endian::native == std::endian::little);

constexpr size_t kBitsPerWord = HeadBitmaps::kBitsPerWord;
constexpr absl::string_view kVersionShape = "HTTP/1.1";

Version VersionOfDigit(char minor) {
  return minor == '0' ? Version::kHttp10 : Version::kHttp11;
}

// Whether "HTTP/1." and a digit stand there. One comparison, which the compiler
// does not make of memcmp() here.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool IsVersion(const char* bytes) {
  uint64_t version;
  uint64_t shape;
  uint64_t all_but_minor;
  memcpy(&version, bytes, sizeof(version));
  memcpy(&shape, kVersionShape.data(), sizeof(shape));
  memcpy(&all_but_minor, "\xff\xff\xff\xff\xff\xff\xff", sizeof(all_but_minor));
  return ((version ^ shape) & all_but_minor) == 0 &&
         absl::ascii_isdigit(bytes[kVersionShape.size() - 1]);
}
static_assert(kVersionShape.size() == sizeof(uint64_t));

// Goes from one bit that is set to the next.
class Positions {
 public:
  explicit Positions(const uint64_t* words) : words_(words), rest_(words[0]) {}

  // There is another.
  ABSL_ATTRIBUTE_ALWAYS_INLINE size_t Next() {
    while (rest_ == 0) {
      base_ += kBitsPerWord;
      rest_ = words_[base_ / kBitsPerWord];
    }
    const size_t position = base_ + std::countr_zero(rest_);
    rest_ &= rest_ - 1;
    return position;
  }

 private:
  const uint64_t* const words_;
  // The position of a word's first bit, and those bits of it that have not been
  // given out.
  size_t base_ = 0;
  uint64_t rest_;
};

// Reads the request line, and returns where the CR behind it is; 0 if the line
// is not plain. Plain bytes belong into a method and a path alike, so only the
// separators are looked at. They do not run out, since CR is one.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline size_t SplitRequestLine(
    absl::string_view message, const HeadBitmaps& bitmaps, RequestHead& head) {
  const char* const bytes = message.data();
  Positions separators(bitmaps.separators);
  const size_t method_end = separators.Next();
  const size_t target = method_end + 1;
  if (bytes[method_end] != ' ' || method_end == 0 ||
      method_end > kMaxMethodBytes || bytes[target] != '/') {
    return 0;
  }

  separators.Next();  // The target's first byte.
  size_t target_end;
  size_t mark = 0;
  while (true) {
    target_end = separators.Next();
    const char byte = bytes[target_end];
    if (ABSL_PREDICT_TRUE(IsIn(byte, ByteClass::kOriginTarget))) {
      if (byte == '?' && mark == 0) mark = target_end;
    } else if (byte != '%' || !IsTripletAt(message, target_end)) {
      break;
    }
  }
  const size_t version = target_end + 1;
  const size_t line_end = version + kVersionShape.size();
  // CR is a separator, so this one is the first.
  if (bytes[target_end] != ' ' || line_end >= message.size() ||
      bytes[line_end] != '\r' || !IsVersion(bytes + version)) {
    return 0;
  }

  const auto view = [bytes](size_t begin, size_t end) {
    return absl::string_view(bytes + begin, end - begin);
  };
  head.version = VersionOfDigit(bytes[line_end - 1]);
  head.target_form = TargetForm::kOrigin;
  head.target = view(target, target_end);
  head.path = view(target, mark == 0 ? target_end : mark);
  head.query = mark == 0 ? absl::string_view() : view(mark + 1, target_end);
  head.method_token = view(0, method_end);
  // Nearly always it is GET, and no call.
  head.method = memcmp(bytes, "GET ", 4) == 0
                    ? Method::kGet
                    : MethodFromToken(head.method_token);
  return head.method == Method::kConnect ? 0 : line_end;
}

// The position of the first separator from `from` on if it is within 56 bytes;
// else the 56th byte behind `from`, which may be one.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline size_t FindSeparator(
    const HeadBitmaps& bitmaps, size_t from) {
  const uint64_t* const words = bitmaps.separators;
  uint64_t bits;
  if (from < kBitsPerWord) {
    // Words that were stored a moment ago can be had at once only as they were
    // stored. Two shifts up, since one by 64 bits is undefined.
    bits = words[0] >> from | words[1] << 1 << ~from % kBitsPerWord;
  } else {
    // Those behind have had time. From any byte on, it takes half as much.
    memcpy(&bits, reinterpret_cast<const char*>(words) + from / 8,
           sizeof(bits));
    bits >>= from % 8;
  }
  // A bit that is there for sure saves asking whether one is.
  return from + std::countr_zero(bits | uint64_t{1} << 56);
}

// Whether the only control characters in front of the CR at `last`, which is in
// the last word, are CRs and the LFs of `lines` lines, of which is known that
// they are there.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasOnlyLineEnds(
    const HeadBitmaps& bitmaps, size_t last, size_t lines) {
  const uint64_t before = (uint64_t{1} << last % kBitsPerWord) - 1;
  return bitmaps.earlier_controls +
             std::popcount(bitmaps.last_controls & before) ==
         lines;
}

// Whether a colon stands at `colon` and then, up to the CR at `line_end`, one
// space and something that is white space neither in front nor at its end, as
// in nearly every field. Of the bytes that may be there only white space is not
// above a space.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasPlainValue(const char* bytes,
                                                       size_t colon,
                                                       size_t line_end) {
  const auto is_visible = [](char byte) {
    return static_cast<unsigned char>(byte) > ' ';
  };
  return memcmp(bytes + colon, ": ", 2) == 0 && is_visible(bytes[colon + 2]) &&
         is_visible(bytes[line_end - 1]);
}

// Whether the bytes in front of `end`, fewer than five, are digits. At least
// four bytes stand there.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool AreDigits(const char* end,
                                                   size_t size) {
  uint32_t word;
  memcpy(&word, end - sizeof(word), sizeof(word));
  // Of a digit, 0 to 9.
  word ^= 0x3030'3030;
  word >>= 8 * (sizeof(word) - size);
  // 6 more carry out of a byte's low half if it was above 9. A carry out of the
  // whole byte comes from one that was too large itself.
  return ((word | (word + 0x0606'0606)) & 0xf0f0'f0f0) == 0;
}

// Whether Host is there and a name or an IPv4 address in plain bytes, perhaps
// with a port behind it, as nearly all are: the bitmap knows that already.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool HasPlainHost(
    const HeadBitmaps& bitmaps, const char* bytes, const FieldTable& fields) {
  const Field* const host = fields.Find(FieldName::kHost);
  if (host == nullptr) return false;
  const size_t begin = host->value.data() - bytes;
  const size_t end = begin + host->value.size();
  const size_t mark = FindSeparator(bitmaps, begin);
  if (mark == begin) return false;
  if (mark == end) return true;
  const size_t port_bytes = end - mark - 1;
  return bytes[mark] == ':' && port_bytes >= 1 && port_bytes <= 4 &&
         AreDigits(bytes + end, port_bytes);
}

// Splits what the bitmaps were filled from, a blank line in them. The loop over
// the fields calls nothing but what is rare, so that all that it needs stays in
// registers.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline PlainHead Split(const HeadBitmaps& bitmaps,
                                                    absl::string_view message,
                                                    const HeadLimits& limits,
                                                    RequestHead& head) {
  size_t line_end = SplitRequestLine(message, bitmaps, head);
  if (line_end == 0 || line_end > limits.max_request_line_bytes) return {};

  const char* const bytes = message.data();
  const absl::Span<Field> room = head.fields.room();
  Field* next = room.data();
  Field* const end = next + room.size();
  // They end with two that are two bytes apart, where the loop does.
  Positions line_ends(bitmaps.carriage_returns);
  line_end = line_ends.Next();
  while (true) {
    // The message does not end with CR.
    if (bytes[line_end + 1] != '\n') return {};
    const size_t line = line_end + 2;
    line_end = line_ends.Next();
    if (line_end == line) break;
    // CR is a separator, so a colon is not behind it.
    const size_t colon = FindSeparator(bitmaps, line);
    if (colon == line || next == end) return {};
    next->name = absl::string_view(bytes + line, colon - line);
    if (ABSL_PREDICT_TRUE(HasPlainValue(bytes, colon, line_end))) {
      next->value = absl::string_view(bytes + colon + 2, line_end - colon - 2);
    } else if (bytes[colon] == ':') {
      next->value =
          TrimOws(absl::string_view(bytes + colon + 1, line_end - colon - 1));
    } else {
      return {};
    }
    ++next;
  }
  const size_t head_bytes = line_end + 2;
  const size_t fields = next - room.data();
  if (bytes[line_end + 1] != '\n' ||
      !HasOnlyLineEnds(bitmaps, line_end, 1 + fields) ||
      head_bytes > limits.max_head_bytes || fields > limits.max_fields) {
    return {};
  }
  head.fields.Assign(fields);
  return {.bytes = head_bytes,
          .host_check = HasPlainHost(bitmaps, bytes, head.fields)
                            ? HostCheck::kDone
                            : HostCheck::kNeeded};
}

// Apart, so that the other does not pay for its entry.
ABSL_ATTRIBUTE_NOINLINE PlainHead SplitWith(ScanKernel kernel,
                                            absl::string_view message,
                                            const HeadLimits& limits,
                                            RequestHead& head) {
  HeadBitmaps bitmaps;
  if (!FillBitmaps(kernel, message, bitmaps)) return {};
  return Split(bitmaps, message, limits, head);
}

#if defined(__x86_64__)
// Nearly always it is this. AVX2's processors have better instructions for
// single bits, too.
[[gnu::target("avx2,bmi,bmi2,popcnt")]] PlainHead SplitWithAvx2(
    absl::string_view message, const HeadLimits& limits, RequestHead& head) {
  HeadBitmaps bitmaps;
  if (!FillBitmapsWithAvx2(message, bitmaps)) return {};
  return Split(bitmaps, message, limits, head);
}
#endif

}  // namespace

PlainHead SplitPlainHead(ScanKernel kernel, absl::string_view message,
                         const HeadLimits& limits, RequestHead& head) {
  constexpr size_t kShortestHead =
      absl::string_view("A / HTTP/1.0\r\n\r\n").size();
  // So that a byte stands behind every CR.
  if (message.size() < kShortestHead || message.back() == '\r') return {};
#if defined(__x86_64__)
  if (kernel == ScanKernel::kAvx2 && message.size() >= 32) {
    return SplitWithAvx2(message, limits, head);
  }
#endif
  return SplitWith(kernel, message, limits, head);
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
