// Media types of files.
#ifndef POLLUX_HTTPD_HTTP_MEDIA_TYPE_H_
#define POLLUX_HTTPD_HTTP_MEDIA_TYPE_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// What is said of bytes about which nothing is known (RFC 9110 §8.3).
inline constexpr absl::string_view kUnknownMediaType =
    "application/octet-stream";

// The media type for a file of that name, by what follows its last dot, in any
// case: "text/html" for "index.HTML". kUnknownMediaType if there is no dot, or
// an extension that Debian's table of media types does not have. Constant for
// the program's life; never allocates; any thread.
absl::string_view MediaTypeOfFile(absl::string_view file_name);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_MEDIA_TYPE_H_
