#include "httpd/config/config_checker.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/config_parser.h"
#include "httpd/config/field_checks.h"
#include "httpd/config/text_checks.h"
#include "httpd/handlers/cors_rules.h"
#include "httpd/http/request_head.h"
#include "httpd/http/status_body.h"
#include "httpd/server/method_set.h"
#include "reactor/net/address.h"

namespace pollux::httpd {
namespace {

constexpr int kMaxBacklog = 65535;
constexpr int kMaxWorkers = 256;
constexpr int kMaxConnections = 1000000;
constexpr int kMaxFields = 10000;
constexpr int kMaxRequests = 1000000;

// Final responses (RFC 9110 §15); interim ones are the framing's business.
constexpr int kMinStatus = 200;
constexpr int kMaxStatus = 599;

constexpr int kRedirectStatuses[] = {301, 302, 303, 307, 308};

// RateLimitHandler's: longer than that, something else is meant.
constexpr absl::Duration kLongestRefill = absl::Hours(24 * 366);

// Shorter, and clients that reuse their connections find them closed.
constexpr absl::Duration kShortIdle = absl::Seconds(1);
// systemd's DefaultTimeoutStopSec; Kubernetes waits 30 s.
constexpr absl::Duration kLongDrain = absl::Seconds(90);

constexpr TextRange kTimeouts = {"1ms", "24h"};
constexpr TextRange kLingers = {"1ms", "1m"};
constexpr TextRange kHalfCloses = {"0s", "24h"};
constexpr TextRange kMaxAges = {"0s", "24h"};
constexpr TextRange kHeads = {"256B", "1MiB"};
constexpr TextRange kTargets = {"64B", "1MiB"};
constexpr TextRange kSizes = {"0", "1TiB"};
constexpr TextRange kRates = {"0", "1GiB"};

// What to do instead of a status that needs a field which a fixed answer does
// not have (RFC 9110 §15.5.2, §15.5.6, §15.5.8); "" if it needs none.
absl::string_view InsteadOfStatus(int status) {
  switch (status) {
    case 401:
      return "needs a WWW-Authenticate, which basic_auth sends: use that, or "
             "403";
    case 405:
      return "needs an Allow, which is sent for methods that no route of a "
             "path has: leave them out of methods";
    case 407:
      return "needs a Proxy-Authenticate, and this is no proxy: choose another "
             "status, such as 403";
    default:
      return "";
  }
}

std::vector<int> HandlerFields() {
  const google::protobuf::OneofDescriptor& handler =
      *Route::descriptor()->FindOneofByName("handler");
  std::vector<int> fields;
  for (int i = 0; i < handler.field_count(); ++i) {
    fields.push_back(handler.field(i)->number());
  }
  return fields;
}

bool IsAnyAddress(const Address& address) {
  if (address.family() == AF_INET) {
    return reinterpret_cast<const sockaddr_in*>(address.data())
               ->sin_addr.s_addr == htonl(INADDR_ANY);
  }
  return address.family() == AF_INET6 &&
         IN6_IS_ADDR_UNSPECIFIED(
             &reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr);
}

// What a route answers that names no methods.
MethodSet MethodsOf(Route::HandlerCase handler) {
  if (handler == Route::kEcho) return {http::Method::kGet, http::Method::kPost};
  // Whoever moves a form's target means its POSTs as well.
  if (handler == Route::kRedirect) return AllMethods();
  return {http::Method::kGet};
}

// One run of CheckConfig().
class Checks {
 public:
  explicit Checks(const ParsedConfig& parsed)
      : fields_(parsed.source), config_(parsed.config), root_(parsed) {}

