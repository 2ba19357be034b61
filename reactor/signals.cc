#include "reactor/signals.h"

#include <sys/signalfd.h>

#include <utility>

namespace pollux {

Signals::Signals(Reactor& reactor, absl::AnyInvocable<void(int)> on_signal)
    : reactor_(reactor), on_signal_(std::move(on_signal)) {}

absl::StatusOr<std::unique_ptr<Signals>> Signals::Create(
    Reactor& reactor, std::initializer_list<int> signals,
    absl::AnyInvocable<void(int)> on_signal) {
  std::unique_ptr<Signals> source(new Signals(reactor, std::move(on_signal)));
  Kernel& kernel = reactor.kernel();

  sigset_t mask;
  sigemptyset(&mask);
  for (int signal : signals) sigaddset(&mask, signal);
  SysResult result = kernel.SigProcMask(SIG_BLOCK, mask, &source->old_mask_);
  if (!result.ok()) return result.ToStatus("sigprocmask");
  source->masked_ = true;

  result = kernel.SignalFd(-1, mask, SFD_NONBLOCK | SFD_CLOEXEC);
  if (!result.ok()) return result.ToStatus("signalfd");
  source->descriptor_ = result.descriptor();

  absl::StatusOr<Registration> registration =
      reactor.Register(source->descriptor_, Interest::kRead, *source);
  if (!registration.ok()) return registration.status();
  source->registration_ = *std::move(registration);
  return source;
}

Signals::~Signals() {
  registration_.Reset();
  if (descriptor_ >= 0) (void)reactor_.kernel().Close(descriptor_);
  if (masked_) {
    (void)reactor_.kernel().SigProcMask(SIG_SETMASK, old_mask_, nullptr);
  }
}

void Signals::OnReady(Readiness) {
  // One per event: level-triggered, so more are told in the next iteration.
  signalfd_siginfo info;
  const SysResult result = RetryOnSignal([&] {
    return reactor_.kernel().Read(
        descriptor_, {reinterpret_cast<char*>(&info), sizeof(info)});
  });
  if (result.ok()) on_signal_(static_cast<int>(info.ssi_signo));
}

}  // namespace pollux
