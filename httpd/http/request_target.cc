#include "httpd/http/request_target.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/percent_encoding.h"

namespace pollux::http {
namespace {

// Whether `text` is a path and perhaps a query; empty is neither.
bool ReadPathAndQuery(absl::string_view text, RequestTarget& result) {
  size_t position = 0;
  while (true) {
    position = SkipWhile(text, position, text.size(), ByteClass::kOriginTarget);
    if (position == text.size()) break;
    if (!IsTripletAt(text, position)) return false;
    position += 3;
  }
  const size_t mark = text.find('?');
  result.path = text.substr(0, mark);
  result.query =
      mark == text.npos ? absl::string_view() : text.substr(mark + 1);
  return true;
}

ParseError ReadAbsolute(absl::string_view target, RequestTarget& result) {
  constexpr absl::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(target, "https://")) {
    return ParseError::kHttpsTarget;
  }
  if (!absl::StartsWithIgnoreCase(target, kScheme)) {
    return ParseError::kBadTarget;
  }
  const absl::string_view rest = target.substr(kScheme.size());
  const size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  result.form = TargetForm::kAbsolute;
  result.authority = rest.substr(0, authority_end);
  if (!IsHostAndPort(result.authority) ||
      !ReadPathAndQuery(rest.substr(authority_end), result)) {
    return ParseError::kBadTarget;
  }
  if (result.path.empty()) result.path = "/";
  return ParseError::kNone;
}

}  // namespace

ParseError ReadTarget(absl::string_view target, RequestTarget& result) {
  result = RequestTarget();
  if (target == "*") {
    result.form = TargetForm::kAsterisk;
    result.path = target;
    return ParseError::kNone;
  }
  if (target.empty() || target.front() != '/') {
    return ReadAbsolute(target, result);
  }
  return ReadPathAndQuery(target, result) ? ParseError::kNone
                                          : ParseError::kBadTarget;
}

ParseError ReadConnectTarget(absl::string_view target, RequestTarget& result) {
  result = RequestTarget();
  HostAndPort parts;
  if (!ReadHostAndPort(target, parts) || parts.port.empty()) {
    return ParseError::kBadTarget;
  }
  result.form = TargetForm::kAuthority;
  result.authority = target;
  return ParseError::kNone;
}

}  // namespace pollux::http
