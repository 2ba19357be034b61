#include "reactor/signals.h"

#include <sys/signalfd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {

Signals::Signals(Reactor& reactor) : reactor_(reactor) {
  sigemptyset(&taken_);
  sigemptyset(&blocked_);
}

absl::StatusOr<std::unique_ptr<Signals>> Signals::Create(
    Reactor& reactor, std::initializer_list<int> signals) {
  std::unique_ptr<Signals> source(new Signals(reactor));
  if (absl::Status status = source->Take(signals); !status.ok()) return status;
  return source;
}

absl::Status Signals::Take(std::initializer_list<int> signals) {
  Kernel& kernel = reactor_.kernel();
  for (int signal : signals) {
    CHECK_EQ(sigaddset(&taken_, signal), 0) << "there is no signal " << signal;
  }
  sigset_t before;
  SysResult result = kernel.SigProcMask(SIG_BLOCK, taken_, &before);
  if (!result.ok()) return result.ToStatus("sigprocmask");
  for (int signal : signals) {
    if (sigismember(&before, signal) == 0) sigaddset(&blocked_, signal);
  }

  result = kernel.SignalFd(-1, taken_, SFD_NONBLOCK | SFD_CLOEXEC);
  if (!result.ok()) return result.ToStatus("signalfd");
  descriptor_ = result.descriptor();

  absl::StatusOr<Registration> registration =
      reactor_.Register(descriptor_, Interest::kRead, *this);
  if (!registration.ok()) return registration.status();
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

Signals::~Signals() {
  registration_.Reset();
  if (descriptor_ >= 0) (void)reactor_.kernel().Close(descriptor_);
  if (!sigisemptyset(&blocked_)) {
    (void)reactor_.kernel().SigProcMask(SIG_UNBLOCK, blocked_, nullptr);
  }
}

Signals::CallbackId Signals::On(int signal, Callback callback) {
  CHECK_EQ(sigismember(&taken_, signal), 1)
      << "signal " << signal << " was not given to Create()";
  const CallbackId id{++last_id_};
  subscribers_.push_back({id, signal, std::move(callback)});
  return id;
}

void Signals::Remove(CallbackId id) {
  const auto found = std::find_if(
      subscribers_.begin(), subscribers_.end(),
      [id](const Subscriber& subscriber) { return subscriber.id == id; });
  CHECK(found != subscribers_.end() && found->signal != 0)
      << "the callback was removed before";
  found->signal = 0;
  if (!is_calling_) EraseRemoved();
}

void Signals::EraseRemoved() {
  std::erase_if(subscribers_, [](const Subscriber& subscriber) {
    return subscriber.signal == 0;
  });
}

void Signals::OnReady(Readiness) {
  // One per event: level-triggered, so more are told in the next iteration.
  signalfd_siginfo info;
  const SysResult result = RetryOnSignal([&] {
    return reactor_.kernel().Read(
        descriptor_, {reinterpret_cast<char*>(&info), sizeof(info)});
  });
  if (!result.ok()) return;
  const Event event = {.signal = static_cast<int>(info.ssi_signo),
                       .sender = static_cast<pid_t>(info.ssi_pid),
                       .sender_user = info.ssi_uid};
  is_calling_ = true;
  const size_t count = subscribers_.size();
  for (size_t i = 0; i < count; ++i) {
    Subscriber& subscriber = subscribers_[i];
    if (subscriber.signal == event.signal) subscriber.callback(event);
  }
  is_calling_ = false;
  EraseRemoved();
}

}  // namespace pollux
