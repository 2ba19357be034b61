// Answers that the server gives by itself.
#ifndef POLLUX_HTTPD_SERVER_STATUS_PAGE_H_
#define POLLUX_HTTPD_SERVER_STATUS_PAGE_H_

#include <initializer_list>

#include "absl/strings/string_view.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"

namespace pollux {

// What a client likes to read, by its Accept field.
enum class PageFormat : uint8_t { kText, kHtml };

// kHtml if the client names text/html, as browsers do, and likes plain text no
// better; programs that take anything get text.
PageFormat PreferredFormat(const http::RequestHead& head);

// A short text for people, as plain text and as HTML: "404 Not Found", and ":
// `detail`" where there is one. It never repeats what the client sent. No body
// with 204, 205 and 304; with one, caches are told that it depends on Accept.
//
// Immutable, so any number of threads may send it; owned by whoever answers
// with it.
class StatusPage {
 public:
  // The arguments must make a valid response; CHECKs that they do.
  explicit StatusPage(int status, absl::string_view detail = "",
                      std::initializer_list<http::Field> fields = {});

  const http::PreparedResponse& As(PageFormat format) const {
    return format == PageFormat::kHtml ? html_ : text_;
  }
  int status() const { return text_.status(); }

 private:
  http::PreparedResponse text_;
  http::PreparedResponse html_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_STATUS_PAGE_H_
