// Signals as events of the loop.
#ifndef POLLUX_REACTOR_SIGNALS_H_
#define POLLUX_REACTOR_SIGNALS_H_

#include <signal.h>

#include <initializer_list>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "reactor/reactor.h"

namespace pollux {

// Takes signals out of their asynchronous delivery and hands them to a callback
// on the loop, through a signalfd(2). Create it before other threads start: it
// blocks the signals in the calling thread and those it starts later, and a
// thread that does not block them would receive them the old way.
//
// Owned by whoever asked; destroying it closes the descriptor and restores the
// thread's signal mask. Reactor's thread only; must not outlive the reactor.
class Signals final : private IoHandler {
 public:
  // `on_signal` gets the signal's number; it may do anything, but destroy this
  // object only through DeleteSoon(). Fails if the kernel refuses a descriptor.
  static absl::StatusOr<std::unique_ptr<Signals>> Create(
      Reactor& reactor, std::initializer_list<int> signals,
      absl::AnyInvocable<void(int)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  Signals(Reactor& reactor, absl::AnyInvocable<void(int)> on_signal);

  void OnReady(Readiness readiness) override;

  Reactor& reactor_;
  absl::AnyInvocable<void(int)> on_signal_;
  sigset_t old_mask_;
  bool masked_ = false;
  int descriptor_ = -1;
  Registration registration_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_SIGNALS_H_
