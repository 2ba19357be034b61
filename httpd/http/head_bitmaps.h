// Finds what ends the names and lines of a head, many bytes at a time.
#ifndef POLLUX_HTTPD_HTTP_HEAD_BITMAPS_H_
#define POLLUX_HTTPD_HTTP_HEAD_BITMAPS_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux::http {

// One bit for each byte of a head, the first byte's lowest in the first word.
// Lives on the stack of whoever parses; of the arrays, only what FillBitmaps()
// fills is ever written or may be read.
struct HeadBitmaps {
  // Longer heads are rare enough to be read byte by byte.
  static constexpr size_t kMaxBytes = 8 * 1024;
  static constexpr size_t kBitsPerWord = 64;
  static constexpr size_t kWords = kMaxBytes / kBitsPerWord;

  // How many words are filled.
  size_t words;

  // CR.
  uint64_t carriage_returns[kWords];

  // CR, and what is no tchar (RFC 9110 §5.6.2); "`" and "|" too, which would
  // cost a step more; of other control characters nothing is said. One word
  // more is filled, with zeros, so that the 64 bits from any byte on can be
  // read.
  uint64_t separators[kWords + 1];

  // Control characters but HTAB, CR and DEL among them (RFC 9110 §5.5): those
  // of the last word, and the number of those in the words before.
  uint64_t last_controls;
  size_t earlier_controls;
};

// The ways to fill them. All give the same bits.
enum class ScanKernel : uint8_t {
  kPortable,
  // 16 bytes a step.
  kSse42,
  // 32 bytes a step.
  kAvx2,
};

// Whether this processor has what the kernel needs.
bool IsSupported(ScanKernel kernel);

// The fastest that is supported. A few instructions.
ScanKernel BestScanKernel();

// Fills the bitmaps with the first bytes of `message`, word by word: up to the
// word in which a CR stands two bytes behind another one, as in a blank line;
// or to the end of the message; or to kMaxBytes. The bits of bytes that are not
// there are zeros. Reads no byte outside of `message`. Any thread.
void FillBitmaps(ScanKernel kernel, absl::string_view message,
                 HeadBitmaps& bitmaps);

// How many bytes at the front of `text` may stand in a path as they are: pchar
// and "/", but no "%" (RFC 3986 §3.3). Reads no byte outside of `text`.
size_t SkipPathBytes(ScanKernel kernel, absl::string_view text);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_BITMAPS_H_
