// Something to do at every full hour, or minute, or day.
#ifndef POLLUX_REACTOR_EXAMPLE_ALIGNED_JOB_H_
#define POLLUX_REACTOR_EXAMPLE_ALIGNED_JOB_H_

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "reactor/reactor.h"
#include "reactor/timer_fd.h"

// Runs a job whenever the wall clock (UTC) shows a multiple of a period, and
// once for all that were missed. When somebody sets the clock, the next run is
// at the next multiple of what it then shows. Reactor's thread only.
class AlignedJob final : private pollux::TimerFd::Handler {
 public:
  AlignedJob(pollux::Reactor& reactor, absl::Duration period,
             absl::AnyInvocable<void()> job);

  // Fails if the kernel refuses a timer.
  absl::Status Start();

 private:
  absl::Status Arm();
  void OnExpired(uint64_t expirations) override;
  void OnClockSet() override;

  pollux::Reactor& reactor_;
  const absl::Duration period_;
  absl::AnyInvocable<void()> job_;
  std::unique_ptr<pollux::TimerFd> timer_;
};

#endif  // POLLUX_REACTOR_EXAMPLE_ALIGNED_JOB_H_
