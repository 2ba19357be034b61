// One system call that was made, as data.
#ifndef POLLUX_REACTOR_SYSCALL_RECORD_H_
#define POLLUX_REACTOR_SYSCALL_RECORD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "reactor/sys_result.h"

namespace pollux {

// The calls of `Kernel`, in its order.
enum class SyscallKind : uint8_t {
  kSocket,
  kSocketPair,
  kBind,
  kListen,
  kAccept4,
  kConnect,
  kGetSockName,
  kGetPeerName,
  kSetSockOpt,
  kGetSockOpt,
  kRecv,
  kSend,
  kRecvMsg,
  kSendMsg,
  kRecvMMsg,
  kSendMMsg,
  kSendFile,
  kShutdown,
  kClose,
  kRead,
  kWrite,
  kFcntl,
  kOpenAt2,
  kOpenAt,
  kFstat,
  kPread,
  kGetDents64,
  kUnlinkAt,
  kEpollCreate1,
  kEpollCtl,
  kEpollPwait2,
  kEpollWait,
  kEventFd,
  kClockGetTime,
  kTimerFdCreate,
  kTimerFdSetTime,
  kSignalFd,
  kSigProcMask,
  kPosixSpawn,
  kPidFdOpen,
  kPidFdSendSignal,
  kKill,
  kWaitId,
  kSchedGetAffinity,
  kSchedSetAffinity,
  kGetRLimit,
};

inline constexpr size_t kSyscallKinds =
    static_cast<size_t>(SyscallKind::kGetRLimit) + 1;

// "accept4". Constant for the program's life.
absl::string_view SyscallName(SyscallKind kind);

// A call, its arguments and what came of it. A plain value that copying costs
// little and that allocates nothing, so that a loop can be watched cheaply and
// shown only when somebody wants to see it.
struct SyscallRecord {
  // The arguments that are numbers, in the call's order; a timeout is in
  // nanoseconds, -1 for ever.
  std::array<int64_t, 4> numbers{};
  SysResult result = SysResult::Ok();
  // Bytes that were moved, an address, a path, or the epoll_events of a wait:
  // as many as fit.
  std::array<char, 64> payload{};
  uint8_t payload_bytes = 0;
  SyscallKind kind = SyscallKind::kClose;

  void SetPayload(const void* bytes, size_t count);
};

// As strace would write it, without a newline:
// "accept4(3, {127.0.0.1:50432}, SOCK_CLOEXEC|SOCK_NONBLOCK) = 5".
// In epoll's events the low half of the data is shown, which Reactor makes the
// descriptor.
std::string ToString(const SyscallRecord& record);

// Told of each call after it was made. Not owned by who calls it.
class SyscallObserver {
 public:
  // On the thread that made the call; must not make calls on the same kernel.
  virtual void OnSyscall(const SyscallRecord& record) = 0;

 protected:
  ~SyscallObserver() = default;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_SYSCALL_RECORD_H_
