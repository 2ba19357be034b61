#include "httpd/config/config_checker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/config_parser.h"
#include "httpd/config/did_you_mean.h"
#include "httpd/config/text_source.h"
#include "reactor/net/address.h"

namespace pollux::httpd {
namespace {

// RFC 9110 §9.3 and RFC 5789, without CONNECT and TRACE.
constexpr absl::string_view kMethods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};

constexpr int kMaxBacklog = 65535;

// Final responses (RFC 9110 §15); interim ones are the framing's business.
constexpr int kMinStatus = 200;
constexpr int kMaxStatus = 599;

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

bool IsAlphanumeric(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

bool IsHexDigit(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}

// RFC 9110 §5.6.2.
bool IsToken(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
  });
}

// Visible ASCII characters with blanks between them (RFC 9110 §5.5, without
// its obsolete bytes beyond ASCII).
bool IsFieldValue(absl::string_view text) {
  return text == absl::StripAsciiWhitespace(text) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isprint(static_cast<unsigned char>(c)) ||
                  c == '\t';
         });
}

// type "/" subtype, then perhaps parameters (RFC 9110 §8.3.1). Parameters are
// not looked at: nobody depends on them but the client.
bool IsMediaType(absl::string_view text) {
  const absl::string_view essence =
      absl::StripTrailingAsciiWhitespace(text.substr(0, text.find(';')));
  const size_t slash = essence.find('/');
  return slash != absl::string_view::npos &&
         IsToken(essence.substr(0, slash)) &&
         IsToken(essence.substr(slash + 1));
}

// RFC 3986 §3.3, but for "%".
bool IsPathCharacter(char c) {
  return IsAlphanumeric(c) || absl::StrContains("/-._~!$&'()*+,;=:@", c);
}

