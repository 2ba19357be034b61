// How a route's path writes its parameters.
#ifndef POLLUX_HTTPD_SERVER_PATH_PARAMETER_H_
#define POLLUX_HTTPD_SERVER_PATH_PARAMETER_H_

#include "absl/strings/string_view.h"

namespace pollux {

// Whether a segment of a route's path, as it is written, stands for any that is
// not empty: "{name}". A brace that is meant as such is percent-encoded.
inline bool IsPathParameter(absl::string_view raw_segment) {
  return raw_segment.size() > 2 && raw_segment.front() == '{' &&
         raw_segment.back() == '}';
}

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_PATH_PARAMETER_H_
