#include "httpd/http/query_parameters.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace pollux::http {

bool QueryParameters::Next(QueryParameter& parameter) {
  while (!rest_.empty()) {
    const size_t end = std::min(rest_.find('&'), rest_.size());
    const absl::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (text.empty()) continue;
    const size_t equals = std::min(text.find('='), text.size());
    parameter.name = text.substr(0, equals);
    parameter.value = text.substr(std::min(equals + 1, text.size()));
    return true;
  }
  return false;
}

}  // namespace pollux::http
