#include "testing/fake_kernel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <utility>

#include "testing/fake/event_counter.h"
#include "testing/fake/timer_file.h"

namespace pollux {
FakeKernel::~FakeKernel() {
  // A process that ends closes in the order of the numbers.
  for (std::shared_ptr<OpenFile>& file : descriptors_) file.reset();
  world_.network().files_in_flight().Collect();
}

size_t FakeKernel::open_descriptors() const {
  return descriptors_.size() - kFirstDescriptor - free_.size();
}

std::vector<int> FakeKernel::OpenDescriptorNumbers() const {
  std::vector<int> numbers;
  for (size_t i = 0; i < descriptors_.size(); ++i) {
    if (descriptors_[i] != nullptr) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

OpenFile* FakeKernel::Find(int descriptor) {
  OpenFile* file = FindAny(descriptor);
  return file == nullptr || file->is_path_only() ? nullptr : file;
}

OpenFile* FakeKernel::FindAny(int descriptor) {
  const auto index = static_cast<size_t>(descriptor);
  if (descriptor < 0 || index >= descriptors_.size() ||
      descriptors_[index] == nullptr) {
    ++bad_descriptor_calls_;
    return nullptr;
  }
  return descriptors_[index].get();
}

bool FakeKernel::HasFreeDescriptor(size_t lowest) const {
  if (lowest >= options_.descriptor_limit) return false;
  if (descriptors_.size() < options_.descriptor_limit) return true;
  const auto free = free_.lower_bound(lowest);
  return free != free_.end() && *free < options_.descriptor_limit;
}

SysResult FakeKernel::InstallFrom(size_t lowest,
                                  std::shared_ptr<OpenFile> file) {
  if (!HasFreeDescriptor(lowest)) return SysResult::Error(EMFILE);
  while (descriptors_.size() < lowest) {
    free_.insert(free_.end(), descriptors_.size());
    descriptors_.emplace_back();
  }
  const auto free = free_.lower_bound(lowest);
  if (free == free_.end()) {
    descriptors_.push_back(std::move(file));
    return SysResult::Ok(static_cast<int64_t>(descriptors_.size() - 1));
  }
  const size_t number = *free;
  free_.erase(free);
  descriptors_[number] = std::move(file);
  return SysResult::Ok(static_cast<int64_t>(number));
}

SysResult FakeKernel::InstallWithFlags(std::shared_ptr<OpenFile> file,
                                       int flags) {
  file->set_nonblocking((flags & O_NONBLOCK) != 0);
  const SysResult result = Install(std::move(file));
  if (result.ok() && (flags & O_CLOEXEC) != 0) {
    close_on_exec_.insert(result.descriptor());
  }
  return result;
}

SysResult FakeKernel::Dup(int descriptor) {
  if (FindAny(descriptor) == nullptr) return SysResult::Error(EBADF);
  return Install(descriptors_[static_cast<size_t>(descriptor)]);
}

SysResult FakeKernel::Close(int descriptor) {
  if (FindAny(descriptor) == nullptr) return SysResult::Error(EBADF);
  close_on_exec_.erase(descriptor);
  // The number is free before the file learns of it.
  std::shared_ptr<OpenFile> file =
      std::move(descriptors_[static_cast<size_t>(descriptor)]);
  free_.insert(static_cast<size_t>(descriptor));
  file.reset();
  world_.network().files_in_flight().Collect();
  return SysResult::Ok();
}

SysResult FakeKernel::Read(int descriptor, absl::Span<char> buffer) {
  world_.BeginCall();
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  return Blocking(*file, 0, [&] { return file->Read(buffer); });
}

SysResult FakeKernel::Write(int descriptor, absl::Span<const char> bytes) {
  world_.BeginCall();
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  const bool is_stream = IsStream(*file);
  return AfterSend(is_stream, /*flags=*/0,
                   Blocking(*file, 0, [&] { return file->Write(bytes); }));
}

SysResult FakeKernel::AfterSend(bool is_stream, int flags, SysResult result) {
  if (!is_stream || result.error() != EPIPE || (flags & MSG_NOSIGNAL) != 0) {
    return result;
  }
  if (signals_.IsBlocked(SIGPIPE)) {
    signals_.Raise(SIGPIPE);
    return result;
  }
  struct sigaction action = {};
  ::sigaction(SIGPIPE, nullptr, &action);
  if (action.sa_handler != SIG_IGN) {
    world_.ReportFailure(
        "SIGPIPE, which would have ended the program: it sends to a connection "
        "that is closed, without MSG_NOSIGNAL, and neither ignores nor blocks "
        "the signal");
  }
  return result;
}

bool FakeKernel::IsStream(const OpenFile& file) {
  const auto* socket = dynamic_cast<const SocketFile*>(&file);
  return socket != nullptr && socket->type() == SOCK_STREAM;
}

SysResult FakeKernel::Fcntl(int descriptor, int command, int argument) {
  // Of O_APPEND and the like only files know.
  constexpr int kStatusFlags = O_NONBLOCK;
  OpenFile* file = FindAny(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  switch (command) {
    case F_GETFD:
      return SysResult::Ok(close_on_exec_.contains(descriptor) ? FD_CLOEXEC
                                                               : 0);
    case F_SETFD:
      if ((argument & FD_CLOEXEC) != 0) {
        close_on_exec_.insert(descriptor);
      } else {
        close_on_exec_.erase(descriptor);
      }
      return SysResult::Ok();
    case F_GETFL:
      return SysResult::Ok(file->access_mode() |
                           (file->nonblocking() ? kStatusFlags : 0));
    case F_SETFL:
      if (file->is_path_only()) return SysResult::Error(EBADF);
      file->set_nonblocking((argument & kStatusFlags) != 0);
      return SysResult::Ok();
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      if (argument < 0 ||
          static_cast<size_t>(argument) >= options_.descriptor_limit) {
        return SysResult::Error(EINVAL);
      }
      const SysResult result =
          InstallFrom(std::max(static_cast<size_t>(argument), kFirstDescriptor),
                      descriptors_[static_cast<size_t>(descriptor)]);
      if (result.ok() && command == F_DUPFD_CLOEXEC) {
        close_on_exec_.insert(result.descriptor());
      }
      return result;
    }
    default:
      return SysResult::Error(EINVAL);
  }
}

SysResult FakeKernel::EpollCreate1(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return SysResult::Error(EINVAL);
  return InstallWithFlags(std::make_shared<EpollSet>(), flags);
}

SysResult FakeKernel::EpollCtl(int epoll, int operation, int descriptor,
                               epoll_event* event) {
  if (operation != EPOLL_CTL_DEL && event == nullptr) {
    return SysResult::Error(EFAULT);
  }
  OpenFile* set_file = Find(epoll);
  if (set_file == nullptr) return SysResult::Error(EBADF);
  OpenFile* file = Find(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  if (!file->can_be_watched()) return SysResult::Error(EPERM);
  auto* set = dynamic_cast<EpollSet*>(set_file);
  if (set == nullptr || set_file == file) return SysResult::Error(EINVAL);
  switch (operation) {
    case EPOLL_CTL_ADD:
      return set->Add(descriptor, *file, *event);
    case EPOLL_CTL_MOD:
      return set->Modify(descriptor, *file, *event);
    case EPOLL_CTL_DEL:
      return set->Remove(descriptor, *file);
    default:
      return SysResult::Error(EINVAL);
  }
}

SysResult FakeKernel::EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                  absl::Duration timeout) {
  if (events.empty() || timeout < absl::ZeroDuration()) {
    return SysResult::Error(EINVAL);
  }
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  auto* set = FindAs<EpollSet>(epoll, EINVAL, error);
  if (set == nullptr) return error;
  // Peers act while this waits, and may close the descriptor.
  const std::shared_ptr<OpenFile> kept = set->shared_from_this();
  const MonotonicTime deadline = world_.time().Now() + timeout;
  set->set_is_waited_on(false);
  while (true) {
    const size_t count = set->Collect(events);
    if (count > 0 || world_.time().Now() >= deadline) {
      world_.NoteWaitReturns();
      return SysResult::Ok(static_cast<int64_t>(count));
    }
    set->set_is_waited_on(true);
    if (world_.waits_return()) {
      world_.NoteWait(deadline);
      return SysResult::Ok(0);
    }
    const bool passed = world_.Pass(deadline);
    set->set_is_waited_on(false);
    if (!passed) return SysResult::Error(EINTR);
  }
}

SysResult FakeKernel::EpollWait(int epoll, absl::Span<epoll_event> events,
                                int timeout_ms) {
  return EpollPwait2(epoll, events,
                     timeout_ms < 0 ? absl::InfiniteDuration()
                                    : absl::Milliseconds(timeout_ms));
}

SysResult FakeKernel::EventFd(unsigned int initial, int flags) {
  if ((flags & ~(EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE)) != 0) {
    return SysResult::Error(EINVAL);
  }
  const auto mode = (flags & EFD_SEMAPHORE) != 0
                        ? EventCounter::Mode::kSemaphore
                        : EventCounter::Mode::kCounter;
  return InstallWithFlags(std::make_shared<EventCounter>(initial, mode), flags);
}

SysResult FakeKernel::ClockGetTime(clockid_t clock) {
  switch (clock) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
      return SysResult::Ok(world_.time().Now().nanos());
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
      return SysResult::Ok(world_.time().WallNanos());
    default:
      return SysResult::Error(EINVAL);
  }
}

SysResult FakeKernel::TimerFdCreate(clockid_t clock, int flags) {
  if ((flags & ~(TFD_NONBLOCK | TFD_CLOEXEC)) != 0) {
    return SysResult::Error(EINVAL);
  }
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC &&
      clock != CLOCK_BOOTTIME) {
    return SysResult::Error(EINVAL);
  }
  return InstallWithFlags(
      std::make_shared<TimerFile>(world_.time(),
                                  clock == CLOCK_REALTIME
                                      ? TimerFile::Clock::kWall
                                      : TimerFile::Clock::kMonotonic),
      flags);
}

SysResult FakeKernel::TimerFdSetTime(int timer, int flags,
                                     const itimerspec& value, itimerspec* old) {
  SysResult error = SysResult::Ok();
  auto* file = FindAs<TimerFile>(timer, EINVAL, error);
  return file == nullptr ? error : file->SetTime(flags, value, old);
}

SysResult FakeKernel::SignalFd(int descriptor, const sigset_t& signals,
                               int flags) {
  if ((flags & ~(SFD_NONBLOCK | SFD_CLOEXEC)) != 0) {
    return SysResult::Error(EINVAL);
  }
  if (descriptor == -1) {
    return InstallWithFlags(std::make_shared<SignalFile>(signals_, signals),
                            flags);
  }
  SysResult error = SysResult::Ok();
  auto* file = FindAs<SignalFile>(descriptor, EINVAL, error);
  if (file == nullptr) return error;
  file->SetWanted(signals);
  return SysResult::Ok(descriptor);
}

SysResult FakeKernel::SigProcMask(int how, const sigset_t& signals,
                                  sigset_t* old) {
  return signals_.SetMask(how, signals, old);
}

}  // namespace pollux
