// One field of a message.
#ifndef POLLUX_HTTPD_HTTP_FIELD_H_
#define POLLUX_HTTPD_HTTP_FIELD_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// A field line (RFC 9110 §5.1): a view of bytes that somebody else owns.
struct Field {
  absl::string_view name;
  // Without the white space around it.
  absl::string_view value;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_FIELD_H_
