// Cuts a head into its method, target, version and fields.
#ifndef POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
#define POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_

#include "absl/strings/string_view.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// Splits `lines`, which are known to be well formed: a request line and any
// number of field lines, each ended by CRLF, without the blank line. Sets
// method, method_token, target, version and fields of `head`, with views into
// `lines`; the target is not looked into. Allocates nothing but what FieldTable
// does. Any thread. SplitPlainHead(), for those who must have it inline, also
// checks.
void SplitCheckedLines(absl::string_view lines, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
