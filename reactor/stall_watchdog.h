// Notices a loop that does not come round.
#ifndef POLLUX_REACTOR_STALL_WATCHDOG_H_
#define POLLUX_REACTOR_STALL_WATCHDOG_H_

#include <signal.h>

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reactor/dispatch_log.h"
#include "reactor/reactor.h"

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
  // Where it was then, innermost first.
  std::vector<std::string> stack;
  // The callbacks before, oldest first, this one included.
  std::vector<Dispatch> recent;
};

// A thread that looks at loops from outside: tells of a callback that runs
// longer than a threshold, with its stack, while it still runs; and feeds a
// watchdog (systemd's, say) for as long as none does.
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
    // A callback that runs longer is told. Positive.
    absl::Duration threshold = absl::Milliseconds(100);
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

  // Fails if the signal cannot be handled: sigaction(2).
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
  struct Watched {
    Reactor* reactor;
    std::string name;
    uint64_t progress = 0;
    absl::Time since = {};
    bool told = false;
  };

  StallWatchdog(const Options& options, OnStall on_stall, OnAlive on_alive);

  static void OnSignal(int signal, siginfo_t* info, void* context);
  void Loop();
  // Whether none is stalled. Fills `reports` with stalls that were not told.
  bool Look(absl::Time now, std::vector<StallReport>& reports)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Describe(const Watched& watched, StallReport& report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  OnStall on_stall_;
  OnAlive on_alive_;
  struct sigaction old_action_ = {};
  bool handles_signal_ = false;
  // What the signal's handler fills.
  std::unique_ptr<Capture> capture_;
  absl::Mutex mutex_;
  bool stops_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Watched> watched_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_STALL_WATCHDOG_H_