// With "%20" for " ", and so on.
std::string PercentEncoded(absl::string_view path) {
  std::string encoded;
  for (char c : path) {
    if (IsPathCharacter(c) || c == '%') {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

bool IsPercentOfTwoDigits(absl::string_view path, size_t percent) {
  return percent + 2 < path.size() && IsHexDigit(path[percent + 1]) &&
         IsHexDigit(path[percent + 2]);
}

// What is wrong with the "%"s of a path, to be put behind its name; or "".
std::string DescribeBadPercent(absl::string_view path) {
  for (size_t at = path.find('%'); at != absl::string_view::npos;
       at = path.find('%', at + 1)) {
    if (!IsPercentOfTwoDigits(path, at)) {
      return "has a \"%\" without two hexadecimal digits behind it: write "
             "\"%25\" for a \"%\"";
    }
    if (path.substr(at, 3) == "%00") {
      return "has a \"%00\": requests with one are refused";
    }
  }
  return "";
}

// What is wrong with a route's path, to be put behind its name; or "".
std::string DescribeBadPath(absl::string_view path) {
  if (path.empty()) return "is empty: the shortest is \"/\"";
  if (path.front() != '/') {
    return absl::StrCat("does not start with \"/\": write ",
                        Quoted(PercentEncoded(absl::StrCat("/", path))));
  }
  const size_t end = path.find_first_of("?#");
  if (end != absl::string_view::npos) {
    return absl::StrCat("has a \"", path.substr(end, 1),
                        "\", where a request's path ends: write ",
                        Quoted(PercentEncoded(path.substr(0, end))));
  }
  const std::string bad_percent = DescribeBadPercent(path);
  if (!bad_percent.empty()) return bad_percent;
  const std::string encoded = PercentEncoded(path);
  if (encoded == path) return "";
  return absl::StrCat(
      "has characters that a request's path cannot have: write ",
      Quoted(encoded));
}

// What is wrong with a method; or "".
std::string DescribeBadMethod(absl::string_view method) {
  const std::string capitals = absl::AsciiStrToUpper(method);
  if (capitals == "CONNECT") {
    return "method \"CONNECT\" cannot be routed: it asks a proxy for a tunnel, "
           "and this is no proxy";
  }
  if (capitals == "TRACE") {
    return "method \"TRACE\" cannot be routed: it would send cookies and "
           "credentials back to scripts that must not see them";
  }
  if (absl::c_linear_search(kMethods, method)) return "";
  const std::string unknown =
      absl::StrCat("unknown method ", Quoted(method), ": ");
  if (absl::c_linear_search(kMethods, capitals)) {
    return absl::StrCat(unknown, "methods are in capitals, write \"", capitals,
                        "\"");
  }
  const absl::string_view meant = DidYouMean(method, kMethods);
  if (!meant.empty()) {
    return absl::StrCat(unknown, "did you mean \"", meant, "\"?");
  }
  return absl::StrCat(unknown, "the methods are ",
                      absl::StrJoin(kMethods, ", "));
}

// RFC 9110 §15.3.5, §15.3.6 and §15.4.5.
bool IsStatusWithoutBody(int status) {
  return status == 204 || status == 205 || status == 304;
}

std::string HandlerNames() {
  const google::protobuf::OneofDescriptor& handler =
      *Route::descriptor()->FindOneofByName("handler");
  std::vector<std::string> names;
  for (int i = 0; i < handler.field_count(); ++i) {
    names.push_back(handler.field(i)->name());
  }
  return absl::StrJoin(names, ", ");
}

// Fields of a oneof are missing together.
bool IsHandlerMissing(const MessagePlace& route) {
  const google::protobuf::OneofDescriptor& handler =
      *Route::descriptor()->FindOneofByName("handler");
  for (int i = 0; i < handler.field_count(); ++i) {
    if (!route.IsMissing(handler.field(i)->number())) return false;
  }
  return true;
}

// One run of CheckConfig().
class Checks {
 public:
  explicit Checks(const ParsedConfig& parsed)
      : source_(parsed.source), config_(parsed.config), root_(parsed) {}

  std::vector<Problem> Run() && {
    CheckPresence();
    CheckWorkers();
    const auto listeners =
        root_.EachNested(Config::kListenerFieldNumber, config_.listener_size());
    for (int i = 0; i < config_.listener_size(); ++i) {
      CheckListener(config_.listener(i), listeners[i]);
    }
    const auto routes =
        root_.EachNested(Config::kRouteFieldNumber, config_.route_size());
    for (int i = 0; i < config_.route_size(); ++i) {
      CheckRoute(config_.route(i), routes[i]);
    }
    return std::move(problems_);
  }

 private:
  // Where each of the values that must differ was seen first.
  using FirstSeen = std::map<std::string, int>;

  void CheckPresence() {
    if (config_.listener().empty() &&
        root_.IsMissing(Config::kListenerFieldNumber)) {
      Report(root_.offset(),
             "no listener: at least one is needed, such as listener { address: "
             "\"127.0.0.1:8080\" }");
    }
    if (config_.route().empty() && root_.IsMissing(Config::kRouteFieldNumber)) {
      Report(root_.offset(),
             "no route: at least one is needed, such as route { path: \"/\" "
             "fixed { body: \"ha?\\n\" } }");
    }
  }

  void CheckWorkers() {
    if (config_.workers() == 1) return;
    Report(root_.OffsetOf(Config::kWorkersFieldNumber),
           absl::StrCat("workers ", config_.workers(),
                        ": so far exactly 1 is supported"));
  }

  void CheckListener(const Listener& listener, const MessagePlace& place) {
    if (listener.has_address()) {
      CheckAddress(listener.address(),
                   place.OffsetOf(Listener::kAddressFieldNumber));
    } else if (place.IsMissing(Listener::kAddressFieldNumber)) {
      Report(place.offset(),
             "listener without an address: give it one, such as address: "
             "\"127.0.0.1:8080\"");
    }
    CheckRange("backlog", listener.backlog(), 1, kMaxBacklog,
               place.OffsetOf(Listener::kBacklogFieldNumber));
  }

  void CheckAddress(absl::string_view text, int offset) {
    const absl::StatusOr<Address> address = Address::Parse(text);
    if (!address.ok()) {
      Report(offset, std::string(address.status().message()));
      return;
    }
    // The kernel gives each of them a port of its own.
    if (address->family() != AF_UNIX && address->port() == 0) return;
    const std::string canonical = address->ToString();
    CheckFirst(absl::StrCat("address ", Quoted(canonical)), "", canonical,
               offset, addresses_);
  }

  void CheckRoute(const Route& route, const MessagePlace& place) {
    if (route.has_path()) {
      CheckPath(route.path(), place.OffsetOf(Route::kPathFieldNumber));
    } else if (place.IsMissing(Route::kPathFieldNumber)) {
      Report(place.offset(),
             "route without a path: give it one, such as path: \"/\"");
    }
    CheckMethods(route, place.OffsetsOf(Route::kMethodsFieldNumber,
                                        route.methods_size()));
    if (route.has_fixed()) {
      CheckFixed(route.fixed(), place.Nested(Route::kFixedFieldNumber));
    } else if (IsHandlerMissing(place)) {
      Report(place.offset(),
             absl::StrCat("route without a handler: give it one of: ",
                          HandlerNames()));
    }
  }

  void CheckPath(const std::string& path, int offset) {
    const std::string bad = DescribeBadPath(path);
    if (!bad.empty()) {
      Report(offset, absl::StrCat("path ", Quoted(path), " ", bad));
      return;
    }
    CheckFirst(absl::StrCat("path ", Quoted(path)), "", path, offset, paths_);
  }

  void CheckMethods(const Route& route, const std::vector<int>& offsets) {
    FirstSeen seen;
    for (int i = 0; i < route.methods_size(); ++i) {
      const std::string& method = route.methods(i);
      std::string bad = DescribeBadMethod(method);
      if (!bad.empty()) {
        Report(offsets[i], std::move(bad));
        continue;
      }
      CheckFirst(absl::StrCat("method ", Quoted(method)), " in this route",
                 method, offsets[i], seen);
    }
  }

  void CheckFixed(const Fixed& fixed, const MessagePlace& place) {
    CheckRange("status", fixed.status(), kMinStatus, kMaxStatus,
               place.OffsetOf(Fixed::kStatusFieldNumber));
    if (IsStatusWithoutBody(fixed.status()) && !fixed.body().empty()) {
      Report(place.OffsetOf(Fixed::kBodyFieldNumber),
             absl::StrCat("a response with status ", fixed.status(),
                          " has no body: remove the body, or choose another "
                          "status"));
    }
    CheckContentType(fixed.content_type(),
                     place.OffsetOf(Fixed::kContentTypeFieldNumber));
  }

  void CheckContentType(absl::string_view type, int offset) {
    if (!IsFieldValue(type)) {
      Report(offset, absl::StrCat("content_type ", Quoted(type),
                                  " cannot be sent: it takes visible ASCII "
                                  "characters, and blanks only between them"));
    } else if (!IsMediaType(type)) {
      Report(offset, absl::StrCat("content_type ", Quoted(type),
                                  " is not of the form type/subtype, such as "
                                  "\"text/plain\" or \"text/html; "
                                  "charset=utf-8\""));
    }
  }

  void CheckRange(absl::string_view name, int value, int min, int max,
                  int offset) {
    if (value >= min && value <= max) return;
    Report(offset,
           absl::StrCat(name, " ", value, " is out of range: it goes from ",
                        min, " to ", max));
  }

  // Reports `what`, unless `value` is the first of its kind `where`.
  void CheckFirst(absl::string_view what, absl::string_view where,
                  const std::string& value, int offset, FirstSeen& seen) {
    const auto [first, is_first] = seen.try_emplace(value, offset);
    if (is_first) return;
    Report(offset,
           absl::StrCat(what, " stands twice", where, ": first on line ",
                        source_.Locate(first->second).line));
  }

  void Report(int offset, std::string message) {
    problems_.push_back({offset, std::move(message)});
  }

  const TextSource& source_;
  const Config& config_;
  const MessagePlace root_;
  FirstSeen addresses_;
  FirstSeen paths_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> CheckConfig(const ParsedConfig& parsed) {
  return Checks(parsed).Run();
}

}  // namespace pollux::httpd
