// The event loop.
#ifndef POLLUX_REACTOR_REACTOR_H_
#define POLLUX_REACTOR_REACTOR_H_

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reactor/dispatch_log.h"
#include "reactor/io_handler.h"
#include "reactor/kernel.h"
#include "reactor/loop_statistics.h"
#include "reactor/monotonic_time.h"
#include "reactor/timer_heap.h"

namespace pollux {

class Reactor;

// A Registration for owners that hold many and already know their reactor.
// Takes four bytes. Every call names the reactor, always the same one. Reset()
// must come before the destructor, which checks it in debug builds. Everything
// else is as for Registration.
class EmbeddedRegistration {
 public:
  EmbeddedRegistration() = default;
#ifndef NDEBUG
  ~EmbeddedRegistration();
#endif
  EmbeddedRegistration(const EmbeddedRegistration&) = delete;
  EmbeddedRegistration& operator=(const EmbeddedRegistration&) = delete;

  // Fails as Reactor::Register() does. It must not be active.
  absl::Status Start(Reactor& reactor, int descriptor, Interest interest,
                     const WatchOptions& options, IoHandler& handler);

  bool active() const { return descriptor_ >= 0; }
  absl::Status SetInterest(Reactor& reactor, Interest interest);
  absl::Status Rearm(Reactor& reactor);
  void Inject(Reactor& reactor, Readiness readiness);
  void Reset(Reactor& reactor);

 private:
  friend class Registration;

  int descriptor_ = -1;
};

// The fact that one descriptor is watched for one handler.
//
// Owns the watching, not the descriptor, which must stay open as long: destroy
// the registration before closing. Destroying it guarantees that OnReady() is
// not called again, even for events already taken from the kernel in this
// iteration. Reactor's thread only; move-only; a default one watches nothing.
class [[nodiscard]] Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept { *this = std::move(other); }
  Registration& operator=(Registration&& other) noexcept;
  ~Registration() { Reset(); }

  bool active() const { return embedded_.active(); }

  // epoll_ctl(2), but no system call if nothing changes. What is no longer
  // wanted is not told any more, even of events already taken from the kernel.
  // ENOMEM and ENOSPC are the failures that are not a caller's bug; the old
  // interest then holds, or kNone with Trigger::kExclusive, for which epoll
  // knows no change but to leave and come back.
  absl::Status SetInterest(Interest interest) {
    return embedded_.SetInterest(reactor(), interest);
  }

  // With Trigger::kOneShot: tells the next readiness, or the one that holds.
  // Fails as SetInterest().
  absl::Status Rearm() { return embedded_.Rearm(reactor()); }

  // Reports `readiness` to the handler in the next iteration, which then does
  // not wait, as if the kernel had reported it, but regardless of the interest:
  // for work deferred for fairness. Several calls, and the kernel's event in
  // that iteration, are merged into one call of OnReady(). Reset() and the
  // destructor cancel it.
  void Inject(Readiness readiness) { embedded_.Inject(reactor(), readiness); }

  // Stops watching. Nothing if it watches nothing.
  void Reset() {
    if (active()) embedded_.Reset(reactor());
  }

 private:
  friend class Reactor;

  // That it is active is checked.
  Reactor& reactor() const;

  Reactor* reactor_ = nullptr;
  EmbeddedRegistration embedded_;
};

// An event loop on one epoll set. One iteration, in this order:
//   1. wait for events, until the earliest deadline, or not at all if there is
//      something to do;
//   2. read the clock: Now() stays the same until the iteration ends;
//   3. injected readiness, in order, then events, in the kernel's order. The
//      handler of a registration that has both is called once, in its event's
//      place;
//   4. timers due at Now(), earliest first, in arming order where equal; those
//      armed meanwhile wait for the next iteration;
//   5. tasks that were posted before this step, in order;
//   6. objects given to DeleteSoon(), in order; destructors may add more.
// Steps 3 to 5 are bounded, so that no kind of work can starve the others; what
// is left comes in the next iteration, which then does not wait.
//
// Owned by whoever runs it, and used by that thread alone; only Post(), Stop()
// and statistics() may be used by others. Builds for debugging end the program,
// naming who it was, when another thread uses it while it runs, or a child
// after fork(2): a reactor stays with the process that made it. Must outlive
// every Registration and Timer made on it. Every method may be called from
// inside its callbacks, except Run(), RunOnce() and DiscardWork(); a callback
// must not destroy the reactor either. Any of these ends the program in every
// build. Callbacks must not block: everything else on the loop waits for them.
// Each method documents how it fails; a
// failure of epoll itself, which a correct program cannot cause, ends the
// program.
class Reactor {
 public:
  // What is timed besides being counted: LoopStatistics.
  enum class Observe : uint8_t {
    kNothing,
    // One more look at the clock in each iteration.
    kIterations,
    // And one after each callback: some 20 ns.
    kCallbacks,
  };

