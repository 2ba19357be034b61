#include "reactor/syscall_record.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"

namespace pollux {
namespace {

struct Name {
  int64_t value;
  absl::string_view text;
};

constexpr std::array<absl::string_view, kSyscallKinds> kNames = {
    "socket",
    "socketpair",
    "bind",
    "listen",
    "accept4",
    "connect",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
    "recv",
    "send",
    "recvmsg",
    "sendmsg",
    "recvmmsg",
    "sendmmsg",
    "sendfile",
    "shutdown",
    "close",
    "read",
    "write",
    "fcntl",
    "openat2",
    "openat",
    "fstat",
    "pread",
    "getdents64",
    "unlinkat",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd",
    "clock_gettime",
    "timerfd_create",
    "timerfd_settime",
    "signalfd",
    "sigprocmask",
    "posix_spawn",
    "pidfd_open",
    "pidfd_send_signal",
    "kill",
    "waitid",
    "sched_getaffinity",
    "sched_setaffinity",
    "getrlimit"};

constexpr Name kDomains[] = {
    {AF_INET, "AF_INET"}, {AF_INET6, "AF_INET6"}, {AF_UNIX, "AF_UNIX"}};
constexpr Name kSocketTypes[] = {{SOCK_STREAM, "SOCK_STREAM"},
                                 {SOCK_DGRAM, "SOCK_DGRAM"}};
// The same bits for sockets, eventfd, signalfd and epoll.
constexpr Name kDescriptorFlags[] = {{SOCK_CLOEXEC, "CLOEXEC"},
                                     {SOCK_NONBLOCK, "NONBLOCK"}};
constexpr Name kEvents[] = {{EPOLLIN, "EPOLLIN"},
                            {EPOLLPRI, "EPOLLPRI"},
                            {EPOLLOUT, "EPOLLOUT"},
                            {EPOLLERR, "EPOLLERR"},
                            {EPOLLHUP, "EPOLLHUP"},
                            {EPOLLRDHUP, "EPOLLRDHUP"},
                            {EPOLLEXCLUSIVE, "EPOLLEXCLUSIVE"},
                            {EPOLLONESHOT, "EPOLLONESHOT"},
                            {int64_t{uint32_t{EPOLLET}}, "EPOLLET"}};
constexpr Name kOperations[] = {{EPOLL_CTL_ADD, "EPOLL_CTL_ADD"},
                                {EPOLL_CTL_DEL, "EPOLL_CTL_DEL"},
                                {EPOLL_CTL_MOD, "EPOLL_CTL_MOD"}};
constexpr Name kMessageFlags[] = {{MSG_NOSIGNAL, "MSG_NOSIGNAL"},
                                  {MSG_DONTWAIT, "MSG_DONTWAIT"},
                                  {MSG_PEEK, "MSG_PEEK"}};
constexpr Name kDirections[] = {
    {SHUT_RD, "SHUT_RD"}, {SHUT_WR, "SHUT_WR"}, {SHUT_RDWR, "SHUT_RDWR"}};
constexpr Name kClocks[] = {{CLOCK_REALTIME, "CLOCK_REALTIME"},
                            {CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
                            {CLOCK_BOOTTIME, "CLOCK_BOOTTIME"}};
constexpr Name kTimerFlags[] = {
    {TFD_TIMER_ABSTIME, "TFD_TIMER_ABSTIME"},
    {TFD_TIMER_CANCEL_ON_SET, "TFD_TIMER_CANCEL_ON_SET"}};
constexpr Name kFcntlCommands[] = {{F_GETFD, "F_GETFD"},
                                   {F_SETFD, "F_SETFD"},
                                   {F_GETFL, "F_GETFL"},
                                   {F_SETFL, "F_SETFL"},
                                   {F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"}};
// O_RDONLY is no bit.
constexpr Name kOpenFlags[] = {
    {O_WRONLY, "O_WRONLY"},     {O_RDWR, "O_RDWR"},
    {O_CREAT, "O_CREAT"},       {O_EXCL, "O_EXCL"},
    {O_TRUNC, "O_TRUNC"},       {O_APPEND, "O_APPEND"},
    {O_NONBLOCK, "O_NONBLOCK"}, {O_DIRECTORY, "O_DIRECTORY"},
    {O_NOFOLLOW, "O_NOFOLLOW"}, {O_PATH, "O_PATH"},
    {O_CLOEXEC, "O_CLOEXEC"}};
constexpr Name kResolveFlags[] = {
    {RESOLVE_BENEATH, "RESOLVE_BENEATH"},
    {RESOLVE_IN_ROOT, "RESOLVE_IN_ROOT"},
    {RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS"},
    {RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS"},
    {RESOLVE_NO_XDEV, "RESOLVE_NO_XDEV"}};
constexpr Name kWaitOptions[] = {
    {WEXITED, "WEXITED"}, {WNOHANG, "WNOHANG"}, {WNOWAIT, "WNOWAIT"}};
constexpr Name kWaitTypes[] = {
    {P_PID, "P_PID"}, {P_PIDFD, "P_PIDFD"}, {P_ALL, "P_ALL"}};
constexpr Name kResources[] = {{RLIMIT_NOFILE, "RLIMIT_NOFILE"}};
constexpr Name kLevels[] = {{SOL_SOCKET, "SOL_SOCKET"},
                            {IPPROTO_TCP, "IPPROTO_TCP"}};
constexpr Name kSocketOptions[] = {
    {SO_ERROR, "SO_ERROR"},         {SO_LINGER, "SO_LINGER"},
    {SO_REUSEADDR, "SO_REUSEADDR"}, {SO_REUSEPORT, "SO_REUSEPORT"},
    {SO_SNDBUF, "SO_SNDBUF"},       {SO_RCVBUF, "SO_RCVBUF"}};
constexpr Name kTcpOptions[] = {{TCP_NODELAY, "TCP_NODELAY"},
                                {TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT"}};
constexpr Name kMaskChanges[] = {{SIG_BLOCK, "SIG_BLOCK"},
                                 {SIG_UNBLOCK, "SIG_UNBLOCK"},
                                 {SIG_SETMASK, "SIG_SETMASK"}};

std::string OneOf(absl::Span<const Name> names, int64_t value) {
  for (const Name& name : names) {
    if (name.value == value) return std::string(name.text);
  }
  return absl::StrCat(value);
}

std::string AnyOf(absl::Span<const Name> names, int64_t value) {
  std::vector<std::string> parts;
  for (const Name& name : names) {
    if ((value & name.value) == 0) continue;
    parts.emplace_back(name.text);
    value &= ~name.value;
  }
  if (value != 0 || parts.empty()) parts.push_back(absl::StrCat(value));
  return absl::StrJoin(parts, "|");
}

std::string SocketType(int64_t type) {
  const int64_t flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK);
  const std::string name = OneOf(kSocketTypes, type & ~flags);
  return flags == 0 ? name
                    : absl::StrCat(name, "|", AnyOf(kDescriptorFlags, flags));
}

std::string SocketOption(int64_t level, int64_t option) {
  return level == IPPROTO_TCP ? OneOf(kTcpOptions, option)
                              : OneOf(kSocketOptions, option);
}

std::string AddressText(const SyscallRecord& record) {
  sockaddr_storage storage{};
  std::memcpy(&storage, record.payload.data(), record.payload_bytes);
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& address = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
    return absl::StrFormat("{%s:%d}", text, ntohs(address.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof(text));
    return absl::StrFormat("{[%s]:%d}", text, ntohs(address.sin6_port));
  }
  if (storage.ss_family == AF_UNIX &&
      record.payload_bytes > offsetof(sockaddr_un, sun_path)) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(storage);
    absl::string_view name(
        address.sun_path,
        record.payload_bytes - offsetof(sockaddr_un, sun_path));
    const bool whole =
        record.payload_bytes < record.payload.size() || name.back() == '\0';
    // A path ends with a NUL; an abstract name begins with one.
    if (name.front() != '\0') name = absl::StripSuffix(name, {"\0", 1});
    return absl::StrCat("{\"", absl::CHexEscape(name), "\"",
                        whole ? "}" : "...}");
  }
  return "{}";
}

// `total` bytes were moved, of which the payload holds the first.
std::string BytesText(const SyscallRecord& record, int64_t total) {
  std::string text = absl::StrCat(
      "\"", absl::CHexEscape({record.payload.data(), record.payload_bytes}),
      "\"");
  if (total > record.payload_bytes) text += "...";
  return text;
}

// A path, which may have been too long to be kept.
std::string PathText(const SyscallRecord& record) {
  const bool whole = record.payload_bytes < record.payload.size();
  return absl::StrCat(
      "\"", absl::CHexEscape({record.payload.data(), record.payload_bytes}),
      whole ? "\"" : "\"...");
}

std::string DirectoryText(int64_t directory) {
  return directory == AT_FDCWD ? "AT_FDCWD" : absl::StrCat(directory);
}

std::string OpenFlags(int64_t flags) {
  if ((flags & O_ACCMODE) != O_RDONLY) return AnyOf(kOpenFlags, flags);
  return flags == O_RDONLY
             ? "O_RDONLY"
             : absl::StrCat("O_RDONLY|", AnyOf(kOpenFlags, flags));
}

std::string EventsText(const SyscallRecord& record) {
  std::vector<std::string> parts;
  for (size_t at = 0; at + sizeof(epoll_event) <= record.payload_bytes;
       at += sizeof(epoll_event)) {
    epoll_event event;
    std::memcpy(&event, record.payload.data() + at, sizeof(event));
    parts.push_back(absl::StrCat("{", AnyOf(kEvents, int64_t{event.events}),
                                 ", ", static_cast<uint32_t>(event.data.u64),
                                 "}"));
  }
  const bool more =
      record.result.value() * sizeof(epoll_event) > record.payload_bytes;
  return absl::StrCat("[", absl::StrJoin(parts, ", "),
                      record.result.ok() && more ? ", ...]" : "]");
}

std::string TimeoutText(int64_t nanos) {
  return nanos < 0 ? "for ever"
                   : absl::FormatDuration(absl::Nanoseconds(nanos));
}

std::string ArgumentsText(const SyscallRecord& record) {
  const auto& n = record.numbers;
  const int64_t moved = std::max<int64_t>(record.result.value(), 0);
  switch (record.kind) {
    case SyscallKind::kSocket:
      return absl::StrCat(OneOf(kDomains, n[0]), ", ", SocketType(n[1]), ", ",
                          n[2]);
    case SyscallKind::kSocketPair:
      return absl::StrFormat("%s, %s, %d, [%d, %d]", OneOf(kDomains, n[0]),
                             SocketType(n[1]), 0, n[2], n[3]);
    case SyscallKind::kBind:
    case SyscallKind::kConnect:
    case SyscallKind::kGetSockName:
    case SyscallKind::kGetPeerName:
      return absl::StrCat(n[0], ", ", AddressText(record));
    case SyscallKind::kAccept4:
      return absl::StrCat(n[0], ", ", AddressText(record), ", ",
                          AnyOf(kDescriptorFlags, n[1]));
    case SyscallKind::kSetSockOpt:
    case SyscallKind::kGetSockOpt:
      return absl::StrCat(n[0], ", ", OneOf(kLevels, n[1]), ", ",
                          SocketOption(n[1], n[2]), ", [", n[3], "]");
    case SyscallKind::kRecv:
    case SyscallKind::kRecvMsg:
      return absl::StrCat(n[0], ", ", BytesText(record, moved), ", ", n[1],
                          ", ", n[2]);
    case SyscallKind::kSend:
    case SyscallKind::kSendMsg:
      return absl::StrCat(n[0], ", ", BytesText(record, n[1]), ", ", n[1], ", ",
                          AnyOf(kMessageFlags, n[2]));
    case SyscallKind::kRecvMMsg:
    case SyscallKind::kSendMMsg:
      return absl::StrCat(n[0], ", ", n[1], ", ", AnyOf(kMessageFlags, n[2]));
    case SyscallKind::kSendFile:
      return absl::StrCat(n[0], ", ", n[1], ", [", n[2], "], ", n[3]);
    case SyscallKind::kShutdown:
      return absl::StrCat(n[0], ", ", OneOf(kDirections, n[1]));
    case SyscallKind::kListen:
      return absl::StrCat(n[0], ", ", n[1]);
    case SyscallKind::kClose:
      return absl::StrCat(n[0]);
    case SyscallKind::kRead:
    case SyscallKind::kWrite:
      return absl::StrCat(n[0], ", ", BytesText(record, moved), ", ", n[1]);
    case SyscallKind::kFcntl:
      return absl::StrCat(n[0], ", ", OneOf(kFcntlCommands, n[1]), ", ", n[2]);
    case SyscallKind::kOpenAt2:
      return absl::StrCat(DirectoryText(n[0]), ", ", PathText(record), ", ",
                          OpenFlags(n[1]), ", ", AnyOf(kResolveFlags, n[2]));
    case SyscallKind::kOpenAt:
      return absl::StrCat(DirectoryText(n[0]), ", ", PathText(record), ", ",
                          OpenFlags(n[1]));
    case SyscallKind::kFstat:
      return absl::StrCat(n[0], ", {st_size=", n[1], "}");
    case SyscallKind::kPread:
      return absl::StrCat(n[0], ", ", BytesText(record, moved), ", ", n[1],
                          ", ", n[2]);
    case SyscallKind::kGetDents64:
      return absl::StrCat(n[0], ", ", n[1]);
    case SyscallKind::kUnlinkAt:
      return absl::StrCat(DirectoryText(n[0]), ", ", PathText(record), ", ",
                          n[1]);
    case SyscallKind::kEpollCreate1:
      return AnyOf(kDescriptorFlags, n[0]);
    case SyscallKind::kEpollCtl:
      return n[1] == EPOLL_CTL_DEL
                 ? absl::StrCat(n[0], ", EPOLL_CTL_DEL, ", n[2])
                 : absl::StrCat(n[0], ", ", OneOf(kOperations, n[1]), ", ",
                                n[2], ", ", AnyOf(kEvents, n[3]));
    case SyscallKind::kEpollPwait2:
    case SyscallKind::kEpollWait:
      return absl::StrCat(n[0], ", ", EventsText(record), ", ", n[1], ", ",
                          TimeoutText(n[2]));
    case SyscallKind::kEventFd:
      return absl::StrCat(n[0], ", ", AnyOf(kDescriptorFlags, n[1]));
    case SyscallKind::kClockGetTime:
      return OneOf(kClocks, n[0]);
    case SyscallKind::kTimerFdCreate:
      return absl::StrCat(OneOf(kClocks, n[0]), ", ",
                          AnyOf(kDescriptorFlags, n[1]));
    case SyscallKind::kTimerFdSetTime:
      return absl::StrFormat("%d, %s, {%s, every %s}", n[0],
                             AnyOf(kTimerFlags, n[1]),
                             absl::FormatDuration(absl::Nanoseconds(n[2])),
                             absl::FormatDuration(absl::Nanoseconds(n[3])));
    case SyscallKind::kSignalFd:
      return absl::StrCat(n[0], ", ", AnyOf(kDescriptorFlags, n[1]));
    case SyscallKind::kSigProcMask:
      return OneOf(kMaskChanges, n[0]);
    case SyscallKind::kPosixSpawn:
      return PathText(record);
    case SyscallKind::kPidFdOpen:
      return absl::StrCat(n[0], ", ", AnyOf(kDescriptorFlags, n[1]));
    case SyscallKind::kPidFdSendSignal:
    case SyscallKind::kKill:
      return absl::StrCat(n[0], ", ", n[1]);
    case SyscallKind::kWaitId:
      return absl::StrFormat("%s, %d, {si_status=%d}, %s",
                             OneOf(kWaitTypes, n[0]), n[1], n[3],
                             AnyOf(kWaitOptions, n[2]));
    case SyscallKind::kSchedGetAffinity:
    case SyscallKind::kSchedSetAffinity:
      return absl::StrCat(n[0], ", ", n[1], " CPUs");
    case SyscallKind::kGetRLimit:
      return absl::StrCat(OneOf(kResources, n[0]), ", {rlim_cur=", n[1], "}");
  }
  return "";
}

std::string ResultText(SysResult result) {
  if (result.ok()) return absl::StrCat(result.value());
  const char* name = strerrorname_np(result.error());
  if (name == nullptr) return absl::StrCat("-1 ", result.error());
  return absl::StrCat("-1 ", name, " (", strerrordesc_np(result.error()), ")");
}

}  // namespace

absl::string_view SyscallName(SyscallKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

void SyscallRecord::SetPayload(const void* bytes, size_t count) {
  payload_bytes = static_cast<uint8_t>(std::min(count, payload.size()));
  if (payload_bytes > 0) std::memcpy(payload.data(), bytes, payload_bytes);
}

std::string ToString(const SyscallRecord& record) {
  return absl::StrCat(SyscallName(record.kind), "(", ArgumentsText(record),
                      ") = ", ResultText(record.result));
}

}  // namespace pollux
