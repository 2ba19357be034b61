// Edge-triggered reading without starving the others.
#ifndef POLLUX_REACTOR_EDGE_DRAIN_H_
#define POLLUX_REACTOR_EDGE_DRAIN_H_

#include <cstdint>

#include "absl/log/check.h"
#include "reactor/io_handler.h"
#include "reactor/reactor.h"

namespace pollux {

// How a drain ended.
enum class DrainEnd : uint8_t {
  // The kernel has no more: the next edge will be told.
  kWouldBlock,
  // The budget is spent; the rest was put off to the next iteration.
  kBudgetSpent,
  // The step gave up: end of stream, an error, or its registration is gone.
  kStopped,
};

// What a step of a drain says.
enum class DrainStep : uint8_t { kMore, kWouldBlock, kStop };

// Calls `step` until it would block or stops, at most `budget` times (at least
// 1). If that was not enough, injects `readiness` into `registration`, so that
// the handler is called again in the next iteration, when the others have had
// their turn: for Trigger::kEdge, where nobody else would tell. `step` may
// destroy the registration if it then says kStop. epoll(7), "starvation".
//
//   void OnReady(Readiness readiness) override {
//     DrainWithin(registration_, {.readable = true}, kReadsPerTurn, [this] {
//       const SysResult result = kernel_.Recv(socket_, buffer_, 0);
//       if (result.would_block()) return DrainStep::kWouldBlock;
//       ...
//       return DrainStep::kMore;
//     });
//   }
template <typename Step>
DrainEnd DrainWithin(Registration& registration, Readiness readiness,
                     int budget, Step step) {
  CHECK_GE(budget, 1);
  for (int i = 0; i < budget; ++i) {
    switch (step()) {
      case DrainStep::kMore:
        break;
      case DrainStep::kWouldBlock:
        return DrainEnd::kWouldBlock;
      case DrainStep::kStop:
        return DrainEnd::kStopped;
    }
  }
  registration.Inject(readiness);
  return DrainEnd::kBudgetSpent;
}

}  // namespace pollux

#endif  // POLLUX_REACTOR_EDGE_DRAIN_H_
