// Percent-encoding.
#ifndef POLLUX_HTTPD_HTTP_PERCENT_ENCODING_H_
#define POLLUX_HTTPD_HTTP_PERCENT_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"

namespace pollux::http {

// RFC 3986 §2.1. Pure functions, for any thread.

// Whether a "%" stands at `position` with two hexadecimal digits behind it that
// are not both "0": a NUL ends a name for some and not for others.
inline bool IsTripletAt(absl::string_view text, size_t position) {
  if (position >= text.size() || text.size() - position < 3) return false;
  const char* const triplet = text.data() + position;
  return triplet[0] == '%' && IsIn(triplet[1], ByteClass::kHexDigit) &&
         IsIn(triplet[2], ByteClass::kHexDigit) &&
         (triplet[1] != '0' || triplet[2] != '0');
}

// What "+" means: itself, or a space as in a form's query (URL Standard §5.1).
enum class PlusSign : uint8_t { kItself, kSpace };

// Appends `text` to `out`, each %XX as the byte that it stands for, once: what
// comes of "%2541" is "%41". False, with `out` unspecified, if a "%" begins no
// triplet or stands for NUL. Allocates only if `out` must grow.
bool PercentDecode(absl::string_view text, PlusSign plus, std::string& out);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PERCENT_ENCODING_H_
