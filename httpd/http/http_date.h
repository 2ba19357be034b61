// Dates as HTTP writes them.
#ifndef POLLUX_HTTPD_HTTP_HTTP_DATE_H_
#define POLLUX_HTTPD_HTTP_HTTP_DATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace pollux::http {

inline constexpr size_t kHttpDateBytes = 29;
using HttpDate = std::array<char, kHttpDateBytes>;

// "Sun, 06 Nov 1994 08:49:37 GMT": an IMF-fixdate (RFC 9110 §5.6.7).
// `unix_seconds` since 1970-01-01 UTC, from year 0 to 9999; what is outside is
// clamped to that range. Never allocates.
HttpDate FormatHttpDate(int64_t unix_seconds);

// Seconds since 1970-01-01 UTC of a date in any of the three formats that must
// be understood (RFC 9110 §5.6.7): IMF-fixdate as above, "Sunday, 06-Nov-94
// 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". Nothing if `text` is none to the
// letter, or names a day that is none; the day's name is not compared with the
// date. A leap second counts as the next. A year of two digits is the latest
// one that is not more than 50 years ahead of `now_unix_seconds`. Never
// allocates; any thread.
std::optional<int64_t> ParseHttpDate(absl::string_view text,
                                     int64_t now_unix_seconds);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HTTP_DATE_H_
