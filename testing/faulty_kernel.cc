#include "testing/faulty_kernel.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "testing/fault_menu.h"

namespace pollux {
namespace {

constexpr uint32_t kModes =
    uint32_t{EPOLLET} | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
constexpr int64_t kMostLateMicros = 5'000;

}  // namespace

FaultyKernel::FaultyKernel(Kernel& kernel, FakeWorld& world,
                           const FaultPlan& plan)
    : InterceptingKernel(kernel),
      world_(world),
      random_(plan.random()),
      has_chance_(plan.has_random()) {
  for (const Fault& fault : plan.fault()) {
    Planned planned;
    planned.any_kind = fault.has_call();
    planned.first = fault.has_call() ? fault.call() : fault.nth();
    planned.times = fault.times();
    CHECK_GT(planned.first, 0u) << "calls are counted from 1";
    if (!planned.any_kind) {
      CHECK(KindFromName(fault.kind(), planned.kind))
          << "no such system call: " << fault.kind();
    }
    if (fault.has_error()) {
      planned.error = ErrorFromName(fault.error());
      CHECK_NE(planned.error, 0) << "no such error: " << fault.error();
    }
    planned.at_most_bytes = fault.at_most_bytes();
    planned.is_spurious = fault.has_spurious();
    planned.spurious = fault.spurious();
    planned.late = absl::Nanoseconds(fault.late_nanos());
    planned_.push_back(planned);
  }
}

FaultyKernel::Effect FaultyKernel::Next(const SyscallRecord& record) {
  const SyscallKind kind = record.kind;
  const uint64_t call = ++calls_;
  const uint64_t nth = ++calls_by_kind_[static_cast<size_t>(kind)];
  if (log_ != nullptr) log_->push_back({record, KindOf(record.numbers[0])});
  Effect effect;
  bool has_fault = false;
  for (const Planned& planned : planned_) {
    if (!planned.any_kind && planned.kind != kind) continue;
    const uint64_t number = planned.any_kind ? call : nth;
    // The sum of both may be more than there are numbers.
    if (number < planned.first || number - planned.first >= planned.times) {
      continue;
    }
    has_fault = true;
    // Several faults at one call all happen.
    if (planned.error != 0) effect.error = planned.error;
    if (planned.at_most_bytes > 0) {
      effect.at_most_bytes =
          std::min(effect.at_most_bytes, planned.at_most_bytes);
    }
    if (planned.is_spurious) {
      effect.is_spurious = true;
      effect.spurious = planned.spurious;
    }
    effect.late = std::max(effect.late, planned.late);
  }
  if (AddByChance(record, effect) || has_fault) NoteFault(record);
  if (!IsTransfer(kind, KindOf(record.numbers[0]))) {
    effect.at_most_bytes = SIZE_MAX;
  }
  return effect;
}

void FaultyKernel::NoteFault(const SyscallRecord& record) {
  if (faults_++ > 0) return;
  first_fault_ = calls_;
  first_fault_descriptor_ = static_cast<int>(
      record.kind == SyscallKind::kEpollCtl ? record.numbers[2]
                                            : record.numbers[0]);
}

bool FaultyKernel::AddByChance(const SyscallRecord& record, Effect& effect) {
  if (!has_chance_) return false;
  Random& random = world_.random();
  // One question after another, so that the chances do not depend on the kind.
  const bool error = random.Chance(random_.error_percent());
  const bool eintr = random.Chance(random_.eintr_percent());
  const bool eagain = random.Chance(random_.eagain_percent());
  const bool cut = random.Chance(random_.short_transfer_percent());
  const bool spurious = random.Chance(random_.spurious_percent());
  const bool late = random.Chance(random_.late_percent());
  const uint64_t number = random.Next();

  const DescriptorKind descriptor = KindOf(record.numbers[0]);
  const std::vector<int> errors = PossibleErrors(record, descriptor);
  const auto possible = [&](int wanted) {
    return std::find(errors.begin(), errors.end(), wanted) != errors.end();
  };
  if (error && !errors.empty()) effect.error = errors[number % errors.size()];
  if (eintr && possible(EINTR)) effect.error = EINTR;
  if (eagain && possible(EAGAIN)) effect.error = EAGAIN;
  if (cut && IsTransfer(record.kind, descriptor))
    effect.at_most_bytes = 1 + number % 64;
  const bool is_wait = record.kind == SyscallKind::kEpollPwait2 ||
                       record.kind == SyscallKind::kEpollWait;
  if (spurious && is_wait) {
    effect.is_spurious = true;
    effect.spurious = number;
  }
  if (late && is_wait) {
    effect.late = absl::Microseconds(1 + number % kMostLateMicros);
  }
  return effect.error != 0 || effect.at_most_bytes != SIZE_MAX ||
         effect.is_spurious || effect.late > absl::ZeroDuration();
}

SysResult FaultyKernel::Intercept(SyscallRecord& call, Proceed proceed) {
  if (call.kind == SyscallKind::kClockGetTime ||
      call.kind == SyscallKind::kSigProcMask) {
    return proceed(SIZE_MAX);
  }
  const Effect effect = Next(call);
  if (call.kind == SyscallKind::kClose) {
    // The number is free, whatever close returns.
    const SysResult result = proceed(SIZE_MAX);
    ForgetWatched(static_cast<int>(call.numbers[0]));
    kinds_.erase(call.numbers[0]);
    return effect.error != 0 ? SysResult::Error(effect.error) : result;
  }
  if (effect.error != 0) return SysResult::Error(effect.error);
  const size_t at = log_ == nullptr ? 0 : log_->size() - 1;
  const SysResult result = proceed(effect.at_most_bytes);
  if (log_ != nullptr) (*log_)[at].record.result = result;
  if (result.ok()) NoteOpened(call);
  return result;
}

DescriptorKind FaultyKernel::KindOf(int64_t descriptor) const {
  const auto found = kinds_.find(descriptor);
  return found == kinds_.end() ? DescriptorKind::kOther : found->second;
}

void FaultyKernel::NoteOpened(const SyscallRecord& record) {
  constexpr int64_t kTypes = 0xf;
  const DescriptorKind socket = (record.numbers[1] & kTypes) == SOCK_STREAM
                                    ? DescriptorKind::kStream
                                    : DescriptorKind::kDatagram;
  const int64_t opened = record.result.value();
  switch (record.kind) {
    case SyscallKind::kSocket:
      kinds_[opened] = socket;
      return;
    case SyscallKind::kSocketPair:
      kinds_[record.numbers[2]] = kinds_[record.numbers[3]] = socket;
      return;
    case SyscallKind::kAccept4:
      kinds_[opened] = DescriptorKind::kStream;
      return;
    case SyscallKind::kOpenAt:
    case SyscallKind::kOpenAt2:
      kinds_[opened] = DescriptorKind::kFile;
      return;
    case SyscallKind::kEventFd:
    case SyscallKind::kTimerFdCreate:
    case SyscallKind::kSignalFd:
      kinds_[opened] = DescriptorKind::kValues;
      return;
    case SyscallKind::kFcntl:
      if (record.numbers[1] == F_DUPFD ||
          record.numbers[1] == F_DUPFD_CLOEXEC) {
        const DescriptorKind kind = KindOf(record.numbers[0]);
        kinds_[opened] = kind;
      }
      return;
    default:
      return;
  }
}

void FaultyKernel::ForgetWatched(int descriptor) {
  for (auto entry = watched_.begin(); entry != watched_.end();) {
    const auto [epoll, watched] = entry->first;
    entry = epoll == descriptor || watched == descriptor ? watched_.erase(entry)
                                                         : std::next(entry);
  }
}

template <typename Wait>
SysResult FaultyKernel::PassWait(SyscallKind kind, int epoll,
                                 absl::Span<epoll_event> events, Wait wait) {
  SyscallRecord record;
  record.kind = kind;
  record.numbers = {epoll};
  const Effect effect = Next(record);
  if (effect.error != 0) {
    // A wait that a signal ends has let time pass, if only a little.
    if (effect.error == EINTR) (void)world_.Pass(world_.time().Now());
    BeLate(effect.late);
    return SysResult::Error(effect.error);
  }
  SysResult result = wait(effect.is_spurious);
  if (effect.is_spurious && result.ok()) {
    result = SysResult::Ok(static_cast<int64_t>(AddSpurious(
        epoll, effect.spurious, events, static_cast<size_t>(result.value()))));
  }
  BeLate(effect.late);
  return result;
}

void FaultyKernel::BeLate(absl::Duration late) {
  const MonotonicTime until = world_.time().Now() + late;
  while (world_.time().Now() < until && world_.Pass(until)) {
  }
}

size_t FaultyKernel::AddSpurious(int epoll, uint64_t which,
                                 absl::Span<epoll_event> events,
                                 size_t count) const {
  std::vector<epoll_event> candidates;
  for (const auto& [key, event] : watched_) {
    if (key.first == epoll) candidates.push_back(event);
  }
  if (candidates.empty() || count == events.size()) return count;
  epoll_event event = candidates[which % candidates.size()];
  event.events &= ~kModes;
  // Nothing is asked of it: nothing can be told.
  if (event.events == 0) return count;
  for (size_t i = 0; i < count; ++i) {
    if (events[i].data.u64 == event.data.u64) return count;
  }
  events[count] = event;
  return count + 1;
}

SysResult FaultyKernel::EpollCtl(int epoll, int operation, int descriptor,
                                 epoll_event* event) {
  const SysResult result =
      InterceptingKernel::EpollCtl(epoll, operation, descriptor, event);
  if (!result.ok()) return result;
  if (operation == EPOLL_CTL_DEL) {
    watched_.erase({epoll, descriptor});
  } else {
    watched_[{epoll, descriptor}] = *event;
  }
  return result;
}

SysResult FaultyKernel::EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                    absl::Duration timeout) {
  return PassWait(SyscallKind::kEpollPwait2, epoll, events, [&](bool at_once) {
    return kernel().EpollPwait2(epoll, events,
                                at_once ? absl::ZeroDuration() : timeout);
  });
}

SysResult FaultyKernel::EpollWait(int epoll, absl::Span<epoll_event> events,
                                  int timeout_ms) {
  return PassWait(SyscallKind::kEpollWait, epoll, events, [&](bool at_once) {
    return kernel().EpollWait(epoll, events, at_once ? 0 : timeout_ms);
  });
}

}  // namespace pollux
