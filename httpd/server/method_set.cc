#include "httpd/server/method_set.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pollux {

std::vector<http::Method> MethodSet::List() const {
  std::vector<http::Method> methods;
  for (uint8_t i = 0; i < static_cast<uint8_t>(http::Method::kUnknown); ++i) {
    const auto method = static_cast<http::Method>(i);
    if (Contains(method)) methods.push_back(method);
  }
  return methods;
}

std::string MethodSet::ToString() const {
  return absl::StrJoin(List(), ", ", [](std::string* out, http::Method method) {
    absl::StrAppend(out, http::MethodName(method));
  });
}

}  // namespace pollux
