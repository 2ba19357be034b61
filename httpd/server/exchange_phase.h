// How far a request and its response have come.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_PHASE_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_PHASE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"

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
inline constexpr size_t kExchangePhases = 11;

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
inline constexpr size_t kExchangeEvents = 10;

// One legal transition. Plain value.
struct ExchangeTransition {
  ExchangePhase from;
  ExchangeEvent event;
  ExchangePhase to;
};

// All of them.
inline constexpr auto kExchangeTransitions = std::to_array<ExchangeTransition>({
    {ExchangePhase::kReadingHead, ExchangeEvent::kHeadWithBody,
     ExchangePhase::kReadingBody},
    {ExchangePhase::kReadingHead, ExchangeEvent::kHead,
     ExchangePhase::kHandling},
    {ExchangePhase::kReadingBody, ExchangeEvent::kBodyEnd,
     ExchangePhase::kHandling},
    {ExchangePhase::kReadingBody, ExchangeEvent::kResponseHeld,
     ExchangePhase::kHoldingResponse},
    {ExchangePhase::kReadingBody, ExchangeEvent::kStreamBegin,
     ExchangePhase::kStreamingEarly},
    {ExchangePhase::kHoldingResponse, ExchangeEvent::kBodyEnd,
     ExchangePhase::kHandling},
    {ExchangePhase::kStreamingEarly, ExchangeEvent::kBodyEnd,
     ExchangePhase::kStreaming},
    {ExchangePhase::kStreamingEarly, ExchangeEvent::kResponseEnd,
     ExchangePhase::kDiscardingBody},
    {ExchangePhase::kDiscardingBody, ExchangeEvent::kBodyEnd,
     ExchangePhase::kFlushing},
    {ExchangePhase::kHandling, ExchangeEvent::kStreamBegin,
     ExchangePhase::kStreaming},
    {ExchangePhase::kHandling, ExchangeEvent::kResponseEnd,
     ExchangePhase::kFlushing},
    {ExchangePhase::kStreaming, ExchangeEvent::kResponseEnd,
     ExchangePhase::kFlushing},
    {ExchangePhase::kFlushing, ExchangeEvent::kFlushed,
     ExchangePhase::kReadingHead},

    // Between requests: a drain, or the client ends.
    {ExchangePhase::kReadingHead, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    {ExchangePhase::kReadingHead, ExchangeEvent::kClose,
     ExchangePhase::kClosing},
    // After the last response.
    {ExchangePhase::kFlushing, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    {ExchangePhase::kFlushing, ExchangeEvent::kClose, ExchangePhase::kClosing},
    // There will be no response: the client has left, or an earlier response
    // was cut off.
    {ExchangePhase::kReadingBody, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    {ExchangePhase::kHoldingResponse, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    {ExchangePhase::kHandling, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    // The response is complete, and the body is malformed, late or too long.
    {ExchangePhase::kDiscardingBody, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    // The response is cut off, which its framing shows.
    {ExchangePhase::kStreamingEarly, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},
    {ExchangePhase::kStreaming, ExchangeEvent::kLinger,
     ExchangePhase::kLingering},

    {ExchangePhase::kReadingHead, ExchangeEvent::kClosed,
     ExchangePhase::kClosed},
    {ExchangePhase::kReadingBody, ExchangeEvent::kClosed,
     ExchangePhase::kClosed},
    {ExchangePhase::kHoldingResponse, ExchangeEvent::kClosed,
     ExchangePhase::kClosed},
    {ExchangePhase::kStreamingEarly, ExchangeEvent::kClosed,
     ExchangePhase::kClosed},
    {ExchangePhase::kDiscardingBody, ExchangeEvent::kClosed,
     ExchangePhase::kClosed},
    {ExchangePhase::kHandling, ExchangeEvent::kClosed, ExchangePhase::kClosed},
    {ExchangePhase::kStreaming, ExchangeEvent::kClosed, ExchangePhase::kClosed},
    {ExchangePhase::kFlushing, ExchangeEvent::kClosed, ExchangePhase::kClosed},
    {ExchangePhase::kLingering, ExchangeEvent::kClosed, ExchangePhase::kClosed},
    {ExchangePhase::kClosing, ExchangeEvent::kClosed, ExchangePhase::kClosed},
});

namespace internal_exchange_phase {

// The phase itself where there is no such transition.
using Table =
    std::array<std::array<ExchangePhase, kExchangeEvents>, kExchangePhases>;

constexpr Table Tabulate() {
  Table next = {};
  for (size_t phase = 0; phase < kExchangePhases; ++phase) {
    for (ExchangePhase& to : next[phase]) {
      to = static_cast<ExchangePhase>(phase);
    }
  }
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    next[static_cast<size_t>(transition.from)]
        [static_cast<size_t>(transition.event)] = transition.to;
  }
  return next;
}

inline constexpr Table kNext = Tabulate();

[[noreturn]] void FailTransition(ExchangePhase from, ExchangeEvent event);

// A set of phases, a bit for each.
template <typename... Phases>
constexpr uint32_t SetOf(Phases... phases) {
  return ((uint32_t{1} << static_cast<int>(phases)) | ...);
}
constexpr bool IsIn(ExchangePhase phase, uint32_t set) {
  return (set >> static_cast<int>(phase) & 1) != 0;
}

}  // namespace internal_exchange_phase

// The phase that follows `from` after `event`. CHECKs that the transition is
// legal.
inline ExchangePhase NextPhase(ExchangePhase from, ExchangeEvent event) {
  const ExchangePhase to =
      internal_exchange_phase::kNext[static_cast<size_t>(from)]
                                    [static_cast<size_t>(event)];
  if (ABSL_PREDICT_FALSE(to == from)) {
    internal_exchange_phase::FailTransition(from, event);
  }
  return to;
}

// Whether a request's body is still expected.
constexpr bool ExpectsBody(ExchangePhase phase) {
  return internal_exchange_phase::IsIn(
      phase, internal_exchange_phase::SetOf(ExchangePhase::kReadingBody,
                                            ExchangePhase::kHoldingResponse,
                                            ExchangePhase::kStreamingEarly,
                                            ExchangePhase::kDiscardingBody));
}

// Whether a response is being streamed.
constexpr bool IsStreamed(ExchangePhase phase) {
  return phase == ExchangePhase::kStreamingEarly ||
         phase == ExchangePhase::kStreaming;
}

// Whether a final response may be written: a request was begun, and none was
// written yet.
constexpr bool AwaitsResponse(ExchangePhase phase) {
  return internal_exchange_phase::IsIn(
      phase, internal_exchange_phase::SetOf(ExchangePhase::kReadingBody,
                                            ExchangePhase::kHoldingResponse,
                                            ExchangePhase::kHandling));
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
