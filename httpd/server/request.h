// What a handler sees of a request.
#ifndef POLLUX_HTTPD_SERVER_REQUEST_H_
#define POLLUX_HTTPD_SERVER_REQUEST_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/request_head.h"

namespace pollux {

// A request, without a trace of how one version of HTTP frames it. A view: it
// and all it returns live until Handler::Handle() returns; copy what is needed
// longer.
class Request {
 public:
  explicit Request(const http::RequestHead& head) : head_(head) {}

  http::Method method() const { return head_.method; }

  // Starts with "/", percent-encoded as it came; "*" for a server-wide OPTIONS.
  absl::string_view path() const { return head_.path; }

  // What follows "?", without it; empty if there is none.
  absl::string_view query() const { return head_.query; }

  // Host and port that the client asked for; empty where HTTP/1.0 sent none.
  absl::string_view authority() const { return head_.authority; }

  // In the order received, repeats included.
  absl::Span<const http::Field> fields() const { return head_.fields.all(); }

  // The value of the first field called `name`, compared without case; empty if
  // there is none.
  absl::string_view field(absl::string_view name) const {
    for (const http::Field& field : head_.fields) {
      if (absl::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return {};
  }

 private:
  const http::RequestHead& head_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_REQUEST_H_
