#include "httpd/http/request_head.h"

#include <array>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

// By the value of Method.
constexpr std::array<absl::string_view, 9> kMethodNames = {
    "GET",     "HEAD",    "POST",  "PUT",   "DELETE",
    "CONNECT", "OPTIONS", "TRACE", "PATCH",
};
static_assert(kMethodNames.size() == static_cast<size_t>(Method::kUnknown));

}  // namespace

Method MethodFromToken(absl::string_view token) {
  for (size_t i = 0; i < kMethodNames.size(); ++i) {
    if (token == kMethodNames[i]) return static_cast<Method>(i);
  }
  return Method::kUnknown;
}

absl::string_view MethodName(Method method) {
  const size_t index = static_cast<size_t>(method);
  return index < kMethodNames.size() ? kMethodNames[index] : "unknown";
}

}  // namespace pollux::http
