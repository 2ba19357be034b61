#include "httpd/server/router.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "httpd/http/path_segments.h"
#include "httpd/server/path_parameter.h"

namespace pollux {
namespace {

using http::Method;

constexpr size_t kMethods = static_cast<size_t>(Method::kUnknown);

// The path, decoded once and after it was cut at its slashes; in
// `match.decoded_path` if that changes it. Nothing if a segment could lead
// elsewhere than it says.
std::optional<absl::string_view> Decode(absl::string_view path,
                                        RouteMatch& match) {
  // Nearly always there is nothing to do.
  if (!absl::StrContains(path, '%') && !absl::StrContains(path, "/.")) {
    return path;
  }
  match.decoded_path.clear();
  http::PathSegments segments(path);
  absl::string_view segment;
  while (segments.Next(match.decoded_segment, segment)) {
    const http::SegmentKind kind = http::KindOf(segment);
    if (kind == http::SegmentKind::kDots ||
        kind == http::SegmentKind::kUnsafe) {
      return std::nullopt;
    }
    absl::StrAppend(&match.decoded_path, "/", segment);
  }
  if (segments.is_broken()) return std::nullopt;
  return match.decoded_path;
}

// What stands in `path` behind its first `count` segments and a "/".
absl::string_view Below(absl::string_view path, size_t count) {
  size_t slash = 0;
  for (size_t i = 0; i < count; ++i) slash = path.find('/', slash + 1);
  return path.substr(slash + 1);
}

absl::string_view WithoutPort(absl::string_view authority) {
  // An IPv6 address has colons of its own.
  const size_t colon = authority.find(':', authority.find(']') + 1);
  return authority.substr(0, colon);
}

absl::Status Malformed(absl::string_view what, absl::string_view text,
                       absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " \"", text, "\" ", why));
}

}  // namespace

struct Router::Entry {
  // The route of each method; RouteMatch::kNoRoute if none.
  std::array<size_t, kMethods> routes = {};
  MethodSet methods;
  // For statistics of what is not answered by a handler: any of them.
  size_t first_route = RouteMatch::kNoRoute;
  // Made when all methods are known.
  std::unique_ptr<StatusPage> options;
  std::unique_ptr<StatusPage> method_not_allowed;
};

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
  std::unique_ptr<Node> parameter;
  // Of this very path.
  Entry* exact = nullptr;
  // Of everything beneath it.
  Entry* beneath = nullptr;
};

struct Router::Host {
  // Of paths without parameters, to be found by one look. None has a "%": so it
  // can be found before it is decoded, too.
  std::map<std::string, Entry*, std::less<>> literal;
  Node root;
  std::vector<std::unique_ptr<Entry>> entries;
};

namespace {

// Where a walk through the nodes came to.
template <typename Entry>
struct Found {
  const Entry* entry = nullptr;
  // Segments before what it stands for the beneath of; 0 and false if it is
  // exact.
  size_t depth = 0;
  bool is_beneath = false;
  bool lacks_slash = false;
};

// `rest` begins with the "/" behind `node`, or is empty.
template <typename Node, typename Entry>
bool Walk(const Node& node, absl::string_view rest, size_t depth,
          RouteMatch& match, Found<Entry>& found) {
  if (rest.empty()) {
    found = {node.exact, depth, false, false};
    if (node.exact == nullptr && node.beneath != nullptr) {
      found = {node.beneath, depth, false, true};
    }
    return found.entry != nullptr;
  }
  const absl::string_view segment = rest.substr(1, rest.find('/', 1) - 1);
  const absl::string_view behind = rest.substr(1 + segment.size());
  const auto child = node.children.find(segment);
  if (child != node.children.end() &&
      Walk(*child->second, behind, depth + 1, match, found)) {
    return true;
  }
  if (node.parameter != nullptr && !segment.empty()) {
    match.parameters.emplace_back(absl::string_view(), segment);
    if (Walk(*node.parameter, behind, depth + 1, match, found)) return true;
    match.parameters.pop_back();
  }
  if (node.beneath == nullptr) return false;
  found = {node.beneath, depth, true, false};
  return true;
}

}  // namespace

