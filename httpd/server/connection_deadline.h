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
  // Options::handler_timeout is the shorter of the two.
  bool handler_before_half_closed = false;
  // The client is given less time to read than to send its next request.
  bool writes_before_idle = true;
};

// It is the handler's turn: the client waits for it.
constexpr ConnectionDeadline DeadlineWhileHandling(
    const ConnectionProgress& progress, const DeadlineRules& rules,
    ConnectionDeadline otherwise) {
  const bool is_handler_limited = otherwise == ConnectionDeadline::kHandler;
  if (progress.has_client_finished && rules.limits_half_closed &&
      !progress.has_unsent_output &&
      !(is_handler_limited && rules.handler_before_half_closed)) {
    return ConnectionDeadline::kHalfClosed;
  }
  // It is limited whether the client reads earlier responses or not.
  if (is_handler_limited) return otherwise;
  return progress.has_unsent_output ? ConnectionDeadline::kWrite : otherwise;
}

// The deadline that a connection is under. A pure function.
constexpr ConnectionDeadline DeadlineFor(ExchangePhase phase,
                                         const ConnectionProgress& progress,
                                         const DeadlineRules& rules) {
  const ConnectionDeadline handler = rules.limits_handlers
                                         ? ConnectionDeadline::kHandler
                                         : ConnectionDeadline::kNone;
  switch (phase) {
    case ExchangePhase::kReadingHead:
      if (progress.is_output_high) return ConnectionDeadline::kWrite;
      if (progress.is_in_head) return ConnectionDeadline::kHead;
      // Usually what is unsent now is sent when this event is over.
      return progress.has_unsent_output && rules.writes_before_idle
                 ? ConnectionDeadline::kWrite
                 : ConnectionDeadline::kIdle;
    case ExchangePhase::kReadingBody:
      if (progress.reads_input) return ConnectionDeadline::kBody;
      // Else the handler has paused the body, or nobody receives it and enough
      // was discarded.
      if (progress.is_output_high) return ConnectionDeadline::kWrite;
      return DeadlineWhileHandling(progress, rules, handler);
    case ExchangePhase::kHoldingResponse:
    case ExchangePhase::kDiscardingBody:
      return progress.reads_input ? ConnectionDeadline::kBody
                                  : ConnectionDeadline::kWrite;
    case ExchangePhase::kStreamingEarly:
      return progress.reads_input ? ConnectionDeadline::kBody
                                  : ConnectionDeadline::kUnreadStream;
    case ExchangePhase::kHandling:
      return DeadlineWhileHandling(progress, rules, handler);
    case ExchangePhase::kStreaming:
      return DeadlineWhileHandling(progress, rules, ConnectionDeadline::kNone);
    case ExchangePhase::kFlushing:
    case ExchangePhase::kLingering:
    case ExchangePhase::kClosing:
      return ConnectionDeadline::kWrite;
    case ExchangePhase::kClosed:
      return ConnectionDeadline::kNone;
  }
  return ConnectionDeadline::kNone;
}

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_DEADLINE_H_
