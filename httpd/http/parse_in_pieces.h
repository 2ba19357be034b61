// Runs the request parser as a connection does, for tests and the fuzzer.
#ifndef POLLUX_HTTPD_HTTP_PARSE_IN_PIECES_H_
#define POLLUX_HTTPD_HTTP_PARSE_IN_PIECES_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {

// What became of a message, in a form that outlives its bytes.
struct Parsed {
  ParseOutcome outcome;
  // How many bytes were there when the outcome came.
  size_t shown_bytes = 0;
  // Every member of the head, one a line. Empty unless kComplete.
  std::string head;
};

// Every member of `head`, one a line: for comparison.
std::string Describe(const RequestHead& head);

// "complete after 25", "error 7 at 3", "need more".
std::string Describe(const ParseOutcome& outcome);

// Presents the first cuts[0] bytes of `message` to a new parser, then the first
// cuts[1] and so on, and at last the whole, until the outcome is another than
// kNeedMore. `cuts` ascend and are not beyond the message's end. Of a
// message that is cut once at most, all kernels that this processor supports
// try their hand; dies if they do not agree.
Parsed ParseInPieces(absl::string_view message, absl::Span<const size_t> cuts,
                     const HeadLimits& limits, GuardedBuffer& buffer);

// The same, byte by byte.
Parsed ParseByteByByte(absl::string_view message, const HeadLimits& limits,
                       GuardedBuffer& buffer);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PARSE_IN_PIECES_H_
