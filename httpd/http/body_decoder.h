// Reads the body that a head announces.
#ifndef POLLUX_HTTPD_HTTP_BODY_DECODER_H_
#define POLLUX_HTTPD_HTTP_BODY_DECODER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// The content of a message, however its length is told (RFC 9112 §6.3):
// nothing, so many bytes, or chunks. Copies nothing and never allocates. One
// per message, owned by whoever reads it; one thread at a time.
class BodyDecoder {
 public:
  // The body behind `head`, which is looked at only here. More than
  // `max_body_bytes` is refused as soon as it is announced: a Content-Length
  // by the first call of Decode().
  BodyDecoder(const RequestHead& head, uint64_t max_body_bytes);

  // Reads on in `input`, which begins where the last call stopped reading; may
  // be empty. Not after kComplete or kError. Content that ends says kComplete
  // in a call of its own, behind its last kData.
  BodyOutcome Decode(absl::string_view input);

  // Bytes of content that were announced and not read yet; 0 if the body comes
  // in chunks, whose sum is not announced.
  uint64_t bytes_left() const { return bytes_left_; }

 private:
  BodyFraming framing_;
  bool is_too_large_;
  // Unless chunked, what has not been read.
  uint64_t bytes_left_;
  ChunkedDecoder chunks_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_BODY_DECODER_H_
