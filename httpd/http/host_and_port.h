// Checks what names a server: in the Host field and in an absolute target.
#ifndef POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_
#define POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// Whether `text` is uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2): a
// name that is not empty, an IPv4 address or an IPv6 one in brackets, then
// perhaps a colon and a port up to 65535. Stricter than the RFC in that the
// port may not be empty. No userinfo, no zone, no address of a future version.
// Never allocates.
bool IsHostAndPort(absl::string_view text);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HOST_AND_PORT_H_
