// Sizes as people write them.
#ifndef POLLUX_HTTPD_CONFIG_SIZE_TEXT_H_
#define POLLUX_HTTPD_CONFIG_SIZE_TEXT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux::httpd {

// The bytes of "64KiB", "1MB" or "512": a whole number, then nothing or one of
// B; KB, MB, GB, TB (powers of 1000); KiB, MiB, GiB, TiB (powers of 1024). A
// pure function. InvalidArgument is a sentence to show behind the name of the
// field, with what was probably meant:
//   "64 KiB" is not a size: did you mean "64KiB"?
absl::StatusOr<uint64_t> ParseSizeText(absl::string_view text);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_SIZE_TEXT_H_
