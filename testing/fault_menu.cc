#include "testing/fault_menu.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace pollux {

std::vector<int> PossibleErrors(const SyscallRecord& record) {
  switch (record.kind) {
    case SyscallKind::kSocket:
      return {EACCES, EMFILE, ENFILE, ENOBUFS, ENOMEM};
    case SyscallKind::kSocketPair:
      return {EMFILE, ENFILE, ENOMEM};
    case SyscallKind::kBind:
      return {EACCES, EADDRINUSE, EADDRNOTAVAIL, ENOMEM};
    case SyscallKind::kListen:
      return {EADDRINUSE};
    case SyscallKind::kAccept4:
      return {EAGAIN, ECONNABORTED, EINTR,  EMFILE,   ENFILE,      ENOBUFS,
              ENOMEM, EPERM,        EPROTO, ENETDOWN, EHOSTUNREACH};
    case SyscallKind::kConnect:
      return {EADDRNOTAVAIL, EAGAIN,      ECONNREFUSED,
              EINTR,         ENETUNREACH, ETIMEDOUT};
    case SyscallKind::kGetSockName:
    case SyscallKind::kGetPeerName:
      return {ENOBUFS};
    case SyscallKind::kSetSockOpt:
      return {ENOMEM, ENOPROTOOPT};
    case SyscallKind::kGetSockOpt:
      return {ENOPROTOOPT};
    case SyscallKind::kRecv:
      return {EAGAIN, ECONNREFUSED, ECONNRESET,  EINTR,
              ENOMEM, ETIMEDOUT,    EHOSTUNREACH};
    case SyscallKind::kSend:
      return {EAGAIN, ECONNRESET, EINTR,     ENOBUFS,
              ENOMEM, EPIPE,      ETIMEDOUT, EHOSTUNREACH};
    case SyscallKind::kRecvMsg:
      return {EAGAIN, ECONNREFUSED, ECONNRESET, EINTR,
              EMFILE, ENOMEM,       ETIMEDOUT,  EHOSTUNREACH};
    case SyscallKind::kSendMsg:
      return {EAGAIN,       ECONNREFUSED, ECONNRESET, EINTR,
              ENETUNREACH,  ENOMEM,       ENOBUFS,    EPIPE,
              EHOSTUNREACH, ETIMEDOUT,    EPERM,      ETOOMANYREFS};
    case SyscallKind::kRecvMMsg:
      return {EAGAIN, ECONNREFUSED, EINTR, ENOMEM};
    case SyscallKind::kSendMMsg:
      return {EAGAIN, ECONNREFUSED, EINTR, ENETUNREACH, ENOBUFS, ENOMEM, EPERM};
    case SyscallKind::kSendFile:
      return {EAGAIN, ECONNRESET, EINTR, EIO, ENOMEM, EPIPE, ETIMEDOUT};
    case SyscallKind::kShutdown:
      return {ENOTCONN};
    case SyscallKind::kClose:
      return {EINTR, EIO, ENOSPC, EDQUOT};
    case SyscallKind::kRead:
      return {EAGAIN, EINTR};
    case SyscallKind::kWrite:
      // Not EAGAIN: an eventfd that full takes more writes than there is time.
      return {EINTR};
    case SyscallKind::kFcntl:
      return record.numbers[1] == F_DUPFD_CLOEXEC ? std::vector<int>{EMFILE}
                                                  : std::vector<int>{};
    case SyscallKind::kOpenAt2:
      return {EACCES, EAGAIN, EINTR,  ELOOP,  EMFILE, ENFILE,
              ENOENT, ENOMEM, ENOSPC, ENOSYS, EIO,    EXDEV};
    case SyscallKind::kOpenAt:
      return {EACCES, EINTR,  ELOOP,  EMFILE, ENFILE,
              ENOENT, ENOMEM, ENOSPC, EIO};
    case SyscallKind::kFstat:
      return {EIO, ENOMEM, EOVERFLOW};
    case SyscallKind::kPread:
      return {EINTR, EIO};
    case SyscallKind::kGetDents64:
      return {EIO, ENOENT};
    case SyscallKind::kUnlinkAt:
      return {EACCES, EBUSY, EIO, ENOENT, ENOMEM, EPERM, EROFS};
    case SyscallKind::kEpollCreate1:
      return {EMFILE, ENFILE, ENOMEM};
    case SyscallKind::kEpollCtl:
      if (record.numbers[1] == EPOLL_CTL_ADD) return {ENOMEM, ENOSPC};
      if (record.numbers[1] == EPOLL_CTL_MOD) return {ENOMEM};
      return {};
    case SyscallKind::kEpollPwait2:
      return {EINTR, ENOSYS};
    case SyscallKind::kEpollWait:
      return {EINTR};
    case SyscallKind::kEventFd:
    case SyscallKind::kTimerFdCreate:
    case SyscallKind::kSignalFd:
      return {EMFILE, ENFILE, ENODEV, ENOMEM};
    case SyscallKind::kTimerFdSetTime:
      return {};
    case SyscallKind::kPosixSpawn:
      return {EACCES, EAGAIN, EMFILE, ENOENT, ENOEXEC, ENOMEM};
    case SyscallKind::kPidFdOpen:
      return {EMFILE, ENFILE, ENODEV, ENOMEM, ESRCH};
    case SyscallKind::kPidFdSendSignal:
    case SyscallKind::kKill:
      return {EPERM, ESRCH};
    case SyscallKind::kWaitId:
      return {ECHILD, EINTR};
    case SyscallKind::kSchedGetAffinity:
      return {ESRCH};
    case SyscallKind::kSchedSetAffinity:
      return {EINVAL, EPERM};
    case SyscallKind::kClockGetTime:
    case SyscallKind::kSigProcMask:
    case SyscallKind::kGetRLimit:
      return {};
  }
  return {};
}

bool IsTransfer(SyscallKind kind) {
  // Not read and write: eventfd, timerfd and signalfd move whole values.
  return kind == SyscallKind::kRecv || kind == SyscallKind::kSend ||
         kind == SyscallKind::kSendMsg || kind == SyscallKind::kSendFile ||
         kind == SyscallKind::kPread;
}

std::string ErrorName(int error) {
  const char* name = strerrorname_np(error);
  return name == nullptr ? absl::StrCat(error) : name;
}

int ErrorFromName(absl::string_view name) {
  constexpr int kLastError = 133;
  for (int error = 1; error <= kLastError; ++error) {
    const char* other = strerrorname_np(error);
    if (other != nullptr && name == other) return error;
  }
  return 0;
}

bool KindFromName(absl::string_view name, SyscallKind& kind) {
  for (size_t i = 0; i < kSyscallKinds; ++i) {
    kind = static_cast<SyscallKind>(i);
    if (SyscallName(kind) == name) return true;
  }
  return false;
}

}  // namespace pollux
