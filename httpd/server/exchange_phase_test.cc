#include "httpd/server/exchange_phase.h"

#include <cstddef>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

using Phase = ExchangePhase;
using Event = ExchangeEvent;
using ::testing::HasSubstr;

bool IsLegal(Phase from, Event event) {
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    if (transition.from == from && transition.event == event) return true;
  }
  return false;
}

TEST(ExchangePhaseTest, FollowsTheTable) {
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    EXPECT_EQ(NextPhase(transition.from, transition.event), transition.to)
        << PhaseName(transition.from) << ", " << EventName(transition.event);
  }
}

TEST(ExchangePhaseTest, HasOneTransitionForEachPhaseAndEvent) {
  std::set<std::pair<Phase, Event>> seen;
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    EXPECT_TRUE(seen.emplace(transition.from, transition.event).second);
    EXPECT_NE(transition.from, transition.to);
  }
}

TEST(ExchangePhaseDeathTest, EveryOtherTransitionIsABug) {
  for (size_t phase = 0; phase < kExchangePhases; ++phase) {
    for (size_t event = 0; event < kExchangeEvents; ++event) {
      const auto from = static_cast<Phase>(phase);
      const auto what = static_cast<Event>(event);
      if (IsLegal(from, what)) continue;
      // A process for each would take long; the interesting ones would write
      // a second response.
      if (what != Event::kStreamBegin && what != Event::kResponseHeld) continue;
      EXPECT_DEATH(NextPhase(from, what), "illegal transition of a connection");
    }
  }
}

TEST(ExchangePhaseTest, NoResponseFollowsOne) {
  // From where a final response has begun, no phase in which one may begin is
  // reached without the end of the exchange.
  for (const ExchangeTransition& transition : kExchangeTransitions) {
    const bool has_begun =
        IsInExchange(transition.from) && !AwaitsResponse(transition.from);
    if (has_begun) {
      EXPECT_FALSE(AwaitsResponse(transition.to))
          << PhaseName(transition.from) << ", " << EventName(transition.event);
    }
    if (IsEnding(transition.from)) {
      EXPECT_TRUE(IsEnding(transition.to));
    }
  }
}

TEST(ExchangePhaseTest, EveryPhaseMayClose) {
  for (size_t phase = 0; phase < kExchangePhases; ++phase) {
    const auto from = static_cast<Phase>(phase);
    EXPECT_EQ(IsLegal(from, Event::kClosed), from != Phase::kClosed);
  }
}

TEST(ExchangePhaseTest, TheReadmeShowsThem) {
  std::ifstream file("httpd/server/README.md", std::ios::binary);
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(readme, HasSubstr(absl::StrCat("```mermaid\n",
                                             DrawExchangePhases(), "```\n")));
}

}  // namespace
}  // namespace pollux
