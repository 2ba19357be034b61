// What a configuration says, in types that the daemon can use as they are.
#ifndef POLLUX_HTTPD_CONFIG_SETTINGS_H_
#define POLLUX_HTTPD_CONFIG_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "httpd/server/method_set.h"
#include "reactor/net/address.h"

namespace pollux::httpd {

// Plain values, made by the config loader, which has checked them: each is in
// its range, each text has the form that HTTP wants, and nothing contradicts
// another. The defaults below are those of config.proto. Whoever has a Settings
// owns all of it; any thread; equal ones serve alike. More about each field in
// config.proto.

// A place to accept connections.
struct ListenerSettings {
  Address address;
  // Connections that may wait to be accepted, 1 to 65535.
  int backlog = 1024;
  // A connection is accepted when its first bytes have come. Never with a unix
  // address.
  bool defer_accept = false;
  // Such as "cubic"; empty: the machine's. Empty with a unix address.
  std::string congestion_control;

  friend bool operator==(const ListenerSettings&,
                         const ListenerSettings&) = default;
};

// Health, readiness and metrics, on an address that is no listener's.
struct AdminSettings {
  Address address;

  friend bool operator==(const AdminSettings&, const AdminSettings&) = default;
};

// The same answer to everybody.
struct FixedSettings {
  // Empty with a status that has no body: 204, 205, 304.
  std::string body;
  // Not sent with such a status.
  std::string content_type = "text/plain";
  // 200 to 599.
  int status = 200;
  // The value of Cache-Control; empty: no such field.
  std::string cache_control;

  friend bool operator==(const FixedSettings&, const FixedSettings&) = default;
};

struct RedirectSettings {
  // The value of Location: a path from its "/", or an absolute http or https
  // URI.
  std::string location;
  // 301, 302, 303, 307 or 308.
  int status = 308;

  friend bool operator==(const RedirectSettings&,
                         const RedirectSettings&) = default;
};

// Sends requests back: a POST's body, a GET's fields.
struct EchoSettings {
  friend bool operator==(const EchoSettings&, const EchoSettings&) = default;
};

// The files beneath a directory, at what follows the route's prefix.
struct FilesSettings {
  // Relative to the working directory unless it starts with "/". Need not
  // exist yet, as far as the loader knows.
  std::string root;
  // Answers for a directory; empty: nothing does.
  std::string index = "index.html";
  // A directory without an index is answered with a list of its files.
  bool listing = false;
  // Takes "a.css.br", ".zst" or ".gz" for "a.css", for clients that can read
  // it.
  bool precompressed = true;
  // The value of Cache-Control; empty: no such field.
  std::string cache_control;
  // The largest file that is kept in memory; at most cache_bytes, unless that
  // is 0.
  uint64_t max_cached_file_bytes = 8 * 1024;
  // Of all files that this route keeps in memory; 0: none is kept.
  uint64_t cache_bytes = 16 * 1024 * 1024;

  friend bool operator==(const FilesSettings&, const FilesSettings&) = default;
};

// 200 "ok\n" for as long as the daemon lives.
struct HealthSettings {
  friend bool operator==(const HealthSettings&,
                         const HealthSettings&) = default;
};

using HandlerSettings =
    std::variant<FixedSettings, RedirectSettings, EchoSettings, FilesSettings,
                 HealthSettings>;

// Takes over a well-formed X-Request-Id or makes one, and answers with it.
struct RequestIdSettings {
  friend bool operator==(const RequestIdSettings&,
                         const RequestIdSettings&) = default;
};

// Cross-origin resource sharing, as the Fetch standard calls it.
struct CorsSettings {
  // Such as "https://app.example.org", in lower case; or only "*".
  std::vector<std::string> origins;
  // What a preflight allows: the route's methods if none were configured, with
  // the HEAD that GET brings. The route need not have them all.
  MethodSet methods;
  // Names of fields that a request may have.
  std::vector<std::string> headers;
  // Never with the origin "*".
  bool credentials = false;
  // How long a preflight's answer may be kept: whole seconds.
  absl::Duration max_age = absl::Minutes(10);
  // Names of fields of the answer that scripts may read.
  std::vector<std::string> expose_headers;

  friend bool operator==(const CorsSettings&, const CorsSettings&) = default;
};

struct UserSettings {
  // Not empty, without ":" and controls.
  std::string name;
  // What crypt(5) makes of the password, by one of its strong methods.
  std::string secret_hash;

  friend bool operator==(const UserSettings&, const UserSettings&) = default;
};

// RFC 7617.
struct BasicAuthSettings {
  // Shown to the user, not empty; to be quoted in WWW-Authenticate.
  std::string realm = "restricted";
  // At least one, no name twice.
  std::vector<UserSettings> users;

