#include "httpd/make_router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/client_address.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/router.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// "secret", of the user "ann".
constexpr absl::string_view kAuth =
    "basic_auth { realm: 'the API' user { name: 'ann' secret_hash: "
    "'$6$pollux$6bfaou5wdCLSSALaNB..7SC8rNbnN3xtpjgyMiCAdlUGf3z4p1"
    "AvcSqvpsnqvLvVnJrX/HVwQJjch4iikL0cv1' } } ";

// What the routes of a configuration answer.
class MakeRouterTest : public testing::Test {
 protected:
  void Make(absl::string_view routes) {
    httpd::LoadedConfig loaded = httpd::LoadConfigText(
        absl::StrCat("listener { address: '127.0.0.1:0' } ", routes), "c");
    ASSERT_TRUE(loaded.ok());
    router_ = nullptr;
    limits_ = MakeRateLimits(loaded.settings.routes).value();
    auto router = MakeRouter(loaded.settings.routes, limits_, *reactor_);
    ASSERT_TRUE(router.ok()) << router.status();
    router_ = *std::move(router);
  }

  // Without an answer of the router's own.
  RecordingExchange::Answer Ask(absl::string_view method_and_target,
                                absl::string_view field_lines = "",
                                absl::string_view client = "192.0.2.1:1") {
    RecordingExchange exchange;
    exchange.client_address = ClientAddress(*Address::Parse(client));
    RequestOf request(method_and_target, field_lines);
    router_->Find(request.For(exchange).head(), request.match());
    EXPECT_NE(request.match().handler, nullptr) << method_and_target;
    if (request.match().handler == nullptr) return {};
    request.AskOf(*request.match().handler, exchange);
    while (exchange.answer().status == 0) {
      reactor_->RunOnce(absl::InfiniteDuration());
    }
    request_id_ = exchange.request_id;
    return std::move(exchange.answer());
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = Reactor::Create(kernel_).value();
  // Of what the router holds.
  RateLimits limits_;
  std::unique_ptr<Router> router_;
  // Of the last answer.
  std::string request_id_;
};

TEST_F(MakeRouterTest, Fixed) {
  Make(
      "route { path: '/' fixed { body: 'a' content_type: 'text/x' "
      "cache_control: 'no-cache' status: 203 } }");
  const std::string message = Ask("GET /").message;
  EXPECT_THAT(message, HasSubstr("HTTP/1.1 203 "));
  EXPECT_THAT(message, HasSubstr("\r\nContent-Type: text/x\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\nCache-Control: no-cache\r\n"));
}

TEST_F(MakeRouterTest, Regression_FixedWithoutABodyHasNoType) {
  for (const int status : {204, 205, 304}) {
    Make(absl::StrCat("route { path: '/' fixed { status: ", status, " } }"));
    EXPECT_THAT(Ask("GET /").message, Not(HasSubstr("Content-Type"))) << status;
  }
}

TEST_F(MakeRouterTest, Regression_ARedirectIsForEveryMethod) {
  Make("route { path: '/a' redirect { location: '/b' } }");
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    EXPECT_EQ(Ask(absl::StrCat(method, " /a")).status, 308) << method;
  }
}

TEST_F(MakeRouterTest, APrefixIsAllBeneathAndAPathIsNot) {
  Make(
      "route { prefix: '/a/' name: 'all' echo {} } "
      "route { path: '/a/*' name: 'star' echo {} }");
  EXPECT_THAT(Ask("GET /a/b").body, HasSubstr("GET /a/b\n"));
  EXPECT_EQ(router_->route_name(1), "all");
  EXPECT_EQ(router_->route_name(2), "star");
  RequestOf star("GET /a/*");
  RecordingExchange exchange;
  router_->Find(star.For(exchange).head(), star.match());
  EXPECT_EQ(star.match().route, 2u);
}

TEST_F(MakeRouterTest, CorsKnowsWhatTheRouteAnswers) {
  Make(
      "route { path: '/' methods: ['GET', 'PUT'] echo {} "
      "cors { origin: 'https://a.org' methods: 'GET' header: 'X-A' "
      "credentials: true max_age: '7s' expose_header: 'X-B' } }");
  const auto preflight = Ask("OPTIONS /",
                             "Origin: https://a.org\r\n"
                             "Access-Control-Request-Method: GET\r\n");
  EXPECT_THAT(preflight.message,
              HasSubstr("Access-Control-Allow-Methods: GET, HEAD\r\n"));
  EXPECT_THAT(preflight.message, HasSubstr("Access-Control-Max-Age: 7\r\n"));
  EXPECT_THAT(preflight.message,
              HasSubstr("Access-Control-Allow-Headers: X-A\r\n"));
  EXPECT_EQ(preflight.Field("Access-Control-Allow-Credentials"), "true");
  EXPECT_THAT(Ask("OPTIONS /").message,
              HasSubstr("Allow: GET, HEAD, PUT, OPTIONS\r\n"));
  EXPECT_EQ(Ask("GET /", "Origin: https://a.org\r\n")
                .Field("Access-Control-Expose-Headers"),
            "X-B");
}

