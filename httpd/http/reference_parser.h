// A second opinion on heads and chunked bodies, for tests.
#ifndef POLLUX_HTTPD_HTTP_REFERENCE_PARSER_H_
#define POLLUX_HTTPD_HTTP_REFERENCE_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/http/head_limits.h"

namespace pollux::http {

// Written from the grammars of RFC 9112, RFC 9110 and RFC 3986, rule by rule,
// by recursive descent over one byte after another, and sharing nothing with
// the parsers but their limits. Slow and obvious on purpose.

struct ReferenceVerdict {
  enum class Kind : uint8_t { kAccepted, kNeedsMore, kRefused };

  Kind kind;
  // kRefused: what to answer.
  int status = 0;
  // kAccepted: how many bytes belong to the head or body.
  size_t bytes = 0;
};

struct ReferenceHead {
  std::string method;
  int minor_version = 0;  // 0 or 1.
  std::string target;
  std::string path;
  std::string query;
  std::string authority;
  std::vector<std::pair<std::string, std::string>> fields;
  bool is_chunked = false;
  bool has_content_length = false;
  uint64_t content_length = 0;
  bool closes = false;
  bool expects_continue = false;
};

// `head` is set if accepted.
ReferenceVerdict ReferenceParseHead(absl::string_view message,
                                    const HeadLimits& limits,
                                    ReferenceHead& head);

// `content` is set if accepted.
ReferenceVerdict ReferenceDecodeChunks(absl::string_view body,
                                       uint64_t max_body_bytes,
                                       std::string& content);

// uri-host [ ":" port ], the port not empty.
bool ReferenceIsHostAndPort(absl::string_view text);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_REFERENCE_PARSER_H_
