#include "httpd/config/text_checks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "httpd/config/did_you_mean.h"
#include "httpd/handlers/cors_rules.h"
#include "httpd/handlers/password_hash.h"
#include "httpd/handlers/realm.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/path_segments.h"
#include "httpd/http/request_head.h"
#include "httpd/server/path_parameter.h"

namespace pollux::httpd {
namespace {

// RFC 9110 §9.3 and RFC 5789, without CONNECT and TRACE.
constexpr absl::string_view kMethods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};

constexpr size_t kMaxParameters = 8;
constexpr size_t kMaxUserNameBytes = 255;
// With its NUL, TCP_CA_NAME_MAX of the kernel.
constexpr size_t kMaxCongestionControlBytes = 15;

bool IsAlphanumeric(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

bool IsHexDigit(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}

bool IsControl(char c) {
  return absl::ascii_iscntrl(static_cast<unsigned char>(c));
}

// Whether all of `text` are letters, digits or among `marks`.
bool IsOf(absl::string_view text, absl::string_view marks) {
  return absl::c_all_of(text, [marks](char c) {
    return IsAlphanumeric(c) || absl::StrContains(marks, c);
  });
}

// RFC 9110 §5.6.2.
bool IsToken(absl::string_view text) {
  return !text.empty() && IsOf(text, "!#$%&'*+-.^_`|~");
}

// RFC 3986 §3.3, but for "%".
constexpr absl::string_view kPathMarks = "/-._~!$&'()*+,;=:@";

// With "%20" for " ", and so on, except for `marks`.
std::string PercentEncoded(absl::string_view text, absl::string_view marks) {
  std::string encoded;
  for (char c : text) {
    if (IsAlphanumeric(c) || absl::StrContains(marks, c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

// For a path that is encoded in part, and may have parameters.
std::string PathPercentEncoded(absl::string_view path) {
  const std::string marks = absl::StrCat(kPathMarks, "%");
  std::vector<std::string> segments;
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    segments.push_back(IsPathParameter(segment)
                           ? std::string(segment)
                           : PercentEncoded(segment, marks));
  }
  return absl::StrJoin(segments, "/");
}

bool IsPercentOfTwoDigits(absl::string_view path, size_t percent) {
  return percent + 2 < path.size() && IsHexDigit(path[percent + 1]) &&
         IsHexDigit(path[percent + 2]);
}

// What is wrong with the "%"s of a path or URI.
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

// What is wrong with the braces of a path.
std::string DescribeBadParameters(absl::string_view path) {
  std::set<absl::string_view> names;
  size_t count = 0;
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    if (segment.find_first_of("{}") == absl::string_view::npos) continue;
    const absl::string_view name =
        IsPathParameter(segment) ? segment.substr(1, segment.size() - 2) : "";
    if (name.empty() || name.find_first_of("{}") != absl::string_view::npos) {
      return absl::StrCat("has the segment ", Quoted(segment),
                          ": a parameter is a whole segment, as in "
                          "\"/users/{id}\", and a brace itself is \"%7B\" or "
                          "\"%7D\"");
    }
    const bool is_name =
        !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
        IsOf(name, "_") && absl::c_none_of(name, [](unsigned char c) {
          return absl::ascii_isupper(c);
        });
    if (!is_name) {
      return absl::StrCat("has the parameter ", Quoted(segment),
                          ": its name is of a-z, 0-9 and \"_\", and does not "
                          "start with a digit");
    }
    if (!names.insert(name).second) {
      return absl::StrCat("has the parameter ", Quoted(segment),
                          " twice: give each a name of its own");
    }
    ++count;
  }
  if (count > kMaxParameters) {
    return absl::StrCat("has ", count, " parameters: there are at most ",
                        kMaxParameters);
  }
  return "";
}

// What keeps the segments of a path from ever being those of a request.
std::string DescribeBadSegments(absl::string_view path) {
  http::PathSegments segments(path);
  std::string buffer;
  absl::string_view segment;
  while (segments.Next(buffer, segment)) {
    switch (http::KindOf(segment)) {
      case http::SegmentKind::kDots:
        return absl::StrCat("has the segment ", Quoted(segment),
                            ": requests with one are refused");
      case http::SegmentKind::kUnsafe:
        return "has a \"%2F\" or \"%5C\": requests with one are refused";
      default:
        break;
    }
  }
  return "";
}

// RFC 1123 §2.1, with the "_" that is in use.
bool IsHostName(absl::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  return absl::c_all_of(absl::StrSplit(host, '.'), [](absl::string_view label) {
    return !label.empty() && label.size() <= 63 && IsOf(label, "-_") &&
           label.front() != '-' && label.back() != '-';
  });
}

constexpr char kNulInPath[] = "has a NUL: no file has one";

}  // namespace

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

std::string DescribeBadPath(absl::string_view path) {
  if (path.empty()) return "is empty: the shortest is \"/\"";
  if (path.front() != '/') {
    return absl::StrCat("does not start with \"/\": write ",
                        Quoted(PathPercentEncoded(absl::StrCat("/", path))));
  }
  const size_t end = path.find_first_of("?#");
  if (end != absl::string_view::npos) {
    return absl::StrCat("has a \"", path.substr(end, 1),
                        "\", where a request's path ends: write ",
                        Quoted(PathPercentEncoded(path.substr(0, end))));
  }
  std::string bad = DescribeBadPercent(path);
  if (bad.empty()) bad = DescribeBadParameters(path);
  if (!bad.empty()) return bad;
  const std::string encoded = PathPercentEncoded(path);
  if (encoded != path) {
    return absl::StrCat(
        "has characters that a request's path cannot have: write ",
        Quoted(encoded));
  }
  return DescribeBadSegments(path);
}

std::string DescribeBadPrefix(absl::string_view prefix) {
  std::string bad = DescribeBadPath(prefix);
  if (!bad.empty()) return bad;
  if (absl::StrContains(prefix, '{')) {
    return "has a parameter: only a path can have one";
  }
  if (prefix.back() != '/') {
    return absl::StrCat("does not end in \"/\": write ",
                        Quoted(absl::StrCat(prefix, "/")));
  }
  return "";
}

std::string CanonicalPath(absl::string_view path) {
  std::string canonical;
  http::PathSegments segments(path);
  std::string buffer;
  absl::string_view segment;
  // A brace that is no parameter's came encoded, and is so again.
  while (segments.Next(buffer, segment)) {
    absl::StrAppend(&canonical, "/",
                    IsPathParameter(segments.raw())
                        ? "{}"
                        : PercentEncoded(segment, "-._~"));
  }
  return canonical;
}

MethodSet AllMethods() {
  MethodSet methods;
  for (const absl::string_view name : kMethods) {
    methods.Add(http::MethodFromToken(name));
  }
  return methods;
}

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

std::string DescribeBadHost(absl::string_view host) {
  constexpr absl::string_view kForm =
      "is not a host: write it as \"example.org\" or \"*.example.org\"";
  absl::string_view name = host;
  if (absl::ConsumePrefix(&name, "*.")) {
    return IsHostName(name) ? "" : std::string(kForm);
  }
  http::HostAndPort parts;
  if (!http::ReadHostAndPort(host, parts)) return std::string(kForm);
  const bool is_ipv6 = absl::StartsWith(parts.host, "[");
  if (!is_ipv6 && !IsHostName(parts.host)) return std::string(kForm);
  if (!parts.port.empty()) {
    return absl::StrCat(
        "has a port, which does not count when a host is compared: write ",
        Quoted(parts.host));
  }
  return "";
}

std::string DescribeBadRouteName(absl::string_view name) {
  if (!name.empty() && absl::c_all_of(name, [](unsigned char c) {
        return absl::ascii_isgraph(c) && c != '"' && c != '\\';
      })) {
    return "";
  }
  return "is not a name for a route: write visible ASCII characters without "
         "blanks, quotes and \"\\\"";
}

std::string DescribeBadMediaType(absl::string_view type) {
  std::string bad = DescribeBadFieldValue(type);
  if (!bad.empty()) return bad;
  const absl::string_view essence =
      absl::StripTrailingAsciiWhitespace(type.substr(0, type.find(';')));
  const size_t slash = essence.find('/');
  // Parameters are not looked at: nobody depends on them but the client.
  if (slash != absl::string_view::npos && IsToken(essence.substr(0, slash)) &&
      IsToken(essence.substr(slash + 1))) {
    return "";
  }
  return "is not of the form type/subtype, such as \"text/plain\" or "
         "\"text/html; charset=utf-8\"";
}

std::string DescribeBadFieldValue(absl::string_view value) {
  // RFC 9110 §5.5, without its obsolete bytes beyond ASCII.
  if (value == absl::StripAsciiWhitespace(value) &&
      absl::c_all_of(value, [](unsigned char c) {
        return absl::ascii_isprint(c) || c == '\t';
      })) {
    return "";
  }
  return "cannot be sent: it takes visible ASCII characters, and blanks only "
         "between them";
}

std::string DescribeBadFieldName(absl::string_view name) {
  if (IsToken(name)) return "";
  return "is not the name of a field: write it as \"X-Request-Id\"";
}

std::string DescribeBadLocation(absl::string_view location) {
  const bool is_path = absl::StartsWith(location, "/");
  if (absl::StartsWith(location, "//") || absl::StartsWith(location, "/\\")) {
    return "leads to another host, as browsers read it: write one \"/\", or "
           "the whole URI from its \"https://\"";
  }
  const bool is_uri = absl::StartsWithIgnoreCase(location, "http://") ||
                      absl::StartsWithIgnoreCase(location, "https://");
  if (!is_path && !is_uri) {
    return "is neither a path from its \"/\" nor an http or https URI: write "
           "it as \"/new\" or \"https://example.org/new\"";
  }
  const std::string bad = DescribeBadPercent(location);
  if (!bad.empty()) return bad;
  absl::string_view path = location;
  if (is_uri) {
    path.remove_prefix(location.find("//") + 2);
    const absl::string_view authority =
        path.substr(0, path.find_first_of("/?#"));
    if (!http::IsHostAndPort(authority)) {
      return absl::StrCat("has ", Quoted(authority),
                          " where the name of a host is expected");
    }
    path.remove_prefix(authority.size());
  }
  // RFC 3986 §3.4 and §3.5.
  const std::string encoded =
      PercentEncoded(path, absl::StrCat(kPathMarks, "%?#"));
  if (encoded != path) {
    return absl::StrCat(
        "has characters that a URI cannot have: write ",
        Quoted(absl::StrCat(location.substr(0, location.size() - path.size()),
                            encoded)));
  }
  return "";
}

std::string DescribeBadOrigin(absl::string_view origin) {
  if (origin == "*") return "";
  const std::string lower = absl::AsciiStrToLower(origin);
  const size_t colon = lower.find("://");
  if (colon != std::string::npos) {
    const absl::string_view scheme =
        absl::string_view(lower).substr(0, colon + 3);
    const absl::string_view server = absl::string_view(lower).substr(colon + 3);
    const size_t end = server.find_first_of("/?#");
    const absl::string_view authority = server.substr(0, end);
    http::HostAndPort parts;
    if (http::ReadHostAndPort(authority, parts)) {
      if (end != absl::string_view::npos &&
          IsCorsOrigin(absl::StrCat(scheme, authority))) {
        return absl::StrCat("goes beyond the host: write ",
                            Quoted(absl::StrCat(scheme, authority)));
      }
      if ((scheme == "http://" && parts.port == "80") ||
          (scheme == "https://" && parts.port == "443")) {
        return absl::StrCat(
            "has the usual port, which browsers leave out: "
            "write ",
            Quoted(absl::StrCat(scheme, parts.host)));
      }
      if (IsCorsOrigin(lower)) return "";
    }
  }
  return "is not an origin: write it as \"https://app.example.org\", or \"*\" "
         "for all";
}

std::string DescribeBadRealm(absl::string_view realm) {
  if (realm.empty()) {
    return "is empty: it tells people which password is asked for";
  }
  if (IsRealm(realm)) return "";
  return "cannot be sent: it takes visible ASCII characters and blanks";
}

std::string DescribeBadUserName(absl::string_view name) {
  // RFC 7617 §2.
  if (!name.empty() && name.size() <= kMaxUserNameBytes &&
      !absl::StrContains(name, ':') && absl::c_none_of(name, IsControl)) {
    return "";
  }
  return absl::StrCat("is not a user's name: write 1 to ", kMaxUserNameBytes,
                      " bytes without \":\" and controls");
}

std::string DescribeBadSecretHash(absl::string_view hash) {
  constexpr absl::string_view kHowTo = "`openssl passwd -6` makes one";
  switch (FaultOfPasswordHash(hash)) {
    case PasswordHashFault::kNone:
      return "";
    case PasswordHashFault::kUnknown:
      break;
    case PasswordHashFault::kNotWhole: {
      const PasswordHashForm& form = *FormOfPasswordHash(hash);
      return absl::StrCat("starts with \"", form.prefix,
                          "\" but is not whole: ", form.digest_bytes,
                          " letters, digits, \".\" or \"/\" stand behind the "
                          "last \"$\"; ",
                          kHowTo);
    }
    case PasswordHashFault::kCostOutOfRange:
      return absl::StrCat("starts with \"", FormOfPasswordHash(hash)->prefix,
                          "\" and has a cost that is out of range: ",
                          FormOfPasswordHash(hash)->costs,
                          ", so that a password is verified within seconds");
  }
  return absl::StrCat(
      "is not what crypt(5) makes of a password, \"$y$...\", "
      "\"$6$...\", \"$5$...\" or \"$2b$...\": ",
      kHowTo);
}

std::string DescribeBadCongestionControl(absl::string_view name) {
  if (name.size() <= kMaxCongestionControlBytes && IsOf(name, "_-")) return "";
  return absl::StrCat(
      "is not the name of an algorithm: write one of "
      "/proc/sys/net/ipv4/tcp_available_congestion_control, of "
      "at most ",
      kMaxCongestionControlBytes, " bytes");
}

std::string DescribeBadIndex(absl::string_view name) {
  switch (http::KindOf(name)) {
    case http::SegmentKind::kEmpty:
    case http::SegmentKind::kName:
      return "";
    case http::SegmentKind::kHidden:
      return "is hidden by its \".\": such files are never sent";
    case http::SegmentKind::kDots:
    case http::SegmentKind::kUnsafe:
      break;
  }
  return "is not the name of a file in a directory: write it as "
         "\"index.html\"";
}

std::string DescribeBadDirectory(absl::string_view path) {
  if (path.empty()) return "is empty: write \".\" for the working directory";
  return absl::StrContains(path, '\0') ? kNulInPath : "";
}

std::string DescribeBadLogPath(absl::string_view path) {
  if (path.empty() || path.back() == '/') {
    return "is not a file: write \"-\" for the standard output";
  }
  return absl::StrContains(path, '\0') ? kNulInPath : "";
}

}  // namespace pollux::httpd