Router::Router()
    : any_host_(std::make_unique<Host>()),
      not_found_(404),
      not_implemented_(501, "no such method in HTTP") {}

Router::~Router() = default;

absl::StatusOr<std::unique_ptr<Router>> Router::Create(
    std::vector<Route> routes) {
  std::unique_ptr<Router> router(new Router);
  for (size_t i = 0; i < routes.size(); ++i) {
    absl::Status added = router->Add(routes[i], i + 1);
    if (!added.ok()) return added;
  }
  router->Finish();
  return router;
}

absl::Status Router::Add(Route& route, size_t number) {
  route.methods = route.methods.WithHead();
  all_methods_.Add(route.methods);
  std::vector<Host*> hosts;
  for (const std::string& name : route.hosts) {
    std::string key = absl::AsciiStrToLower(name);
    if (absl::StartsWith(key, "*.")) key.erase(0, 1);
    if (key.empty() || absl::StrContains(key, '*')) {
      return Malformed("host", name, "is no name, nor \"*.\" before one");
    }
    std::unique_ptr<Host>& host = hosts_[key];
    if (host == nullptr) host = std::make_unique<Host>();
    hosts.push_back(host.get());
  }
  if (hosts.empty()) hosts.push_back(any_host_.get());

  std::vector<std::string> parameters;
  for (Host* host : hosts) {
    parameters.clear();
    absl::StatusOr<Entry*> entry = EntryAt(*host, route, parameters);
    if (!entry.ok()) return entry.status();
    if ((*entry)->methods.Intersects(route.methods)) {
      return Malformed("path", route.path, "stands twice");
    }
    (*entry)->methods.Add(route.methods);
    if ((*entry)->first_route == RouteMatch::kNoRoute) {
      (*entry)->first_route = number;
    }
    for (size_t i = 0; i < kMethods; ++i) {
      if (route.methods.Contains(static_cast<Method>(i))) {
        (*entry)->routes[i] = number;
      }
    }
  }
  routes_.push_back({route.name.empty() ? route.path : std::move(route.name),
                     std::move(route.handler), std::move(parameters)});
  return absl::OkStatus();
}

absl::StatusOr<Router::Entry*> Router::EntryAt(
    Host& host, const Route& route, std::vector<std::string>& parameters) {
  const absl::string_view path = route.path;
  if (!absl::StartsWith(path, "/")) {
    return Malformed("path", path, "does not start with /");
  }
  const bool is_beneath = route.reach == RouteReach::kBeneath;
  if (is_beneath && !absl::EndsWith(path, "/")) {
    return Malformed("path", path, "of all beneath does not end in /");
  }
  const absl::string_view place =
      is_beneath ? path.substr(0, path.size() - 1) : path;
  Node* node = &host.root;
  std::string decoded_path;
  std::string buffer;
  absl::string_view segment;
  http::PathSegments segments(place);
  while (!place.empty() && segments.Next(buffer, segment)) {
    const http::SegmentKind kind = http::KindOf(segment);
    if (kind == http::SegmentKind::kDots ||
        kind == http::SegmentKind::kUnsafe) {
      return Malformed("path", path, "is none that a request can have");
    }
    absl::StrAppend(&decoded_path, "/", segment);
    std::unique_ptr<Node>* child;
    if (IsPathParameter(segments.raw())) {
      parameters.emplace_back(segment.substr(1, segment.size() - 2));
      child = &node->parameter;
    } else {
      child = &node->children[std::string(segment)];
    }
    if (*child == nullptr) *child = std::make_unique<Node>();
    node = child->get();
  }
  if (segments.is_broken()) {
    return Malformed("path", path, "is none that a request can have");
  }
  Entry*& entry = is_beneath ? node->beneath : node->exact;
  if (entry == nullptr) {
    host.entries.push_back(std::make_unique<Entry>());
    entry = host.entries.back().get();
    const bool is_literal = !is_beneath && parameters.empty();
    if (is_literal && !absl::StrContains(decoded_path, '%')) {
      host.literal[decoded_path] = entry;
    }
  }
  return entry;
}

