// Reads the head of an HTTP/1.1 request: bytes in, a checked RequestHead out.
#ifndef POLLUX_HTTPD_HTTP_REQUEST_PARSER_H_
#define POLLUX_HTTPD_HTTP_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

struct [[nodiscard]] ParseOutcome {
  enum class Kind : uint8_t {
    // The head is whole; `bytes` of the message belong to it.
    kComplete,
    // So far there is nothing wrong; more must come.
    kNeedMore,
    // The message is refused because of what stands at its offset `bytes`: the
    // byte that the grammar has no place for, the first byte beyond a limit, or
    // the first byte of a method, target or field that is well formed and
    // cannot be served. A missing Host is missed at the blank line; a CR that
    // ends no line is known by the byte behind it, and refused there.
    kError,
  };

  Kind kind;
  // kNone unless kError.
  ParseError error;
  // 0 with kNeedMore.
  size_t bytes;
};

// A strict, incremental parser of request heads (RFC 9112 §2 to §3 and §5 to
// §6.3, RFC 9110 §5 and §7.2). There is one grammar and no switch to relax it.
//
// It holds no bytes and does no I/O: the caller keeps the message and presents
// all of it each time. What breaks the grammar or a limit is told as soon as
// the offending byte is there (a CR in the wrong place, with the byte behind
// it), an unsupported version when the request line is whole, and what the
// target and the fields mean when the head is. The outcome does not depend on
// how the bytes were cut: the error is the same one, at the same offset,
// whether a message came whole or byte by byte. The work over a whole head is
// linear, however it arrives.
//
// A head that is whole at the first look, as nearly all are, is split 32 or 16
// bytes a step; only what is cut, refused or rare is read byte by byte.
//
// One per connection, owned by it; a few words of memory, never allocates
// except for the RequestHead's list beyond 32 fields, and that only once.
// Belongs to one thread at a time.
class RequestParser {
 public:
  // With the fastest kernel that this processor has; a test names another,
  // which must be supported.
  explicit RequestParser(ScanKernel kernel = BestScanKernel())
      : kernel_(kernel) {}

  // `message` starts at the first byte after the last request (or of the
  // connection) and holds everything that has arrived since; what follows the
  // head in it is not looked at. After kNeedMore call again with the same
  // bytes, perhaps elsewhere in memory, and more behind them; `limits` stay the
  // same from the first byte of a head to its last. On kComplete `head` is
  // filled, its views pointing into `message`, and the parser is ready for the
  // next head; else `head` is unspecified. After kError the connection cannot
  // be resynchronised: answer and close (RFC 9112 §9.6).
  ParseOutcome Parse(absl::string_view message, const HeadLimits& limits,
                     RequestHead& head);

  // Whether part of a head has been read: the client is in the middle of a
  // request. The empty line that may stand before it is not part of it.
  bool in_progress() const { return scanned_ > head_start_; }

 private:
  // What is being read.
  enum class State : uint8_t {
    kMethod,
    kTarget,
    kVersion,
    // The first byte of a field, or of the blank line.
    kLineStart,
    kFieldName,
    kFieldValue,
  };

  class Window;
  class AtOnce;

  // A reason to return from Parse().
  using Stop = std::optional<ParseOutcome>;

  // Reads on from scanned_, byte by byte.
  ParseOutcome ReadOn(absl::string_view message, const HeadLimits& limits,
                      RequestHead& head);

  // Each reads on from scanned_ and returns nothing if what it reads is whole:
  // the state is another one then.
  Stop ReadMethod(const Window& window);
  Stop ReadTarget(const Window& window, size_t max_line_bytes);
  Stop ReadVersion(const Window& window);
  Stop ReadLineStart(const Window& window, size_t max_fields,
                     RequestHead& head);
  Stop ReadFieldName(const Window& window);
  Stop ReadFieldValue(const Window& window);

  Stop SkipEmptyLine(absl::string_view message);
  Stop SkipTriplet(const Window& window, size_t target_limit);
  void Enter(State state, size_t delimiter_bytes);

  // Bytes of the message that have passed the grammar. A CRLF or a %XX passes
  // as a whole.
  uint32_t scanned_ = 0;
  // Where the method, target, version or line that is being read began.
  uint32_t token_start_ = 0;
  uint32_t fields_ = 0;
  // The method's first byte: 2 after an empty line.
  uint8_t head_start_ = 0;
  State state_ = State::kMethod;
  ScanKernel kernel_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_REQUEST_PARSER_H_
