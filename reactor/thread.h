// A thread whose start may fail.
#ifndef POLLUX_REACTOR_THREAD_H_
#define POLLUX_REACTOR_THREAD_H_

#include <pthread.h>

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux {

// A running thread, joined by its owner unless it is detached. std::thread
// reports a refusal by an exception, which ends a program that has none; here
// it is a status.
//
// Move-only; a default one stands for no thread. Start(), Join(),
// Detach() and the destructor belong to one thread at a time, and not to the
// thread itself.
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

  // Runs `body` on a new thread and destroys it there. It has the caller's
  // signal mask and is called `name`, of which pthread_setname_np(3) keeps 15
  // bytes. Fails, with a message for the operator, if there can be no more
  // threads: ResourceExhausted. pthread_create(3).
  static absl::StatusOr<Thread> Start(absl::string_view name,
                                      absl::AnyInvocable<void() &&> body);

  bool joinable() const { return joinable_; }

  // Waits until `body` has returned and is destroyed. Does nothing if there is
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
