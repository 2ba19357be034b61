// Cuts a head into its method, target, version and fields.
#ifndef POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
#define POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// Both set method, method_token, target, version and fields of `head`, with
// views into the bytes given. They allocate nothing but what FieldTable does,
// and belong to no thread.

// The fast way, for nearly every head there is: checks the grammar of RFC 9112
// and splits in one go, the target into path and query as well. Returns how
// many bytes of `message` the head has, its blank line included; or 0 if the
// head is not whole, longer than HeadBitmaps::kMaxBytes, not valid, over a
// limit, or valid in a way that is rare: an empty line in front, another target
// than an origin-form. `head` is unspecified then, and RequestParser's states,
// which know all the rest, decide about it from the first byte on.
size_t SplitPlainHead(ScanKernel kernel, absl::string_view message,
                      const HeadLimits& limits, RequestHead& head);

// Splits `lines`, which are known to be well formed: a request line and any
// number of field lines, each ended by CRLF, without the blank line. The target
// is not looked into.
void SplitCheckedLines(absl::string_view lines, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
