#include "testing/fault_menu.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>

#include "absl/strings/str_cat.h"

namespace pollux {

namespace {

void Add(std::vector<int>& errors, std::initializer_list<int> more) {
  errors.insert(errors.end(), more);
}

bool IsUnixAddress(const SyscallRecord& record) {
  sa_family_t family = AF_UNSPEC;
  std::memcpy(&family, record.payload.data(),
              std::min<size_t>(record.payload_bytes, sizeof(family)));
  return family == AF_UNIX;
}

std::vector<int> ErrorsOfReceive() {
  return {EAGAIN, ECONNREFUSED, ECONNRESET,  EINTR,
          ENOMEM, ETIMEDOUT,    EHOSTUNREACH};
}

std::vector<int> ErrorsOfSend() {
  return {EAGAIN, ECONNRESET, EINTR,     ENOBUFS,
          ENOMEM, EPIPE,      ETIMEDOUT, EHOSTUNREACH};
}

std::vector<int> ErrorsOfRead(DescriptorKind descriptor) {
  switch (descriptor) {
    case DescriptorKind::kValues:
      return {EAGAIN, EINTR};
    case DescriptorKind::kFile:
      return {EINTR, EIO};
    case DescriptorKind::kStream:
    case DescriptorKind::kDatagram:
      return ErrorsOfReceive();
    case DescriptorKind::kOther:
      break;
  }
  return {EAGAIN, EINTR, EIO};
}

std::vector<int> ErrorsOfWrite(DescriptorKind descriptor) {
  switch (descriptor) {
    case DescriptorKind::kValues:
      // Not EAGAIN: an eventfd that full takes more writes than there is time.
      return {EINTR};
    case DescriptorKind::kFile:
      return {EDQUOT, EFBIG, EINTR, EIO, ENOSPC, EPERM};
    case DescriptorKind::kStream:
    case DescriptorKind::kDatagram:
      return ErrorsOfSend();
    case DescriptorKind::kOther:
      break;
  }
  // A pipe, a terminal, a file that was inherited.
  return {EAGAIN, EDQUOT, EFBIG, EINTR, EIO, ENOSPC, EPERM, EPIPE};
}

std::vector<int> ErrorsOfOpen(const SyscallRecord& record) {
  const auto flags = static_cast<int>(record.numbers[1]);
  std::vector<int> errors = {EACCES,  EINTR,  EIO,       ELOOP, EMFILE,
                             ENFILE,  ENOENT, ENOMEM,    ENXIO, ENAMETOOLONG,
                             ENOTDIR, EPERM,  EOVERFLOW, ENODEV};
  if ((flags & O_ACCMODE) != O_RDONLY) {
    Add(errors, {EBUSY, EISDIR, EROFS, ETXTBSY});
  }
  if ((flags & O_CREAT) != 0) Add(errors, {EDQUOT, ENOSPC});
  if ((flags & O_EXCL) != 0) Add(errors, {EEXIST});
  return errors;
}

}  // namespace

std::vector<int> PossibleErrors(const SyscallRecord& record,
                                DescriptorKind descriptor) {
  std::vector<int> errors;
  switch (record.kind) {
    case SyscallKind::kSocket:
      return {EACCES, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM};
    case SyscallKind::kSocketPair:
      return {EMFILE, ENFILE, ENOMEM};
    case SyscallKind::kBind:
      errors = {EACCES, EADDRINUSE, EADDRNOTAVAIL, ENOMEM};
      if (IsUnixAddress(record)) {
        Add(errors, {ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EROFS});
      }
      return errors;
    case SyscallKind::kListen:
      return {EADDRINUSE};
    case SyscallKind::kAccept4:
      return {EAGAIN, ECONNABORTED, EINTR,  EMFILE,   ENFILE,      ENOBUFS,
              ENOMEM, EPERM,        EPROTO, ENETDOWN, EHOSTUNREACH};
    case SyscallKind::kConnect:
      errors = {EACCES, EADDRINUSE,  EADDRNOTAVAIL, EAGAIN,   ECONNREFUSED,
                EINTR,  ENETUNREACH, EPERM,         ETIMEDOUT};
      if (IsUnixAddress(record)) Add(errors, {ENOENT});
      return errors;
    case SyscallKind::kGetSockName:
    case SyscallKind::kGetPeerName:
      return {ENOBUFS};
    case SyscallKind::kSetSockOpt:
      return {ENOMEM, ENOPROTOOPT};
    case SyscallKind::kGetSockOpt:
      return {ENOPROTOOPT};
    case SyscallKind::kRecv:
      return ErrorsOfReceive();
    case SyscallKind::kSend:
      return ErrorsOfSend();
    case SyscallKind::kRecvMsg:
      return {EAGAIN, ECONNREFUSED, ECONNRESET,  EINTR,
              ENOMEM, ETIMEDOUT,    EHOSTUNREACH};
    case SyscallKind::kSendMsg:
      errors = {EAGAIN,       ECONNREFUSED, ECONNRESET, EINTR,
                ENETUNREACH,  ENOMEM,       ENOBUFS,    EPIPE,
                EHOSTUNREACH, ETIMEDOUT,    EPERM,      ETOOMANYREFS};
      if (descriptor == DescriptorKind::kDatagram) {
        Add(errors, {EACCES, EMSGSIZE});
      }
      return errors;
    case SyscallKind::kRecvMMsg:
      return {EAGAIN, ECONNREFUSED, EINTR, ENOMEM};
    case SyscallKind::kSendMMsg:
      return {EACCES,      EAGAIN,  ECONNREFUSED, EINTR, EMSGSIZE,
              ENETUNREACH, ENOBUFS, ENOMEM,       EPERM};
    case SyscallKind::kSendFile:
      return {EAGAIN, ECONNRESET, EINTR, EIO, ENOMEM, EPIPE, ETIMEDOUT};
    case SyscallKind::kShutdown:
      return {ENOTCONN};
    case SyscallKind::kClose:
      return {EINTR, EIO, ENOSPC, EDQUOT};
    case SyscallKind::kRead:
      return ErrorsOfRead(descriptor);
    case SyscallKind::kWrite:
      return ErrorsOfWrite(descriptor);
    case SyscallKind::kFcntl:
      return record.numbers[1] == F_DUPFD_CLOEXEC ? std::vector<int>{EMFILE}
                                                  : std::vector<int>{};
    case SyscallKind::kOpenAt2:
      errors = ErrorsOfOpen(record);
      Add(errors, {EAGAIN, ENOSYS, EXDEV});
      return errors;
    case SyscallKind::kOpenAt:
      return ErrorsOfOpen(record);
    case SyscallKind::kFstat:
      return {EIO, ENOMEM, EOVERFLOW};
    case SyscallKind::kPread:
      return {EINTR, EIO};
    case SyscallKind::kGetDents64:
      return {EIO, ENOENT};
    case SyscallKind::kUnlinkAt:
      return {EACCES, EBUSY,  EIO,     EISDIR, ELOOP, ENAMETOOLONG,
              ENOENT, ENOMEM, ENOTDIR, EPERM,  EROFS};
    case SyscallKind::kEpollCreate1:
      return {EMFILE, ENFILE, ENOMEM};
    case SyscallKind::kEpollCtl:
      if (record.numbers[1] == EPOLL_CTL_ADD) return {ENOMEM, ENOSPC};
      if (record.numbers[1] == EPOLL_CTL_MOD) return {ENOMEM};
      return {};
    case SyscallKind::kEpollPwait2:
      return {EINTR, ENOSYS, EPERM};
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

bool IsTransfer(SyscallKind kind, DescriptorKind descriptor) {
  switch (kind) {
    case SyscallKind::kRecv:
    case SyscallKind::kSend:
    case SyscallKind::kSendMsg:
      return descriptor != DescriptorKind::kDatagram;
    case SyscallKind::kRead:
    case SyscallKind::kWrite:
      return descriptor != DescriptorKind::kDatagram &&
             descriptor != DescriptorKind::kValues;
    case SyscallKind::kSendFile:
    case SyscallKind::kPread:
      return true;
    default:
      return false;
  }
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
