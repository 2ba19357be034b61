// Conditional requests.
#ifndef POLLUX_HTTPD_HTTP_PRECONDITIONS_H_
#define POLLUX_HTTPD_HTTP_PRECONDITIONS_H_

#include <cstdint>
#include <optional>

#include "httpd/http/entity_tag.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// What is known of the selected representation. A view, as EntityTag is.
struct Validators {
  // Nothing if there is none, or no representation.
  std::optional<EntityTag> entity_tag;
  // Seconds since 1970-01-01 UTC.
  std::optional<int64_t> last_modified_unix_seconds;
};

enum class Precondition : uint8_t {
  // Go on as if there were no conditions.
  kHolds,
  // The client has it already: 304, with the fields that RFC 9110 §15.4.5
  // names.
  kNotModified,
  // 412.
  kFailed,
};

// Pure functions of the request and of what is there; they never allocate; any
// thread. `now_unix_seconds` reads dates with two digits for a year.

// Judges If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in
// the order of RFC 9110 §13.2.2, of a representation that exists. To be asked
// only where the request would be answered 2xx without them (§13.2.1).
//
// Several lines of a list are one list. Dates that are none, and dates that are
// given more than once, are ignored (§13.1.3, §13.1.4); so are dates where
// nothing is known of the last change. A list of tags that is malformed holds
// the tags in front of the fault, which errs on the safe side: If-Match fails,
// If-None-Match sends the representation.
Precondition JudgePreconditions(const RequestHead& head,
                                const Validators& validators,
                                int64_t now_unix_seconds);

// The same, where there is no representation yet, as for a PUT that makes one:
// If-Match fails, all else holds.
Precondition JudgePreconditionsOfNothing(const RequestHead& head);

// Whether If-Range lets Range be looked at (RFC 9110 §13.1.5): there is none,
// or it names the representation by a strong tag, or by the exact date of its
// last change. Dates are taken as strong if they are a second or more before
// `now`.
bool IfRangeHolds(const RequestHead& head, const Validators& validators,
                  int64_t now_unix_seconds);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PRECONDITIONS_H_
