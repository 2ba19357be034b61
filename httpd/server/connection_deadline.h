// Which deadline a connection is under.
#ifndef POLLUX_HTTPD_SERVER_CONNECTION_DEADLINE_H_
#define POLLUX_HTTPD_SERVER_CONNECTION_DEADLINE_H_

#include <cstdint>

#include "httpd/server/exchange_phase.h"

namespace pollux {

// What a connection is waiting for, each for a time of its own.
enum class ConnectionDeadline : uint8_t {
  // Nothing that is limited.
  kNone,
  // The next request.
  kIdle,
  // The rest of a head.
  kHead,
  // The rest of a body, at the minimum rate.
  kBody,
  // The handler.
  kHandler,
  // The handler, for a client that sends no more and may have left.
  kHalfClosed,
  // The client to read, at the minimum rate.
  kWrite,
  // The client to read, before its body is read on regardless.
  kUnreadStream,
};

// What the deadline depends on besides the phase. Plain values.
struct ConnectionProgress {
  // The head of a request has begun.
  bool is_in_head = false;
  // Input is read.
  bool reads_input = false;
  // Unsent output has reached the high watermark.
  bool is_output_high = false;
  // There is unsent output.
  bool has_unsent_output = false;
  // The client has sent a FIN.
  bool has_client_finished = false;
};

// Which of the deadlines are limited at all, and how they compare. Constant for
// a server. Plain values.
struct DeadlineRules {
  // Options::handler_timeout is finite.
  bool limits_handlers = false;
  // Options::half_close_timeout is finite.
  bool limits_half_closed = true;
  // The client is given less time to read than to send its next request.
  bool writes_before_idle = true;
};

// The deadline that a connection is under. A pure function.
ConnectionDeadline DeadlineFor(ExchangePhase phase,
                               const ConnectionProgress& progress,
                               const DeadlineRules& rules);

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_DEADLINE_H_
