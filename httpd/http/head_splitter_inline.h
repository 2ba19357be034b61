// How a head that is whole is cut, for who must have it inline.
#ifndef POLLUX_HTTPD_HTTP_HEAD_SPLITTER_INLINE_H_
#define POLLUX_HTTPD_HTTP_HEAD_SPLITTER_INLINE_H_

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

struct [[nodiscard]] PlainHead {
  // How many bytes of the message the head has, its blank line included; 0 if
  // it is not plain.
  size_t bytes = 0;
  FieldsRead fields_read = FieldsRead::kNone;
};

// The bitmaps of a head that ends within its first word, as a short one does:
// they stay in registers.
class ShortBitmaps {
 public:
  explicit ShortBitmaps(const HeadWord& word) : word_(word) {}

  // Goes from one bit that is set to the next.
  class Positions {
   public:
    explicit Positions(uint64_t bits) : rest_(bits) {}

    // There is another.
    ABSL_ATTRIBUTE_ALWAYS_INLINE size_t Next() {
      const size_t position = std::countr_zero(rest_);
      rest_ &= rest_ - 1;
      return position;
    }

   private:
    uint64_t rest_;
  };

  Positions carriage_returns() const {
    return Positions(word_.carriage_returns);
  }
  Positions separators() const { return Positions(word_.separators); }

  // As LongBitmaps.
  ABSL_ATTRIBUTE_ALWAYS_INLINE size_t FindSeparator(size_t from) const {
    return from + std::countr_zero(word_.separators >> from);
  }
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool HasOnlyLineEnds(size_t last,
                                                    size_t lines) const {
    const uint64_t before = (uint64_t{1} << last) - 1;
    return static_cast<size_t>(std::popcount(word_.controls & before)) == lines;
  }

 private:
  const HeadWord word_;
};

// The bitmaps of any head, in memory.
class LongBitmaps {
 public:
  explicit LongBitmaps(const HeadBitmaps& bitmaps) : bitmaps_(bitmaps) {}

  class Positions {
   public:
    explicit Positions(const uint64_t* words)
        : words_(words), rest_(words[0]) {}

    ABSL_ATTRIBUTE_ALWAYS_INLINE size_t Next() {
      while (rest_ == 0) {
        base_ += HeadBitmaps::kBitsPerWord;
        rest_ = words_[base_ / HeadBitmaps::kBitsPerWord];
      }
      const size_t position = base_ + std::countr_zero(rest_);
      rest_ &= rest_ - 1;
      return position;
    }

   private:
    const uint64_t* const words_;
    // The position of a word's first bit, and those bits of it that have not
    // been given out.
    size_t base_ = 0;
    uint64_t rest_;
  };

  Positions carriage_returns() const {
    return Positions(bitmaps_.carriage_returns);
  }
  Positions separators() const { return Positions(bitmaps_.separators); }

  // The position of the first separator from `from` on if it is within 56
  // bytes; else the 56th byte behind `from`, which may be one.
  ABSL_ATTRIBUTE_ALWAYS_INLINE size_t FindSeparator(size_t from) const {
    const uint64_t* const words = bitmaps_.separators;
    uint64_t bits;
    if (ABSL_PREDICT_FALSE(from < HeadBitmaps::kBitsPerWord)) {
      // Words that were stored a moment ago can be had at once only as they
      // were stored. Two shifts up, since one by 64 bits is undefined.
      bits = words[0] >> from | words[1] << 1
                                         << ~from % HeadBitmaps::kBitsPerWord;
    } else {
      // Those behind have had time. From any byte on, it takes half as much.
      memcpy(&bits, reinterpret_cast<const char*>(words) + from / 8,
             sizeof(bits));
      bits >>= from % 8;
    }
    // A bit that is there for sure saves asking whether one is.
    return from + std::countr_zero(bits | uint64_t{1} << 56);
  }

  // Whether the only control characters in front of the CR at `last`, which is
  // in the last word, are CRs and the LFs of `lines` lines, of which is known
  // that they are there.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool HasOnlyLineEnds(size_t last,
                                                    size_t lines) const {
    const uint64_t before =
        (uint64_t{1} << last % HeadBitmaps::kBitsPerWord) - 1;
    return bitmaps_.earlier_controls +
               std::popcount(bitmaps_.last_controls & before) ==
           lines;
  }

 private:
  const HeadBitmaps& bitmaps_;
};

