// A deadline and what to do then.
#ifndef POLLUX_REACTOR_TIMER_H_
#define POLLUX_REACTOR_TIMER_H_

#include <algorithm>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/log/check.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/timer_heap.h"

namespace pollux {

// A deadline for objects of which there are very many: a base of theirs, whose
// OnDeadline() they override. It knows no reactor: every call names it, always
// the same one. The owner disarms it before it is destroyed, which debug builds
// check. Everything else is as for Timer.
class EmbeddedTimer : public TimerNode {
 protected:
  EmbeddedTimer() = default;
#ifdef NDEBUG
  ~EmbeddedTimer() = default;
#else
  ~EmbeddedTimer() {
    CHECK(!armed()) << "a timer is destroyed while it is armed; Disarm() it "
                    << "before";
  }
#endif

  // Fires at `deadline`; one that has passed is Now().
  void ArmAt(Reactor& reactor, MonotonicTime deadline) {
    reactor.CheckThread("ArmAt()", -1);
    reactor.timers_.Arm(*this, std::max(deadline, reactor.Now()));
  }

  void Disarm(Reactor& reactor) {
    reactor.CheckThread("Disarm()", -1);
    reactor.timers_.Disarm(*this);
  }
};

// A deadline: a member of its owner, pinned in memory, disarmed by its
// destructor. Reactor's thread only. Arming and moving it allocates nothing
// (the reactor's heap grows now and then) and makes no system call; moving it
// later costs a few nanoseconds however many timers there are. Nothing fails.
class Timer final : private EmbeddedTimer {
 public:
  // `on_fire` may arm the timer again or change any other; it may destroy the
  // timer's owner only through DeleteSoon(). `reactor` must outlive the timer.
  Timer(Reactor& reactor, absl::AnyInvocable<void()> on_fire)
      : reactor_(reactor), on_fire_(std::move(on_fire)) {}
  ~Timer() { Disarm(); }

  // Makes the timer fire `delay` after Reactor::Now(), and replaces a deadline
  // set before. A delay that is not positive fires in the next timer step,
  // never inline; absl::InfiniteDuration() never fires.
  void ArmAfter(absl::Duration delay) {
    ArmAt(reactor_.Now() + std::max(delay, absl::ZeroDuration()));
  }

  // Fires at `deadline`; one that has passed is Now().
  void ArmAt(MonotonicTime deadline) {
    EmbeddedTimer::ArmAt(reactor_, deadline);
  }

  void Disarm() { EmbeddedTimer::Disarm(reactor_); }

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
