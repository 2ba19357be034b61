// What a router found out about a request.
#ifndef POLLUX_HTTPD_SERVER_ROUTE_MATCH_H_
#define POLLUX_HTTPD_SERVER_ROUTE_MATCH_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pollux {

class Handler;
class StatusPage;

// The route of one request. Filled by Router::Find() for one request after
// another, so that its memory is allocated once; whoever asks owns it. One
// thread. Views point into the request's path, the router or `decoded_path`.
struct RouteMatch {
  // Stands for no route in statistics.
  static constexpr size_t kNoRoute = 0;

  // The value of the parameter called `name`; empty if there is none.
  absl::string_view parameter(absl::string_view name) const {
    for (const auto& [parameter, value] : parameters) {
      if (parameter == name) return value;
    }
    return {};
  }

  // Either the handler or, without one, the answer.
  Handler* handler = nullptr;
  const StatusPage* page = nullptr;

  // 1 and up, in the order of the routes; kNoRoute if none has that path.
  size_t route = kNoRoute;

  // Names and decoded values.
  std::vector<std::pair<absl::string_view, absl::string_view>> parameters;

  // What follows the prefix, as it came.
  absl::string_view below_prefix;

  // The path, if it had to be decoded.
  std::string decoded_path;

  // For the router alone: a segment on its way there, and the host as it is
  // compared.
  std::string decoded_segment;
  std::string lowered_host;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_ROUTE_MATCH_H_
