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

  // CR.
  uint64_t carriage_returns[kWords];

  // CR, and what is not plain. Plain are the bytes that may stand for
  // themselves in a token (RFC 9110 §5.6.2), in a registered name and in a path
  // (RFC 3986 §3.2.2 and §3.3) alike, but for "~", which would cost a step
  // more: letters, digits and "!$&'*+-._". Of control characters other than CR
  // nothing is said. One word more is filled, with zeros, so that the 64 bits
  // from any byte on can be read.
  uint64_t separators[kWords + 1];

  // Control characters but HTAB and CR, DEL among them (RFC 9110 §5.5): those
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

// Fills the bitmaps with the first bytes of `message`, word by word, up to the
// one in which a CR stands two bytes behind another CR, as in a blank line.
// False if none has by the end of the message or kMaxBytes. The bits of bytes
// that are not there are zeros. Reads no byte outside of `message`. Any thread.
[[nodiscard]] bool FillBitmaps(ScanKernel kernel, absl::string_view message,
                               HeadBitmaps& bitmaps);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_BITMAPS_H_
