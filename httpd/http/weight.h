// How much a client likes something.
#ifndef POLLUX_HTTPD_HTTP_WEIGHT_H_
#define POLLUX_HTTPD_HTTP_WEIGHT_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace pollux::http {

// In thousandths: 0, not acceptable, to 1000 (RFC 9110 §12.4.2).
using Weight = uint16_t;

inline constexpr Weight kMaxWeight = 1000;

// A qvalue: "0" to "1", three decimals at most.
std::optional<Weight> ParseWeight(absl::string_view text);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_WEIGHT_H_