TEST_F(MakeRouterTest, OptionsOfARouteWithCorsAreItsOwn) {
  Make(
      "route { path: '/' methods: ['GET', 'OPTIONS'] fixed { body: 'own' } "
      "cors { origin: '*' methods: 'GET' } }");
  EXPECT_EQ(Ask("OPTIONS /").body, "own");
}

TEST_F(MakeRouterTest, BasicAuthLetsInWhoKnowsThePassword) {
  Make(absl::StrCat("route { path: '/' fixed { body: 'in' } ", kAuth, "}"));
  const auto refused = Ask("GET /");
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.message, HasSubstr("Basic realm=\"the API\""));
  // ann:secret, ann:wrong.
  EXPECT_EQ(Ask("GET /", "Authorization: Basic YW5uOnNlY3JldA==\r\n").body,
            "in");
  EXPECT_EQ(Ask("GET /", "Authorization: Basic YW5uOndyb25n\r\n").status, 401);
}

TEST_F(MakeRouterTest, ARateLimitIsOfEachClient) {
  Make(
      "route { path: '/' fixed {} rate_limit { requests: 1 per: '24h' "
      "burst: 2 } }");
  for (const char* client : {"192.0.2.1:1", "192.0.2.2:1"}) {
    EXPECT_EQ(Ask("GET /", "", client).status, 200);
    EXPECT_EQ(Ask("GET /", "", client).status, 200);
    const auto refused = Ask("GET /", "", client);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.Field("Retry-After"), "86400");
  }
}

TEST_F(MakeRouterTest, ARateLimitIsOfTheRoute) {
  Make(
      "route { path: '/' fixed {} rate_limit { requests: 1 per: '24h' "
      "scope: PER_ROUTE } }");
  EXPECT_EQ(Ask("GET /", "", "192.0.2.1:1").status, 200);
  EXPECT_EQ(Ask("GET /", "", "192.0.2.2:1").status, 429);
}

TEST_F(MakeRouterTest, WrapsFromTheOutsideIdCorsLimitPassword) {
  Make(absl::StrCat(
      "route { path: '/' fixed {} request_id {} cors { origin: '*' } "
      "rate_limit { requests: 1 per: '24h' } ",
      kAuth, "}"));
  const auto first = Ask("GET /");
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(first.Field("Access-Control-Allow-Origin"), "*");
  // Before a password is looked at.
  const auto second = Ask("GET /", "X-Request-Id: abc\r\n");
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(second.Field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(request_id_, "abc");
  // And preflights cost nothing of it.
  EXPECT_EQ(Ask("OPTIONS /",
                "Origin: https://a\r\nAccess-Control-Request-"
                "Method: GET\r\n")
                .status,
            204);
}

TEST_F(MakeRouterTest, FilesAreKeptAsTheCacheSays) {
  const std::string root = absl::StrCat(getenv("TEST_TMPDIR"), "/www");
  mkdir(root.c_str(), 0700);
  std::ofstream(absl::StrCat(root, "/a.txt")) << "abc";
  const auto is_kept = [&](absl::string_view cache) {
    Make(absl::StrCat("route { prefix: '/' files { root: '", root, "' ", cache,
                      " } }"));
    return !Ask("GET /a.txt").file.has_value();
  };
  EXPECT_TRUE(is_kept(""));
  EXPECT_TRUE(is_kept("max_cached_file: '3' cache: '1MiB'"));
  EXPECT_FALSE(is_kept("max_cached_file: '2' cache: '1MiB'"));
  EXPECT_FALSE(is_kept("cache: '0'"));
}

TEST_F(MakeRouterTest, FilesHaveTheIndexThatTheirRouteNames) {
  const std::string root = absl::StrCat(getenv("TEST_TMPDIR"), "/index");
  mkdir(root.c_str(), 0700);
  std::ofstream(absl::StrCat(root, "/index.html")) << "usual";
  std::ofstream(absl::StrCat(root, "/start.html")) << "named";
  Make(absl::StrCat("route { prefix: '/' files { root: '", root, "' } }"));
  EXPECT_THAT(Ask("GET /").message, EndsWith("usual"));
  Make(absl::StrCat("route { prefix: '/' files { root: '", root,
                    "' index: 'start.html' } }"));
  EXPECT_THAT(Ask("GET /").message, EndsWith("named"));
  Make(absl::StrCat("route { prefix: '/' files { root: '", root,
                    "' index: '' } }"));
  EXPECT_EQ(Ask("GET /").status, 404);
}

TEST_F(MakeRouterTest, SaysWhichRouteCannotHaveWhatItNeeds) {
  const httpd::LoadedConfig loaded = httpd::LoadConfigText(
      "listener { address: '127.0.0.1:0' } route { prefix: '/f/' name: 'here' "
      "files { root: '/none/at/all' } }",
      "c");
  EXPECT_THAT(
      MakeRouter(loaded.settings.routes,
                 MakeRateLimits(loaded.settings.routes).value(), *reactor_)
          .status()
          .message(),
      HasSubstr("route here: open /none/at/all: No such file or directory"));
}

}  // namespace
}  // namespace pollux
