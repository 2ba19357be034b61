#include "httpd/server/router.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "httpd/server/standard_response.h"

namespace pollux {

std::string MethodSet::ToString() const {
  std::string text;
  for (uint8_t i = 0; i < static_cast<uint8_t>(http::Method::kUnknown); ++i) {
    const auto method = static_cast<http::Method>(i);
    if (!Contains(method)) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", http::MethodName(method));
  }
  return text;
}

absl::StatusOr<std::unique_ptr<Router>> Router::Create(
    std::vector<Route> routes) {
  MethodSet all;
  for (Route& route : routes) {
    if (route.methods.Contains(http::Method::kGet)) {
      route.methods.Add(http::Method::kHead);
    }
    all.Add(route.methods);
  }
  std::unique_ptr<Router> router(new Router(all));
  for (Route& route : routes) {
    if (!absl::StartsWith(route.path, "/")) {
      return absl::InvalidArgumentError(
          absl::StrCat("path \"", route.path, "\" does not start with /"));
    }
    const std::string allowed = route.methods.ToString();
    Entry entry = {route.methods, std::move(route.handler),
                   StandardResponse(405, "", {{"Allow", allowed}})};
    if (!router->entries_.try_emplace(route.path, std::move(entry)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("path \"", route.path, "\" stands twice"));
    }
  }
  return router;
}

Router::Router(MethodSet all_methods)
    : not_found_(StandardResponse(404)),
      not_implemented_(StandardResponse(501, "no such method in HTTP")),
      server_options_(
          StandardResponse(204, "", {{"Allow", all_methods.ToString()}})) {}

Router::Match Router::Find(http::Method method, absl::string_view path) const {
  if (method == http::Method::kUnknown) return {.response = &not_implemented_};
  if (path == "*") return {.response = &server_options_};
  const auto found = entries_.find(path);
  if (found == entries_.end()) return {.response = &not_found_};
  const Entry& entry = found->second;
  if (!entry.methods.Contains(method)) {
    return {.response = &entry.method_not_allowed};
  }
  return {.handler = entry.handler.get()};
}

}  // namespace pollux
