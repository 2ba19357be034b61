// How much of a request's head is read.
#ifndef POLLUX_HTTPD_HTTP_HEAD_LIMITS_H_
#define POLLUX_HTTPD_HTTP_HEAD_LIMITS_H_

#include <cstdint>

namespace pollux::http {

// Beyond any of these a request is refused, as soon as the first byte too many
// arrives. Bytes, each at least 1.
struct HeadLimits {
  // More cannot be asked for.
  static constexpr uint32_t kLargestMaxHeadBytes = uint32_t{1} << 30;

  // The whole head, from the method to the blank line that ends it: 431.
  uint32_t max_head_bytes = 32 * 1024;

  // The request line without its CRLF: 414. RFC 9112 §3 recommends at least
  // 8000.
  uint32_t max_request_line_bytes = 8 * 1024;

  // 431.
  uint32_t max_fields = 100;
};

// The longest method token that is read; longer ones name no method: 501.
inline constexpr uint32_t kMaxMethodBytes = 64;

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_HEAD_LIMITS_H_