  struct Options {
    // Events taken from the kernel by one wait. 1 to 65536.
    int max_events_per_iteration = 512;

    // Timers that one iteration fires. At least 1.
    int max_timers_per_iteration = 1024;

    // Tasks that one iteration runs. At least 1.
    int max_tasks_per_iteration = 1024;

    // Tasks that may wait to be run. At least 1.
    size_t max_queued_tasks = 65536;

    Observe observe = Observe::kIterations;
  };
  using Task = absl::AnyInvocable<void() &&>;

  // Fails if the kernel refuses a descriptor. `kernel` must outlive the
  // reactor.
  static absl::StatusOr<std::unique_ptr<Reactor>> Create(
      Kernel& kernel, const Options& options);
  static absl::StatusOr<std::unique_ptr<Reactor>> Create(Kernel& kernel) {
    return Create(kernel, Options());
  }

  // Discards work as DiscardWork() does. A registration or timer that is still
  // active is a bug of the caller, and ends the program.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Iterates until Stop(); a Stop() that came first is honoured, and forgotten
  // when Run() returns.
  void Run();

  // Runs one iteration that waits at most `max_wait`, or not at all if that is
  // not positive: for tests, and for foreign loops. Returns true if Stop() was
  // called, before or during the iteration, and clears that request. A Stop()
  // that was called before also makes the iteration not wait.
  bool RunOnce(absl::Duration max_wait);

  // Return a descriptor to poll and the longest time to sleep, counted from the
  // call, for a foreign loop. Such a loop calls RunOnce(absl::ZeroDuration())
  // when the descriptor is readable (poll(2), or an epoll set of its own) or
  // the time has passed, and ends when RunOnce() returns true. Post() and
  // Stop() from other threads make the descriptor readable too.
  int pollable_descriptor() const { return epoll_; }
  absl::Duration TimeUntilWork();

  // Makes one Run() or RunOnce() return at the end of its iteration: the one
  // that is running, or the next. Any thread.
  void Stop();

  // Runs `task` in a later step of the loop, never inline. Any thread; first
  // in, first out for each caller. Fails with ResourceExhausted while the queue
  // is full, and with Cancelled from DiscardWork() on; the task is then
  // destroyed unrun, on the calling thread.
  absl::Status Post(Task task);

  // Runs `task` as Post() does, but accepts it even while the queue is full:
  // for tasks that cannot be retried and whose number is bounded elsewhere,
  // such as the completion of a request. Fails with Cancelled only. Any thread.
  absl::Status PostReserved(Task task);

  // Watches `descriptor`, which must be open and not yet watched here, for
  // `handler`. Fails as epoll_ctl(2) does: EPERM for what cannot be polled,
  // ENOMEM, ENOSPC.
  absl::StatusOr<Registration> Register(int descriptor, Interest interest,
                                        const WatchOptions& options,
                                        IoHandler& handler);
  absl::StatusOr<Registration> Register(int descriptor, Interest interest,
                                        IoHandler& handler) {
    return Register(descriptor, interest, WatchOptions(), handler);
  }

  // Destroys the tasks that have not run, without running them, and the objects
  // given to DeleteSoon(); Post() fails from here on. For a reactor whose
  // destructor runs on another thread than its loop did: called on the loop's
  // thread, after the last Run() or RunOnce(), and not from inside a callback.
  void DiscardWork();

  // Destroys `object` at the end of the iteration, so it may be the one whose
  // callback is running.
  template <typename T>
  void DeleteSoon(std::unique_ptr<T> object) {
    CheckThread("DeleteSoon()", -1);
    doomed_.push_back({object.release(),
                       [](void* doomed) { delete static_cast<T*>(doomed); }});
  }

  // Returns the time of the current iteration; outside of Run() and RunOnce(),
  // the clock's.
  MonotonicTime Now() const { return is_running() ? now_ : ReadClock(); }

  // Reads the clock, also inside of a callback, where Now() does not advance:
  // for durations that include the callback's own time. clock_gettime(2),
  // CLOCK_MONOTONIC.
  MonotonicTime ReadClock() const;

  Kernel& kernel() const { return kernel_; }

  // Any thread.
  const LoopStatistics& statistics() const { return statistics_; }

 private:
  friend class EmbeddedRegistration;
  friend class StallWatchdog;
  friend class EmbeddedTimer;

