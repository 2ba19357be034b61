#include "httpd/handlers/cors_rules.h"

#include <cstddef>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/request_head.h"

namespace pollux {

bool IsCorsOrigin(absl::string_view text) {
  const size_t end = text.find("://");
  if (end == absl::string_view::npos || end == 0) return false;
  const auto is_of = [](absl::string_view part, absl::string_view marks) {
    return absl::c_all_of(part, [marks](unsigned char c) {
      return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
             absl::StrContains(marks, static_cast<char>(c));
    });
  };
  const absl::string_view host = text.substr(end + 3);
  // No browser writes the "%" and "," that the grammar allows.
  return is_of(text.substr(0, end), "+-.") && is_of(host, "-._:[]") &&
         http::IsHostAndPort(host);
}

MethodSet WithPreflight(MethodSet methods) {
  methods.Add(http::Method::kOptions);
  return methods;
}

}  // namespace pollux
