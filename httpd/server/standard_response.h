// Answers that the server gives by itself.
#ifndef POLLUX_HTTPD_SERVER_STANDARD_RESPONSE_H_
#define POLLUX_HTTPD_SERVER_STANDARD_RESPONSE_H_

#include <initializer_list>

#include "absl/strings/string_view.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"

namespace pollux {

// A short text for people: "404 Not Found", and ": `detail`" where there is
// one. It never repeats what the client sent. No body with 204 and 304. The
// arguments must make a valid response, so nothing fails.
http::PreparedResponse StandardResponse(
    int status, absl::string_view detail = "",
    std::initializer_list<http::Field> fields = {});

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_STANDARD_RESPONSE_H_
