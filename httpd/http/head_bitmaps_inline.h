// How the bitmaps of a head are filled, for who must have it inline.
#ifndef POLLUX_HTTPD_HTTP_HEAD_BITMAPS_INLINE_H_
#define POLLUX_HTTPD_HTTP_HEAD_BITMAPS_INLINE_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "httpd/http/head_bitmaps.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pollux::http {

// Bits of 64 bytes, or of fewer.
struct HeadWord {
  uint64_t carriage_returns = 0;
  uint64_t controls = 0;
  uint64_t separators = 0;
};

constexpr HeadWord operator|(const HeadWord& a, const HeadWord& b) {
  return {a.carriage_returns | b.carriage_returns, a.controls | b.controls,
          a.separators | b.separators};
}

constexpr HeadWord operator<<(const HeadWord& word, size_t bits) {
  return {word.carriage_returns << bits, word.controls << bits,
          word.separators << bits};
}

constexpr HeadWord operator>>(const HeadWord& word, size_t bits) {
  return {word.carriage_returns >> bits, word.controls >> bits,
          word.separators >> bits};
}

// Whether a CR in the word stands two bytes behind another one of it.
constexpr bool HasBlankLine(const HeadWord& word) {
  return (word.carriage_returns & word.carriage_returns << 2) != 0;
}

namespace head_bitmaps_internal {

// A set of classes of ASCII bytes, as two tables of 16 that fit the vectors'
// byte shuffle: a byte is in the classes that both its halves are in, and from
// 0x80 on in none.
struct Nibbles {
  alignas(16) std::array<uint8_t, 16> low{};
  alignas(16) std::array<uint8_t, 16> high{};

  constexpr uint8_t ClassesOf(uint8_t byte) const {
    return byte < 0x80 ? low[byte & 0xf] & high[byte >> 4] : 0;
  }
};

// Puts each byte that is in rows `rows` (one bit for each high half) and
// columns `columns` (one for each low half) into the class `bit`.
constexpr void Add(Nibbles& nibbles, int bit, uint32_t rows, uint32_t columns) {
  for (int i = 0; i < 16; ++i) {
    nibbles.high[i] |= ((rows >> i) & 1) << bit;
    nibbles.low[i] |= ((columns >> i) & 1) << bit;
  }
}

// Classes 0 to 4 are plain bytes, 5 to 7 control characters; separators, CR
// among them, are in none.
inline constexpr Nibbles kHeadNibbles = [] {
  Nibbles nibbles;
  Add(nibbles, 0, 1 << 2, 0b0110'1100'1101'0010);           // !$&'*+-.
  Add(nibbles, 1, 1 << 3, 0b0000'0011'1111'1111);           // 0 to 9
  Add(nibbles, 2, 1 << 4 | 1 << 6, 0b1111'1111'1111'1110);  // A to O, a to o
  Add(nibbles, 3, 1 << 5 | 1 << 7, 0b0000'0111'1111'1111);  // P to Z, p to z
  Add(nibbles, 4, 1 << 5, 1 << 15);                         // _
  Add(nibbles, 5, 1 << 0, 0b1101'1101'1111'1111);  // All but HTAB and CR
  Add(nibbles, 6, 1 << 1, 0b1111'1111'1111'1111);
  Add(nibbles, 7, 1 << 7, 1 << 15);  // DEL
  return nibbles;
}();

// Added to a byte's classes, it carries into the highest bit exactly those of
// control characters: one instruction collects the highest bits.
inline constexpr uint8_t kControlCarry = 0x60;

constexpr bool IsControl(uint8_t classes) {
  return ((classes + kControlCarry) & 0x80) != 0;
}

// Stores one word after another, and sees the blank line in them.
class BitmapWriter {
 public:
  explicit BitmapWriter(HeadBitmaps& bitmaps) : bitmaps_(bitmaps) {}

  BitmapWriter(const BitmapWriter&) = delete;
  BitmapWriter& operator=(const BitmapWriter&) = delete;

  // Whether a CR in the word stands two bytes behind another one.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Append(const HeadWord& word) {
    const uint64_t crs = word.carriage_returns;
    bitmaps_.carriage_returns[words_] = crs;
    bitmaps_.separators[words_] = word.separators;
    ++words_;
    earlier_controls_ += std::popcount(last_controls_);
    last_controls_ = word.controls;
    const bool is_blank_line = (crs & (crs << 2 | last_crs_ >> 62)) != 0;
    last_crs_ = crs;
    return is_blank_line;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE ~BitmapWriter() {
    bitmaps_.separators[words_] = 0;
    bitmaps_.last_controls = last_controls_;
    bitmaps_.earlier_controls = earlier_controls_;
  }

 private:
  HeadBitmaps& bitmaps_;
  size_t words_ = 0;
  uint64_t last_crs_ = 0;
  uint64_t last_controls_ = 0;
  size_t earlier_controls_ = 0;
};

#if defined(__x86_64__)

[[gnu::target("avx2,bmi,bmi2,popcnt")]] inline __m256i ClassesOf32(
    const Nibbles& nibbles, __m256i bytes) {
  const __m256i low = _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.low.data())));
  const __m256i high = _mm256_broadcastsi128_si256(
      _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.high.data())));
  const __m256i halves =
      _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0xf));
  return _mm256_and_si256(_mm256_shuffle_epi8(low, bytes),
                          _mm256_shuffle_epi8(high, halves));
}

