// What CORS asks of a configuration.
#ifndef POLLUX_HTTPD_HANDLERS_CORS_RULES_H_
#define POLLUX_HTTPD_HANDLERS_CORS_RULES_H_

#include "absl/strings/string_view.h"
#include "httpd/server/method_set.h"

namespace pollux {

// Pure functions, for any thread.

// Whether `text` is scheme "://" host [ ":" port ] as browsers write it, since
// it is compared byte by byte: in small letters. "null" is none: every
// sandboxed page has it.
bool IsCorsOrigin(absl::string_view text);

// What a route with CORS answers, besides its methods: OPTIONS, for the
// preflights.
MethodSet WithPreflight(MethodSet methods);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_CORS_RULES_H_
