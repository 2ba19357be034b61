// What a loop did last.
#ifndef POLLUX_REACTOR_DISPATCH_LOG_H_
#define POLLUX_REACTOR_DISPATCH_LOG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <typeinfo>

namespace pollux {

// One callback of a loop.
struct Dispatch {
  enum class Kind : uint8_t {
    kNone,
    // Readiness, as the kernel told it or injected.
    kEvent,
    kInjected,
    kTimer,
    kTask,
    kDeletion,
  };

  Kind kind = Kind::kNone;
  // Of kEvent and kInjected; else -1.
  int descriptor = -1;
  // Of the IoHandler or timer; null for what has no class of its own. Lives as
  // long as the program.
  const std::type_info* handler = nullptr;
};

// The last callbacks of a loop. A member of the reactor; written by its thread,
// and read there alone (a signal handler included). Allocates nothing.
class DispatchLog {
 public:
  static constexpr size_t kSize = 64;

  void Note(const Dispatch& dispatch) {
    ring_[next_ % kSize] = dispatch;
    ++next_;
  }

  // Oldest first; those that there were not yet are kNone.
  std::array<Dispatch, kSize> Recent() const {
    std::array<Dispatch, kSize> recent;
    for (size_t i = 0; i < kSize; ++i) recent[i] = ring_[(next_ + i) % kSize];
    return recent;
  }

 private:
  std::array<Dispatch, kSize> ring_{};
  size_t next_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_DISPATCH_LOG_H_