[[gnu::target("avx2,bmi,bmi2,popcnt")]] inline HeadWord Classify32(
    const char* at) {
  const __m256i bytes =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i classes = ClassesOf32(kHeadNibbles, bytes);
  return {static_cast<uint32_t>(_mm256_movemask_epi8(
              _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\r')))),
          static_cast<uint32_t>(_mm256_movemask_epi8(
              _mm256_add_epi8(classes, _mm256_set1_epi8(kControlCarry)))),
          static_cast<uint32_t>(_mm256_movemask_epi8(
              _mm256_cmpeq_epi8(classes, _mm256_setzero_si256())))};
}

#endif  // defined(__x86_64__)

}  // namespace head_bitmaps_internal

#if defined(__x86_64__)

// The bits of the first 64 of `size` bytes, or of all if they are fewer. At
// least 32.
[[gnu::target("avx2,bmi,bmi2,popcnt"), gnu::always_inline]] inline HeadWord
FirstWordWithAvx2(const char* bytes, size_t size) {
  namespace internal = head_bitmaps_internal;
  // The second step ends with the bytes at the latest. What both see is the
  // same.
  const size_t second = std::min<size_t>(size - 32, 32);
  return internal::Classify32(bytes) | internal::Classify32(bytes + second)
                                           << second;
}

// FillBitmaps(ScanKernel::kAvx2, ...) for a message of 32 bytes or more, of
// which the first word has been made.
[[gnu::target("avx2,bmi,bmi2,popcnt"), gnu::always_inline]] inline bool
FillBitmapsWithAvx2(absl::string_view message, HeadWord word,
                    HeadBitmaps& bitmaps) {
  namespace internal = head_bitmaps_internal;
  constexpr size_t kStep = 32;
  message = message.substr(0, HeadBitmaps::kMaxBytes);
  const char* const end = message.data() + message.size();
  size_t rest = message.size();
  internal::BitmapWriter writer(bitmaps);
  while (!writer.Append(word)) {
    if (rest <= HeadBitmaps::kBitsPerWord) return false;
    rest -= HeadBitmaps::kBitsPerWord;
    // A step that would be too short ends with the message, without what it
    // sees in front.
    word = rest >= kStep ? FirstWordWithAvx2(end - rest, rest)
                         : internal::Classify32(end - kStep) >> (kStep - rest);
  }
  return true;
}

#endif  // defined(__x86_64__)

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_BITMAPS_INLINE_H_
