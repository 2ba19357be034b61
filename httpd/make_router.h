// From settings to handlers.
#ifndef POLLUX_HTTPD_MAKE_ROUTER_H_
#define POLLUX_HTTPD_MAKE_ROUTER_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "httpd/config/settings.h"
#include "httpd/handlers/rate_limit.h"
#include "httpd/server/router.h"
#include "reactor/reactor.h"

namespace pollux {

// Descriptors that a route with files may keep open.
inline constexpr size_t kOpenFilesOfARoute = 256;

// By route; null for those that are not limited.
using RateLimits = std::vector<std::unique_ptr<RateLimit>>;

// What routers of the same routes have in common, whatever threads they are on.
// Fails, in a sentence to show, if a limit is none.
absl::StatusOr<RateLimits> MakeRateLimits(
    const std::vector<httpd::RouteSettings>& routes);

// A router with a handler for each of `routes`, and what wraps it: from the
// outside in the request's id, CORS, the rate limit, authentication. Its
// handlers belong to the reactor's thread, and must not outlive it, nor
// `rate_limits`. Fails, in a sentence to show, if a handler cannot have what it
// needs, such as a folder.
absl::StatusOr<std::unique_ptr<Router>> MakeRouter(
    const std::vector<httpd::RouteSettings>& routes,
    const RateLimits& rate_limits, Reactor& reactor);

}  // namespace pollux

#endif  // POLLUX_HTTPD_MAKE_ROUTER_H_
