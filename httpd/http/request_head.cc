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
  const auto is = [token](Method method) {
    return token == kMethodNames[static_cast<size_t>(method)]
               ? method
               : Method::kUnknown;
  };
  // GET first, since it is nearly always that; none of the rest share both.
  if (token == "GET") return Method::kGet;
  switch (token.size()) {
    case 3:
      return is(Method::kPut);
    case 4:
      return is(token[0] == 'H' ? Method::kHead : Method::kPost);
    case 5:
      return is(token[0] == 'T' ? Method::kTrace : Method::kPatch);
    case 6:
      return is(Method::kDelete);
    case 7:
      return is(token[0] == 'C' ? Method::kConnect : Method::kOptions);
    default:
      return Method::kUnknown;
  }
}

absl::string_view MethodName(Method method) {
  const size_t index = static_cast<size_t>(method);
  return index < kMethodNames.size() ? kMethodNames[index] : "unknown";
}

}  // namespace pollux::http
