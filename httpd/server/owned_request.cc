#include "httpd/server/owned_request.h"

#include "absl/types/span.h"
#include "httpd/http/field.h"

namespace pollux {
namespace {

size_t TextBytes(const Request& request, const RouteMatch& match) {
  const http::RequestHead& head = request.head();
  size_t bytes = head.method_token.size() + head.target.size() +
                 head.path.size() + head.query.size() + head.authority.size() +
                 match.below_prefix.size() + request.id().size();
  for (const http::Field& field : head.fields) {
    bytes += field.name.size() + field.value.size();
  }
  for (const auto& [name, value] : match.parameters) bytes += value.size();
  return bytes;
}

}  // namespace

OwnedRequest::OwnedRequest(const Request& request)
    : exchange_(*request.exchange_) {
  const http::RequestHead& head = request.head();
  const RouteMatch& match = *request.match_;
  bytes_.reserve(TextBytes(request, match));

  head_.method = head.method;
  head_.version = head.version;
  head_.target_form = head.target_form;
  head_.body_framing = head.body_framing;
  head_.persistence = head.persistence;
  head_.expects_continue = head.expects_continue;
  head_.content_length = head.content_length;
  head_.method_token = Keep(head.method_token);
  head_.target = Keep(head.target);
  head_.path = Keep(head.path);
  head_.query = Keep(head.query);
  head_.authority = Keep(head.authority);
  while (head_.fields.room().size() < head.fields.size()) {
    head_.fields.GrowRoom();
  }
  const absl::Span<http::Field> room = head_.fields.room();
  for (size_t i = 0; i < head.fields.size(); ++i) {
    const http::Field& field = head.fields[i];
    room[i] = {.name = Keep(field.name), .value = Keep(field.value)};
  }
  head_.fields.Assign(head.fields.size());

  match_.handler = match.handler;
  match_.page = match.page;
  match_.route = match.route;
  match_.below_prefix = Keep(match.below_prefix);
  // The names are the router's.
  for (const auto& [name, value] : match.parameters) {
    match_.parameters.emplace_back(name, Keep(value));
  }
  id_ = Keep(request.id());
}

absl::string_view OwnedRequest::Keep(absl::string_view text) {
  const size_t begin = bytes_.size();
  bytes_.append(text);
  return absl::string_view(bytes_).substr(begin);
}

Request OwnedRequest::request() const {
  Request request(head_, match_, exchange_);
  request.set_id(id_);
  return request;
}

}  // namespace pollux