  CheckedConfig Run() && {
    CheckPresence();
    Settings& settings = checked_.settings;
    settings.workers = fields_.Number(root_, Config::kWorkersFieldNumber,
                                      config_.workers(), 0, kMaxWorkers);
    const auto listeners =
        root_.EachNested(Config::kListenerFieldNumber, config_.listener_size());
    for (int i = 0; i < config_.listener_size(); ++i) {
      settings.listeners.push_back(
          CheckListener(config_.listener(i), listeners[i]));
    }
    const auto routes =
        root_.EachNested(Config::kRouteFieldNumber, config_.route_size());
    for (int i = 0; i < config_.route_size(); ++i) {
      settings.routes.push_back(CheckRoute(config_.route(i), routes[i]));
    }
    if (config_.has_admin()) {
      settings.admin =
          CheckAdmin(config_.admin(), root_.Nested(Config::kAdminFieldNumber));
    }
    settings.limits =
        CheckLimits(config_.limits(), root_.Nested(Config::kLimitsFieldNumber));
    settings.timeouts = CheckTimeouts(
        config_.timeouts(), root_.Nested(Config::kTimeoutsFieldNumber));
    if (config_.has_access_log()) {
      settings.access_log = CheckAccessLog(
          config_.access_log(), root_.Nested(Config::kAccessLogFieldNumber));
    }
    checked_.errors = std::move(fields_.errors());
    checked_.warnings = std::move(fields_.warnings());
    return std::move(checked_);
  }

 private:
  using FirstSeen = FieldChecks::FirstSeen;

  void CheckPresence() {
    if (config_.listener().empty() &&
        root_.IsMissing(Config::kListenerFieldNumber)) {
      fields_.Report(
          root_.offset(),
          "no listener: at least one is needed, such as listener { address: "
          "\"127.0.0.1:8080\" }");
    }
    if (config_.route().empty() && root_.IsMissing(Config::kRouteFieldNumber)) {
      fields_.Report(
          root_.offset(),
          "no route: at least one is needed, such as route { path: \"/\" "
          "fixed { body: \"ha?\\n\" } }");
    }
  }

  ListenerSettings CheckListener(const Listener& listener,
                                 const MessagePlace& place) {
    ListenerSettings settings;
    if (listener.has_address()) {
      settings.address = CheckAddress(
          listener.address(), place.OffsetOf(Listener::kAddressFieldNumber));
    } else if (place.IsMissing(Listener::kAddressFieldNumber)) {
      fields_.Report(
          place.offset(),
          "listener without an address: give it one, such as address: "
          "\"127.0.0.1:8080\"");
    }
    settings.backlog = fields_.Number(place, Listener::kBacklogFieldNumber,
                                      listener.backlog(), 1, kMaxBacklog);
    settings.defer_accept = listener.defer_accept();
    settings.congestion_control = fields_.Text(
        place, Listener::kCongestionControlFieldNumber,
        listener.congestion_control(), DescribeBadCongestionControl);
    if (settings.address.family() == AF_UNIX) {
      if (listener.defer_accept()) {
        ReportTcpOnly(place, Listener::kDeferAcceptFieldNumber);
      }
      if (!listener.congestion_control().empty()) {
        ReportTcpOnly(place, Listener::kCongestionControlFieldNumber);
      }
    }
    return settings;
  }

  void ReportTcpOnly(const MessagePlace& place, int field) {
    fields_.Report(
        place.OffsetOf(field),
        absl::StrCat(place.NameOf(field),
                     " is for TCP, and this is a unix address: remove it"));
  }

  AdminSettings CheckAdmin(const Admin& admin, const MessagePlace& place) {
    AdminSettings settings;
    if (!admin.has_address()) {
      if (place.IsMissing(Admin::kAddressFieldNumber)) {
        fields_.Report(
            place.offset(),
            "admin without an address: give it one, such as address: "
            "\"127.0.0.1:8081\"");
      }
      return settings;
    }
    const int offset = place.OffsetOf(Admin::kAddressFieldNumber);
    settings.address = CheckAddress(admin.address(), offset);
    if (IsAnyAddress(settings.address)) {
      fields_.Warn(
          offset,
          absl::StrCat(
              "admin at ", Quoted(admin.address()),
              ": whoever can reach this machine can read the "
              "metrics; write \"",
              settings.address.family() == AF_INET ? "127.0.0.1:" : "[::1]:",
              settings.address.port(), "\" to keep them to it"));
    }
    return settings;
  }

