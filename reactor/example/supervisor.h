// Keeps programs running, until SIGTERM.
#ifndef POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_
#define POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "reactor/child_process.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/signals.h"
#include "reactor/timer.h"

// Starts each program, and again when it has ended: after 100 ms, and twice as
// long each time, up to 10 s, if it ran for less than that. At SIGTERM it stops
// them, with SIGKILL after 5 s, and then the reactor. Owned by main(); outlives
// the loop's run and is destroyed before `signals` and `reactor`.
class Supervisor {
 public:
  // SIGTERM must be among those that `signals` takes.
  Supervisor(pollux::Reactor& reactor, pollux::Signals& signals,
             std::vector<pollux::ChildProcess::Command> commands);

 private:
  struct Worker {
    Worker(Supervisor& supervisor, pollux::ChildProcess::Command what);

    const pollux::ChildProcess::Command command;
    absl::Duration backoff;
    pollux::MonotonicTime started;
    std::unique_ptr<pollux::ChildProcess> child;
    pollux::Timer restart;
  };

  void Start(Worker& worker);
  void OnEnd(Worker& worker);
  void Stop();
  void StopReactorIfAllHaveEnded();

  pollux::Reactor& reactor_;
  bool is_stopping_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  pollux::Timer kill_;
};

#endif  // POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_
