// What a request's head says, once it has been parsed and checked.
#ifndef POLLUX_HTTPD_HTTP_REQUEST_HEAD_H_
#define POLLUX_HTTPD_HTTP_REQUEST_HEAD_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/field_table.h"
#include "httpd/http/request_target.h"

namespace pollux::http {

// RFC 9110 §9 and RFC 5789. Method names are case-sensitive.
enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  // A valid token that names none of these.
  kUnknown,
};

// The method that `token` names, or kUnknown.
Method MethodFromToken(absl::string_view token);

// "GET" ...; "unknown" for kUnknown. Constant for the program's life.
absl::string_view MethodName(Method method);

// Both are answered as HTTP/1.1; a minor version above 1 counts as 1.1
// (RFC 9110 §2.5).
enum class Version : uint8_t { kHttp10, kHttp11 };

// How the length of the request's body is told (RFC 9112 §6.3).
enum class BodyFraming : uint8_t { kNone, kContentLength, kChunked };

// Whether the client lets the connection live on after the answer
// (RFC 9112 §9.3).
enum class Persistence : uint8_t { kKeepAlive, kClose };

// A checked head, used for one request after another so that its list of fields
// is allocated once; whoever parses owns it. Every view
// points into the bytes given to the Parse() that completed it, and lives as
// long as they do; one exception is marked.
struct RequestHead {
  Method method = Method::kUnknown;
  Version version = Version::kHttp11;
  // Never kAuthority: CONNECT is refused.
  TargetForm target_form = TargetForm::kOrigin;
  BodyFraming body_framing = BodyFraming::kNone;
  Persistence persistence = Persistence::kKeepAlive;

  // "Expect: 100-continue" on an HTTP/1.1 request (RFC 9110 §10.1.1).
  bool expects_continue = false;

  // Bytes, below 2^63. 0 unless kContentLength.
  uint64_t content_length = 0;

  absl::string_view method_token;

  // As the client sent it.
  absl::string_view target;

  // Starts with "/", still percent-encoded; "*" in kAsterisk. Where kAbsolute
  // has no path ("http://host"), a constant "/" that is not in the message.
  absl::string_view path;

  // What follows "?", without it; empty if there is none.
  absl::string_view query;

  // uri-host [":" port]: of the target in kAbsolute, else of the Host field;
  // empty only where HTTP/1.0 sent none.
  absl::string_view authority;

  // In the order received, repeats included, and by name.
  FieldTable fields;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_REQUEST_HEAD_H_
