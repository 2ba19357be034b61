// Reads the four forms of a request target.
#ifndef POLLUX_HTTPD_HTTP_REQUEST_TARGET_H_
#define POLLUX_HTTPD_HTTP_REQUEST_TARGET_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {

// RFC 9112 §3.2.
enum class TargetForm : uint8_t { kOrigin, kAbsolute, kAsterisk, kAuthority };

// The parts of a target. Views into it, and living as long; one exception is
// marked.
struct RequestTarget {
  TargetForm form = TargetForm::kOrigin;

  // Starts with "/", still percent-encoded; "*" in kAsterisk, empty in
  // kAuthority. Where kAbsolute has no path ("http://host"), a constant "/"
  // that is not in the target.
  absl::string_view path;

  // What follows "?", without it; empty if there is none.
  absl::string_view query;

  // uri-host [":" port] in kAbsolute, uri-host ":" port in kAuthority; else
  // empty.
  absl::string_view authority;
};

// Each reads a whole target, sets `result`, and returns kNone; or kBadTarget if
// it is malformed, and leaves `result` unspecified. Bytes are those of RFC
// 3986, percent-encoding is complete, nothing encodes a NUL, and there is no
// fragment. They never allocate; any thread.

// Of a request whose method is not CONNECT: origin-form, absolute-form of the
// scheme http without userinfo, or "*". kHttpsTarget for the scheme https.
ParseError ReadTarget(absl::string_view target, RequestTarget& result);

// Of CONNECT: authority-form, its port not empty (RFC 9110 §9.3.6).
ParseError ReadConnectTarget(absl::string_view target, RequestTarget& result);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_REQUEST_TARGET_H_
