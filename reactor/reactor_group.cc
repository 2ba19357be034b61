#include "reactor/reactor_group.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace pollux {
namespace {

constexpr size_t kMaxThreadName = 15;

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
  absl::StatusOr<std::vector<int>> cpus = UsableCpus(kernel);
  if (!cpus.ok()) return cpus.status();
  group->cpus_ = *std::move(cpus);
  const size_t count =
      options.reactors > 0 ? options.reactors : group->cpus_.size();
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
    threads_.emplace_back([this, i, &make, &outcome, &made] {
      Run(i, make, outcome, [&made] { made.Notify(); });
    });
    made.WaitForNotification();
    if (outcome.ok()) continue;
    Stop();
    Join();
    return outcome;
  }
  return absl::OkStatus();
}

absl::Status ReactorGroup::Settle(size_t index) {
  const std::string name =
      absl::StrCat(options_.thread_name, options_.first_thread_number + index)
          .substr(0, kMaxThreadName);
  // Only for whoever looks: a name that is refused is none.
  (void)pthread_setname_np(pthread_self(), name.c_str());
  if (options_.affinity == Affinity::kNone) return absl::OkStatus();
  cpu_set_t cpu;
  CPU_ZERO(&cpu);
  CPU_SET(cpus_[index % cpus_.size()], &cpu);
  return kernel_.SchedSetAffinity(0, cpu).ToStatus("sched_setaffinity");
}

void ReactorGroup::Run(size_t index, MakeWorker& make, absl::Status& outcome,
                       absl::AnyInvocable<void()> made) {
  std::unique_ptr<Worker> worker;
  outcome = Settle(index);
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
}

void ReactorGroup::Stop() {
  for (const std::unique_ptr<Reactor>& reactor : reactors_) reactor->Stop();
}

void ReactorGroup::Join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace pollux
