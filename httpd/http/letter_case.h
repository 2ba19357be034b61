// Comparing names without case, in a few instructions.
#ifndef POLLUX_HTTPD_HTTP_LETTER_CASE_H_
#define POLLUX_HTTPD_HTTP_LETTER_CASE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

namespace pollux::http {
namespace letter_case_internal {

// The bits in which a word at `text` differs from one at `small`. Setting the
// sixth bit makes a capital letter small, and a control character a mark; no
// other byte becomes a letter, a digit or "-".
template <typename Word>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline uint64_t Differ(const char* text,
                                                    const char* small) {
  Word text_word;
  Word small_word;
  memcpy(&text_word, text, sizeof(Word));
  memcpy(&small_word, small, sizeof(Word));
  constexpr uint64_t kSixthBits = 0x2020'2020'2020'2020;
  return static_cast<Word>((text_word | static_cast<Word>(kSixthBits)) ^
                           small_word);
}

}  // namespace letter_case_internal

// The longest name that can be compared.
inline constexpr size_t kMaxSmallBytes = 24;

// Whether the `size` bytes at `text` are those at `small`, but for the case of
// ASCII letters. 2 to kMaxSmallBytes; `small` consists of small letters, digits
// and "-", and `text` holds no control character but HTAB. Compares words,
// which overlap where they have to, and reads nothing else.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool EqualsSmall(const char* text,
                                                     const char* small,
                                                     size_t size) {
  using letter_case_internal::Differ;
  uint64_t bits;
  if (size >= 8) {
    bits = Differ<uint64_t>(text, small) |
           Differ<uint64_t>(text + size - 8, small + size - 8);
    if (size > 16) bits |= Differ<uint64_t>(text + 8, small + 8);
  } else if (size >= 4) {
    bits = Differ<uint32_t>(text, small) |
           Differ<uint32_t>(text + size - 4, small + size - 4);
  } else {
    bits = Differ<uint16_t>(text, small) |
           Differ<uint16_t>(text + size - 2, small + size - 2);
  }
  return bits == 0;
}

ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool EqualsSmall(absl::string_view text,
                                                     absl::string_view small) {
  return text.size() == small.size() &&
         EqualsSmall(text.data(), small.data(), small.size());
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_LETTER_CASE_H_
