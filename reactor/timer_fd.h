// Timers of the kernel's, as events of the loop.
#ifndef POLLUX_REACTOR_TIMER_FD_H_
#define POLLUX_REACTOR_TIMER_FD_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"

namespace pollux {

// A timer that the kernel keeps, as a descriptor: timerfd_create(2). For what
// Timer cannot do: times on the wall clock, notice of that clock being set,
// time in which the machine sleeps, and more precision than a wait has. Each
// costs a descriptor, a system call to arm, and one to read when it fires.
//
// Owned by whoever asked; reactor's thread only; must not outlive the reactor.
// Never fires early; expirations that nobody has read meanwhile are told as one
// number. Once it is disarmed or armed again, nothing more is heard of what it
// was armed for before.
class TimerFd final : private IoHandler {
 public:
  enum class Clock : uint8_t {
    // CLOCK_MONOTONIC: that of MonotonicTime. Stands still while the machine
    // sleeps.
    kMonotonic,
    // CLOCK_BOOTTIME: goes on while the machine sleeps; that does not wake it.
    kBootTime,
    // CLOCK_REALTIME: that of absl::Time. Can be set.
    kWall,
  };

  // What happens when somebody sets the wall clock.
  enum class ClockSet : uint8_t {
    // Nothing is said. The timer fires when the clock shows the time, however
    // it gets there: for what is due at a time that is fixed.
    kFollow,
    // Handler::OnClockSet(): for a time that was reckoned from what the clock
    // showed.
    kTell,
  };

  // Told of what the timer does. Not owned by it; must outlive it.
  class Handler {
   public:
    // On the reactor's thread; may arm or disarm the timer, and destroy it only
    // through DeleteSoon(). `expirations` is how often it has fired since it
    // was armed or this was called last: 1, unless it has an interval.
    virtual void OnExpired(uint64_t expirations) = 0;

    // The wall clock jumped, by clock_settime(2) or a sleep of the machine, and
    // the timer was armed with ClockSet::kTell. It is disarmed now, since
    // expirations may have been lost with the jump: look at the clock and arm
    // it again. May do the same as OnExpired().
    virtual void OnClockSet() {}

   protected:
    ~Handler() = default;
  };

  // The interval of a timer that fires once.
  static constexpr absl::Duration kOnce = absl::ZeroDuration();

  // Not armed yet. Fails if the kernel refuses a descriptor.
  static absl::StatusOr<std::unique_ptr<TimerFd>> Create(Reactor& reactor,
                                                         Clock clock,
                                                         Handler& handler);
  ~TimerFd();
  TimerFd(const TimerFd&) = delete;
  TimerFd& operator=(const TimerFd&) = delete;

  // Each of these replaces what was armed before: fires at a time, and from
  // then on every `interval`, finite and not negative, unless it is kOnce.
  // Times are rounded up to nanoseconds. What has passed fires at once, but
  // never inline; what is infinite, never. Fails as timerfd_settime(2), which
  // has nothing against correct arguments; what was armed before then still is.

  // `delay` from when it is called, whatever Now() is. Setting the wall clock
  // does not change it.
  absl::Status ArmAfter(absl::Duration delay, absl::Duration interval = kOnce);

  // Clock::kMonotonic only.
  absl::Status ArmAt(MonotonicTime time, absl::Duration interval = kOnce);

  // Clock::kWall only. A clock that was set before the call, and that the
  // handler was not told of yet, is told after it.
  absl::Status ArmAtWallTime(absl::Time time, absl::Duration interval = kOnce,
                             ClockSet clock_set = ClockSet::kFollow);

  void Disarm();

 private:
  TimerFd(Reactor& reactor, Clock clock, Handler& handler)
      : reactor_(reactor), clock_(clock), handler_(handler) {}

  absl::Status Open();
  // `time` is since the clock's zero, if `flags` say so.
  SysResult SetTime(int flags, absl::Duration time, absl::Duration interval);
  absl::Status Arm(int flags, absl::Duration time, absl::Duration interval);
  void TellOfClockSet();
  void OnReady(Readiness readiness) override;

  Reactor& reactor_;
  const Clock clock_;
  Handler& handler_;
  int descriptor_ = -1;
  Registration registration_;
  // Heard of while arming: to be told in the next iteration.
  bool clock_was_set_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_TIMER_FD_H_
