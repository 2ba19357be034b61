#include "testing/fake/event_counter.h"

#include <sys/epoll.h>

#include <cstring>
#include <limits>

namespace pollux {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

}  // namespace

uint32_t EventCounter::Poll() {
  uint32_t events = 0;
  if (count_ > 0) events |= EPOLLIN;
  if (count_ < kNever - 1) events |= EPOLLOUT;
  return events;
}

SysResult EventCounter::Read(absl::Span<char> buffer) {
  if (buffer.size() < sizeof(count_)) return SysResult::Error(EINVAL);
  if (count_ == 0) return SysResult::Error(EAGAIN);
  const uint64_t taken = mode_ == Mode::kSemaphore ? 1 : count_;
  std::memcpy(buffer.data(), &taken, sizeof(taken));
  count_ -= taken;
  Notify(EPOLLOUT);
  return SysResult::Ok(sizeof(taken));
}

SysResult EventCounter::Write(absl::Span<const char> bytes) {
  uint64_t added;
  // Linux before 6.9 takes more.
  if (bytes.size() != sizeof(added)) return SysResult::Error(EINVAL);
  std::memcpy(&added, bytes.data(), sizeof(added));
  if (added == kNever) return SysResult::Error(EINVAL);
  if (added >= kNever - count_) return SysResult::Error(EAGAIN);
  count_ += added;
  // Also for 0, and also if it was readable already: each write is an edge.
  Notify(EPOLLIN);
  return SysResult::Ok(sizeof(added));
}

}  // namespace pollux
