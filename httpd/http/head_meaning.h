// What a head that is grammatically sound says: the half of the request parser
// that runs once, when the head is whole.
#ifndef POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
#define POLLUX_HTTPD_HTTP_HEAD_MEANING_H_

#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "httpd/http/field_name.h"
#include "httpd/http/field_table.h"
#include "httpd/http/letter_case.h"
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

// What of InterpretFields()'s work has been done already.
enum class FieldsRead : uint8_t {
  kNone,
  // The first Host field names a host and port, and is the authority.
  kHost,
  // All of it.
  kAll,
};

// What a request is like of which no field but Host says anything.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline void SetDefaultMeaning(RequestHead& head) {
  head.body_framing = BodyFraming::kNone;
  head.content_length = 0;
  head.expects_continue = false;
  head.persistence = head.version == Version::kHttp10 ? Persistence::kClose
                                                      : Persistence::kKeepAlive;
}

// Reads what nearly every request without a body says, given the authority.
// False if it says something else, and InterpretFields() must read it.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline bool ReadCommonMeaning(RequestHead& head) {
  const FieldTable& fields = head.fields;
  if (fields.HasSeveral(FieldName::kHost) ||
      fields.HasAny<FieldName::kContentLength, FieldName::kTransferEncoding,
                    FieldName::kExpect>()) {
    return false;
  }
  SetDefaultMeaning(head);
  if (!fields.Has(FieldName::kConnection)) return true;
  if (fields.HasSeveral(FieldName::kConnection) ||
      !EqualsSmall(fields.Find(FieldName::kConnection)->value, "keep-alive")) {
    return false;
  }
  head.persistence = Persistence::kKeepAlive;
  return true;
}

// Checks what the fields mean together and with the version, and sets what is
// left of `head` by them. `read` is not kAll; target_form is set, and where
// that is kAbsolute, or `read` is kHost, authority is. Of several errors the
// one that stands first in the message counts; the fields of a
// Transfer-Encoding stand where the first of them does. Never allocates.
HeadVerdict InterpretFields(FieldsRead read, RequestHead& head);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_MEANING_H_
