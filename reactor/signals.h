// Signals as events of the loop.
#ifndef POLLUX_REACTOR_SIGNALS_H_
#define POLLUX_REACTOR_SIGNALS_H_

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "reactor/reactor.h"

namespace pollux {

// Takes signals out of their asynchronous delivery and hands them to callbacks
// on the loop, through a signalfd(2).
//
//   auto signals = Signals::Create(*reactor, {SIGTERM, SIGHUP});
//   (*signals)->On(SIGTERM, [&](const Signals::Event&) { reactor->Stop(); });
//
// Create it before other threads start: it blocks the signals in the calling
// thread and those that it starts later, and a thread that does not block them
// would receive them the old way. From then on none is lost, whether the loop
// runs or not: it waits in the kernel. Those of one number that wait are one,
// as everywhere (signal(7)), but for the real-time signals.
//
// One for a process: of several that take the same signal, one would get it.
// Owned by whoever asked; reactor's thread only; must not outlive the reactor.
// Destroying it closes the descriptor and unblocks the signals that it blocked:
// one that still waits is then delivered the old way.
class Signals final : private IoHandler {
 public:
  // A signal that has arrived.
  struct Event {
    int signal;
    // Who sent it, with kill(2) for instance; 0 if it was the kernel, as for a
    // key that was typed.
    pid_t sender;
    uid_t sender_user;
  };
  // May do anything, but destroy the Signals only through DeleteSoon().
  using Callback = absl::AnyInvocable<void(const Event&)>;

  // Blocks `signals`, each a number of signal(7) that can be blocked, and takes
  // them. Fails if the kernel refuses a descriptor; nothing is blocked then.
  static absl::StatusOr<std::unique_ptr<Signals>> Create(
      Reactor& reactor, std::initializer_list<int> signals);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Identifies a callback, for Remove().
  enum class CallbackId : uint64_t {};

  // Calls `callback` for each `signal`, one of those given to Create(), until
  // Remove() or the end of this object. Any number of callbacks for each,
  // called in the order in which they were added; one that is added by a
  // callback is called from the next signal on. A signal without a callback is
  // taken and forgotten.
  CallbackId On(int signal, Callback callback);

  // Removes a callback: it is not called again, even for the signal that is
  // being reported. It is destroyed at once; inside of a callback, after the
  // last callback for that signal has returned. `id` must come from On() and
  // must not have been removed.
  void Remove(CallbackId id);

 private:
  struct Subscriber {
    CallbackId id;
    // 0 once the callback is removed.
    int signal;
    Callback callback;
  };

  explicit Signals(Reactor& reactor);

  absl::Status Take(std::initializer_list<int> signals);
  void OnReady(Readiness readiness) override;
  void EraseRemoved();

  Reactor& reactor_;
  // What is taken; of it, what was not blocked before.
  sigset_t taken_;
  sigset_t blocked_;
  int descriptor_ = -1;
  Registration registration_;
  // Stays in place while callbacks add to it.
  std::deque<Subscriber> subscribers_;
  uint64_t last_id_ = 0;
  bool is_calling_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_SIGNALS_H_
