// Reads metrics as strictly as they are written.
#ifndef POLLUX_HTTPD_HANDLERS_PROMETHEUS_CHECKER_H_
#define POLLUX_HTTPD_HANDLERS_PROMETHEUS_CHECKER_H_

#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux {

// The samples of a text in Prometheus' format 0.0.4: the value by what stands
// in front of it, 'name{label="value"}'.
using PrometheusSamples = absl::btree_map<std::string, double>;

// For tests. An error, with the line, if the text breaks the format, or if a
// family comes twice, is empty, or has no type; if a sample comes twice or has
// a name that is not its family's; if a counter is negative; or if a histogram
// has no "+Inf" or bounds or counts that fall.
absl::StatusOr<PrometheusSamples> ParsePrometheusText(absl::string_view text);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_PROMETHEUS_CHECKER_H_
