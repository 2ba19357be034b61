// Which handler answers what.
#ifndef POLLUX_HTTPD_SERVER_ROUTER_H_
#define POLLUX_HTTPD_SERVER_ROUTER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"

namespace pollux {

// A set of HTTP's methods.
class MethodSet {
 public:
  constexpr MethodSet() = default;
  constexpr MethodSet(std::initializer_list<http::Method> methods) {
    for (http::Method method : methods) Add(method);
  }

  constexpr void Add(http::Method method) { bits_ |= Bit(method); }
  constexpr void Add(MethodSet others) { bits_ |= others.bits_; }
  constexpr bool Contains(http::Method method) const {
    return (bits_ & Bit(method)) != 0;
  }

  // "GET, HEAD": the value of an Allow field (RFC 9110 §10.2.1).
  std::string ToString() const;

 private:
  static constexpr uint16_t Bit(http::Method method) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(method));
  }

  uint16_t bits_ = 0;
};

struct Route {
  // Compared byte by byte with the request's path.
  std::string path;
  // GET brings HEAD with it.
  MethodSet methods;
  std::unique_ptr<Handler> handler;
};

// Finds the handler for a request. Built once, then constant, so that any
// number of servers and threads may share it; whoever configures the server
// owns it, and it must outlive them. Finding allocates nothing.
class Router {
 public:
  // InvalidArgument if a path stands twice or does not start with "/".
  static absl::StatusOr<std::unique_ptr<Router>> Create(
      std::vector<Route> routes);

  // Either the handler or, without one, the answer: 404, 405 with Allow, 501
  // for a method that is not HTTP's, 204 for "OPTIONS *". Both live as long as
  // the router.
  struct Match {
    Handler* handler = nullptr;
    const http::PreparedResponse* response = nullptr;
  };
  Match Find(http::Method method, absl::string_view path) const;

 private:
  struct Entry {
    MethodSet methods;
    std::unique_ptr<Handler> handler;
    http::PreparedResponse method_not_allowed;
  };

  explicit Router(MethodSet all_methods);

  // By path; found without a copy of it.
  std::map<std::string, Entry, std::less<>> entries_;
  http::PreparedResponse not_found_;
  http::PreparedResponse not_implemented_;
  http::PreparedResponse server_options_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_ROUTER_H_
