// What a head that is grammatically sound says: the half of the request parser
// that runs once, when the head is whole.
#ifndef POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
#define POLLUX_HTTPD_HTTP_HEAD_MEANING_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

struct [[nodiscard]] HeadVerdict {
  // kNone if the head may be served.
  ParseError error = ParseError::kNone;
  // Where the refused target or field begins, or the head's end if something is
  // missing from it.
  size_t offset = 0;
};

// Splits `lines` into `head` and checks what they mean together. `lines` is a
// request line and any number of field lines, each ended by CRLF, that the
// grammar of RequestParser has let pass; the empty line is not among them. Of
// several errors the one that stands first counts, and the fields of a
// Transfer-Encoding stand where the first of them does. `head` is as
// RequestHead says, or unspecified after an error.
HeadVerdict ReadHead(absl::string_view lines, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
