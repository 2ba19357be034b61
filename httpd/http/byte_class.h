// Which bytes the grammar of HTTP allows where: one table look-up a byte.
#ifndef POLLUX_HTTPD_HTTP_BYTE_CLASS_H_
#define POLLUX_HTTPD_HTTP_BYTE_CLASS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux::http {

// Sets of bytes; each is one bit of kByteClasses.
enum class ByteClass : uint8_t {
  kNone = 0,
  // tchar (RFC 9110 §5.6.2).
  kToken = 1 << 0,
  // Field values: VCHAR, SP, HTAB and obs-text (RFC 9110 §5.5).
  kFieldValue = 1 << 1,
  // reg-name, but for "%" (RFC 3986 §3.2.2).
  kRegName = 1 << 2,
  // An origin-form target, but for "%": pchar, "/" and "?" (RFC 3986 §3.3).
  kOriginTarget = 1 << 3,
  // An absolute-form target, but for "%": the same, and IP-literals.
  kAbsoluteTarget = 1 << 4,
  // What stands for itself between double quotes (RFC 9110 §5.6.4).
  kQuotedText = 1 << 5,
  // HEXDIG in either case (RFC 9112 §7.1).
  kHexDigit = 1 << 6,
  // etagc: an entity tag between its quotes (RFC 9110 §8.8.3).
  kEntityTag = 1 << 7,
};

inline constexpr std::array<uint8_t, 256> kByteClasses = [] {
  std::array<uint8_t, 256> classes{};
  const auto add = [&classes](unsigned char byte, ByteClass byte_class) {
    classes[byte] |= static_cast<uint8_t>(byte_class);
  };
  const auto add_each = [&add](absl::string_view bytes, ByteClass byte_class) {
    for (const char byte : bytes) add(byte, byte_class);
  };
  constexpr absl::string_view kAlphanumeric =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr absl::string_view kUnreservedMarks = "-._~";
  constexpr absl::string_view kSubDelims = "!$&'()*+,;=";

  add_each(kAlphanumeric, ByteClass::kToken);
  add_each("!#$%&'*+-.^_`|~", ByteClass::kToken);

  add('\t', ByteClass::kFieldValue);
  for (int byte = 0x20; byte <= 0x7e; ++byte) add(byte, ByteClass::kFieldValue);
  for (int byte = 0x80; byte <= 0xff; ++byte) add(byte, ByteClass::kFieldValue);

  add_each("0123456789abcdefABCDEF", ByteClass::kHexDigit);

  add_each("\t !", ByteClass::kQuotedText);
  add('!', ByteClass::kEntityTag);
  for (int byte = 0x23; byte <= 0xff; ++byte) {
    if (byte == 0x7f) continue;
    if (byte != '\\') add(byte, ByteClass::kQuotedText);
    add(byte, ByteClass::kEntityTag);
  }

  for (const ByteClass byte_class :
       {ByteClass::kRegName, ByteClass::kOriginTarget,
        ByteClass::kAbsoluteTarget}) {
    add_each(kAlphanumeric, byte_class);
    add_each(kUnreservedMarks, byte_class);
    add_each(kSubDelims, byte_class);
  }
  add_each(":@/?", ByteClass::kOriginTarget);
  add_each(":@/?[]", ByteClass::kAbsoluteTarget);
  return classes;
}();

inline bool IsIn(char byte, ByteClass byte_class) {
  return (kByteClasses[static_cast<unsigned char>(byte)] &
          static_cast<uint8_t>(byte_class)) != 0;
}

// The first position in [`begin`, `end`) whose byte is not in `byte_class`; the
// end, or that of `text`, if all are.
inline size_t SkipWhile(absl::string_view text, size_t begin, size_t end,
                        ByteClass byte_class) {
  end = std::min(end, text.size());
  const auto classes = [text](size_t position) {
    return kByteClasses[static_cast<unsigned char>(text[position])];
  };
  // Four at a time, in a third of the instructions.
  while (begin + 4 <= end &&
         (classes(begin) & classes(begin + 1) & classes(begin + 2) &
          classes(begin + 3) & static_cast<uint8_t>(byte_class)) != 0) {
    begin += 4;
  }
  while (begin < end && IsIn(text[begin], byte_class)) ++begin;
  return begin;
}

inline bool IsAllIn(absl::string_view text, ByteClass byte_class) {
  return SkipWhile(text, 0, text.size(), byte_class) == text.size();
}

inline bool IsToken(absl::string_view text) {
  return !text.empty() && IsAllIn(text, ByteClass::kToken);
}

// The value of a digit of kHexDigit.
inline uint32_t HexValue(char digit) {
  return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

inline bool IsOws(char byte) { return byte == ' ' || byte == '\t'; }

// `text` without the optional white space around it: only SP and HTAB
// (RFC 9110 §5.6.3).
inline absl::string_view TrimOws(absl::string_view text) {
  while (!text.empty() && IsOws(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsOws(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_BYTE_CLASS_H_
