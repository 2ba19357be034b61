#include "reactor/reactor_group.h"

#include <sched.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace pollux {
namespace {

absl::StatusOr<std::vector<int>> UsableCpus(Kernel& kernel) {
  cpu_set_t set;
  const SysResult result = kernel.SchedGetAffinity(0, set);
  if (!result.ok()) return result.ToStatus("sched_getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReactorGroup>> ReactorGroup::Create(
    Kernel& kernel, const Options& options) {
  std::unique_ptr<ReactorGroup> group(new ReactorGroup(kernel, options));
  size_t count = options.reactors;
  if (count == 0 || options.affinity == Affinity::kOneCpuEach) {
    absl::StatusOr<std::vector<int>> cpus = UsableCpus(kernel);
    if (!cpus.ok()) return cpus.status();
    group->cpus_ = *std::move(cpus);
    if (count == 0) count = group->cpus_.size();
  }
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<Reactor>> reactor =
        Reactor::Create(kernel, options.reactor);
    if (!reactor.ok()) return reactor.status();
    group->reactors_.push_back(*std::move(reactor));
  }
  return group;
}

absl::StatusOr<size_t> ReactorGroup::CountCpus(Kernel& kernel) {
  const absl::StatusOr<std::vector<int>> cpus = UsableCpus(kernel);
  if (!cpus.ok()) return cpus.status();
  return cpus->size();
}

ReactorGroup::~ReactorGroup() {
  Stop();
  Join();
}

absl::Status ReactorGroup::Start(MakeWorker make) {
  CHECK(threads_.empty());
  for (size_t i = 0; i < reactors_.size(); ++i) {
    // One after another, so that `make` is never called twice at once.
    absl::Notification made;
    absl::Status outcome;
    absl::StatusOr<Thread> thread =
        Thread::Start(ThreadName(i), [this, i, &make, &outcome, &made] {
          Run(i, make, outcome, [&made] { made.Notify(); });
        });
    if (thread.ok()) {
      threads_.push_back(*std::move(thread));
      made.WaitForNotification();
    } else {
      outcome = thread.status();
    }
    if (outcome.ok()) continue;
    Stop();
    Join();
    return outcome;
  }
  return absl::OkStatus();
}

std::string ReactorGroup::ThreadName(size_t index) const {
  return absl::StrCat(options_.thread_name,
                      options_.first_thread_number + index);
}

absl::Status ReactorGroup::PinToCpu(size_t index) {
  if (options_.affinity == Affinity::kNone) return absl::OkStatus();
  cpu_set_t cpu;
  CPU_ZERO(&cpu);
  CPU_SET(cpus_[index % cpus_.size()], &cpu);
  return kernel_.SchedSetAffinity(0, cpu).ToStatus("sched_setaffinity");
}

void ReactorGroup::Run(size_t index, MakeWorker& make, absl::Status& outcome,
                       absl::AnyInvocable<void()> made) {
  std::unique_ptr<Worker> worker;
  outcome = PinToCpu(index);
  if (outcome.ok()) {
    absl::StatusOr<std::unique_ptr<Worker>> result =
        make(*reactors_[index], index);
    outcome = result.status();
    if (result.ok()) worker = *std::move(result);
  }
  const bool runs = outcome.ok();
  // From here on `make` and `outcome` are no longer there.
  made();
  if (runs) reactors_[index]->Run();
  worker.reset();
  reactors_[index]->DiscardWork();
}

void ReactorGroup::Stop() {
  for (const std::unique_ptr<Reactor>& reactor : reactors_) reactor->Stop();
}

void ReactorGroup::Join() {
  for (Thread& thread : threads_) thread.Join();
}

}  // namespace pollux
