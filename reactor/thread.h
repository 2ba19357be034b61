// A thread whose start returns a status.
#ifndef POLLUX_REACTOR_THREAD_H_
#define POLLUX_REACTOR_THREAD_H_

#include <pthread.h>

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux {

// A running thread, joined by its owner unless it is detached. If the system
// refuses to start a thread, Start() returns a status, where std::thread throws
// an exception.
//
// Move-only; a default-constructed object has no thread. An object is used by
// one thread at a time, and never by the thread that it stands for. The
// destructor and the assignment join.
class [[nodiscard]] Thread {
 public:
  Thread() = default;
  Thread(Thread&& other) noexcept
      : thread_(other.thread_),
        joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&& other) noexcept {
    Join();
    thread_ = other.thread_;
    joinable_ = std::exchange(other.joinable_, false);
    return *this;
  }
  ~Thread() { Join(); }

  // Runs `body` on a new thread and destroys it there. The thread inherits the
  // caller's signal mask and is named `name`, cut to 15 bytes
  // (pthread_setname_np(3)). Fails with ResourceExhausted, and a message for
  // the operator, if the thread cannot be started: pthread_create(3).
  static absl::StatusOr<Thread> Start(absl::string_view name,
                                      absl::AnyInvocable<void() &&> body);

  bool joinable() const { return joinable_; }

  // Blocks until `body` has returned and is destroyed. Does nothing if there is
  // no thread.
  void Join();

  // Lets the thread end by itself: nothing waits for it, so `body` must own
  // whatever it uses. Does nothing if there is no thread.
  void Detach();

 private:
  explicit Thread(pthread_t thread) : thread_(thread), joinable_(true) {}

  pthread_t thread_ = {};
  bool joinable_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_THREAD_H_
