#include "httpd/config/settings.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/config_rows.h"
#include "httpd/http/request_head.h"
#include "httpd/server/method_set.h"
#include "reactor/net/address.h"

namespace pollux::httpd {
namespace {

using http::Method;
using testing::ElementsAre;
using testing::IsEmpty;

Settings Load(absl::string_view text) {
  const LoadedConfig loaded = LoadConfigText(text, "c");
  EXPECT_THAT(Strings(loaded.errors), IsEmpty());
  return loaded.settings;
}

RouteSettings LoadRoute(absl::string_view fields) {
  const Settings settings =
      Load(WithRoute(absl::StrCat("route { ", fields, " }")));
  EXPECT_EQ(settings.routes.size(), 1);
  return settings.routes[0];
}

TEST(SettingsTest, WhatIsLeftOutIsAsItsDefaultHere) {
  const Settings settings = Load(Complete(""));
  Settings expected;
  expected.listeners.emplace_back();
  expected.listeners[0].address = Address::Parse("[::1]:0").value();
  expected.routes.emplace_back();
  expected.routes[0].path = "/a";
  expected.routes[0].name = "/a";
  expected.routes[0].methods = {Method::kGet, Method::kHead};
  EXPECT_EQ(settings, expected);
}

TEST(SettingsTest, DefaultsOfHandlers) {
  EXPECT_EQ(LoadRoute("path: '/' fixed {}").handler,
            HandlerSettings(FixedSettings()));
  EXPECT_EQ(LoadRoute("path: '/' echo {}").handler,
            HandlerSettings(EchoSettings()));
  EXPECT_EQ(LoadRoute("path: '/' health {}").handler,
            HandlerSettings(HealthSettings()));
  FilesSettings files;
  files.root = "www";
  EXPECT_EQ(LoadRoute("prefix: '/' files { root: 'www' }").handler,
            HandlerSettings(files));
  RedirectSettings redirect;
  redirect.location = "/b";
  EXPECT_EQ(LoadRoute("path: '/' redirect { location: '/b' }").handler,
            HandlerSettings(redirect));
}

TEST(SettingsTest, DefaultsOfOptions) {
  const RouteSettings route = LoadRoute(
      "path: '/' echo {} request_id {} cors { origin: '*' } basic_auth { user "
      "{ name: 'a' secret_hash: "
      "'$2b$05$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyza' } } "
      "rate_limit { requests: 7 }");
  EXPECT_TRUE(route.request_id.has_value());
  CorsSettings cors;
  cors.origins = {"*"};
  cors.methods = {Method::kGet, Method::kHead, Method::kPost};
  EXPECT_EQ(route.cors, cors);
  BasicAuthSettings basic_auth;
  basic_auth.users = {
      {"a", "$2b$05$abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyza"}};
  EXPECT_EQ(route.basic_auth, basic_auth);
  RateLimitSettings rate_limit;
  rate_limit.requests = 7;
  rate_limit.burst = 7;
  EXPECT_EQ(route.rate_limit, rate_limit);
}

TEST(SettingsTest, Listeners) {
  const Settings settings =
      Load(WithListener("listener { address: 'unix:@a' backlog: 5 }\n"
                        "listener { address: '127.0.0.1:80' defer_accept: true "
                        "congestion_control: 'cubic' }\n"
                        "admin { address: '127.0.0.1:81' }\n"
                        "workers: 0"));
  ASSERT_EQ(settings.listeners.size(), 2);
  EXPECT_EQ(settings.listeners[0].address.ToString(), "unix:@a");
  EXPECT_EQ(settings.listeners[0].backlog, 5);
  EXPECT_FALSE(settings.listeners[0].defer_accept);
  EXPECT_TRUE(settings.listeners[1].defer_accept);
  EXPECT_EQ(settings.listeners[1].congestion_control, "cubic");
  ASSERT_TRUE(settings.admin.has_value());
  EXPECT_EQ(settings.admin->address.ToString(), "127.0.0.1:81");
  EXPECT_EQ(settings.workers, 0);
}

TEST(SettingsTest, Handlers) {
  const FixedSettings fixed = {"b", "text/html", 404, "no-store"};
  EXPECT_EQ(LoadRoute("path: '/' fixed { body: 'b' content_type: 'text/html' "
                      "status: 404 cache_control: 'no-store' }")
                .handler,
            HandlerSettings(fixed));
  const RedirectSettings redirect = {"https://a.org/", 302};
  EXPECT_EQ(LoadRoute("path: '/' redirect { location: 'https://a.org/' "
                      "status: 302 }")
                .handler,
            HandlerSettings(redirect));
  const FilesSettings files = {"/srv", "", true, false, "no-cache", 1000, 2048};
  EXPECT_EQ(LoadRoute("prefix: '/f/' files { root: '/srv' index: '' listing: "
                      "true precompressed: false cache_control: 'no-cache' "
                      "max_cached_file: '1KB' cache: '2KiB' }")
                .handler,
            HandlerSettings(files));
}

TEST(SettingsTest, PathsAndHosts) {
  const RouteSettings path =
      LoadRoute("path: '/u/{id}/%20' host: ['A.org', '*.B.org'] echo {}");
  EXPECT_EQ(path.path, "/u/{id}/%20");
  EXPECT_EQ(path.prefix, "");
  EXPECT_THAT(path.hosts, ElementsAre("a.org", "*.b.org"));
  EXPECT_EQ(path.name, "a.org,*.b.org/u/{id}/%20");
  const RouteSettings prefix =
      LoadRoute("prefix: '/f/' name: 'files' methods: ['PUT', 'GET'] echo {}");
  EXPECT_EQ(prefix.path, "");
  EXPECT_EQ(prefix.prefix, "/f/");
  EXPECT_EQ(prefix.name, "files");
  EXPECT_EQ(prefix.methods,
            MethodSet({Method::kGet, Method::kHead, Method::kPut}));
}

TEST(SettingsTest, Options) {
  const RouteSettings route = LoadRoute(
      "path: '/' fixed {} "
      "cors { origin: ['HTTPS://a.org', 'http://b.org:8080'] "
      "methods: ['GET', 'PUT'] header: 'X-A' credentials: true max_age: '1h' "
      "expose_header: 'X-B' } "
      "rate_limit { requests: 10 per: '1m' burst: 3 scope: PER_ROUTE }");
  const CorsSettings cors = {
      .origins = {"https://a.org", "http://b.org:8080"},
      .methods = {Method::kGet, Method::kHead, Method::kPut},
      .headers = {"X-A"},
      .credentials = true,
      .max_age = absl::Hours(1),
      .expose_headers = {"X-B"}};
  EXPECT_EQ(route.cors, cors);
  const RateLimitSettings rate_limit = {10, absl::Minutes(1), 3,
                                        RateLimitScope::kPerRoute};
  EXPECT_EQ(route.rate_limit, rate_limit);
}

TEST(SettingsTest, LimitsTimeoutsAndLog) {
  const Settings settings = Load(Complete(
      "limits { max_connections: 1 max_connections_per_client: 1 max_head: "
      "'1KiB' max_target: '512' max_fields: 3 max_body: '1GB' max_buffered: "
      "'1TiB' min_rate: '0' max_discarded_body: '7B' }\n"
      "timeouts { head: '1s' body: '2s' idle: '3s' write: '4s' drain: '5s' "
      "linger: '6s' handler: '7s' half_close: '8s' }\n"
      "access_log { path: 'a.log' format: COMBINED }"));
  const LimitsSettings limits = {.max_connections = 1,
                                 .max_connections_per_client = 1,
                                 .max_head_bytes = 1024,
                                 .max_target_bytes = 512,
                                 .max_fields = 3,
                                 .max_body_bytes = 1000000000,
                                 .max_buffered_bytes = 1099511627776,
                                 .min_rate_bytes_per_second = 0,
                                 .max_discarded_body_bytes = 7};
  EXPECT_EQ(settings.limits, limits);
  const TimeoutsSettings timeouts = {
      absl::Seconds(1), absl::Seconds(2), absl::Seconds(3), absl::Seconds(4),
      absl::Seconds(5), absl::Seconds(6), absl::Seconds(7), absl::Seconds(8)};
  EXPECT_EQ(settings.timeouts, timeouts);
  const AccessLogSettings log = {"a.log", AccessLogFormat::kCombined};
  EXPECT_EQ(settings.access_log, log);
}

TEST(SettingsTest, AccessLogThatSaysNothing) {
  EXPECT_EQ(Load(Complete("access_log {}")).access_log, AccessLogSettings());
  EXPECT_EQ(Load(Complete("access_log { format: JSON }")).access_log->format,
            AccessLogFormat::kJson);
}

}  // namespace
}  // namespace pollux::httpd