  friend bool operator==(const BasicAuthSettings&,
                         const BasicAuthSettings&) = default;
};

enum class RateLimitScope : uint8_t {
  // Each client's address has a budget of its own.
  kPerClient,
  // All clients share one.
  kPerRoute,
};

// A token bucket: `burst` requests at once, refilled with `requests` every
// `per`.
struct RateLimitSettings {
  int requests = 0;
  absl::Duration per = absl::Seconds(1);
  int burst = 0;
  RateLimitScope scope = RateLimitScope::kPerClient;

  friend bool operator==(const RateLimitSettings&,
                         const RateLimitSettings&) = default;
};

// One route. The narrowest host that has a route for the path answers; among
// its routes, from left to right, a literal segment goes before a parameter,
// and that before a prefix that ends there: their order says nothing.
struct RouteSettings {
  // As it stands in the text, percent-encoded: exact, or with whole segments
  // that are "{parameters}", each name once, at most 8. Its segments, decoded,
  // are neither "." nor "..", and hold no "/", "\" and NUL. Empty if there is a
  // prefix.
  std::string path;
  // Starts and ends in "/"; everything beneath it and itself. As path, but
  // without parameters. Empty if there is a path.
  std::string prefix;
  // "example.org", "192.0.2.1", "[2001:db8::1]" or "*.example.org", which is
  // every name that ends in ".example.org"; in lower case, without a port.
  // Empty: every host.
  std::vector<std::string> hosts;
  // What is answered: never empty. With the HEAD that GET brings,
  // and the handler's own if none were configured.
  MethodSet methods;
  // For metrics and logs; never empty. Routes may share one.
  std::string name;

  HandlerSettings handler;

  // Absent: the route does without.
  std::optional<RequestIdSettings> request_id;
  std::optional<CorsSettings> cors;
  std::optional<BasicAuthSettings> basic_auth;
  std::optional<RateLimitSettings> rate_limit;

  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

struct LimitsSettings {
  // Of all listeners and workers together. Absent: as many as RLIMIT_NOFILE
  // allows.
  std::optional<uint32_t> max_connections;
  // From one address. Absent: no limit of its own.
  std::optional<uint32_t> max_connections_per_client;
  // Of a request, from the method to the blank line.
  uint32_t max_head_bytes = 32 * 1024;
  // Of the request line, without its CRLF; at most max_head_bytes.
  uint32_t max_target_bytes = 8 * 1024;
  uint32_t max_fields = 100;
  uint64_t max_body_bytes = 1024 * 1024;
  // In memory because of all connections together; at least max_head_bytes.
  uint64_t max_buffered_bytes = 64 * 1024 * 1024;
  // Below it a body that comes, or a reader of an answer, is too slow once its
  // time is over. 0: any byte will do.
  uint64_t min_rate_bytes_per_second = 500;
  // Of a body that nothing receives, read before the response is sent.
  uint64_t max_discarded_body_bytes = 256 * 1024;

  friend bool operator==(const LimitsSettings&,
                         const LimitsSettings&) = default;
};

struct TimeoutsSettings {
  // From the first byte of a request until its head is complete.
  absl::Duration head = absl::Seconds(10);
  // From the head until the body is complete.
  absl::Duration body = absl::Seconds(10);
  // Between requests.
  absl::Duration idle = absl::Seconds(60);
  // Without the client taking a byte of the answer.
  absl::Duration write = absl::Seconds(30);
  // From SIGTERM until what is still open is closed.
  absl::Duration drain = absl::Seconds(30);
  // For a client whose request was refused to read the answer.
  absl::Duration linger = absl::Seconds(2);
  // From the end of a request until its response begins.
  absl::Duration handler = absl::InfiniteDuration();
  // For a response to a client that sends no more.
  absl::Duration half_close = absl::Milliseconds(500);

  friend bool operator==(const TimeoutsSettings&,
                         const TimeoutsSettings&) = default;
};

enum class AccessLogFormat : uint8_t { kCommon, kCombined, kJson };

struct AccessLogSettings {
  // A file, relative to the working directory unless it starts with "/"; "-"
  // is the standard output.
  std::string path = "-";
  AccessLogFormat format = AccessLogFormat::kCommon;

  friend bool operator==(const AccessLogSettings&,
                         const AccessLogSettings&) = default;
};

// All of it.
struct Settings {
  // At least one; no address twice, but those with port 0.
  std::vector<ListenerSettings> listeners;
  // Event loops, each on a thread of its own: 1 to 256, or 0 for one per CPU
  // that the process may use.
  int workers = 1;
  // At least one; no two for the same host, path and method.
  std::vector<RouteSettings> routes;
  // Absent: there is none.
  std::optional<AdminSettings> admin;
  LimitsSettings limits;
  TimeoutsSettings timeouts;
  // Absent: nothing is logged.
  std::optional<AccessLogSettings> access_log;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_SETTINGS_H_