namespace head_splitter_internal {

// Bytes are read several at a time, and bits from any byte on.
static_assert(std::endian::native == std::endian::little);

inline constexpr absl::string_view kVersionShape = "HTTP/1.1";

inline Version VersionOfDigit(char minor) {
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

// Reads the request line, and returns where the CR behind it is; 0 if the line
// is not plain. Plain bytes belong into a method and a path alike, so only the
// separators are looked at. They do not run out, since CR is one.
template <typename Bitmaps>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline size_t SplitRequestLine(
    absl::string_view message, const Bitmaps& bitmaps, RequestHead& head) {
  const char* const bytes = message.data();
  auto separators = bitmaps.separators();
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
    if (byte == ' ') break;
    if (ABSL_PREDICT_TRUE(IsIn(byte, ByteClass::kOriginTarget))) {
      if (byte == '?' && mark == 0) mark = target_end;
    } else if (byte != '%' || !IsTripletAt(message, target_end)) {
      return 0;
    }
  }
  const size_t version = target_end + 1;
  const size_t line_end = version + kVersionShape.size();
  // CR is a separator, so this one is the first.
  if (line_end >= message.size() || bytes[line_end] != '\r' ||
      !IsVersion(bytes + version)) {
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

// Makes Host the authority if it is there and a name or an IPv4 address in
// plain bytes, perhaps with a port behind it, as nearly all are: the bitmap
// knows that already.
template <typename Bitmaps>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool ReadPlainHost(const Bitmaps& bitmaps,
                                                       const char* bytes,
                                                       RequestHead& head) {
  const Field* const host = head.fields.Find(FieldName::kHost);
  if (host == nullptr) return false;
  const size_t begin = host->value.data() - bytes;
  const size_t size = host->value.size();
  const size_t end = begin + size;
  const size_t mark = bitmaps.FindSeparator(begin);
  if (mark == begin) return false;
  if (mark != end) {
    const size_t port_bytes = end - mark - 1;
    if (bytes[mark] != ':' || port_bytes < 1 || port_bytes > 4 ||
        !AreDigits(bytes + end, port_bytes)) {
      return false;
    }
  }
  head.authority = absl::string_view(bytes + begin, size);
  return true;
}

}  // namespace head_splitter_internal

// The fast way, for nearly every head there is: checks the grammar of RFC 9112
// and splits in one go, the target into path and query as well, and sets
// method, method_token, target and its parts, version, fields and, as far as
// fields_read says, what they mean. Not plain is a head that is not valid, over
// a limit, or valid in a way that is rare: an empty line in front, another
// target than an origin-form. `head` is unspecified then, and RequestParser's
// states, which know all the rest, decide about it from the first byte on.
//
// The bitmaps are of `message`, with a blank line in them; it does not end with
// CR.
//
// The loop over the fields calls nothing but what is rare, so that all that it
// needs stays in registers.
template <typename Bitmaps>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline PlainHead SplitPlainHead(
    const Bitmaps& bitmaps, absl::string_view message, const HeadLimits& limits,
    RequestHead& head) {
  namespace internal = head_splitter_internal;
  size_t line_end = internal::SplitRequestLine(message, bitmaps, head);
  if (line_end == 0 || line_end > limits.max_request_line_bytes) return {};

  const char* const bytes = message.data();
  const absl::Span<Field> room = head.fields.room();
  Field* next = room.data();
  Field* const end = next + room.size();
  // They end with two that are two bytes apart, where the loop does.
  auto line_ends = bitmaps.carriage_returns();
  line_end = line_ends.Next();
  while (true) {
    // The message does not end with CR.
    if (bytes[line_end + 1] != '\n') return {};
    const size_t line = line_end + 2;
    line_end = line_ends.Next();
    if (line_end == line) break;
    // CR is a separator, so a colon is not behind it.
    const size_t colon = bitmaps.FindSeparator(line);
    if (colon == line || next == end) return {};
    next->name = absl::string_view(bytes + line, colon - line);
    if (ABSL_PREDICT_TRUE(internal::HasPlainValue(bytes, colon, line_end))) {
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
      !bitmaps.HasOnlyLineEnds(line_end, 1 + fields) ||
      head_bytes > limits.max_head_bytes || fields > limits.max_fields) {
    return {};
  }
  head.fields.Assign(fields);
  if (!internal::ReadPlainHost(bitmaps, bytes, head))
    return {.bytes = head_bytes};
  return {.bytes = head_bytes,
          .fields_read =
              ReadCommonMeaning(head) ? FieldsRead::kAll : FieldsRead::kHost};
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_SPLITTER_INLINE_H_
