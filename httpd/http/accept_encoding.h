// Which coding of a representation a client wants.
#ifndef POLLUX_HTTPD_HTTP_ACCEPT_ENCODING_H_
#define POLLUX_HTTPD_HTTP_ACCEPT_ENCODING_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/request_head.h"
#include "httpd/http/weight.h"

namespace pollux::http {

// RFC 9110 §8.4.1, RFC 7932, RFC 8878.
enum class ContentCoding : uint8_t {
  // As it is.
  kIdentity,
  kGzip,
  kDeflate,
  kBrotli,
  kZstd,
};
inline constexpr size_t kContentCodings = 5;

// "identity", "gzip", "deflate", "br", "zstd". Constant for the program's life.
absl::string_view ContentCodingName(ContentCoding coding);

// How much a client likes each coding (RFC 9110 §12.5.3). A plain value.
class AcceptedCodings {
 public:
  // Of all Accept-Encoding fields of a request, as one list. Without one, or
  // where it is malformed, only kIdentity. "x-gzip" is gzip; codings that are
  // not known here are skipped. Never allocates.
  explicit AcceptedCodings(const RequestHead& head);

  // kIdentity is acceptable, the least of all, unless it is ruled out.
  Weight WeightOf(ContentCoding coding) const {
    return weights_[static_cast<size_t>(coding)];
  }

  // The one of `offered` with the greatest weight, of several the first;
  // nothing if none is acceptable: the server may send any then, or 406.
  std::optional<ContentCoding> Choose(
      absl::Span<const ContentCoding> offered) const;

 private:
  std::array<Weight, kContentCodings> weights_ = {};
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_ACCEPT_ENCODING_H_
