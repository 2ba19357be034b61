#include "httpd/server/connection_deadline.h"

namespace pollux {
namespace {

using Deadline = ConnectionDeadline;

// It is the handler's turn: the client waits for it.
Deadline WhileHandling(const ConnectionProgress& progress,
                       const DeadlineRules& rules, Deadline otherwise) {
  if (progress.has_unsent_output) return Deadline::kWrite;
  if (progress.has_client_finished && rules.limits_half_closed) {
    return Deadline::kHalfClosed;
  }
  return otherwise;
}

}  // namespace

ConnectionDeadline DeadlineFor(ExchangePhase phase,
                               const ConnectionProgress& progress,
                               const DeadlineRules& rules) {
  const Deadline handler =
      rules.limits_handlers ? Deadline::kHandler : Deadline::kNone;
  switch (phase) {
    case ExchangePhase::kReadingHead:
      if (progress.is_output_high) return Deadline::kWrite;
      if (progress.is_in_head) return Deadline::kHead;
      // Usually what is unsent now is sent when this event is over.
      return progress.has_unsent_output && rules.writes_before_idle
                 ? Deadline::kWrite
                 : Deadline::kIdle;
    case ExchangePhase::kReadingBody:
      if (progress.reads_input) return Deadline::kBody;
      // Else the handler has paused the body, or nobody receives it and enough
      // was discarded.
      if (progress.is_output_high) return Deadline::kWrite;
      return WhileHandling(progress, rules, handler);
    case ExchangePhase::kHoldingResponse:
    case ExchangePhase::kDiscardingBody:
      return progress.reads_input ? Deadline::kBody : Deadline::kWrite;
    case ExchangePhase::kStreamingEarly:
      return progress.reads_input ? Deadline::kBody : Deadline::kUnreadStream;
    case ExchangePhase::kHandling:
      return WhileHandling(progress, rules, handler);
    case ExchangePhase::kStreaming:
      return WhileHandling(progress, rules, Deadline::kNone);
    case ExchangePhase::kFlushing:
    case ExchangePhase::kLingering:
    case ExchangePhase::kClosing:
      return Deadline::kWrite;
    case ExchangePhase::kClosed:
      return Deadline::kNone;
  }
  return Deadline::kNone;
}

}  // namespace pollux
