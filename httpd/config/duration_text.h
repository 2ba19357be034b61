// Durations as people write them.
#ifndef POLLUX_HTTPD_CONFIG_DURATION_TEXT_H_
#define POLLUX_HTTPD_CONFIG_DURATION_TEXT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pollux::httpd {

// "10s", "250ms", "1h30m", "1.5s": what absl::ParseDuration() reads, neither
// negative nor infinite. A pure function. InvalidArgument is a sentence to show
// behind the name of the field, with what was probably meant:
//   "10 sec" is not a duration: did you mean "10s"?
absl::StatusOr<absl::Duration> ParseDurationText(absl::string_view text);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_DURATION_TEXT_H_
