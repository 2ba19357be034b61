// A response whose bytes are ready before the request comes.
#ifndef POLLUX_HTTPD_HTTP_PREPARED_RESPONSE_H_
#define POLLUX_HTTPD_HTTP_PREPARED_RESPONSE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"

namespace pollux::http {

// What the Connection field of a response says (RFC 9112 §9.3, §9.6).
enum class ConnectionOption : uint8_t {
  // No field: HTTP/1.1 persists by itself.
  kNone,
  // To an HTTP/1.0 client that asked for it.
  kKeepAlive,
  kClose,
};

// HEAD is answered with the head that GET would get (RFC 9110 §9.3.2).
enum class BodyPresence : uint8_t { kHeadAndBody, kHeadOnly };

// One complete response, kept as bytes; only its Date changes. Immutable, so
// any number of connections and threads may send it at once; whoever serves it
// owns it. Each AppendTo() copies its body: it is for what is short.
class PreparedResponse {
 public:
  // `status` is 200 to 599, final: interim responses have no body and no Date.
  // InvalidArgument, naming the field, if a field could not be written safely
  // or is one that the framing writes itself (Connection, Content-Length, Date,
  // Transfer-Encoding). 204, 205 and 304 must come without a body (RFC 9110
  // §15.3.5, §15.3.6, §15.4.5). Content-Length is written for all but 204 and
  // 304 (§8.6).
  static absl::StatusOr<PreparedResponse> Create(int status,
                                                 absl::Span<const Field> fields,
                                                 absl::string_view body);

  // Appends the response to `out`: status line, Date, Connection (unless
  // kNone), `more_lines` of checked fields (AppendField()), the given fields in
  // their order, Content-Length, body. Allocates only if `out` must grow.
  void AppendTo(std::string& out, const HttpDate& date,
                ConnectionOption connection, BodyPresence presence,
                absl::string_view more_lines = "") const;

  int status() const { return status_; }

  // Bytes of body, whether sent or not.
  size_t body_bytes() const { return body_bytes_; }

  // To send parts of it. Lives as long as the response.
  absl::string_view body() const {
    return absl::string_view(bytes_).substr(bytes_.size() - body_bytes_);
  }

 private:
  PreparedResponse() = default;

  int status_ = 0;
  size_t body_bytes_ = 0;
  size_t date_offset_ = 0;
  // The whole response, without a Connection field, so that in the usual case
  // one append sends it. The date is blank.
  std::string bytes_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PREPARED_RESPONSE_H_
