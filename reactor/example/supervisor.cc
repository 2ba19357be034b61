#include "reactor/example/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

using pollux::ChildProcess;

constexpr absl::Duration kShortestBackoff = absl::Milliseconds(100);
constexpr absl::Duration kLongestBackoff = absl::Seconds(10);
constexpr absl::Duration kPatience = absl::Seconds(5);

Supervisor::Worker::Worker(Supervisor& supervisor, ChildProcess::Command what)
    : command(std::move(what)),
      backoff(kShortestBackoff),
      restart(supervisor.reactor_, [&] { supervisor.Start(*this); }) {}

Supervisor::Supervisor(pollux::Reactor& reactor, pollux::Signals& signals,
                       std::vector<ChildProcess::Command> commands)
    : reactor_(reactor), kill_(reactor, [this] {
        // Kills those that still run.
        for (auto& worker : workers_) worker->child.reset();
        reactor_.Stop();
      }) {
  signals.On(SIGTERM, [this](const auto&) { Stop(); });
  for (auto& command : commands) {
    workers_.push_back(std::make_unique<Worker>(*this, std::move(command)));
    Start(*workers_.back());
  }
}

void Supervisor::Start(Worker& worker) {
  worker.started = reactor_.Now();
  auto child = ChildProcess::Spawn(
      reactor_, worker.command,
      [this, &worker](ChildProcess::ExitStatus) { OnEnd(worker); });
  if (!child.ok()) return OnEnd(worker);
  worker.child = *std::move(child);
}

void Supervisor::OnEnd(Worker& worker) {
  // Now its callback may be running.
  if (worker.child != nullptr) reactor_.DeleteSoon(std::move(worker.child));
  if (is_stopping_) return StopReactorIfAllHaveEnded();
  const bool was_well = reactor_.Now() - worker.started >= kLongestBackoff;
  if (was_well) worker.backoff = kShortestBackoff;
  worker.restart.ArmAfter(worker.backoff);
  worker.backoff = std::min(worker.backoff * 2, kLongestBackoff);
}

void Supervisor::Stop() {
  if (std::exchange(is_stopping_, true)) return;
  for (auto& worker : workers_) {
    worker->restart.Disarm();
    // What has ended meanwhile is told soon.
    if (worker->child != nullptr) (void)worker->child->Signal(SIGTERM);
  }
  kill_.ArmAfter(kPatience);
  StopReactorIfAllHaveEnded();
}

void Supervisor::StopReactorIfAllHaveEnded() {
  if (std::all_of(workers_.begin(), workers_.end(),
                  [](auto& worker) { return worker->child == nullptr; })) {
    kill_.Disarm();
    reactor_.Stop();
  }
}
