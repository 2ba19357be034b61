// Runs the chunked decoder as a connection does, for tests and the fuzzer.
#ifndef POLLUX_HTTPD_HTTP_DECODE_IN_PIECES_H_
#define POLLUX_HTTPD_HTTP_DECODE_IN_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {

// What became of a body.
struct Decoded {
  // Never kData.
  BodyOutcome::Kind kind;
  ParseError error;
  // From the body's first byte: where it ends, or the offending byte.
  size_t bytes;
  std::string content;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// "complete after 25: abc", for messages.
std::string Describe(const Decoded& decoded);

// Shows `body` to a new decoder in pieces that end at `cuts`, which ascend and
// are not beyond the end, and at its end, until it is whole or refused.
Decoded DecodeInPieces(absl::string_view body, absl::Span<const size_t> cuts,
                       uint64_t max_body_bytes, GuardedBuffer& buffer);

// The same, byte by byte.
Decoded DecodeByteByByte(absl::string_view body, uint64_t max_body_bytes,
                         GuardedBuffer& buffer);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_DECODE_IN_PIECES_H_
