// Something to do again and again.
#ifndef POLLUX_REACTOR_PERIODIC_TIMER_H_
#define POLLUX_REACTOR_PERIODIC_TIMER_H_

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/log/check.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// A Timer that keeps its phase: its nth period ends at start + n * period,
// however late the loop was before, so that it does not drift. It fires at most
// once an iteration; periods that ended unnoticed meanwhile are not made up
// for, but counted and told.
//
// A member of whoever needs it, pinned in memory, stopped by its destructor.
// Reactor's thread only; must not outlive the reactor. Starting, firing and
// stopping allocate nothing (the reactor's heap of timers grows now and then)
// and make no system call. Nothing fails.
class PeriodicTimer final {
 public:
  // `on_fire` is told how many periods have ended since it was called last, or
  // since the start: 1 if none was missed. It may stop the timer or start it
  // again, and change anything else; it may destroy the timer's owner only
  // through DeleteSoon().
  PeriodicTimer(Reactor& reactor,
                absl::AnyInvocable<void(uint64_t periods)> on_fire)
      : reactor_(reactor),
        on_fire_(std::move(on_fire)),
        timer_(reactor, [this] { OnTimer(); }) {}

  // Fires each time that `period` has passed, from Now() on, in place of what
  // was started before. At least a nanosecond, of which fractions are cut off;
  // InfiniteDuration(): never.
  void Start(absl::Duration period) {
    CHECK_GE(period, absl::Nanoseconds(1));
    period_ = absl::Trunc(period, absl::Nanoseconds(1));
    ArmAt(reactor_.Now() + period_);
  }

  void Stop() { timer_.Disarm(); }

  bool is_running() const { return timer_.armed(); }

 private:
  void ArmAt(MonotonicTime end) {
    period_end_ = end;
    timer_.ArmAt(period_end_);
  }

  void OnTimer() {
    absl::Duration since_last;
    const int64_t missed =
        absl::IDivDuration(reactor_.Now() - period_end_, period_, &since_last);
    // Before the call, which may stop it or start it again.
    ArmAt(reactor_.Now() + (period_ - since_last));
    on_fire_(static_cast<uint64_t>(missed) + 1);
  }

  Reactor& reactor_;
  absl::AnyInvocable<void(uint64_t periods)> on_fire_;
  absl::Duration period_;
  // When the period that runs ends.
  MonotonicTime period_end_;
  Timer timer_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_PERIODIC_TIMER_H_
