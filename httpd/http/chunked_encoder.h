// Puts a body into the chunked transfer coding.
#ifndef POLLUX_HTTPD_HTTP_CHUNKED_ENCODER_H_
#define POLLUX_HTTPD_HTTP_CHUNKED_ENCODER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"

namespace pollux::http {

// Pure functions, for any thread (RFC 9112 §7.1). They allocate only if `out`
// must grow.

// Appends one chunk. Empty `data` appends nothing: an empty chunk would end the
// body.
void AppendChunk(std::string& out, absl::string_view data);

// For data that is sent from where it lies: appends what stands before `bytes`
// bytes of it, more than 0, and what stands behind.
void AppendChunkStart(std::string& out, uint64_t bytes);
void AppendChunkEnd(std::string& out);

// Appends the end of the body, with `trailers`. InvalidArgument, naming the
// field and appending nothing, if one could not be written safely or must not
// be a trailer because it frames or routes the message (RFC 9110 §6.5.1).
absl::Status AppendLastChunk(std::string& out,
                             absl::Span<const Field> trailers);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_CHUNKED_ENCODER_H_
