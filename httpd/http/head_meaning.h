// What a head that is grammatically sound says: the half of the request parser
// that runs once, when the head is whole.
#ifndef POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
#define POLLUX_HTTPD_HTTP_HEAD_MEANING_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

struct [[nodiscard]] HeadVerdict {
  // kNone if the head may be served.
  ParseError error = ParseError::kNone;
  // The refused target or the refused field's name; null if something is
  // missing.
  absl::string_view where;
};

// Reads head.target: sets target_form, path and query, and authority where an
// absolute target names one (RFC 9112 §3.2). Never allocates.
HeadVerdict InterpretTarget(RequestHead& head);

// Whether the value of the first Host field has been checked already.
enum class HostCheck : uint8_t { kNeeded, kDone };

// Checks what the fields mean together and with the version, and sets what is
// left of `head` by them; with target_form and, where that is kAbsolute,
// authority set. Of several errors the one that stands first in the message
// counts; the fields of a Transfer-Encoding stand where the first of them does.
// Never allocates.
HeadVerdict InterpretFields(HostCheck host_check, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
