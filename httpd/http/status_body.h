// Which responses have no body.
#ifndef POLLUX_HTTPD_HTTP_STATUS_BODY_H_
#define POLLUX_HTTPD_HTTP_STATUS_BODY_H_

namespace pollux::http {

// Whether a response with this status must not have a body, whatever was asked
// for (RFC 9110 §15.3.5, §15.3.6, §15.4.5).
constexpr bool ForbidsBody(int status) {
  return status == 204 || status == 205 || status == 304;
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_STATUS_BODY_H_
