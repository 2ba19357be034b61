// Cuts a head into its method, target, version and fields.
#ifndef POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
#define POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/head_meaning.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// Both set method, method_token, target, version and fields of `head`, with
// views into the bytes given. They allocate nothing but what FieldTable does,
// and belong to no thread.

struct [[nodiscard]] PlainHead {
  // How many bytes of the message the head has, its blank line included; 0 if
  // it is not plain.
  size_t bytes = 0;
  // kDone if the first Host field is known to name a host and port.
  HostCheck host_check = HostCheck::kNeeded;
};

// The fast way, for nearly every head there is: checks the grammar of RFC 9112
// and splits in one go, the target into path and query as well. Not plain is a
// head that is not whole, longer than HeadBitmaps::kMaxBytes, not valid, over a
// limit, or valid in a way that is rare: an empty line in front, another target
// than an origin-form. `head` is unspecified then, and RequestParser's states,
// which know all the rest, decide about it from the first byte on.
PlainHead SplitPlainHead(ScanKernel kernel, absl::string_view message,
                         const HeadLimits& limits, RequestHead& head);

// Splits `lines`, which are known to be well formed: a request line and any
// number of field lines, each ended by CRLF, without the blank line. The target
// is not looked into.
void SplitCheckedLines(absl::string_view lines, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_SPLITTER_H_
