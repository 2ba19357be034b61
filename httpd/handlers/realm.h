// What can be asked a password for.
#ifndef POLLUX_HTTPD_HANDLERS_REALM_H_
#define POLLUX_HTTPD_HANDLERS_REALM_H_

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace pollux {

// Whether `text` may be the realm of a challenge: visible ASCII and blanks,
// which every browser shows alike (RFC 7617 §2).
inline bool IsRealm(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isprint);
}

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_REALM_H_
