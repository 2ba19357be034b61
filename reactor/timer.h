// A deadline and what to do then.
#ifndef POLLUX_REACTOR_TIMER_H_
#define POLLUX_REACTOR_TIMER_H_

#include <algorithm>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/timer_heap.h"

namespace pollux {

// A deadline: a member of whoever needs it, pinned in memory, disarmed by its
// destructor. Reactor's thread only. Arming and moving it allocates nothing
// (the reactor's heap grows now and then) and makes no system call; moving it
// later costs a few nanoseconds however many timers there are. Nothing fails.
class Timer final : private TimerNode {
 public:
  // `on_fire` may arm the timer again or change any other; it may destroy the
  // timer's owner only through DeleteSoon(). `reactor` must outlive the timer.
  Timer(Reactor& reactor, absl::AnyInvocable<void()> on_fire)
      : reactor_(reactor), on_fire_(std::move(on_fire)) {}
  ~Timer() { Disarm(); }

  // Fires `delay` after Now(), in place of an earlier deadline. Not positive:
  // in the next timer step, never inline. InfiniteDuration(): never.
  void ArmAfter(absl::Duration delay) {
    ArmAt(reactor_.Now() + std::max(delay, absl::ZeroDuration()));
  }

  // Fires at `deadline`; one that has passed is Now().
  void ArmAt(MonotonicTime deadline) {
    reactor_.CheckThread("ArmAt()", -1);
    reactor_.timers_.Arm(*this, std::max(deadline, reactor_.Now()));
  }

  void Disarm() {
    reactor_.CheckThread("Disarm()", -1);
    reactor_.timers_.Disarm(*this);
  }

  using TimerNode::armed;

  // Only if armed().
  using TimerNode::deadline;

 private:
  void OnDeadline() override { on_fire_(); }

  Reactor& reactor_;
  absl::AnyInvocable<void()> on_fire_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_TIMER_H_
