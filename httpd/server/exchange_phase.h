// How far a request and its response have come.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_PHASE_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_PHASE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux {

// The phase of a connection: how far it has read the current request and how
// far it has responded. Exactly one holds at any time, and only the transitions
// below are legal, so a second final response cannot be written.
enum class ExchangePhase : uint8_t {
  // Between requests, or within a request's head.
  kReadingHead,
  // The body arrives; no response has begun.
  kReadingBody,
  // The body arrives and is discarded; the response is ready and is sent when
  // the request is complete.
  kHoldingResponse,
  // The body arrives while the response is streamed.
  kStreamingEarly,
  // The body arrives and is discarded; the response is complete.
  kDiscardingBody,
  // The request is complete; no response has begun.
  kHandling,
  // The request is complete; the response is streamed.
  kStreaming,
  // Request and response are complete. The next request is read when enough of
  // the output is sent.
  kFlushing,
  // The last response was written. Its output is sent; input is discarded for a
  // while, so that no reset destroys that output (RFC 9112 §9.6).
  kLingering,
  // The last response was written. Its output is sent; nothing is read.
  kClosing,
  kClosed,
};
inline constexpr int kExchangePhases = 11;

// What moves a connection from one phase to the next.
enum class ExchangeEvent : uint8_t {
  // A request's head is complete, and a body follows it.
  kHeadWithBody,
  // A request's head is complete without a body, or the request is to be
  // refused before its head is complete.
  kHead,
  // The body is complete, or the rest of it will not be read as one.
  kBodyEnd,
  // The handler has responded with a complete response before the body was.
  kResponseHeld,
  // The head of a streamed response was written.
  kStreamBegin,
  // The final response was written to its end.
  kResponseEnd,
  // Enough of the output is sent.
  kFlushed,
  // No further request is read, but input is discarded until the output is
  // sent.
  kLinger,
  // No further request is read, and the client has announced that it sends
  // none.
  kClose,
  // The socket is closed.
  kClosed,
};

// One legal transition. Plain value.
struct ExchangeTransition {
  ExchangePhase from;
  ExchangeEvent event;
  ExchangePhase to;
};

// All of them.
absl::Span<const ExchangeTransition> ExchangeTransitions();

// The phase that follows `from` after `event`. CHECKs that the transition is
// legal.
ExchangePhase NextPhase(ExchangePhase from, ExchangeEvent event);

// Whether a request's body is still expected.
constexpr bool ExpectsBody(ExchangePhase phase) {
  return phase == ExchangePhase::kReadingBody ||
         phase == ExchangePhase::kHoldingResponse ||
         phase == ExchangePhase::kStreamingEarly ||
         phase == ExchangePhase::kDiscardingBody;
}

// Whether a response is being streamed.
constexpr bool IsStreamed(ExchangePhase phase) {
  return phase == ExchangePhase::kStreamingEarly ||
         phase == ExchangePhase::kStreaming;
}

// Whether a final response may be written: a request was begun, and none was
// written yet.
constexpr bool AwaitsResponse(ExchangePhase phase) {
  return phase == ExchangePhase::kReadingBody ||
         phase == ExchangePhase::kHoldingResponse ||
         phase == ExchangePhase::kHandling;
}

// Whether a request was begun and is not over: it gets one record.
constexpr bool IsInExchange(ExchangePhase phase) {
  return phase != ExchangePhase::kReadingHead &&
         phase < ExchangePhase::kLingering;
}

// Whether no further request is read.
constexpr bool IsEnding(ExchangePhase phase) {
  return phase >= ExchangePhase::kLingering;
}

absl::string_view PhaseName(ExchangePhase phase);
absl::string_view EventName(ExchangeEvent event);

// The transitions as a Mermaid state diagram, for the README.
std::string DrawExchangePhases();

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EXCHANGE_PHASE_H_