  Address CheckAddress(absl::string_view text, int offset) {
    const absl::StatusOr<Address> address = Address::Parse(text);
    if (!address.ok()) {
      fields_.Report(offset, std::string(address.status().message()));
      return Address();
    }
    // The kernel gives each port 0 a port of its own.
    if (address->family() == AF_UNIX || address->port() != 0) {
      const std::string canonical = address->ToString();
      fields_.IsFirst(absl::StrCat("address ", Quoted(canonical)), "",
                      canonical, offset, addresses_);
    }
    return *address;
  }

  RouteSettings CheckRoute(const Route& route, const MessagePlace& place) {
    RouteSettings settings;
    const bool has_path = CheckPathOrPrefix(route, place);
    settings.hosts = CheckHosts(route, place);
    settings.methods = CheckRouteMethods(route, place);
    settings.handler = CheckHandler(route, place);
    if (has_path) {
      settings.path = route.path();
      settings.prefix = route.prefix();
      CheckIsReachable(settings, route, place);
      CheckLeadsElsewhere(settings, place);
    }
    settings.name = route.has_name()
                        ? fields_.Text(place, Route::kNameFieldNumber,
                                       route.name(), DescribeBadRouteName)
                        : absl::StrCat(absl::StrJoin(settings.hosts, ","),
                                       settings.path, settings.prefix);
    if (route.has_request_id()) settings.request_id.emplace();
    if (route.has_cors()) {
      settings.cors =
          CheckCors(route.cors(), place.Nested(Route::kCorsFieldNumber),
                    settings.methods);
    }
    if (route.has_basic_auth()) {
      settings.basic_auth = CheckBasicAuth(
          route.basic_auth(), place.Nested(Route::kBasicAuthFieldNumber));
    }
    if (route.has_rate_limit()) {
      settings.rate_limit = CheckRateLimit(
          route.rate_limit(), place.Nested(Route::kRateLimitFieldNumber));
    }
    return settings;
  }

  // Whether there is one of them, as it should be.
  bool CheckPathOrPrefix(const Route& route, const MessagePlace& place) {
    if (route.has_path() && route.has_prefix()) {
      fields_.Report(
          place.OffsetOf(Route::kPrefixFieldNumber),
          "prefix beside a path: a route has one of them, remove the other");
      return false;
    }
    if (!route.has_path() && !route.has_prefix()) {
      if (place.IsMissing(Route::kPathFieldNumber) &&
          place.IsMissing(Route::kPrefixFieldNumber)) {
        fields_.Report(
            place.offset(),
            "route without a path: give it one, such as path: \"/\", or a "
            "prefix, such as prefix: \"/files/\"");
      }
      return false;
    }
    const size_t errors_before = fields_.errors().size();
    if (route.has_path()) {
      fields_.Text(place, Route::kPathFieldNumber, route.path(),
                   DescribeBadPath);
    } else {
      fields_.Text(place, Route::kPrefixFieldNumber, route.prefix(),
                   DescribeBadPrefix);
    }
    return fields_.errors().size() == errors_before;
  }

  std::vector<std::string> CheckHosts(const Route& route,
                                      const MessagePlace& place) {
    std::vector<std::string> hosts;
    for (const std::string& host : fields_.Texts(
             place, Route::kHostFieldNumber, route.host(), DescribeBadHost)) {
      hosts.push_back(absl::AsciiStrToLower(host));
    }
    return hosts;
  }

  MethodSet CheckRouteMethods(const Route& route, const MessagePlace& place) {
    const std::vector<int> offsets =
        place.OffsetsOf(Route::kMethodsFieldNumber, route.methods_size());
    MethodSet methods =
        CheckMethods(route.methods(), offsets, " in this route");
    if (methods.empty()) methods = MethodsOf(route.handler_case());
    const bool is_read_only = route.handler_case() == Route::kFiles ||
                              route.handler_case() == Route::kHealth;
    for (int i = 0; is_read_only && i < route.methods_size(); ++i) {
      if (!DescribeBadMethod(route.methods(i)).empty()) continue;
      if (route.methods(i) == "GET" || route.methods(i) == "HEAD") continue;
      fields_.Report(
          offsets[i],
          absl::StrCat("method ", Quoted(route.methods(i)),
                       " means nothing to this handler: it answers GET and "
                       "HEAD"));
    }
    return methods.WithHead();
  }

