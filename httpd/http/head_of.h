// Heads for tests of what reads them.
#ifndef POLLUX_HTTPD_HTTP_HEAD_OF_H_
#define POLLUX_HTTPD_HTTP_HEAD_OF_H_

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {

// The head of a request of that method with these field lines, each ended by
// CRLF, and the bytes that its views point into. For tests; dies if they make
// no valid head.
class HeadOf {
 public:
  HeadOf(absl::string_view method, absl::string_view field_lines)
      : bytes_(absl::StrCat(method, " /a HTTP/1.1\r\nHost: a\r\n", field_lines,
                            "\r\n")) {
    const ParseOutcome outcome =
        RequestParser().Parse(bytes_, HeadLimits{}, head_);
    if (outcome.kind != ParseOutcome::Kind::kComplete) abort();
  }

  const RequestHead& operator*() const { return head_; }

 private:
  const std::string bytes_;
  RequestHead head_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_OF_H_
