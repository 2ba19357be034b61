// Keeps programs running, until SIGTERM.
#ifndef POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_
#define POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_

#include <signal.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <vector>

#include "reactor/child_process.h"
#include "reactor/signals.h"
#include "reactor/timer.h"

// Starts each program, and again when it has ended: after 100 ms, and twice as
// long each time, up to 10 s, if it ran for less than that. At SIGTERM it ends
// them, after 5 s with SIGKILL, and then the loop. Destroyed before `reactor`.
class Supervisor {
 public:
  using Command = pollux::ChildProcess::Command;
  // SIGTERM must be among those that `signals` takes.
  Supervisor(pollux::Reactor& reactor, pollux::Signals& signals,
             const std::vector<Command>& commands)
      : reactor_(reactor), kill_(reactor, [this] { workers_.clear(), End(); }) {
    signals.On(SIGTERM, [this](const auto&) { Stop(); });
    for (auto& what : commands) Start(workers_.emplace_back(*this, what));
  }

 private:
  static constexpr absl::Duration kShortest = absl::Milliseconds(100);
  static constexpr absl::Duration kLongest = absl::Seconds(10);
  struct Worker {
    Worker(Supervisor& supervisor, const Command& what)
        : command(what),
          restart(supervisor.reactor_, [&] { supervisor.Start(*this); }) {}
    const Command command;
    absl::Duration backoff = kShortest;
    pollux::MonotonicTime started;
    std::unique_ptr<pollux::ChildProcess> child;
    pollux::Timer restart;
  };
  void Start(Worker& worker) {
    worker.started = reactor_.Now();
    auto child = pollux::ChildProcess::Spawn(
        reactor_, worker.command, [this, &worker](auto) { OnEnd(worker); });
    if (!child.ok()) return OnEnd(worker);
    worker.child = *std::move(child);
  }
  void OnEnd(Worker& worker) {
    // Its callback may be running.
    if (worker.child) reactor_.DeleteSoon(std::move(worker.child));
    if (kill_.armed()) return End();
    if (reactor_.Now() - worker.started >= kLongest) worker.backoff = kShortest;
    worker.restart.ArmAfter(worker.backoff);
    worker.backoff = std::min(worker.backoff * 2, kLongest);
  }
  void Stop() {
    if (kill_.armed()) return;
    kill_.ArmAfter(absl::Seconds(5));
    for (Worker& worker : workers_) {
      worker.restart.Disarm();
      if (worker.child) (void)worker.child->Signal(SIGTERM);
    }
    End();
  }
  void End() {
    for (const Worker& worker : workers_) {
      if (worker.child) return;
    }
    kill_.Disarm();
    reactor_.Stop();
  }

  pollux::Reactor& reactor_;
  std::deque<Worker> workers_;
  pollux::Timer kill_;
};

#endif  // POLLUX_REACTOR_EXAMPLE_SUPERVISOR_H_
