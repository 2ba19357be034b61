// What a handler sees of a request.
#ifndef POLLUX_HTTPD_SERVER_REQUEST_H_
#define POLLUX_HTTPD_SERVER_REQUEST_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/request_head.h"
#include "httpd/server/client_address.h"
#include "httpd/server/exchange.h"
#include "httpd/server/route_match.h"

namespace pollux {

// A request, without a trace of how one version of HTTP frames it. A view, and
// cheap to copy: it and all it returns live until Handler::Handle() returns;
// copy what is needed longer.
class Request {
 public:
  Request(const http::RequestHead& head, const RouteMatch& match,
          Exchange& exchange)
      : head_(&head), match_(&match), exchange_(&exchange) {}

  http::Method method() const { return head_->method; }

  // Starts with "/", percent-encoded as it came; "*" for a server-wide OPTIONS.
  absl::string_view path() const { return head_->path; }

  // What follows "?", without it; empty if there is none.
  absl::string_view query() const { return head_->query; }

  // Host and port that the client asked for; empty where HTTP/1.0 sent none.
  absl::string_view authority() const { return head_->authority; }

  // In the order received, repeats included.
  absl::Span<const http::Field> fields() const { return head_->fields.all(); }

  // The value of the first field called `name`, compared without case; empty if
  // there is none.
  absl::string_view field(absl::string_view name) const {
    for (const http::Field& field : head_->fields) {
      if (absl::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return {};
  }
  absl::string_view field(http::FieldName name) const {
    const http::Field* const field = head_->fields.Find(name);
    return field == nullptr ? absl::string_view() : field->value;
  }

  // Whether a body comes with it, which may turn out to be empty.
  bool has_body() const {
    return head_->content_length > 0 ||
           head_->body_framing == http::BodyFraming::kChunked;
  }

  // What stands in the path where the route has {`name`}, decoded; empty if the
  // route has no such parameter.
  absl::string_view parameter(absl::string_view name) const {
    return match_->parameter(name);
  }

  // What follows the route's prefix in the path, percent-encoded as it came,
  // without a "/" in front; empty for other routes.
  absl::string_view below_prefix() const { return match_->below_prefix; }

  // Who asked. May cost a system call, once for a connection: getpeername(2).
  const ClientAddress& client() const { return exchange_->client(); }

  // What a request id handler named it; empty without one.
  absl::string_view id() const { return id_; }
  void set_id(absl::string_view id) { id_ = id; }

  // For http's functions of conditions, ranges and codings.
  const http::RequestHead& head() const { return *head_; }

 private:
  friend class OwnedRequest;

  const http::RequestHead* head_;
  const RouteMatch* match_;
  Exchange* exchange_;
  absl::string_view id_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_REQUEST_H_
