// Which handler answers what.
#ifndef POLLUX_HTTPD_SERVER_ROUTER_H_
#define POLLUX_HTTPD_SERVER_ROUTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/method_set.h"
#include "httpd/server/route_match.h"
#include "httpd/server/status_page.h"

namespace pollux {

// Which paths a route is for.
enum class RouteReach : uint8_t {
  // Its own.
  kExact,
  // Its own, which ends in "/", and everything beneath: "/files/" and
  // "/files/a/b".
  kBeneath,
};

struct Route {
  // From its "/", percent-encoded where a request's would be. A segment
  // "{name}" stands for any that is not empty; a brace itself is "%7B" or
  // "%7D".
  std::string path;
  // GET brings HEAD with it, and everything OPTIONS, unless a route has it.
  MethodSet methods;
  std::unique_ptr<Handler> handler;
  // "example.org", or "*.example.org" for all beneath it; compared without
  // case, and without a port. None: for requests to any host.
  std::vector<std::string> hosts = {};
  // In statistics and logs; the path if empty.
  std::string name = {};
  RouteReach reach = RouteReach::kExact;
};

// Finds the handler for a request: by the host, the narrowest that has a route
// for the path (the name itself, the nearest above it that stands for all
// beneath, then the next, then any); by the path, of several that fit the one
// that says most from left to right (a literal segment, then a parameter, then
// everything beneath); then by the method. Paths are compared decoded, segment
// by segment, so that "/%61" is "/a" for every route and "%2F" no separator; a
// path with "." or ".." in it is nobody's.
//
// Built once, then constant. Owned by whoever configures the server, and must
// outlive it; belongs to the thread of the handlers. Finding allocates nothing
// once a RouteMatch has grown to what it has to hold.
class Router {
 public:
  // InvalidArgument if one method of a path stands twice for a host, or if a
  // path or host is malformed.
  static absl::StatusOr<std::unique_ptr<Router>> Create(
      std::vector<Route> routes);
  ~Router();

  // Fills `match` with the handler or the answer: 404, 405 with Allow, 501 for
  // a method that is not HTTP's, 204 for OPTIONS. Neither, if the path lacks
  // only the "/" at its end. `head` must outlive the match.
  void Find(const http::RequestHead& head, RouteMatch& match) const;

  // Routes are counted from 1.
  size_t route_count() const { return routes_.size(); }
  // As configured; "none" for RouteMatch::kNoRoute. Lives as long as this.
  absl::string_view route_name(size_t route) const;

 private:
  // All that stands at one path.
  struct Entry;
  // A segment of a path, and those beneath it.
  struct Node;
  // All paths of one host.
  struct Host;

  Router();

  absl::Status Add(Route& route, size_t number);
  absl::StatusOr<Entry*> EntryAt(Host& host, const Route& route,
                                 std::vector<std::string>& parameters);
  void Finish();
  bool FindInHosts(const http::RequestHead& head, absl::string_view path,
                   RouteMatch& match) const;
  bool FindLiteral(const Host& host, absl::string_view path,
                   http::Method method, RouteMatch& match) const;
  bool FindIn(const Host& host, const http::RequestHead& head,
              absl::string_view path, RouteMatch& match) const;
  void Choose(const Entry& entry, http::Method method, RouteMatch& match) const;

  struct Kept {
    std::string name;
    std::unique_ptr<Handler> handler;
    std::vector<std::string> parameters;
  };
  std::vector<Kept> routes_;
  MethodSet all_methods_;

  // Of requests that no other host has a route for.
  std::unique_ptr<Host> any_host_;
  // In small letters; with "." in front those beneath it.
  std::map<std::string, std::unique_ptr<Host>, std::less<>> hosts_;

  const StatusPage not_found_;
  const StatusPage not_implemented_;
  // Made when all routes are known.
  std::unique_ptr<StatusPage> server_options_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_ROUTER_H_
