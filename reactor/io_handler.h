// What is told of a descriptor, and to whom.
#ifndef POLLUX_REACTOR_IO_HANDLER_H_
#define POLLUX_REACTOR_IO_HANDLER_H_

#include <cstdint>

namespace pollux {

// The readiness that the kernel reported for a descriptor. It is a hint: the
// next system call may still fail with EAGAIN. One byte, since the reactor
// keeps one for each descriptor.
struct Readiness {
  bool readable : 1 = false;
  bool writable : 1 = false;
  // EPOLLPRI: exceptional data, such as TCP's urgent byte. Only if asked for.
  bool priority : 1 = false;
  // EPOLLRDHUP: the peer will send no more. Only if asked for.
  bool peer_closed : 1 = false;
  // EPOLLERR or EPOLLHUP. Cannot be masked, so it must be acted on even while
  // nothing else is wanted: else the loop spins.
  bool broken : 1 = false;

  bool any() const {
    return readable || writable || priority || peer_closed || broken;
  }
  Readiness& operator|=(const Readiness& other) {
    readable |= other.readable;
    writable |= other.writable;
    priority |= other.priority;
    peer_closed |= other.peer_closed;
    broken |= other.broken;
    return *this;
  }
};

// The readiness that is reported to a handler. Readiness::broken always is.
enum class Interest : uint8_t {
  kNone,
  kRead,
  kWrite,
  kReadWrite,
  // EPOLLRDHUP alone: the peer's FIN, for a handler that has paused reading.
  // With Trigger::kLevel it is reported until the interest changes.
  kPeerClosed,
  kWriteAndPeerClosed,
};

// When a readiness is told. epoll(7).
enum class Trigger : uint8_t {
  // As long as it holds. The default: what was forgotten is told again, and a
  // forgotten read shows as a visible spin instead of a silent hang.
  kLevel,
  // When it begins, or grows: one system call less where a handler reads until
  // would_block() anyway. Must be drained, within a budget (DrainWithin() in
  // edge_drain.h), or the rest is never told.
  kEdge,
  // Once, then silent until Rearm(): for a descriptor whose handler hands it on
  // and must not hear of it meanwhile.
  kOneShot,
  // As kLevel, but of several epoll sets that wait for the same open file the
  // kernel wakes one or a few, not all. For listeners that are shared.
  kExclusive,
};

// How a descriptor is watched, besides for what.
struct WatchOptions {
  Trigger trigger = Trigger::kLevel;
  // Tell Readiness::priority, whatever the interest is.
  bool priority_data = false;
  // Tell Readiness::peer_closed while reading is wanted. Not with kExclusive.
  bool peer_half_close = false;
};

// Told when a descriptor is ready. Not owned by the reactor; must outlive its
// Registration.
class IoHandler {
 public:
  // On the reactor's thread. May register, change or destroy any registration,
  // its own included; may destroy itself only through DeleteSoon().
  virtual void OnReady(Readiness readiness) = 0;

 protected:
  ~IoHandler() = default;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_IO_HANDLER_H_