  // Those that are right.
  template <typename Strings>
  MethodSet CheckMethods(const Strings& names, const std::vector<int>& offsets,
                         absl::string_view where) {
    FirstSeen seen;
    MethodSet methods;
    const bool has_get = absl::c_linear_search(names, "GET");
    for (int i = 0; i < names.size(); ++i) {
      std::string bad = DescribeBadMethod(names[i]);
      if (!bad.empty()) {
        fields_.Report(offsets[i], std::move(bad));
        continue;
      }
      if (!fields_.IsFirst(absl::StrCat("method ", Quoted(names[i])), where,
                           names[i], offsets[i], seen)) {
        continue;
      }
      if (has_get && names[i] == "HEAD") {
        fields_.Warn(offsets[i],
                     "method \"HEAD\" is superfluous: GET brings it");
      }
      methods.Add(http::MethodFromToken(names[i]));
    }
    return methods;
  }

  // No two routes answer the same.
  void CheckIsReachable(const RouteSettings& settings, const Route& route,
                        const MessagePlace& place) {
    const int field =
        route.has_path() ? Route::kPathFieldNumber : Route::kPrefixFieldNumber;
    const std::string& path = route.has_path() ? route.path() : route.prefix();
    const std::string target =
        absl::StrCat(place.NameOf(field), " ", CanonicalPath(path));
    const int offset = place.OffsetOf(field);
    std::vector<std::string> hosts = settings.hosts;
    if (hosts.empty()) hosts = {""};
    const MethodSet answered =
        route.has_cors() ? WithPreflight(settings.methods) : settings.methods;
    for (const std::string& host : hosts) {
      std::map<http::Method, int>& taken = taken_[{host, target}];
      MethodSet twice;
      int first = offset;
      for (http::Method method : answered.List()) {
        const auto [found, is_first] = taken.try_emplace(method, offset);
        if (is_first) continue;
        if (twice.empty()) first = found->second;
        twice.Add(method);
      }
      if (twice.empty()) continue;
      fields_.Report(
          offset, absl::StrCat(
                      place.NameOf(field), " ", Quoted(path),
                      " stands twice for ", twice.ToString(),
                      twice == MethodSet({http::Method::kOptions}) &&
                              !settings.methods.Contains(http::Method::kOptions)
                          ? ", which cors answers"
                          : "",
                      host.empty() ? "" : absl::StrCat(" of ", Quoted(host)),
                      ": first on line ", fields_.LineOf(first)));
    }
  }

  void CheckLeadsElsewhere(const RouteSettings& settings,
                           const MessagePlace& place) {
    const auto* redirect = std::get_if<RedirectSettings>(&settings.handler);
    if (redirect == nullptr) return;
    const absl::string_view location = redirect->location;
    const absl::string_view target =
        location.substr(0, location.find_first_of("?#"));
    const bool leads_back = settings.prefix.empty()
                                ? target == settings.path
                                : absl::StartsWith(target, settings.prefix);
    if (!leads_back) return;
    fields_.Warn(
        place.Nested(Route::kRedirectFieldNumber)
            .OffsetOf(Redirect::kLocationFieldNumber),
        absl::StrCat("location ", Quoted(location),
                     " leads back to this route: clients go in circles"));
  }

  HandlerSettings CheckHandler(const Route& route, const MessagePlace& place) {
    switch (route.handler_case()) {
      case Route::kFixed:
        return CheckFixed(route.fixed(),
                          place.Nested(Route::kFixedFieldNumber));
      case Route::kRedirect:
        return CheckRedirect(route.redirect(),
                             place.Nested(Route::kRedirectFieldNumber));
      case Route::kEcho:
        return EchoSettings();
      case Route::kFiles:
        if (route.has_path() && !route.has_prefix()) {
          fields_.Report(
              place.OffsetOf(Route::kPathFieldNumber),
              absl::StrCat("files with a path: they are found by what is "
                           "behind a prefix, write prefix: ",
                           Quoted(absl::EndsWith(route.path(), "/")
                                      ? route.path()
                                      : absl::StrCat(route.path(), "/"))));
        }
        return CheckFiles(route.files(),
                          place.Nested(Route::kFilesFieldNumber));
      case Route::kHealth:
        return HealthSettings();
      case Route::HANDLER_NOT_SET:
        break;
    }
    CheckHasHandler(place);
    return FixedSettings();
  }

