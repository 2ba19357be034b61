// Checks what names a server: in the Host field and in an absolute target.
#ifndef POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_
#define POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// The parts of a text that names a server; views into it.
struct HostAndPort {
  // A name, an IPv4 address, or an IPv6 address in its brackets. In any case,
  // and percent-encoded, as it came.
  absl::string_view host;

  // Digits, up to "65535"; empty if there is no port.
  absl::string_view port;
};

// Whether `text` is uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2): a
// name that is not empty, an IPv4 address or an IPv6 one in brackets, then
// perhaps a colon and a port up to 65535. Stricter than the RFC in that the
// port may not be empty. No userinfo, no zone, no address of a future version.
// Never allocates.
bool IsHostAndPort(absl::string_view text);

// The same; its parts are in `parts` then.
bool ReadHostAndPort(absl::string_view text, HostAndPort& parts);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_
