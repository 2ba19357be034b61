#include "reactor/timer_fd.h"

#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

constexpr absl::Duration kNanosecond = absl::Nanoseconds(1);

clockid_t ClockId(TimerFd::Clock clock) {
  switch (clock) {
    case TimerFd::Clock::kMonotonic:
      return CLOCK_MONOTONIC;
    case TimerFd::Clock::kBootTime:
      return CLOCK_BOOTTIME;
    case TimerFd::Clock::kWall:
      return CLOCK_REALTIME;
  }
  return CLOCK_MONOTONIC;
}

timespec ToTimespecRoundedUp(absl::Duration duration) {
  return absl::ToTimespec(absl::Ceil(duration, kNanosecond));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TimerFd>> TimerFd::Create(Reactor& reactor,
                                                         Clock clock,
                                                         Handler& handler) {
  std::unique_ptr<TimerFd> timer(new TimerFd(reactor, clock, handler));
  if (absl::Status status = timer->Open(); !status.ok()) return status;
  return timer;
}

absl::Status TimerFd::Open() {
  const SysResult result = reactor_.kernel().TimerFdCreate(
      ClockId(clock_), TFD_NONBLOCK | TFD_CLOEXEC);
  if (!result.ok()) return result.ToStatus("timerfd_create");
  descriptor_ = result.descriptor();

  absl::StatusOr<Registration> registration =
      reactor_.Register(descriptor_, Interest::kRead, *this);
  if (!registration.ok()) return registration.status();
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

TimerFd::~TimerFd() {
  registration_.Reset();
  if (descriptor_ >= 0) (void)reactor_.kernel().Close(descriptor_);
}

absl::Status TimerFd::ArmAfter(absl::Duration delay, absl::Duration interval) {
  return Arm(0, delay, interval);
}

absl::Status TimerFd::ArmAt(MonotonicTime time, absl::Duration interval) {
  CHECK(clock_ == Clock::kMonotonic);
  return Arm(TFD_TIMER_ABSTIME, time - MonotonicTime(), interval);
}

absl::Status TimerFd::ArmAtWallTime(absl::Time time, absl::Duration interval,
                                    ClockSet clock_set) {
  CHECK(clock_ == Clock::kWall);
  int flags = TFD_TIMER_ABSTIME;
  if (clock_set == ClockSet::kTell) flags |= TFD_TIMER_CANCEL_ON_SET;
  return Arm(flags, time - absl::UnixEpoch(), interval);
}

void TimerFd::Disarm() {
  const SysResult result = SetTime(0, absl::ZeroDuration(), kOnce);
  CHECK(result.ok()) << result.ToStatus("timerfd_settime");
  clock_was_set_ = false;
}

absl::Status TimerFd::Arm(int flags, absl::Duration time,
                          absl::Duration interval) {
  CHECK_GE(interval, absl::ZeroDuration());
  // Zero would disarm it.
  const SysResult result =
      SetTime(flags, std::max(time, kNanosecond), interval);
  if (result.error() == ECANCELED) {
    // It is armed, but whoever reckoned the time may not know of the jump.
    clock_was_set_ = true;
    registration_.Inject({.readable = true});
    return absl::OkStatus();
  }
  if (!result.ok()) return result.ToStatus("timerfd_settime");
  if ((flags & TFD_TIMER_CANCEL_ON_SET) == 0) clock_was_set_ = false;
  return absl::OkStatus();
}

SysResult TimerFd::SetTime(int flags, absl::Duration time,
                           absl::Duration interval) {
  const itimerspec value = {.it_interval = ToTimespecRoundedUp(interval),
                            .it_value = ToTimespecRoundedUp(time)};
  return reactor_.kernel().TimerFdSetTime(descriptor_, flags, value, nullptr);
}

void TimerFd::TellOfClockSet() {
  Disarm();
  handler_.OnClockSet();
}

void TimerFd::OnReady(Readiness) {
  if (clock_was_set_) return TellOfClockSet();
  uint64_t expirations = 0;
  const SysResult result = RetryOnSignal([&] {
    return reactor_.kernel().Read(
        descriptor_,
        {reinterpret_cast<char*>(&expirations), sizeof(expirations)});
  });
  if (result.error() == ECANCELED) return TellOfClockSet();
  // EAGAIN: it was armed again or disarmed after the kernel had told of it.
  if (result.ok()) handler_.OnExpired(expirations);
}

}  // namespace pollux
