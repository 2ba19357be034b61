// What it costs to find a route.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_target.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/route_match.h"
#include "httpd/server/router.h"
#include "testing/allocation_counter.h"

namespace pollux {
namespace {

class IdleHandler final : public Handler {
 public:
  void Handle(const Request&, Responder) override {}
};

Route RouteOf(std::string path, std::vector<std::string> hosts) {
  return {.path = std::move(path),
          .methods = {http::Method::kGet},
          .handler = std::make_unique<IdleHandler>(),
          .hosts = std::move(hosts)};
}

TEST(RouterAllocationTest, Regression_FindingAllocatesNothing) {
  std::vector<Route> routes;
  routes.push_back(RouteOf("/users/{user}/posts/{post}", {}));
  routes.push_back(RouteOf("/", {"*.a-rather-long-name.example.org"}));
  const auto router = Router::Create(std::move(routes)).value();
  RouteMatch match;
  http::RequestHead head;
  head.method = http::Method::kGet;
  head.target_form = http::TargetForm::kOrigin;
  head.authority = "WWW.A-Rather-Long-Name.Example.Org:8080";
  for (const absl::string_view path :
       {"/", "/users/a%20segment%20that%20no%20string%20holds/posts/%37",
        "/none/of%20the%20paths%20that%20there%20are%20here/at/all"}) {
    head.path = path;
    router->Find(head, match);
    const size_t route = match.route;
    const uint64_t before = CountAllocations().allocations;
    router->Find(head, match);
    EXPECT_EQ(CountAllocations().allocations - before, 0u) << path;
    EXPECT_EQ(match.route, route);
  }
}

}  // namespace
}  // namespace pollux
