// What the texts of a configuration must look like to be of use in HTTP.
#ifndef POLLUX_HTTPD_CONFIG_TEXT_CHECKS_H_
#define POLLUX_HTTPD_CONFIG_TEXT_CHECKS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "httpd/server/method_set.h"

namespace pollux::httpd {

// Pure functions. Each Describe...() returns what is wrong with `text`, to be
// put behind its name, or "" if nothing is.

// `text` in double quotes, with what cannot be shown escaped.
std::string Quoted(absl::string_view text);

// A path: "/", "/caf%C3%A9", "/users/{id}".
std::string DescribeBadPath(absl::string_view path);

// A path without parameters that ends in "/".
std::string DescribeBadPrefix(absl::string_view prefix);

// Equal for those that match the same requests: decoded and encoded again, with
// parameters without their names. Of a path or prefix that is not bad.
std::string CanonicalPath(absl::string_view path);

// Those that a route can have.
MethodSet AllMethods();

// Of a method, in a whole sentence.
std::string DescribeBadMethod(absl::string_view method);

// A host without a port, or "*." and a name.
std::string DescribeBadHost(absl::string_view host);

// A name for metrics and logs.
std::string DescribeBadRouteName(absl::string_view name);

// type/subtype, perhaps with parameters.
std::string DescribeBadMediaType(absl::string_view type);

// The value of a field: visible ASCII characters with blanks between them.
std::string DescribeBadFieldValue(absl::string_view value);

// The name of a field.
std::string DescribeBadFieldName(absl::string_view name);

// Where a redirect may lead.
std::string DescribeBadLocation(absl::string_view location);

// "https://app.example.org" or "*".
std::string DescribeBadOrigin(absl::string_view origin);

// What a password is asked for.
std::string DescribeBadRealm(absl::string_view realm);

// A user's name for Basic authentication.
std::string DescribeBadUserName(absl::string_view name);

// What crypt(5) makes of a password. Never quotes it: it might be one.
std::string DescribeBadSecretHash(absl::string_view hash);

// One of the kernel's algorithms.
std::string DescribeBadCongestionControl(absl::string_view name);

// A file's name without a directory, which may be served; or none.
std::string DescribeBadIndex(absl::string_view name);

// A directory to open.
std::string DescribeBadDirectory(absl::string_view path);

// A file to write to, or "-".
std::string DescribeBadLogPath(absl::string_view path);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_TEXT_CHECKS_H_
