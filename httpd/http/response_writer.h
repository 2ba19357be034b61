// Writes a response, its body framed as status, method and version ask.
#ifndef POLLUX_HTTPD_HTTP_RESPONSE_WRITER_H_
#define POLLUX_HTTPD_HTTP_RESPONSE_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// What a response has to know of the request that it answers.
struct Recipient {
  Method method = Method::kGet;
  Version version = Version::kHttp11;
  // Of the request; kClose as well if the server wants to close.
  Persistence persistence = Persistence::kKeepAlive;
};

// Writes one response: any number of WriteInterim(), then WriteHead(), then any
// number of WriteBody(), then Finish().
//
// It decides what the recipient can be sent (RFC 9110 §6.4.1, §8.6, §15; RFC
// 9112 §6, §9): no body for HEAD, 204, 205 and 304, no Content-Length with 204
// and 304; a body whose length is not known goes out in chunks, or to HTTP/1.0
// until the connection closes. No byte that a field must not hold, no field
// that the framing writes itself, and no body of another length than announced
// is ever written: what breaks a rule is an error, and leaves the output as it
// was.
//
// Whoever answers a request owns one, on the stack or for as long as the answer
// takes; one thread at a time. It allocates only if the output must grow.
class ResponseWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  ResponseWriter(std::string& out, const Recipient& recipient)
      : out_(out), recipient_(recipient) {}

  // An interim response: 100 (Continue), 103 (Early Hints) or another 1xx but
  // 101, which Pollux does not speak. Writes nothing to HTTP/1.0, which knows
  // none (RFC 9110 §15.2). InvalidArgument if the status or a field cannot be
  // written.
  absl::Status WriteInterim(int status, absl::Span<const Field> fields);

  // Status line, Date, Connection where needed, `fields` in their order, and
  // what frames the body: `body_bytes` of content follow, or nullopt, as many
  // as come. `status` is 200 to 599. InvalidArgument as for WriteInterim(), and
  // for content that the status forbids.
  absl::Status WriteHead(int status, const HttpDate& date,
                         absl::Span<const Field> fields,
                         std::optional<uint64_t> body_bytes);

  // The next piece of content. To HEAD it is counted and not sent.
  // InvalidArgument if it is more than was announced.
  absl::Status WriteBody(absl::string_view piece);

  // The end. `trailers` are sent if the body goes out in chunks, else dropped.
  // InvalidArgument for bad trailers; or if less was written than announced:
  // then the connection must be closed, for the client waits for the rest.
  absl::Status Finish(absl::Span<const Field> trailers = {});

  // Whether the connection ends with this response. From WriteHead() on.
  bool closes() const { return recipient_.persistence == Persistence::kClose; }

  // Whether the recipient sees by itself when the connection ends before the
  // response does (RFC 9112 §8): not if its end is the body's. From WriteHead()
  // on.
  bool shows_truncation() const {
    return framing_ != Framing::kUntilClose ||
           recipient_.method == Method::kHead;
  }

 private:
  enum class State : uint8_t { kBeforeHead, kBody, kFinished };
  enum class Framing : uint8_t { kNone, kContentLength, kChunked, kUntilClose };

  std::string& out_;
  Recipient recipient_;
  State state_ = State::kBeforeHead;
  Framing framing_ = Framing::kNone;
  // Announced and not yet written.
  uint64_t bytes_left_ = 0;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_RESPONSE_WRITER_H_
