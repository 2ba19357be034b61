#include "httpd/server/exchange_phase.h"

#include <array>
#include <cstddef>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

constexpr std::array<absl::string_view, kExchangePhases> kPhaseNames = {
    "ReadingHead",    "ReadingBody", "HoldingResponse", "StreamingEarly",
    "DiscardingBody", "Handling",    "Streaming",       "Flushing",
    "Lingering",      "Closing",     "Closed"};

constexpr std::array<absl::string_view, kExchangeEvents> kEventNames = {
    "head with body", "head",    "body end", "response held", "stream begin",
    "response end",   "flushed", "linger",   "close",         "closed"};

}  // namespace

void internal_exchange_phase::FailTransition(ExchangePhase from,
                                             ExchangeEvent event) {
  LOG(FATAL) << "illegal transition of a connection: " << EventName(event)
             << " in phase " << PhaseName(from);
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
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    // Every phase may end this way: drawn once, for readability.
    if (transition.event == ExchangeEvent::kClosed &&
        transition.from < ExchangePhase::kLingering) {
      continue;
    }
    absl::StrAppend(&drawing, "  ", PhaseName(transition.from), " --> ",
                    PhaseName(transition.to), ": ", EventName(transition.event),
                    "\n");
  }
  return drawing;
}

}  // namespace pollux
