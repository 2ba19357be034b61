// The event loop.
#ifndef POLLUX_REACTOR_REACTOR_H_
#define POLLUX_REACTOR_REACTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/timer_heap.h"

namespace pollux {

class Reactor;

// What the kernel reported of a descriptor. Hints: the next system call tells
// the truth, and may well say EAGAIN.
struct Readiness {
  bool readable = false;
  bool writable = false;
  // EPOLLERR or EPOLLHUP. Cannot be masked, so it must be acted on even while
  // nothing else is wanted: else the loop spins.
  bool broken = false;
};

// What a handler wants to hear of. Broken descriptors are always told.
enum class Interest : uint8_t { kNone, kRead, kWrite, kReadWrite };

// Told when a descriptor is ready. Not owned by the reactor; must outlive its
// Registration.
class IoHandler {
 public:
  // On the reactor's thread. May register, change or destroy any registration,
  // its own included; may destroy itself only through DeleteSoon().
  virtual void OnReady(Readiness readiness) = 0;

 protected:
  ~IoHandler() = default;
};

// The fact that one descriptor is watched for one handler, level-triggered: a
// readiness is told again as long as it holds.
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

  bool active() const { return reactor_ != nullptr; }

  // epoll_ctl(2), but no system call if nothing changes. ENOMEM is the one
  // failure that is not a caller's bug; the old interest then holds.
  absl::Status SetInterest(Interest interest);

  // Tells the handler `readiness` in the next iteration, which then does not
  // wait, as if the kernel had: for work that was left for reasons of fairness.
  // Cancelled by destroying the registration.
  void Inject(Readiness readiness);

  // Stops watching. Nothing if it watches nothing.
  void Reset();

 private:
  friend class Reactor;
  Registration(Reactor& reactor, int descriptor)
      : reactor_(&reactor), descriptor_(descriptor) {}

  Reactor* reactor_ = nullptr;
  int descriptor_ = -1;
};

// An event loop on one epoll set. One iteration, in this order:
//   1. wait for events, until the earliest deadline, or not at all if there is
//      something to do;
//   2. read the clock: Now() stays the same until the next iteration;
//   3. injected readiness, then events, in the kernel's order;
//   4. timers due at Now(), earliest first, in arming order where equal; those
//      armed meanwhile wait for the next iteration;
//   5. tasks that were posted before this step, in order;
//   6. objects given to DeleteSoon(), in order; destructors may add more.
//
// Owned by whoever runs it, and used by that thread alone; only Post() and
// Stop() may be called from others. Must outlive every Registration and Timer
// made on it. Every method may be called from inside its callbacks, except
// Run() and RunOnce(). Callbacks must not block: whatever they do, the others
// wait for. What fails is told by each method; epoll itself failing, which a
// correct program cannot bring about, ends the program.
class Reactor {
 public:
  struct Options {
    // Events taken from the kernel by one wait. 1 to 65536.
    int max_events_per_iteration = 512;

    // Tasks that may wait to be run. At least 1.
    size_t max_queued_tasks = 65536;
  };
  using Task = absl::AnyInvocable<void() &&>;

  // Fails if the kernel refuses a descriptor. `kernel` must outlive the
  // reactor.
  static absl::StatusOr<std::unique_ptr<Reactor>> Create(
      Kernel& kernel, const Options& options);
  static absl::StatusOr<std::unique_ptr<Reactor>> Create(Kernel& kernel) {
    return Create(kernel, Options());
  }

  // Tasks that have not run are destroyed, not run; so are the objects given to
  // DeleteSoon(). What is then still registered or armed is a bug of the
  // caller.
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // Iterates until Stop(); a Stop() that came first is honoured, and forgotten
  // when Run() returns.
  void Run();

  // One iteration, waiting at most `max_wait`, not at all if that is not
  // positive: for tests, and for loops that are not ours. Runs also after a
  // Stop(), without waiting.
  void RunOnce(absl::Duration max_wait);

  // Makes Run() return at the end of its iteration. Any thread.
  void Stop();

  // Runs `task` in a later step of the loop, never inline. Any thread; first
  // in, first out for each caller. ResourceExhausted when the queue is full:
  // the task is then destroyed unrun.
  absl::Status Post(Task task);

  // Watches `descriptor`, which must be open and not yet watched here, for
  // `handler`. Fails as epoll_ctl(2) does: EPERM for what cannot be polled,
  // ENOMEM, ENOSPC.
  absl::StatusOr<Registration> Register(int descriptor, Interest interest,
                                        IoHandler& handler);

  // Destroys `object` at the end of the iteration, so it may be the one whose
  // callback is running.
  template <typename T>
  void DeleteSoon(std::unique_ptr<T> object) {
    doomed_.push_back({object.release(),
                       [](void* doomed) { delete static_cast<T*>(doomed); }});
  }

  // The time of this iteration; before the first one, of the creation.
  MonotonicTime Now() const { return now_; }

  Kernel& kernel() const { return kernel_; }

 private:
  friend class Registration;
  friend class Timer;

  // What is known of the descriptor that is its index.
  struct Watch {
    IoHandler* handler = nullptr;
    // Tells this registration's events from those of earlier ones.
    uint32_t generation = 0;
    Interest interest = Interest::kNone;
  };
  struct Injected {
    int descriptor;
    uint32_t generation;
    Readiness readiness;
  };
  struct Doomed {
    void* object;
    void (*destroy)(void*);
  };

  Reactor(Kernel& kernel, const Options& options)
      : kernel_(kernel),
        max_queued_tasks_(options.max_queued_tasks),
        events_(options.max_events_per_iteration) {}

  absl::Status OpenDescriptors();
  SysResult Control(int operation, int descriptor, Interest interest);
  void Unregister(int descriptor);
  Watch* FindWatch(int descriptor, uint32_t generation);

  absl::Duration WaitLimit(absl::Duration max_wait);
  size_t Wait(absl::Duration limit);
  void RefreshNow();
  void DispatchInjected();
  void DispatchEvents(size_t count);
  void FireTimers();
  void RunTasks();
  // Without running them; says whether there were any.
  bool DestroyTasks();
  void DeleteDoomed();
  void Wake();

  Kernel& kernel_;
  const size_t max_queued_tasks_;
  int epoll_ = -1;
  int wake_ = -1;
  bool has_pwait2_ = true;

  MonotonicTime now_;
  std::vector<epoll_event> events_;
  std::vector<Watch> watches_;
  size_t watch_count_ = 0;
  std::vector<Injected> injected_;
  std::vector<Injected> injecting_;
  TimerHeap timers_;
  std::vector<Doomed> doomed_;
  std::vector<Task> running_tasks_;

  std::atomic<bool> stop_ = false;
  // The thread that is inside an iteration; none between iterations.
  std::atomic<std::thread::id> loop_thread_;

  absl::Mutex mutex_;
  std::vector<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  // Whether the loop is sure to look at tasks_: it is awake, or was woken.
  bool wake_sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> has_tasks_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_REACTOR_H_
