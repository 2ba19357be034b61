// Dates as HTTP writes them.
#ifndef POLLUX_HTTPD_HTTP_HTTP_DATE_H_
#define POLLUX_HTTPD_HTTP_HTTP_DATE_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace pollux::http {

inline constexpr size_t kHttpDateBytes = 29;
using HttpDate = std::array<char, kHttpDateBytes>;

// "Sun, 06 Nov 1994 08:49:37 GMT": an IMF-fixdate (RFC 9110 §5.6.7).
// `unix_seconds` since 1970-01-01 UTC, from year 0 to 9999; what is outside is
// clamped to that range. Never allocates.
HttpDate FormatHttpDate(int64_t unix_seconds);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HTTP_DATE_H_
