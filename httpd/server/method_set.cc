#include "httpd/server/method_set.h"

#include "absl/strings/str_cat.h"

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

}  // namespace pollux
