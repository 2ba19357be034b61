// The words behind a status code.
#ifndef POLLUX_HTTPD_HTTP_REASON_PHRASE_H_
#define POLLUX_HTTPD_HTTP_REASON_PHRASE_H_

#include "absl/strings/string_view.h"

namespace pollux::http {

// "OK" for 200 (RFC 9110 §15, RFC 6585); empty for a status without a name, as
// the status line allows. Constant for the program's life.
absl::string_view ReasonPhrase(int status);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_REASON_PHRASE_H_
