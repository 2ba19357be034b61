#include "testing/fake/signal_queue.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cstring>

namespace pollux {
namespace {

constexpr int kLastSignal = 64;

}  // namespace

SysResult SignalQueue::SetMask(int how, const sigset_t& signals,
                               sigset_t* old) {
  if (old != nullptr) *old = blocked_;
  if (how == SIG_SETMASK) {
    blocked_ = signals;
    return SysResult::Ok();
  }
  if (how != SIG_BLOCK && how != SIG_UNBLOCK) return SysResult::Error(EINVAL);
  for (int signal = 1; signal <= kLastSignal; ++signal) {
    if (sigismember(&signals, signal) != 1) continue;
    if (how == SIG_BLOCK) {
      sigaddset(&blocked_, signal);
    } else {
      sigdelset(&blocked_, signal);
    }
  }
  return SysResult::Ok();
}

void SignalQueue::Raise(int signal) {
  if (!IsBlocked(signal)) {
    ++unblocked_deliveries_;
    return;
  }
  pending_.insert(signal);
  for (SignalFile* file : files_) file->Notify(EPOLLIN);
}

int SignalQueue::Take(const sigset_t& wanted) {
  for (int signal : pending_) {
    if (sigismember(&wanted, signal) != 1) continue;
    pending_.erase(signal);
    return signal;
  }
  return 0;
}

bool SignalQueue::HasAny(const sigset_t& wanted) const {
  return std::any_of(pending_.begin(), pending_.end(), [&](int signal) {
    return sigismember(&wanted, signal) == 1;
  });
}

SignalFile::SignalFile(SignalQueue& queue, const sigset_t& wanted)
    : queue_(queue), wanted_(wanted) {
  queue_.files_.push_back(this);
}

SignalFile::~SignalFile() {
  queue_.files_.erase(
      std::find(queue_.files_.begin(), queue_.files_.end(), this));
}

void SignalFile::SetWanted(const sigset_t& wanted) {
  wanted_ = wanted;
  Notify(EPOLLIN);
}

uint32_t SignalFile::Poll() {
  return queue_.HasAny(wanted_) ? uint32_t{EPOLLIN} : 0;
}

SysResult SignalFile::Read(absl::Span<char> buffer) {
  if (buffer.size() < sizeof(signalfd_siginfo)) {
    return SysResult::Error(EINVAL);
  }
  size_t filled = 0;
  while (filled + sizeof(signalfd_siginfo) <= buffer.size()) {
    const int signal = queue_.Take(wanted_);
    if (signal == 0) break;
    signalfd_siginfo info = {};
    info.ssi_signo = static_cast<uint32_t>(signal);
    std::memcpy(buffer.data() + filled, &info, sizeof(info));
    filled += sizeof(info);
  }
  if (filled == 0) return SysResult::Error(EAGAIN);
  return SysResult::Ok(static_cast<int64_t>(filled));
}

}  // namespace pollux