  // Fields of a oneof are missing together.
  void CheckHasHandler(const MessagePlace& route) {
    std::vector<std::string> names;
    for (int field : HandlerFields()) {
      if (!route.IsMissing(field)) return;
      names.push_back(route.NameOf(field));
    }
    fields_.Report(route.offset(),
                   absl::StrCat("route without a handler: give it one of: ",
                                absl::StrJoin(names, ", ")));
  }

  FixedSettings CheckFixed(const Fixed& fixed, const MessagePlace& place) {
    FixedSettings settings;
    settings.body = fixed.body();
    settings.status = fields_.Number(place, Fixed::kStatusFieldNumber,
                                     fixed.status(), kMinStatus, kMaxStatus);
    if (http::ForbidsBody(fixed.status()) && !fixed.body().empty()) {
      fields_.Report(
          place.OffsetOf(Fixed::kBodyFieldNumber),
          absl::StrCat("a response with status ", fixed.status(),
                       " has no body: remove the body, or choose another "
                       "status"));
    }
    if (const absl::string_view instead = InsteadOfStatus(fixed.status());
        !instead.empty()) {
      fields_.Report(place.OffsetOf(Fixed::kStatusFieldNumber),
                     absl::StrCat("status ", fixed.status(), " ", instead));
    }
    settings.content_type =
        fields_.Text(place, Fixed::kContentTypeFieldNumber,
                     fixed.content_type(), DescribeBadMediaType);
    settings.cache_control =
        fields_.Text(place, Fixed::kCacheControlFieldNumber,
                     fixed.cache_control(), DescribeBadFieldValue);
    return settings;
  }

  RedirectSettings CheckRedirect(const Redirect& redirect,
                                 const MessagePlace& place) {
    RedirectSettings settings;
    settings.location =
        fields_.RequiredText(place, Redirect::kLocationFieldNumber,
                             redirect.location(), DescribeBadLocation, "/new");
    settings.status = redirect.status();
    if (!absl::c_linear_search(kRedirectStatuses, redirect.status())) {
      fields_.Report(place.OffsetOf(Redirect::kStatusFieldNumber),
                     absl::StrCat("status ", redirect.status(),
                                  " does not redirect: choose one of ",
                                  absl::StrJoin(kRedirectStatuses, ", ")));
    }
    return settings;
  }

  FilesSettings CheckFiles(const Files& files, const MessagePlace& place) {
    FilesSettings settings;
    settings.root =
        fields_.RequiredText(place, Files::kRootFieldNumber, files.root(),
                             DescribeBadDirectory, "www");
    settings.index = fields_.Text(place, Files::kIndexFieldNumber,
                                  files.index(), DescribeBadIndex);
    settings.listing = files.listing();
    settings.precompressed = files.precompressed();
    settings.cache_control =
        fields_.Text(place, Files::kCacheControlFieldNumber,
                     files.cache_control(), DescribeBadFieldValue);
    const std::optional<uint64_t> cache =
        fields_.Size(place, Files::kCacheFieldNumber, files.cache(), kSizes);
    const std::optional<uint64_t> cached_file =
        fields_.Size(place, Files::kMaxCachedFileFieldNumber,
                     files.max_cached_file(), kSizes);
    settings.cache_bytes = cache.value_or(settings.cache_bytes);
    settings.max_cached_file_bytes =
        cached_file.value_or(settings.max_cached_file_bytes);
    if (cache > 0) {
      fields_.Order(
          place,
          {Files::kMaxCachedFileFieldNumber, files.has_max_cached_file(),
           files.max_cached_file(), cached_file},
          {Files::kCacheFieldNumber, files.has_cache(), files.cache(), cache});
    }
    return settings;
  }

