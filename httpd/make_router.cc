#include "httpd/make_router.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/functional/overload.h"
#include "absl/log/check.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "httpd/handlers/basic_auth.h"
#include "httpd/handlers/cors.h"
#include "httpd/handlers/cors_rules.h"
#include "httpd/handlers/credential_check.h"
#include "httpd/handlers/echo.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/files.h"
#include "httpd/handlers/fixed.h"
#include "httpd/handlers/health.h"
#include "httpd/handlers/rate_limit.h"
#include "httpd/handlers/redirect.h"
#include "httpd/handlers/request_id.h"
#include "httpd/http/field.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/status_body.h"
#include "httpd/server/handler.h"
#include "httpd/server/method_set.h"

namespace pollux {
namespace {

using MadeHandler = absl::StatusOr<std::unique_ptr<Handler>>;

MadeHandler MakeFixed(const httpd::FixedSettings& settings) {
  std::vector<http::Field> fields;
  if (!http::ForbidsBody(settings.status)) {
    fields.push_back({"Content-Type", settings.content_type});
  }
  if (!settings.cache_control.empty()) {
    fields.push_back({"Cache-Control", settings.cache_control});
  }
  absl::StatusOr<http::PreparedResponse> response =
      http::PreparedResponse::Create(settings.status, fields, settings.body);
  if (!response.ok()) return response.status();
  return std::make_unique<FixedHandler>(*std::move(response));
}

MadeHandler MakeFiles(const httpd::FilesSettings& settings, Reactor& reactor) {
  return FilesHandler::Create(
      reactor,
      {.root = settings.root,
       .index = settings.index,
       .listing = settings.listing ? FilesHandler::Listing::kPage
                                   : FilesHandler::Listing::kNone,
       .cache = {.max_file_bytes_in_memory = settings.max_cached_file_bytes,
                 .max_bytes = settings.cache_bytes,
                 .max_descriptors = kOpenFilesOfARoute,
                 .siblings = settings.precompressed
                                 ? FileCache::Siblings::kServed
                                 : FileCache::Siblings::kIgnored,
                 .cache_control = settings.cache_control}});
}

MadeHandler MakeInnermost(const httpd::HandlerSettings& settings,
                          Reactor& reactor) {
  return std::visit(
      absl::Overload{
          [](const httpd::FixedSettings& fixed) { return MakeFixed(fixed); },
          [](const httpd::RedirectSettings& redirect) -> MadeHandler {
            return RedirectHandler::Create(redirect.status, redirect.location);
          },
          [](const httpd::EchoSettings&) -> MadeHandler {
            return std::make_unique<EchoHandler>();
          },
          [&](const httpd::FilesSettings& files) {
            return MakeFiles(files, reactor);
          },
          [](const httpd::HealthSettings&) -> MadeHandler {
            return std::make_unique<HealthHandler>();
          },
      },
      settings);
}

MadeHandler WrapInCors(const httpd::CorsSettings& settings,
                       MethodSet route_methods,
                       std::unique_ptr<Handler> inner) {
  return CorsHandler::Create(
      std::move(inner),
      {.origins = settings.origins,
       .methods = settings.methods,
       .route_methods = route_methods,
       .request_fields = settings.headers,
       .exposed_fields = settings.expose_headers,
       .credentials = settings.credentials ? CorsHandler::Credentials::kAllowed
                                           : CorsHandler::Credentials::kOmitted,
       .max_age = settings.max_age});
}

MadeHandler WrapInBasicAuth(const httpd::BasicAuthSettings& settings,
                            Reactor& reactor, std::unique_ptr<Handler> inner) {
  std::vector<CredentialCheck::User> users;
  for (const httpd::UserSettings& user : settings.users) {
    users.push_back({.name = user.name, .password_hash = user.secret_hash});
  }
  absl::StatusOr<std::unique_ptr<CredentialCheck>> check =
      CredentialCheck::Create(reactor, std::move(users));
  if (!check.ok()) return check.status();
  return BasicAuthHandler::Create(std::move(inner), settings.realm,
                                  *std::move(check));
}

absl::StatusOr<std::unique_ptr<RateLimit>> MakeRateLimit(
    const httpd::RateLimitSettings& settings) {
  return RateLimit::Create(
      {.scope = settings.scope == httpd::RateLimitScope::kPerClient
                    ? RateLimit::Scope::kEachClient
                    : RateLimit::Scope::kAllClients,
       .interval = settings.per / settings.requests,
       .burst_requests = settings.burst});
}

absl::Status OfRoute(const httpd::RouteSettings& route,
                     const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("route ", route.name, ": ",
                                                  status.message()));
}

// `rate_limit` is null if the route has none.
MadeHandler MakeHandler(const httpd::RouteSettings& route,
                        RateLimit* rate_limit, Reactor& reactor) {
  MadeHandler handler = MakeInnermost(route.handler, reactor);
  if (handler.ok() && route.basic_auth.has_value()) {
    handler = WrapInBasicAuth(*route.basic_auth, reactor, *std::move(handler));
  }
  // Outside of the check, which wrong passwords could keep busy.
  if (handler.ok() && rate_limit != nullptr) {
    handler = std::make_unique<RateLimitHandler>(reactor, *std::move(handler),
                                                 *rate_limit);
  }
  if (handler.ok() && route.cors.has_value()) {
    handler = WrapInCors(*route.cors, route.methods, *std::move(handler));
  }
  if (handler.ok() && route.request_id.has_value()) {
    handler = std::make_unique<RequestIdHandler>(*std::move(handler));
  }
  return handler;
}

}  // namespace

absl::StatusOr<RateLimits> MakeRateLimits(
    const std::vector<httpd::RouteSettings>& routes) {
  RateLimits limits(routes.size());
  for (size_t i = 0; i < routes.size(); ++i) {
    if (!routes[i].rate_limit.has_value()) continue;
    absl::StatusOr<std::unique_ptr<RateLimit>> limit =
        MakeRateLimit(*routes[i].rate_limit);
    if (!limit.ok()) return OfRoute(routes[i], limit.status());
    limits[i] = *std::move(limit);
  }
  return limits;
}

absl::StatusOr<std::unique_ptr<Router>> MakeRouter(
    const std::vector<httpd::RouteSettings>& routes,
    const RateLimits& rate_limits, Reactor& reactor) {
  CHECK_EQ(rate_limits.size(), routes.size());
  std::vector<Route> made;
  for (size_t i = 0; i < routes.size(); ++i) {
    const httpd::RouteSettings& route = routes[i];
    MadeHandler handler = MakeHandler(route, rate_limits[i].get(), reactor);
    if (!handler.ok()) return OfRoute(route, handler.status());
    MethodSet methods = route.methods;
    if (route.cors.has_value()) methods = WithPreflight(methods);
    const bool has_prefix = !route.prefix.empty();
    made.push_back(
        {.path = has_prefix ? route.prefix : route.path,
         .methods = methods,
         .handler = *std::move(handler),
         .hosts = route.hosts,
         .name = route.name,
         .reach = has_prefix ? RouteReach::kBeneath : RouteReach::kExact});
  }
  return Router::Create(std::move(made));
}

}  // namespace pollux
