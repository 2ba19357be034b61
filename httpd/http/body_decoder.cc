#include "httpd/http/body_decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

BodyDecoder::BodyDecoder(const RequestHead& head, uint64_t max_body_bytes)
    : framing_(head.body_framing),
      is_too_large_(head.content_length > max_body_bytes),
      bytes_left_(head.content_length),
      chunks_(max_body_bytes) {}

BodyOutcome BodyDecoder::Decode(absl::string_view input) {
  if (framing_ == BodyFraming::kChunked) return chunks_.Decode(input);
  if (is_too_large_) {
    return {.kind = BodyOutcome::Kind::kError,
            .error = ParseError::kBodyTooLarge,
            .bytes = 0,
            .data = {}};
  }
  const size_t size =
      static_cast<size_t>(std::min<uint64_t>(bytes_left_, input.size()));
  BodyOutcome::Kind kind = BodyOutcome::Kind::kData;
  if (bytes_left_ == 0) {
    kind = BodyOutcome::Kind::kComplete;
  } else if (size == 0) {
    kind = BodyOutcome::Kind::kNeedMore;
  }
  bytes_left_ -= size;
  return {.kind = kind,
          .error = ParseError::kNone,
          .bytes = size,
          .data = input.substr(0, size)};
}

}  // namespace pollux::http