  CorsSettings CheckCors(const Cors& cors, const MessagePlace& place,
                         MethodSet route_methods) {
    CorsSettings settings;
    for (const std::string& origin :
         fields_.Texts(place, Cors::kOriginFieldNumber, cors.origin(),
                       DescribeBadOrigin)) {
      settings.origins.push_back(absl::AsciiStrToLower(origin));
    }
    if (cors.origin().empty() && place.IsMissing(Cors::kOriginFieldNumber)) {
      fields_.Report(place.offset(),
                     "cors without an origin: give it one, such as origin: "
                     "\"https://app.example.org\"");
    }
    CheckOriginsOfAll(cors, settings, place);
    settings.methods = CheckCorsMethods(cors, place, route_methods);
    settings.headers = fields_.Texts(place, Cors::kHeaderFieldNumber,
                                     cors.header(), DescribeBadFieldName);
    settings.expose_headers =
        fields_.Texts(place, Cors::kExposeHeaderFieldNumber,
                      cors.expose_header(), DescribeBadFieldName);
    settings.credentials = cors.credentials();
    settings.max_age =
        fields_
            .Duration(place, Cors::kMaxAgeFieldNumber, cors.max_age(), kMaxAges)
            .value_or(settings.max_age);
    if (settings.max_age != absl::Trunc(settings.max_age, absl::Seconds(1))) {
      fields_.Report(place.OffsetOf(Cors::kMaxAgeFieldNumber),
                     absl::StrCat("max_age ", Quoted(cors.max_age()),
                                  " is not sent: it takes whole seconds"));
    }
    return settings;
  }

  MethodSet CheckCorsMethods(const Cors& cors, const MessagePlace& place,
                             MethodSet route_methods) {
    const std::vector<int> offsets =
        place.OffsetsOf(Cors::kMethodsFieldNumber, cors.methods_size());
    const MethodSet methods = CheckMethods(cors.methods(), offsets, " here");
    if (methods.empty()) return route_methods;
    for (int i = 0; i < cors.methods_size(); ++i) {
      if (!DescribeBadMethod(cors.methods(i)).empty() ||
          route_methods.Contains(http::MethodFromToken(cors.methods(i)))) {
        continue;
      }
      fields_.Warn(offsets[i],
                   absl::StrCat("method ", Quoted(cors.methods(i)),
                                " has no effect: this route answers ",
                                route_methods.ToString()));
    }
    return methods.WithHead();
  }

  void CheckOriginsOfAll(const Cors& cors, const CorsSettings& settings,
                         const MessagePlace& place) {
    const auto all = absl::c_find(settings.origins, "*");
    if (all == settings.origins.end()) return;
    const auto first = absl::c_find(cors.origin(), "*");
    const int offset =
        place.OffsetsOf(Cors::kOriginFieldNumber,
                        cors.origin_size())[first - cors.origin().begin()];
    if (cors.origin_size() > 1) {
      fields_.Report(offset,
                     "origin \"*\" is everybody: remove it, or all the others");
    }
    if (cors.credentials()) {
      fields_.Report(
          place.OffsetOf(Cors::kCredentialsFieldNumber),
          "credentials with origin \"*\": browsers refuse that, name the "
          "origins");
    }
  }

  BasicAuthSettings CheckBasicAuth(const BasicAuth& basic_auth,
                                   const MessagePlace& place) {
    BasicAuthSettings settings;
    settings.realm = fields_.Text(place, BasicAuth::kRealmFieldNumber,
                                  basic_auth.realm(), DescribeBadRealm);
    if (basic_auth.user().empty() &&
        place.IsMissing(BasicAuth::kUserFieldNumber)) {
      fields_.Report(
          place.offset(),
          "basic_auth without a user: give it one, such as user { name: "
          "\"anna\" secret_hash: \"$6$...\" }");
    }
    const auto places =
        place.EachNested(BasicAuth::kUserFieldNumber, basic_auth.user_size());
    FirstSeen seen;
    for (int i = 0; i < basic_auth.user_size(); ++i) {
      settings.users.push_back(CheckUser(basic_auth.user(i), places[i], seen));
    }
    return settings;
  }

