// Notices a loop that does not come round.
#ifndef POLLUX_REACTOR_STALL_WATCHDOG_H_
#define POLLUX_REACTOR_STALL_WATCHDOG_H_

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reactor/dispatch_log.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/thread.h"

namespace pollux {

// A callback that keeps its loop from everything else.
struct StallReport {
  // The reactor, as it was named to Watch().
  std::string reactor;
  // The class of the handler or timer that is running: "pollux::Listener";
  // empty for tasks and deletions.
  std::string handler;
  Dispatch dispatch;
  // How long it has been running when it was looked at.
  absl::Duration running_for;
  // The stack at that time, innermost frame first. Empty, as `recent` and
  // `handler` are, if it could not be taken: the thread blocks the signal or
  // hangs in the kernel, or too many signals are queued (RLIMIT_SIGPENDING).
  std::vector<std::string> stack;
  // The callbacks before, oldest first, this one included.
  std::vector<Dispatch> recent;
};

// A thread that observes loops from outside. It reports a callback that runs
// longer than a threshold, with its stack, while it still runs; and feeds a
// watchdog (systemd's, say) for as long as none does. All times are monotonic.
// A stall whose stack cannot be taken is reported without one, and does not
// delay the reports of others.
//
// It costs the loops nothing: they note what they do anyway. The stack is taken
// by a signal to the loop's thread, whose handler this object installs and
// restores; there is one such object in a process. A system call that is
// interrupted there is restarted (SA_RESTART), or says EINTR if it is one that
// is not (signal(7)).
//
// Owned by whoever starts the program, on any one thread; what it calls is
// called on a thread of its own. Only reactors that are inside of Run() are
// watched: whoever calls RunOnce() has a loop of his own.
class StallWatchdog final {
 public:
  struct Options {
    // How long a callback may run before it is reported. Positive.
    absl::Duration threshold = absl::Milliseconds(100);
    // How long the watchdog waits for the stack of a stalled thread before it
    // reports the stall without one. Positive.
    absl::Duration stack_timeout = absl::Seconds(1);
    // How often `on_alive` is called. Infinite: never.
    absl::Duration alive_interval = absl::InfiniteDuration();
    // Otherwise without a use in this process. Its default is to be ignored, so
    // that one that comes late does no harm.
    int signal = SIGURG;
  };

  // Called once for each stall. On the watchdog's thread; must not call back.
  using OnStall = absl::AnyInvocable<void(const StallReport&)>;
  // Called while no watched loop is stalled; where to feed a watchdog.
  using OnAlive = absl::AnyInvocable<void()>;

  // Installs the signal handler and starts the thread. Fails if either is
  // refused: sigaction(2), Thread::Start().
  static absl::StatusOr<std::unique_ptr<StallWatchdog>> Create(
      const Options& options, OnStall on_stall, OnAlive on_alive = [] {});
  ~StallWatchdog();
  StallWatchdog(const StallWatchdog&) = delete;
  StallWatchdog& operator=(const StallWatchdog&) = delete;

  // `reactor` must outlive this, or be unwatched before it goes. Any thread.
  void Watch(Reactor& reactor, std::string name);
  void Unwatch(Reactor& reactor);

 private:
  struct Capture;
  struct Watched;

  StallWatchdog(const Options& options, OnStall on_stall, OnAlive on_alive);

  static void OnSignal(int signal, siginfo_t* info, void* context);
  void Loop();
  // Returns true if no loop is stalled. Appends to `reports` each new stall
  // whose stack is known or could not be taken.
  bool Look(MonotonicTime now, std::vector<StallReport>& reports)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next step for a callback that runs longer than the threshold.
  enum class Next : uint8_t { kWait, kReport, kReportWithoutStack, kIgnore };
  Next Ask(Watched& watched, MonotonicTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Stops watching the loop with this index.
  void Forget(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes a pending signal do nothing when it arrives, and waits for a handler
  // that is running.
  static void Abandon(Capture& capture);
  static void Describe(const Capture& capture, StallReport& report);

  const Options options_;
  OnStall on_stall_;
  OnAlive on_alive_;
  struct sigaction old_action_ = {};
  bool handles_signal_ = false;
  absl::Mutex mutex_;
  bool stops_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Watched> watched_ ABSL_GUARDED_BY(mutex_);
  // The captures of reactors that are no longer watched, until their signal
  // arrives.
  std::vector<std::unique_ptr<Capture>> abandoned_ ABSL_GUARDED_BY(mutex_);
  Thread thread_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_STALL_WATCHDOG_H_