  // What is known of the descriptor that is its index.
  struct Watch {
    IoHandler* handler = nullptr;
    // Tells this registration's events from those of earlier ones.
    uint32_t generation = 0;
    Trigger trigger = Trigger::kLevel;
    Interest interest : 3 = Interest::kNone;
    bool priority_data : 1 = false;
    bool peer_half_close : 1 = false;
    // Not while an exclusive one wants nothing.
    bool is_in_epoll : 1 = false;
    // Whether an entry for it is in injected_ or injecting_.
    bool is_injected : 1 = false;
    // Whether this iteration has an event for it, with which its injected
    // readiness is merged.
    bool has_event : 1 = false;
    // The injected readiness; empty unless is_injected.
    Readiness injected = {};

    WatchOptions options() const {
      return {.trigger = trigger,
              .priority_data = priority_data,
              .peer_half_close = peer_half_close};
    }
  };
  static_assert(sizeof(Watch) == 16, "there is one for each descriptor");
  struct Injected {
    int descriptor;
    uint32_t generation;
  };
  struct Doomed {
    void* object;
    void (*destroy)(void*);
  };

  // Never a thread's, in any C library that runs on Linux.
  static constexpr pthread_t kNoThread = 0;

  Reactor(Kernel& kernel, const Options& options);

  absl::Status OpenDescriptors();
  SysResult Control(int operation, int descriptor, Interest interest);
  SysResult Change(int descriptor, Interest interest);
  absl::Status StartWatching(int descriptor, Interest interest,
                             const WatchOptions& options, IoHandler& handler);
  void StopWatching(int descriptor);
  Watch* FindWatch(int descriptor, uint32_t generation);

  // Debug builds: that nobody else is using it, now that `what` is called.
  void CheckThread([[maybe_unused]] const char* what,
                   [[maybe_unused]] int descriptor) const {
#ifndef NDEBUG
    const pthread_t loop = loop_thread_.load(std::memory_order_relaxed);
    if (loop != kNoThread && !pthread_equal(loop, pthread_self())) {
      NameOffender(what, descriptor);
    }
#endif
  }
  [[noreturn]] void NameOffender(const char* what, int descriptor) const;
  void CheckProcess() const;

  bool is_running() const {
    return loop_thread_.load(std::memory_order_relaxed) != kNoThread;
  }
  void EnterLoop(const char* caller);
  void LeaveLoop();
  void SetRunningThread(pthread_t thread);
  void Iterate(absl::Duration max_wait);
  bool is_observing() const { return options_.observe != Observe::kNothing; }
  // Makes a callback, noted in the log and timed if that is wanted.
  template <typename Callback>
  void Call(const Dispatch& dispatch, Callback callback);

  bool HasWork() const;
  absl::Duration WaitLimit(absl::Duration max_wait);
  size_t Wait(absl::Duration limit);
  void ReadIdleSince();
  static Readiness TakeInjected(Watch& watch);
  void FindInjectedEvents(size_t count);
  void DispatchInjected(size_t event_count);
  void DispatchEvents(size_t count);
  void FireTimers();
  absl::Status Enqueue(Task task, size_t max_queued_tasks);
  void RunTasks();
  // Without running them; says whether there were any.
  bool DestroyTasks();
  void DeleteDoomed();
  void Wake();

  Kernel& kernel_;
  const Options options_;
  // Only looked at when debugging.
  const int process_;
  int epoll_ = -1;
  int wake_ = -1;
  bool has_pwait2_ = true;

  MonotonicTime now_;
  // When the last iteration ended or this one began, if that was just now.
  MonotonicTime idle_since_;
  bool is_idle_since_fresh_ = false;
  MonotonicTime last_call_end_;
  LoopStatistics statistics_;
  DispatchLog log_;
  // Odd while it calls back; changes with each call. Read by StallWatchdog.
  std::atomic<uint64_t> progress_ = 0;

  std::vector<epoll_event> events_;
  std::vector<Watch> watches_;
  size_t watch_count_ = 0;
  std::vector<Injected> injected_;
  std::vector<Injected> injecting_;
  TimerHeap timers_;
  std::vector<Doomed> doomed_;
  // Taken from tasks_, and run from next_task_ on.
  std::vector<Task> running_tasks_;
  size_t next_task_ = 0;

  std::atomic<bool> stop_ = false;
  // Held while Run() begins and ends, so that StallWatchdog finds its thread or
  // none.
  absl::Mutex watch_mutex_;
  pthread_t running_thread_ ABSL_GUARDED_BY(watch_mutex_) = kNoThread;
  // The thread that is inside Run() or RunOnce(); else none.
  std::atomic<pthread_t> loop_thread_ = kNoThread;
  // Tasks in running_tasks_ that have not run.
  std::atomic<size_t> unrun_tasks_ = 0;

  absl::Mutex mutex_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  // DiscardWork() was called.
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether the loop is sure to look at tasks_: it is awake, or was woken.
  bool wake_sent_ ABSL_GUARDED_BY(mutex_) = false;
  // When the first of tasks_ was posted.
  MonotonicTime first_post_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> has_tasks_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_REACTOR_H_
