// Several reactors, each on a thread of its own.
#ifndef POLLUX_REACTOR_REACTOR_GROUP_H_
#define POLLUX_REACTOR_REACTOR_GROUP_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/thread.h"

namespace pollux {

// N reactors on N threads, which share nothing: what runs on one is made on its
// thread, stays there, and is destroyed there, including tasks that were posted
// and never ran and objects given to DeleteSoon(). Once a thread has ended,
// Post() to its reactor fails with Cancelled.
//
//   auto group = ReactorGroup::Create(kernel, {.reactors = 4});
//   absl::Status status = (*group)->Start(
//       [&](Reactor& reactor, size_t index) { return MakeEcho(reactor); });
//   ...
//   (*group)->Stop();
//   (*group)->Join();
//
// Owned by the thread that creates, starts and joins it; only Stop() may be
// called from others. Signals that are blocked when it starts are blocked in
// its threads. Destroying it stops and joins.
class ReactorGroup final {
 public:
  // The application's part of a reactor. Made and destroyed on the reactor's
  // thread.
  class Worker {
   public:
    virtual ~Worker() = default;
  };

  enum class Affinity : uint8_t {
    // The scheduler moves threads as it likes.
    kNone,
    // The nth thread stays on the nth of the CPUs that the process may use,
    // beginning again when there are more threads. sched_setaffinity(2).
    kOneCpuEach,
  };

  struct Options {
    // 0: one for each CPU that the process may use.
    size_t reactors = 0;
    Affinity affinity = Affinity::kNone;
    // With the thread's number behind it; pthread_setname_np(3) keeps 15 bytes.
    std::string thread_name = "reactor";
    // That of the first.
    size_t first_thread_number = 0;
    Reactor::Options reactor = {};
  };

  // How many CPUs the process may use, at least 1. sched_getaffinity(2).
  static absl::StatusOr<size_t> CountCpus(Kernel& kernel);

  // Makes the worker of the reactor with this index. Called on the reactor's
  // thread, for one after another, so it need not be thread-safe.
  using MakeWorker = absl::AnyInvocable<absl::StatusOr<std::unique_ptr<Worker>>(
      Reactor& reactor, size_t index)>;

  // Fails if the kernel refuses a descriptor, or if sched_getaffinity(2) fails
  // and the CPUs matter: Options::reactors is 0, or `affinity` is kOneCpuEach.
  // `kernel` must outlive the group and be safe for several threads, as
  // LinuxKernel is.
  static absl::StatusOr<std::unique_ptr<ReactorGroup>> Create(
      Kernel& kernel, const Options& options);
  ~ReactorGroup();
  ReactorGroup(const ReactorGroup&) = delete;
  ReactorGroup& operator=(const ReactorGroup&) = delete;

  size_t size() const { return reactors_.size(); }
  // `index` is below size(). For Post() from other threads, and statistics().
  Reactor& reactor(size_t index) const { return *reactors_[index]; }

  // Starts the threads and returns when every worker is made. If a thread
  // cannot be started or bound to its CPU, or a worker cannot be made, stops
  // and joins those that run and returns the reason. Called once at most.
  absl::Status Start(MakeWorker make);

  // Makes every reactor stop at the end of its iteration. Any thread.
  void Stop();

  // Waits until all have stopped, and their workers are destroyed.
  void Join();

 private:
  ReactorGroup(Kernel& kernel, const Options& options)
      : kernel_(kernel), options_(options) {}

  std::string ThreadName(size_t index) const;
  absl::Status PinToCpu(size_t index);
  void Run(size_t index, MakeWorker& make, absl::Status& outcome,
           absl::AnyInvocable<void()> made);

  Kernel& kernel_;
  const Options options_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<int> cpus_;
  std::vector<Thread> threads_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_REACTOR_GROUP_H_
