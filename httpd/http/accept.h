// Which kind of representation a client wants.
#ifndef POLLUX_HTTPD_HTTP_ACCEPT_H_
#define POLLUX_HTTPD_HTTP_ACCEPT_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/request_head.h"
#include "httpd/http/weight.h"

namespace pollux::http {

// By which words a client takes a media type, from none to the narrowest.
enum class MediaMatch : uint8_t {
  kNone,
  // "*/*"
  kAny,
  // "text/*"
  kType,
  // "text/html"
  kExact,
};

struct MediaPreference {
  MediaMatch match = MediaMatch::kNone;
  // 0 if there is no match.
  Weight weight = 0;
};

// How much a client likes "`type`/`subtype`" by all its Accept fields (RFC 9110
// §12.5.1), of which the narrowest match decides, of several the last. What is
// malformed is skipped, as are parameters other than the weight. Pure function,
// for any thread; never allocates.
MediaPreference PreferenceFor(const RequestHead& head, absl::string_view type,
                              absl::string_view subtype);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_ACCEPT_H_
