// Requests for tests of handlers.
#ifndef POLLUX_HTTPD_HANDLERS_REQUEST_OF_H_
#define POLLUX_HTTPD_HANDLERS_REQUEST_OF_H_

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/handler.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/route_match.h"

namespace pollux {

// A request as the parser makes it, and the bytes that it points into. For
// tests, which own it; dies if there is no such request.
class RequestOf {
 public:
  // "GET /path?query", and field lines, each ended by CRLF, behind "Host: a".
  explicit RequestOf(absl::string_view method_and_target,
                     absl::string_view field_lines = "")
      : bytes_(absl::StrCat(method_and_target, " HTTP/1.1\r\nHost: a\r\n",
                            field_lines, "\r\n")) {
    const http::ParseOutcome outcome =
        http::RequestParser().Parse(bytes_, http::HeadLimits(), head_);
    if (outcome.kind != http::ParseOutcome::Kind::kComplete) abort();
  }

  // Sends it to `handler`; the exchange tells what came of it.
  void AskOf(Handler& handler, RecordingExchange& exchange) const {
    handler.Handle(Request(head_, match_, exchange), exchange.Ask());
  }

  Request For(RecordingExchange& exchange) const {
    return Request(head_, match_, exchange);
  }

  // What a router would have found out.
  RouteMatch& match() { return match_; }

 private:
  const std::string bytes_;
  http::RequestHead head_;
  RouteMatch match_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_REQUEST_OF_H_
