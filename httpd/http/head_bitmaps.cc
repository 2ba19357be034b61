#include "httpd/http/head_bitmaps.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pollux::http {
namespace {

constexpr size_t kBitsPerWord = HeadBitmaps::kBitsPerWord;

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

// Classes 0 to 4 are tchars, 5 to 7 are control characters.
constexpr Nibbles kHeadNibbles = [] {
  Nibbles nibbles;
  Add(nibbles, 0, 1 << 2, 0b0110'1100'1111'1010);           // !#$%&'*+-.
  Add(nibbles, 1, 1 << 3, 0b0000'0011'1111'1111);           // 0 to 9
  Add(nibbles, 2, 1 << 4 | 1 << 6, 0b1111'1111'1111'1110);  // A to O, a to o
  Add(nibbles, 3, 1 << 5 | 1 << 7, 0b0100'0111'1111'1111);  // P to Z, ^, ~ ...
  Add(nibbles, 4, 1 << 5, 1 << 15);                         // _
  Add(nibbles, 5, 1 << 0, 0b1111'1101'1111'1111);           // All but HTAB
  Add(nibbles, 6, 1 << 1, 0b1111'1111'1111'1111);
  Add(nibbles, 7, 1 << 7, 1 << 15);  // DEL
  return nibbles;
}();

// Added to a byte's classes, it carries into the highest bit exactly those of
// control characters: one instruction collects the highest bits.
constexpr uint8_t kControlCarry = 0x60;

constexpr bool IsControl(uint8_t classes) {
  return ((classes + kControlCarry) & 0x80) != 0;
}

// What a path may hold; the class does not matter.
constexpr Nibbles kPathNibbles = [] {
  Nibbles nibbles;
  Add(nibbles, 0, 1 << 2, 0b1111'1111'1101'0010);           // !$&'()*+,-./
  Add(nibbles, 1, 1 << 3, 0b0010'1111'1111'1111);           // 0 to 9, :, ;, =
  Add(nibbles, 2, 1 << 4, 0b1111'1111'1111'1111);           // @, A to O
  Add(nibbles, 3, 1 << 5 | 1 << 7, 0b0000'0111'1111'1111);  // P to Z, p to z
  Add(nibbles, 4, 1 << 5, 1 << 15);                         // _
  Add(nibbles, 5, 1 << 6, 0b1111'1111'1111'1110);           // a to o
  Add(nibbles, 6, 1 << 7, 1 << 14);                         // ~
  return nibbles;
}();

// Bits of 64 bytes, or of fewer.
struct Word {
  uint64_t carriage_returns = 0;
  uint64_t controls = 0;
  uint64_t separators = 0;
};

// Stores one word after another, and sees the blank line in them.
class BitmapWriter {
 public:
  explicit BitmapWriter(HeadBitmaps& bitmaps) : bitmaps_(bitmaps) {}

  BitmapWriter(const BitmapWriter&) = delete;
  BitmapWriter& operator=(const BitmapWriter&) = delete;

  // Whether a CR in the word stands two bytes behind another one.
  ABSL_ATTRIBUTE_ALWAYS_INLINE bool Append(const Word& word) {
    const uint64_t crs = word.carriage_returns;
    bitmaps_.carriage_returns[words_] = crs;
    bitmaps_.separators[words_] = word.separators | crs;
    ++words_;
    earlier_controls_ += std::popcount(last_controls_);
    last_controls_ = word.controls;
    const bool is_blank_line = (crs & (crs << 2 | last_crs_ >> 62)) != 0;
    last_crs_ = crs;
    return is_blank_line;
  }

  ABSL_ATTRIBUTE_ALWAYS_INLINE ~BitmapWriter() {
    bitmaps_.words = words_;
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

// For each byte, the bits that it sets in the three words.
struct Bits {
  uint8_t carriage_return : 1 = 0;
  uint8_t control : 1 = 0;
  uint8_t separator : 1 = 0;
};

constexpr std::array<Bits, 256> kBits = [] {
  std::array<Bits, 256> bits{};
  for (size_t byte = 0; byte < bits.size(); ++byte) {
    const uint8_t classes = kHeadNibbles.ClassesOf(static_cast<uint8_t>(byte));
    bits[byte].carriage_return = byte == '\r';
    bits[byte].control = IsControl(classes);
    bits[byte].separator = classes == 0;
  }
  return bits;
}();

// From the last byte to the first: each pushes those behind it up by one.
Word ClassifyPortably(absl::string_view bytes) {
  Word word;
  for (size_t i = bytes.size(); i-- > 0;) {
    const Bits bits = kBits[static_cast<unsigned char>(bytes[i])];
    word.carriage_returns = word.carriage_returns << 1 | bits.carriage_return;
    word.controls = word.controls << 1 | bits.control;
    word.separators = word.separators << 1 | bits.separator;
  }
  return word;
}

void FillPortably(absl::string_view message, HeadBitmaps& bitmaps) {
  BitmapWriter writer(bitmaps);
  for (size_t i = 0; i < message.size(); i += kBitsPerWord) {
    if (writer.Append(ClassifyPortably(message.substr(i, kBitsPerWord))))
      return;
  }
}

size_t SkipPortably(absl::string_view text) {
  size_t i = 0;
  while (i < text.size() &&
         kPathNibbles.ClassesOf(static_cast<uint8_t>(text[i])) != 0) {
    ++i;
  }
  return i;
}

#if defined(__x86_64__)

// A step of either kernel leaves its bits in the low half of a Word or less.

[[gnu::target("sse4.2,popcnt")]] inline __m128i ClassesOf16(
    const Nibbles& nibbles, __m128i bytes) {
  const __m128i low =
      _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.low.data()));
  const __m128i high =
      _mm_load_si128(reinterpret_cast<const __m128i*>(nibbles.high.data()));
  const __m128i halves =
      _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(0xf));
  return _mm_and_si128(_mm_shuffle_epi8(low, bytes),
                       _mm_shuffle_epi8(high, halves));
}

[[gnu::target("sse4.2,popcnt")]] inline Word Classify16(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i classes = ClassesOf16(kHeadNibbles, bytes);
  const auto bits = [](int mask) {
    return uint64_t{static_cast<uint32_t>(mask)};
  };
  return {
      bits(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')))),
      bits(_mm_movemask_epi8(
          _mm_add_epi8(classes, _mm_set1_epi8(kControlCarry)))),
      bits(_mm_movemask_epi8(_mm_cmpeq_epi8(classes, _mm_setzero_si128())))};
}

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

[[gnu::target("avx2,bmi,bmi2,popcnt")]] inline Word Classify32(const char* at) {
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

constexpr Word operator|(const Word& a, const Word& b) {
  return {a.carriage_returns | b.carriage_returns, a.controls | b.controls,
          a.separators | b.separators};
}

constexpr Word operator<<(const Word& word, size_t bits) {
  return {word.carriage_returns << bits, word.controls << bits,
          word.separators << bits};
}

constexpr Word operator>>(const Word& word, size_t bits) {
  return {word.carriage_returns >> bits, word.controls >> bits,
          word.separators >> bits};
}

// The last bytes, fewer than a word: the last step begins before them where
// they are fewer than a step, so that it ends with them, and its bits are
// moved. `message` is at least a step long.
[[gnu::target("sse4.2,popcnt")]] Word ClassifyEnd16(absl::string_view message,
                                                    size_t at) {
  constexpr size_t kStep = 16;
  Word word;
  size_t bits = 0;
  for (; at + kStep <= message.size(); at += kStep, bits += kStep) {
    word = word | Classify16(message.data() + at) << bits;
  }
  const size_t rest = message.size() - at;
  if (rest == 0) return word;
  const char* const last = message.data() + message.size() - kStep;
  return word | (Classify16(last) >> (kStep - rest)) << bits;
}

[[gnu::target("avx2,bmi,bmi2,popcnt")]] inline Word ClassifyEnd32(
    absl::string_view message, size_t at) {
  constexpr size_t kStep = 32;
  const size_t rest = message.size() - at;
  const Word last = Classify32(message.data() + message.size() - kStep);
  if (rest <= kStep) return last >> (kStep - rest);
  return Classify32(message.data() + at) | last << (rest - kStep);
}

[[gnu::target("sse4.2,popcnt")]] void Fill16(absl::string_view message,
                                             HeadBitmaps& bitmaps) {
  if (message.size() < 16) return FillPortably(message, bitmaps);
  BitmapWriter writer(bitmaps);
  size_t at = 0;
  for (; at + kBitsPerWord <= message.size(); at += kBitsPerWord) {
    const char* const bytes = message.data() + at;
    if (writer.Append(Classify16(bytes) | Classify16(bytes + 16) << 16 |
                      Classify16(bytes + 32) << 32 |
                      Classify16(bytes + 48) << 48)) {
      return;
    }
  }
  if (at < message.size()) writer.Append(ClassifyEnd16(message, at));
}

[[gnu::target("avx2,bmi,bmi2,popcnt")]] void Fill32(absl::string_view message,
                                                    HeadBitmaps& bitmaps) {
  if (message.size() < 32) return Fill16(message, bitmaps);
  BitmapWriter writer(bitmaps);
  size_t at = 0;
  for (; at + kBitsPerWord <= message.size(); at += kBitsPerWord) {
    const char* const bytes = message.data() + at;
    if (writer.Append(Classify32(bytes) | Classify32(bytes + 32) << 32)) {
      return;
    }
  }
  if (at < message.size()) writer.Append(ClassifyEnd32(message, at));
}

[[gnu::target("sse4.2,popcnt")]] size_t Skip16(absl::string_view text) {
  size_t at = 0;
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i bytes =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const uint32_t others = _mm_movemask_epi8(
        _mm_cmpeq_epi8(ClassesOf16(kPathNibbles, bytes), _mm_setzero_si128()));
    if (others != 0) return at + __builtin_ctz(others);
  }
  return at + SkipPortably(text.substr(at));
}

[[gnu::target("avx2,bmi,bmi2,popcnt")]] size_t Skip32(absl::string_view text) {
  size_t at = 0;
  for (; at + 32 <= text.size(); at += 32) {
    const __m256i bytes =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text.data() + at));
    const uint32_t others = _mm256_movemask_epi8(_mm256_cmpeq_epi8(
        ClassesOf32(kPathNibbles, bytes), _mm256_setzero_si256()));
    if (others != 0) return at + __builtin_ctz(others);
  }
  return at + SkipPortably(text.substr(at));
}

#endif  // defined(__x86_64__)

}  // namespace

bool IsSupported(ScanKernel kernel) {
  switch (kernel) {
    case ScanKernel::kPortable:
      return true;
#if defined(__x86_64__)
    case ScanKernel::kSse42:
      return __builtin_cpu_supports("sse4.2") &&
             __builtin_cpu_supports("popcnt");
    case ScanKernel::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
#else
    default:
      return false;
#endif
  }
  return false;
}

ScanKernel BestScanKernel() {
  if (IsSupported(ScanKernel::kAvx2)) return ScanKernel::kAvx2;
  if (IsSupported(ScanKernel::kSse42)) return ScanKernel::kSse42;
  return ScanKernel::kPortable;
}

void FillBitmaps(ScanKernel kernel, absl::string_view message,
                 HeadBitmaps& bitmaps) {
  message = message.substr(0, HeadBitmaps::kMaxBytes);
#if defined(__x86_64__)
  if (kernel == ScanKernel::kAvx2) return Fill32(message, bitmaps);
  if (kernel == ScanKernel::kSse42) return Fill16(message, bitmaps);
#endif
  return FillPortably(message, bitmaps);
}

size_t SkipPathBytes(ScanKernel kernel, absl::string_view text) {
#if defined(__x86_64__)
  if (kernel == ScanKernel::kAvx2) return Skip32(text);
  if (kernel == ScanKernel::kSse42) return Skip16(text);
#endif
  return SkipPortably(text);
}

}  // namespace pollux::http
