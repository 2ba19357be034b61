#include "httpd/server/exchange_phase.h"

#include <array>
#include <cstddef>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

using Phase = ExchangePhase;
using Event = ExchangeEvent;

constexpr int kEvents = static_cast<int>(Event::kClosed) + 1;

constexpr auto kTransitions = std::to_array<ExchangeTransition>({
    {Phase::kReadingHead, Event::kHeadWithBody, Phase::kReadingBody},
    {Phase::kReadingHead, Event::kHead, Phase::kHandling},
    {Phase::kReadingBody, Event::kBodyEnd, Phase::kHandling},
    {Phase::kReadingBody, Event::kResponseHeld, Phase::kHoldingResponse},
    {Phase::kReadingBody, Event::kStreamBegin, Phase::kStreamingEarly},
    {Phase::kHoldingResponse, Event::kBodyEnd, Phase::kHandling},
    {Phase::kStreamingEarly, Event::kBodyEnd, Phase::kStreaming},
    {Phase::kStreamingEarly, Event::kResponseEnd, Phase::kDiscardingBody},
    {Phase::kDiscardingBody, Event::kBodyEnd, Phase::kFlushing},
    {Phase::kHandling, Event::kStreamBegin, Phase::kStreaming},
    {Phase::kHandling, Event::kResponseEnd, Phase::kFlushing},
    {Phase::kStreaming, Event::kResponseEnd, Phase::kFlushing},
    {Phase::kFlushing, Event::kFlushed, Phase::kReadingHead},

    // Between requests: a drain, or the client ends.
    {Phase::kReadingHead, Event::kLinger, Phase::kLingering},
    {Phase::kReadingHead, Event::kClose, Phase::kClosing},
    // After the last response.
    {Phase::kFlushing, Event::kLinger, Phase::kLingering},
    {Phase::kFlushing, Event::kClose, Phase::kClosing},
    // The response is complete, and the body is malformed, late or too long.
    {Phase::kDiscardingBody, Event::kLinger, Phase::kLingering},
    // The response is cut off, which its framing shows.
    {Phase::kStreamingEarly, Event::kLinger, Phase::kLingering},
    {Phase::kStreaming, Event::kLinger, Phase::kLingering},

    {Phase::kReadingHead, Event::kClosed, Phase::kClosed},
    {Phase::kReadingBody, Event::kClosed, Phase::kClosed},
    {Phase::kHoldingResponse, Event::kClosed, Phase::kClosed},
    {Phase::kStreamingEarly, Event::kClosed, Phase::kClosed},
    {Phase::kDiscardingBody, Event::kClosed, Phase::kClosed},
    {Phase::kHandling, Event::kClosed, Phase::kClosed},
    {Phase::kStreaming, Event::kClosed, Phase::kClosed},
    {Phase::kFlushing, Event::kClosed, Phase::kClosed},
    {Phase::kLingering, Event::kClosed, Phase::kClosed},
    {Phase::kClosing, Event::kClosed, Phase::kClosed},
});

// The phase itself where there is no such transition.
using NextPhases = std::array<std::array<Phase, kEvents>, kExchangePhases>;

constexpr NextPhases Tabulate() {
  NextPhases next = {};
  for (int phase = 0; phase < kExchangePhases; ++phase) {
    for (Phase& to : next[phase]) to = static_cast<Phase>(phase);
  }
  for (const ExchangeTransition& transition : kTransitions) {
    next[static_cast<size_t>(transition.from)]
        [static_cast<size_t>(transition.event)] = transition.to;
  }
  return next;
}

constexpr NextPhases kNext = Tabulate();

constexpr std::array<absl::string_view, kExchangePhases> kPhaseNames = {
    "ReadingHead",    "ReadingBody", "HoldingResponse", "StreamingEarly",
    "DiscardingBody", "Handling",    "Streaming",       "Flushing",
    "Lingering",      "Closing",     "Closed"};

constexpr std::array<absl::string_view, kEvents> kEventNames = {
    "head with body", "head",    "body end", "response held", "stream begin",
    "response end",   "flushed", "linger",   "close",         "closed"};

}  // namespace

absl::Span<const ExchangeTransition> ExchangeTransitions() {
  return kTransitions;
}

ExchangePhase NextPhase(ExchangePhase from, ExchangeEvent event) {
  const Phase to = kNext[static_cast<size_t>(from)][static_cast<size_t>(event)];
  CHECK(to != from) << "illegal transition of a connection: "
                    << EventName(event) << " in phase " << PhaseName(from);
  return to;
}

absl::string_view PhaseName(ExchangePhase phase) {
  return kPhaseNames[static_cast<size_t>(phase)];
}

absl::string_view EventName(ExchangeEvent event) {
  return kEventNames[static_cast<size_t>(event)];
}

std::string DrawExchangePhases() {
  std::string drawing =
      absl::StrCat("stateDiagram-v2\n  [*] --> ", kPhaseNames[0], "\n");
  for (const ExchangeTransition& transition : kTransitions) {
    // Every phase may end this way: drawn once, for readability.
    if (transition.event == Event::kClosed &&
        transition.from < Phase::kLingering) {
      continue;
    }
    absl::StrAppend(&drawing, "  ", PhaseName(transition.from), " --> ",
                    PhaseName(transition.to), ": ", EventName(transition.event),
                    "\n");
  }
  return drawing;
}

}  // namespace pollux