void Router::Finish() {
  const auto finish = [](Host& host) {
    for (const std::unique_ptr<Entry>& entry : host.entries) {
      MethodSet allowed = entry->methods;
      allowed.Add(Method::kOptions);
      const std::string allow = allowed.ToString();
      entry->options = std::make_unique<StatusPage>(
          204, "", std::initializer_list<http::Field>{{"Allow", allow}});
      entry->method_not_allowed = std::make_unique<StatusPage>(
          405, "", std::initializer_list<http::Field>{{"Allow", allow}});
    }
  };
  finish(*any_host_);
  for (auto& [name, host] : hosts_) finish(*host);
  all_methods_.Add(Method::kOptions);
  const std::string allow = all_methods_.ToString();
  server_options_ = std::make_unique<StatusPage>(
      204, "", std::initializer_list<http::Field>{{"Allow", allow}});
}

void Router::Find(const http::RequestHead& head, RouteMatch& match) const {
  match.handler = nullptr;
  match.page = nullptr;
  match.route = RouteMatch::kNoRoute;
  match.parameters.clear();
  match.below_prefix = absl::string_view();
  if (head.method == Method::kUnknown) {
    match.page = &not_implemented_;
    return;
  }
  if (head.target_form == http::TargetForm::kAsterisk) {
    match.page = server_options_.get();
    return;
  }
  // Nearly always that is all.
  if (hosts_.empty() &&
      FindLiteral(*any_host_, head.path, head.method, match)) {
    return;
  }
  const std::optional<absl::string_view> path = Decode(head.path, match);
  if (path.has_value() && (FindInHosts(head, *path, match) ||
                           FindIn(*any_host_, head, *path, match))) {
    return;
  }
  match.page = &not_found_;
}

// In those of the very name, then in those that stand for all beneath one above
// it, the nearest first.
bool Router::FindInHosts(const http::RequestHead& head, absl::string_view path,
                         RouteMatch& match) const {
  if (hosts_.empty()) return false;
  match.lowered_host.assign(WithoutPort(head.authority));
  absl::AsciiStrToLower(&match.lowered_host);
  absl::string_view name = absl::StripSuffix(match.lowered_host, ".");
  while (!name.empty()) {
    const auto found = hosts_.find(name);
    if (found != hosts_.end() && FindIn(*found->second, head, path, match)) {
      return true;
    }
    const size_t dot = name.find('.', 1);
    if (dot == absl::string_view::npos) return false;
    name.remove_prefix(dot);
  }
  return false;
}

bool Router::FindLiteral(const Host& host, absl::string_view path,
                         Method method, RouteMatch& match) const {
  const auto literal = host.literal.find(path);
  if (literal == host.literal.end()) return false;
  Choose(*literal->second, method, match);
  return true;
}

bool Router::FindIn(const Host& host, const http::RequestHead& head,
                    absl::string_view path, RouteMatch& match) const {
  if (FindLiteral(host, path, head.method, match)) return true;
  Found<Entry> found;
  if (!Walk(host.root, path, 0, match, found)) return false;
  if (found.lacks_slash) {
    // "//host" would lead to another one.
    if (absl::StartsWith(head.path, "//")) {
      match.parameters.clear();
      return false;
    }
    match.route = found.entry->first_route;
    return true;
  }
  if (found.is_beneath) match.below_prefix = Below(head.path, found.depth);
  Choose(*found.entry, head.method, match);
  return true;
}

void Router::Choose(const Entry& entry, Method method,
                    RouteMatch& match) const {
  const size_t number = entry.routes[static_cast<size_t>(method)];
  if (number == RouteMatch::kNoRoute) {
    match.route = entry.first_route;
    match.page = method == Method::kOptions ? entry.options.get()
                                            : entry.method_not_allowed.get();
    return;
  }
  const Kept& route = routes_[number - 1];
  match.route = number;
  match.handler = route.handler.get();
  for (size_t i = 0; i < match.parameters.size(); ++i) {
    match.parameters[i].first = route.parameters[i];
  }
}

absl::string_view Router::route_name(size_t route) const {
  return route == RouteMatch::kNoRoute ? absl::string_view("none")
                                       : routes_[route - 1].name;
}

}  // namespace pollux
