#include "httpd/http/head_bitmaps.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/head_bitmaps_inline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pollux::http {
namespace {

using head_bitmaps_internal::BitmapWriter;
using head_bitmaps_internal::IsControl;
using head_bitmaps_internal::kControlCarry;
using head_bitmaps_internal::kHeadNibbles;
using head_bitmaps_internal::Nibbles;

constexpr size_t kBitsPerWord = HeadBitmaps::kBitsPerWord;

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
HeadWord ClassifyPortably(absl::string_view bytes) {
  HeadWord word;
  for (size_t i = bytes.size(); i-- > 0;) {
    const Bits bits = kBits[static_cast<unsigned char>(bytes[i])];
    word.carriage_returns = word.carriage_returns << 1 | bits.carriage_return;
    word.controls = word.controls << 1 | bits.control;
    word.separators = word.separators << 1 | bits.separator;
  }
  return word;
}

bool FillPortably(absl::string_view message, HeadBitmaps& bitmaps) {
  BitmapWriter writer(bitmaps);
  for (size_t i = 0; i < message.size(); i += kBitsPerWord) {
    if (writer.Append(ClassifyPortably(message.substr(i, kBitsPerWord)))) {
      return true;
    }
  }
  return false;
}

#if defined(__x86_64__)

// A step of either kernel leaves its bits in the low half of a HeadWord or
// less.

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

[[gnu::target("sse4.2,popcnt")]] inline HeadWord Classify16(const char* at) {
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

// The last bytes, fewer than a word: the last step begins before them where
// they are fewer than a step, so that it ends with them, and its bits are
// moved.
[[gnu::target("sse4.2,popcnt")]] HeadWord ClassifyEnd16(
    absl::string_view message, size_t at) {
  constexpr size_t kStep = 16;
  HeadWord word;
  size_t bits = 0;
  for (; at + kStep <= message.size(); at += kStep, bits += kStep) {
    word = word | Classify16(message.data() + at) << bits;
  }
  const size_t rest = message.size() - at;
  if (rest == 0) return word;
  const char* const last = message.data() + message.size() - kStep;
  return word | (Classify16(last) >> (kStep - rest)) << bits;
}

// `message` is at least a step long.
[[gnu::target("sse4.2,popcnt")]] bool Fill16(absl::string_view message,
                                             HeadBitmaps& bitmaps) {
  BitmapWriter writer(bitmaps);
  size_t at = 0;
  for (; at + kBitsPerWord <= message.size(); at += kBitsPerWord) {
    const char* const bytes = message.data() + at;
    if (writer.Append(Classify16(bytes) | Classify16(bytes + 16) << 16 |
                      Classify16(bytes + 32) << 32 |
                      Classify16(bytes + 48) << 48)) {
      return true;
    }
  }
  return at < message.size() && writer.Append(ClassifyEnd16(message, at));
}

[[gnu::target("avx2,bmi,bmi2,popcnt")]] bool FillWithAvx2(
    absl::string_view message, HeadBitmaps& bitmaps) {
  return FillBitmapsWithAvx2(
      message, FirstWordWithAvx2(message.data(), message.size()), bitmaps);
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

bool FillBitmaps(ScanKernel kernel, absl::string_view message,
                 HeadBitmaps& bitmaps) {
  message = message.substr(0, HeadBitmaps::kMaxBytes);
#if defined(__x86_64__)
  if (kernel == ScanKernel::kAvx2 && message.size() >= 32) {
    return FillWithAvx2(message, bitmaps);
  }
  if (kernel != ScanKernel::kPortable && message.size() >= 16) {
    return Fill16(message, bitmaps);
  }
#endif
  return FillPortably(message, bitmaps);
}

}  // namespace pollux::http
