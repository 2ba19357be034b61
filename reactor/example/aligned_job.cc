#include "reactor/example/aligned_job.h"

#include <time.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "reactor/kernel.h"

using pollux::TimerFd;

AlignedJob::AlignedJob(pollux::Reactor& reactor, absl::Duration period,
                       absl::AnyInvocable<void()> job)
    : reactor_(reactor), period_(period), job_(std::move(job)) {}

absl::Status AlignedJob::Start() {
  auto timer = TimerFd::Create(reactor_, TimerFd::Clock::kWall, *this);
  if (!timer.ok()) return timer.status();
  timer_ = *std::move(timer);
  return Arm();
}

absl::Status AlignedJob::Arm() {
  const absl::Duration now =
      absl::Nanoseconds(reactor_.kernel().ClockGetTime(CLOCK_REALTIME).value());
  const absl::Duration next = absl::Floor(now, period_) + period_;
  return timer_->ArmAtWallTime(absl::UnixEpoch() + next, period_,
                               TimerFd::ClockSet::kTell);
}

void AlignedJob::OnExpired(uint64_t) { job_(); }

void AlignedJob::OnClockSet() {
  // The kernel took these arguments before.
  CHECK(Arm().ok());
}
