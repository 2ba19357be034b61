// What may be written into a message as a field.
#ifndef POLLUX_HTTPD_HTTP_FIELD_CHECK_H_
#define POLLUX_HTTPD_HTTP_FIELD_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"

namespace pollux::http {

// Pure functions, for any thread.

// Whether a field may be written as it is: a token, and a value without CR, LF,
// NUL or any other control but HTAB (RFC 9110 §5.1, §5.5).
bool IsValidField(const Field& field);

// InvalidArgument, naming the field, if one is not valid or is one that the
// framing writes itself: Connection, Content-Length, Date, Transfer-Encoding. A
// second one, or one that disagrees, would desynchronise the connection.
absl::Status CheckFields(absl::Span<const Field> fields);

// The same, of a field behind a body. What says how to read or route the
// message must not stand there either: Content-Encoding, Content-Range,
// Content-Type, Host, TE, Trailer (RFC 9110 §6.5.1).
absl::Status CheckTrailer(const Field& field);

// Appends the line of a field that has been checked.
void AppendField(std::string& out, const Field& field);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_FIELD_CHECK_H_