  UserSettings CheckUser(const User& user, const MessagePlace& place,
                         FirstSeen& seen) {
    UserSettings settings;
    settings.name =
        fields_.RequiredText(place, User::kNameFieldNumber, user.name(),
                             DescribeBadUserName, "anna");
    if (user.has_name()) {
      fields_.IsFirst(absl::StrCat("name ", Quoted(user.name())), " here",
                      user.name(), place.OffsetOf(User::kNameFieldNumber),
                      seen);
    }
    settings.secret_hash = user.secret_hash();
    if (!user.has_secret_hash()) {
      if (place.IsMissing(User::kSecretHashFieldNumber)) {
        fields_.Report(
            place.offset(),
            "user without a secret_hash: `openssl passwd -6` makes one");
      }
      return settings;
    }
    const std::string bad = DescribeBadSecretHash(user.secret_hash());
    if (!bad.empty()) {
      fields_.Report(place.OffsetOf(User::kSecretHashFieldNumber),
                     absl::StrCat("secret_hash ", bad));
    }
    return settings;
  }

  RateLimitSettings CheckRateLimit(const RateLimit& limit,
                                   const MessagePlace& place) {
    RateLimitSettings settings;
    if (limit.has_requests()) {
      settings.requests = fields_.Number(place, RateLimit::kRequestsFieldNumber,
                                         limit.requests(), 1, kMaxRequests);
    } else if (place.IsMissing(RateLimit::kRequestsFieldNumber)) {
      fields_.Report(
          place.offset(),
          "rate_limit without requests: say how many, such as requests: "
          "100");
    }
    settings.per =
        fields_
            .Duration(place, RateLimit::kPerFieldNumber, limit.per(), kTimeouts)
            .value_or(settings.per);
    settings.burst = settings.requests;
    if (limit.has_burst()) {
      settings.burst = fields_.Number(place, RateLimit::kBurstFieldNumber,
                                      limit.burst(), 1, kMaxRequests);
    }
    if (settings.requests > 0 &&
        settings.per / settings.requests * settings.burst > kLongestRefill) {
      fields_.Report(
          place.OffsetOf(RateLimit::kBurstFieldNumber),
          absl::StrCat("burst ", settings.burst,
                       " takes more than a year to come back, at ",
                       settings.requests, " per ", Quoted(limit.per()),
                       ": lower it, or allow more requests"));
    }
    settings.scope = limit.scope() == RateLimit::PER_ROUTE
                         ? RateLimitScope::kPerRoute
                         : RateLimitScope::kPerClient;
    return settings;
  }

  LimitsSettings CheckLimits(const Limits& limits, const MessagePlace& place) {
    LimitsSettings settings;
    if (limits.has_max_connections()) {
      settings.max_connections =
          fields_.Number(place, Limits::kMaxConnectionsFieldNumber,
                         limits.max_connections(), 1, kMaxConnections);
    }
    if (limits.has_max_connections_per_client()) {
      settings.max_connections_per_client = fields_.Number(
          place, Limits::kMaxConnectionsPerClientFieldNumber,
          limits.max_connections_per_client(), 1, kMaxConnections);
    }
    if (settings.max_connections.has_value() &&
        settings.max_connections_per_client > settings.max_connections) {
      fields_.Warn(place.OffsetOf(Limits::kMaxConnectionsPerClientFieldNumber),
                   absl::StrCat("max_connections_per_client ",
                                limits.max_connections_per_client(),
                                " has no effect: max_connections is ",
                                limits.max_connections()));
    }
    settings.max_fields = fields_.Number(place, Limits::kMaxFieldsFieldNumber,
                                         limits.max_fields(), 1, kMaxFields);
    const auto size = [&](int field, const std::string& text,
                          const TextRange& range) {
      return fields_.Size(place, field, text, range);
    };
    const std::optional<uint64_t> head =
        size(Limits::kMaxHeadFieldNumber, limits.max_head(), kHeads);
    const std::optional<uint64_t> target =
        size(Limits::kMaxTargetFieldNumber, limits.max_target(), kTargets);
    const std::optional<uint64_t> buffered =
        size(Limits::kMaxBufferedFieldNumber, limits.max_buffered(), kSizes);
    const SizeField head_field = {Limits::kMaxHeadFieldNumber,
                                  limits.has_max_head(), limits.max_head(),
                                  head};
    fields_.Order(place,
                  {Limits::kMaxTargetFieldNumber, limits.has_max_target(),
                   limits.max_target(), target},
                  head_field);
    fields_.Order(place, head_field,
                  {Limits::kMaxBufferedFieldNumber, limits.has_max_buffered(),
                   limits.max_buffered(), buffered});
    settings.max_head_bytes = head.value_or(settings.max_head_bytes);
    settings.max_target_bytes = target.value_or(settings.max_target_bytes);
    settings.max_buffered_bytes =
        buffered.value_or(settings.max_buffered_bytes);
    settings.max_body_bytes =
        size(Limits::kMaxBodyFieldNumber, limits.max_body(), kSizes)
            .value_or(settings.max_body_bytes);
    settings.min_rate_bytes_per_second =
        size(Limits::kMinRateFieldNumber, limits.min_rate(), kRates)
            .value_or(settings.min_rate_bytes_per_second);
    settings.max_discarded_body_bytes =
        size(Limits::kMaxDiscardedBodyFieldNumber, limits.max_discarded_body(),
             kSizes)
            .value_or(settings.max_discarded_body_bytes);
    return settings;
  }

