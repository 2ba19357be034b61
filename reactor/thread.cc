#include "reactor/thread.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

constexpr size_t kMaxNameBytes = 15;

struct Beginning {
  std::string name;
  absl::AnyInvocable<void() &&> body;
};

void* Run(void* argument) {
  const std::unique_ptr<Beginning> beginning(static_cast<Beginning*>(argument));
  // The name is for debuggers and ps(1) only, so a failure is ignored.
  (void)pthread_setname_np(pthread_self(), beginning->name.c_str());
  std::move(beginning->body)();
  return nullptr;
}

}  // namespace

absl::StatusOr<Thread> Thread::Start(absl::string_view name,
                                     absl::AnyInvocable<void() &&> body) {
  auto beginning = std::make_unique<Beginning>(
      Beginning{.name = std::string(name.substr(0, kMaxNameBytes)),
                .body = std::move(body)});
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, Run, beginning.get());
  if (error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot start the thread \"", name, "\": ", std::strerror(error),
        ": raise the limit of threads (ulimit -u, TasksMax, --pids-limit) or "
        "of memory"));
  }
  // The thread owns it now.
  (void)beginning.release();
  return Thread(thread);
}

void Thread::Join() {
  if (!std::exchange(joinable_, false)) return;
  CHECK_EQ(pthread_join(thread_, nullptr), 0);
}

void Thread::Detach() {
  if (!std::exchange(joinable_, false)) return;
  CHECK_EQ(pthread_detach(thread_), 0);
}

}  // namespace pollux