  TimeoutsSettings CheckTimeouts(const Timeouts& timeouts,
                                 const MessagePlace& place) {
    TimeoutsSettings settings;
    const auto set = [&](absl::Duration& duration, int field,
                         const std::string& text, const TextRange& range) {
      duration = fields_.Duration(place, field, text, range).value_or(duration);
    };
    set(settings.head, Timeouts::kHeadFieldNumber, timeouts.head(), kTimeouts);
    set(settings.body, Timeouts::kBodyFieldNumber, timeouts.body(), kTimeouts);
    set(settings.idle, Timeouts::kIdleFieldNumber, timeouts.idle(), kTimeouts);
    set(settings.write, Timeouts::kWriteFieldNumber, timeouts.write(),
        kTimeouts);
    set(settings.drain, Timeouts::kDrainFieldNumber, timeouts.drain(),
        kTimeouts);
    set(settings.linger, Timeouts::kLingerFieldNumber, timeouts.linger(),
        kLingers);
    if (timeouts.has_handler()) {
      set(settings.handler, Timeouts::kHandlerFieldNumber, timeouts.handler(),
          kTimeouts);
    }
    set(settings.half_close, Timeouts::kHalfCloseFieldNumber,
        timeouts.half_close(), kHalfCloses);
    if (settings.idle < kShortIdle) {
      fields_.Warn(
          place.OffsetOf(Timeouts::kIdleFieldNumber),
          absl::StrCat("idle ", Quoted(timeouts.idle()),
                       " is short: connections are closed before clients use "
                       "them again"));
    }
    if (settings.drain > kLongDrain) {
      fields_.Warn(
          place.OffsetOf(Timeouts::kDrainFieldNumber),
          absl::StrCat("drain ", Quoted(timeouts.drain()),
                       " is long: systemd kills after 90s, Kubernetes after "
                       "30s, unless told otherwise"));
    }
    return settings;
  }

  AccessLogSettings CheckAccessLog(const AccessLog& log,
                                   const MessagePlace& place) {
    AccessLogSettings settings;
    settings.path = fields_.Text(place, AccessLog::kPathFieldNumber, log.path(),
                                 DescribeBadLogPath);
    switch (log.format()) {
      case AccessLog::COMMON:
        settings.format = AccessLogFormat::kCommon;
        break;
      case AccessLog::COMBINED:
        settings.format = AccessLogFormat::kCombined;
        break;
      case AccessLog::JSON:
        settings.format = AccessLogFormat::kJson;
        break;
    }
    return settings;
  }

  FieldChecks fields_;
  const Config& config_;
  const MessagePlace root_;
  FirstSeen addresses_;
  // Where each method of a host's path was answered first.
  std::map<std::pair<std::string, std::string>, std::map<http::Method, int>>
      taken_;
  CheckedConfig checked_;
};

}  // namespace

CheckedConfig CheckConfig(const ParsedConfig& parsed) {
  return Checks(parsed).Run();
}

}  // namespace pollux::httpd
