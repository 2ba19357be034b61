#include "reactor/syscall_record.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

struct Case {
  std::string name;
  SyscallKind kind;
  std::array<int64_t, 4> numbers;
  SysResult result;
  std::string payload;
  std::string line;
};

// So that a failure shows the row, not its bytes.
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

SysResult Ok(int64_t value = 0) { return SysResult::Ok(value); }
SysResult Error(int error) { return SysResult::Error(error); }

template <typename T>
std::string Bytes(const T& value, size_t count = sizeof(T)) {
  return std::string(reinterpret_cast<const char*>(&value), count);
}

std::string V4(const char* host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host, &address.sin_addr);
  return Bytes(address);
}

std::string V6(const char* host, uint16_t port) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  inet_pton(AF_INET6, host, &address.sin6_addr);
  return Bytes(address);
}

std::string Unix(absl::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return Bytes(address, offsetof(sockaddr_un, sun_path) + path.size());
}

struct Event {
  uint32_t events;
  uint64_t data;
};

std::string Events(const std::vector<Event>& events) {
  std::string bytes;
  for (const Event& each : events) {
    epoll_event event = {};
    event.events = each.events;
    event.data.u64 = each.data;
    bytes += Bytes(event);
  }
  return bytes;
}

const std::string kSixtyFour(64, 'x');

const Case kCases[] = {
    {"Socket",
     SyscallKind::kSocket,
     {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0},
     Ok(3),
     "",
     "socket(AF_INET, SOCK_STREAM|CLOEXEC|NONBLOCK, 0) = 3"},
    {"SocketOfUnknownKind",
     SyscallKind::kSocket,
     {99, 77, 5},
     Error(EAFNOSUPPORT),
     "",
     "socket(99, 77, 5) = -1 EAFNOSUPPORT (Address family not supported by "
     "protocol)"},
    {"SocketPair",
     SyscallKind::kSocketPair,
     {AF_UNIX, SOCK_STREAM, 5, 6},
     Ok(),
     "",
     "socketpair(AF_UNIX, SOCK_STREAM, 0, [5, 6]) = 0"},
    {"BindV4",
     SyscallKind::kBind,
     {3},
     Error(EADDRINUSE),
     V4("127.0.0.1", 8080),
     "bind(3, {127.0.0.1:8080}) = -1 EADDRINUSE (Address already in use)"},
    {"BindV6",
     SyscallKind::kBind,
     {3},
     Ok(),
     V6("2001:db8::1", 443),
     "bind(3, {[2001:db8::1]:443}) = 0"},
    {"BindUnix",
     SyscallKind::kBind,
     {3},
     Ok(),
     Unix(absl::string_view("/run/a.sock\0", 12)),
     "bind(3, {\"/run/a.sock\"}) = 0"},
    {"BindAbstract",
     SyscallKind::kBind,
     {3},
     Ok(),
     Unix(absl::string_view("\0name", 5)),
     "bind(3, {\"\\x00name\"}) = 0"},
    {"BindLongUnixNameIsCut",
     SyscallKind::kBind,
     {3},
     Ok(),
     Unix(std::string(100, 'p')),
     "bind(3, {\"" + std::string(62, 'p') + "\"...}) = 0"},
    {"BindNothing", SyscallKind::kBind, {3}, Ok(), "", "bind(3, {}) = 0"},
    {"Listen",
     SyscallKind::kListen,
     {3, 1024},
     Ok(),
     "",
     "listen(3, 1024) = 0"},
    {"Accept4",
     SyscallKind::kAccept4,
     {3, SOCK_CLOEXEC | SOCK_NONBLOCK},
     Ok(5),
     V4("127.0.0.1", 50432),
     "accept4(3, {127.0.0.1:50432}, CLOEXEC|NONBLOCK) = 5"},
    {"Accept4OfNobody",
     SyscallKind::kAccept4,
     {3, 0},
     Error(EAGAIN),
     "",
     "accept4(3, {}, 0) = -1 EAGAIN (Resource temporarily unavailable)"},
    {"Connect",
     SyscallKind::kConnect,
     {4},
     Error(EINPROGRESS),
     V6("::1", 80),
     "connect(4, {[::1]:80}) = -1 EINPROGRESS (Operation now in progress)"},
    {"GetSockName",
     SyscallKind::kGetSockName,
     {4},
     Ok(),
     V4("10.0.0.1", 1),
     "getsockname(4, {10.0.0.1:1}) = 0"},
    {"SetSockOptOfSocket",
     SyscallKind::kSetSockOpt,
     {4, SOL_SOCKET, SO_REUSEADDR, 1},
     Ok(),
     "",
     "setsockopt(4, SOL_SOCKET, SO_REUSEADDR, [1]) = 0"},
    {"SetSockOptOfTcp",
     SyscallKind::kSetSockOpt,
     {4, IPPROTO_TCP, TCP_NODELAY, 1},
     Error(EOPNOTSUPP),
     "",
     "setsockopt(4, IPPROTO_TCP, TCP_NODELAY, [1]) = -1 EOPNOTSUPP (Operation "
     "not supported)"},
    {"GetSockOpt",
     SyscallKind::kGetSockOpt,
     {4, SOL_SOCKET, SO_ERROR, ECONNRESET},
     Ok(),
     "",
     "getsockopt(4, SOL_SOCKET, SO_ERROR, [104]) = 0"},
    {"Recv",
     SyscallKind::kRecv,
     {5, 4096, 0},
     Ok(6),
     std::string("a\"\r\n\0\xff", 6),
     "recv(5, \"a\\\"\\r\\n\\x00\\xff\", 4096, 0) = 6"},
    {"RecvOfMoreThanIsShown",
     SyscallKind::kRecv,
     {5, 4096, 0},
     Ok(65),
     kSixtyFour + "x",
     "recv(5, \"" + kSixtyFour + "\"..., 4096, 0) = 65"},
    {"RecvOfAllThatIsShown",
     SyscallKind::kRecv,
     {5, 4096, 0},
     Ok(64),
     kSixtyFour,
     "recv(5, \"" + kSixtyFour + "\", 4096, 0) = 64"},
    {"RecvOfEndOfStream",
     SyscallKind::kRecv,
     {5, 4096, 0},
     Ok(0),
     "",
     "recv(5, \"\", 4096, 0) = 0"},
    {"RecvFailed",
     SyscallKind::kRecv,
     {5, 4096, 0},
     Error(ECONNRESET),
     "",
     "recv(5, \"\", 4096, 0) = -1 ECONNRESET (Connection reset by peer)"},
    {"SendInPart",
     SyscallKind::kSend,
     {5, 3, MSG_NOSIGNAL},
     Ok(1),
     "abc",
     "send(5, \"abc\", 3, MSG_NOSIGNAL) = 1"},
    {"SendOfMoreThanIsShown",
     SyscallKind::kSend,
     {5, 100, MSG_NOSIGNAL | MSG_DONTWAIT},
     Error(EPIPE),
     std::string(100, 'x'),
     "send(5, \"" + kSixtyFour +
         "\"..., 100, MSG_NOSIGNAL|MSG_DONTWAIT) = -1 EPIPE (Broken pipe)"},
    {"Shutdown",
     SyscallKind::kShutdown,
     {5, SHUT_WR},
     Ok(),
     "",
     "shutdown(5, SHUT_WR) = 0"},
    {"Close", SyscallKind::kClose, {5}, Ok(), "", "close(5) = 0"},
    {"Read",
     SyscallKind::kRead,
     {6, 8},
     Ok(8),
     std::string("\1\0\0\0\0\0\0\0", 8),
     "read(6, \"\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\", 8) = 8"},
    {"Write",
     SyscallKind::kWrite,
     {6, 2},
     Ok(2),
     "hi",
     "write(6, \"hi\", 2) = 2"},
    {"EpollCreate1",
     SyscallKind::kEpollCreate1,
     {EPOLL_CLOEXEC},
     Ok(3),
     "",
     "epoll_create1(CLOEXEC) = 3"},
    {"EpollCtlAdd",
     SyscallKind::kEpollCtl,
     {3, EPOLL_CTL_ADD, 5, int64_t{uint32_t{EPOLLIN | EPOLLET}}},
     Ok(),
     "",
     "epoll_ctl(3, EPOLL_CTL_ADD, 5, EPOLLIN|EPOLLET) = 0"},
    {"EpollCtlModToNothing",
     SyscallKind::kEpollCtl,
     {3, EPOLL_CTL_MOD, 5, 0},
     Ok(),
     "",
     "epoll_ctl(3, EPOLL_CTL_MOD, 5, 0) = 0"},
    {"EpollCtlDel",
     SyscallKind::kEpollCtl,
     {3, EPOLL_CTL_DEL, 5, 0},
     Error(ENOENT),
     "",
     "epoll_ctl(3, EPOLL_CTL_DEL, 5) = -1 ENOENT (No such file or directory)"},
    {"EpollPwait2",
     SyscallKind::kEpollPwait2,
     {3, 512, 1'500'000},
     Ok(2),
     // The high half of the data is not shown.
     Events({{EPOLLIN | EPOLLHUP, (uint64_t{9} << 32) | 5}, {EPOLLOUT, 6}}),
     "epoll_pwait2(3, [{EPOLLIN|EPOLLHUP, 5}, {EPOLLOUT, 6}], 512, 1.5ms) = 2"},
    {"EpollPwait2ForEver",
     SyscallKind::kEpollPwait2,
     {3, 512, -1},
     Error(EINTR),
     "",
     "epoll_pwait2(3, [], 512, for ever) = -1 EINTR (Interrupted system call)"},
    {"EpollPwait2OfMoreThanIsShown",
     SyscallKind::kEpollPwait2,
     {3, 512, 0},
     Ok(6),
     Events({{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}}),
     "epoll_pwait2(3, [{EPOLLIN, 1}, {EPOLLIN, 2}, {EPOLLIN, 3}, {EPOLLIN, 4}, "
     "{EPOLLIN, 5}, ...], 512, 0) = 6"},
    {"EpollPwait2OfAllThatIsShown",
     SyscallKind::kEpollPwait2,
     {3, 512, 0},
     Ok(5),
     Events({{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}}),
     "epoll_pwait2(3, [{EPOLLIN, 1}, {EPOLLIN, 2}, {EPOLLIN, 3}, {EPOLLIN, 4}, "
     "{EPOLLIN, 5}], 512, 0) = 5"},
    {"EpollWait",
     SyscallKind::kEpollWait,
     {3, 512, 2'000'000},
     Ok(0),
     "",
     "epoll_wait(3, [], 512, 2ms) = 0"},
    {"EventFd",
     SyscallKind::kEventFd,
     {0, SOCK_CLOEXEC},
     Ok(4),
     "",
     "eventfd(0, CLOEXEC) = 4"},
    {"ClockGetTime",
     SyscallKind::kClockGetTime,
     {CLOCK_MONOTONIC},
     Ok(123'456'789),
     "",
     "clock_gettime(CLOCK_MONOTONIC) = 123456789"},
    {"SignalFd",
     SyscallKind::kSignalFd,
     {-1, SOCK_CLOEXEC | SOCK_NONBLOCK},
     Ok(7),
     "",
     "signalfd(-1, CLOEXEC|NONBLOCK) = 7"},
    {"SigProcMask",
     SyscallKind::kSigProcMask,
     {SIG_SETMASK},
     Ok(),
     "",
     "sigprocmask(SIG_SETMASK) = 0"},
    {"GetPeerName",
     SyscallKind::kGetPeerName,
     {3},
     Error(ENOTCONN),
     "",
     "getpeername(3, {}) = -1 ENOTCONN (Transport endpoint is not connected)"},
    {"RecvMsg",
     SyscallKind::kRecvMsg,
     {3, 512, 0},
     Ok(2),
     "ab",
     "recvmsg(3, \"ab\", 512, 0) = 2"},
    {"SendMsg",
     SyscallKind::kSendMsg,
     {3, 4, MSG_NOSIGNAL},
     Ok(2),
     "abcd",
     "sendmsg(3, \"abcd\", 4, MSG_NOSIGNAL) = 2"},
    {"RecvMMsg",
     SyscallKind::kRecvMMsg,
     {3, 16, MSG_DONTWAIT},
     Ok(2),
     "",
     "recvmmsg(3, 16, MSG_DONTWAIT) = 2"},
    {"SendMMsg",
     SyscallKind::kSendMMsg,
     {3, 16, MSG_NOSIGNAL},
     Ok(16),
     "",
     "sendmmsg(3, 16, MSG_NOSIGNAL) = 16"},
    {"SendFile",
     SyscallKind::kSendFile,
     {3, 4, 4096, 65536},
     Ok(1000),
     "",
     "sendfile(3, 4, [4096], 65536) = 1000"},
    {"Fcntl",
     SyscallKind::kFcntl,
     {3, F_SETFD, FD_CLOEXEC},
     Ok(),
     "",
     "fcntl(3, F_SETFD, 1) = 0"},
    {"OpenAt2",
     SyscallKind::kOpenAt2,
     {3, O_CLOEXEC, RESOLVE_BENEATH},
     Ok(5),
     "a/b",
     "openat2(3, \"a/b\", O_RDONLY|O_CLOEXEC, RESOLVE_BENEATH) = 5"},
    {"OpenAt",
     SyscallKind::kOpenAt,
     {AT_FDCWD, O_WRONLY | O_APPEND},
     Error(ENOENT),
     "log",
     "openat(AT_FDCWD, \"log\", O_WRONLY|O_APPEND) = -1 ENOENT (No such file "
     "or directory)"},
    {"OpenAtForReadingOnly",
     SyscallKind::kOpenAt,
     {3, O_RDONLY},
     Ok(4),
     std::string(70, 'a'),
     "openat(3, \"" + std::string(64, 'a') + "\"..., O_RDONLY) = 4"},
    {"Fstat",
     SyscallKind::kFstat,
     {3, 1234},
     Ok(),
     "",
     "fstat(3, {st_size=1234}) = 0"},
    {"Pread",
     SyscallKind::kPread,
     {3, 100, 50},
     Ok(2),
     "ab",
     "pread(3, \"ab\", 100, 50) = 2"},
    {"GetDents64",
     SyscallKind::kGetDents64,
     {3, 4096},
     Ok(48),
     "",
     "getdents64(3, 4096) = 48"},
    {"UnlinkAt",
     SyscallKind::kUnlinkAt,
     {AT_FDCWD, 0},
     Ok(),
     "/tmp/socket",
     "unlinkat(AT_FDCWD, \"/tmp/socket\", 0) = 0"},
    {"TimerFdCreate",
     SyscallKind::kTimerFdCreate,
     {CLOCK_BOOTTIME, TFD_NONBLOCK},
     Ok(5),
     "",
     "timerfd_create(CLOCK_BOOTTIME, NONBLOCK) = 5"},
    {"TimerFdSetTime",
     SyscallKind::kTimerFdSetTime,
     {5, TFD_TIMER_ABSTIME, 1'500'000, 2'000'000'000},
     Ok(),
     "",
     "timerfd_settime(5, TFD_TIMER_ABSTIME, {1.5ms, every 2s}) = 0"},
    {"PosixSpawn",
     SyscallKind::kPosixSpawn,
     {},
     Ok(4711),
     "/bin/true",
     "posix_spawn(\"/bin/true\") = 4711"},
    {"PidFdOpen",
     SyscallKind::kPidFdOpen,
     {4711, O_NONBLOCK},
     Ok(5),
     "",
     "pidfd_open(4711, NONBLOCK) = 5"},
    {"PidFdSendSignal",
     SyscallKind::kPidFdSendSignal,
     {5, SIGTERM},
     Ok(),
     "",
     "pidfd_send_signal(5, 15) = 0"},
    {"Kill",
     SyscallKind::kKill,
     {4711, SIGKILL},
     Ok(),
     "",
     "kill(4711, 9) = 0"},
    {"WaitId",
     SyscallKind::kWaitId,
     {P_PIDFD, 5, WEXITED, 3},
     Ok(),
     "",
     "waitid(P_PIDFD, 5, {si_status=3}, WEXITED) = 0"},
    {"SchedGetAffinity",
     SyscallKind::kSchedGetAffinity,
     {0, 2},
     Ok(),
     "",
     "sched_getaffinity(0, 2 CPUs) = 0"},
    {"SchedSetAffinity",
     SyscallKind::kSchedSetAffinity,
     {0, 2},
     Ok(),
     "",
     "sched_setaffinity(0, 2 CPUs) = 0"},
    {"GetRLimit",
     SyscallKind::kGetRLimit,
     {RLIMIT_NOFILE, 1024},
     Ok(),
     "",
     "getrlimit(RLIMIT_NOFILE, {rlim_cur=1024}) = 0"},
    {"UnknownError",
     SyscallKind::kClose,
     {5},
     Error(4000),
     "",
     "close(5) = -1 4000"},
};

class SyscallRecordTest : public testing::TestWithParam<Case> {};

TEST_P(SyscallRecordTest, ReadsAsStraceWouldWriteIt) {
  SyscallRecord record;
  record.kind = GetParam().kind;
  record.numbers = GetParam().numbers;
  record.result = GetParam().result;
  record.SetPayload(GetParam().payload.data(), GetParam().payload.size());
  EXPECT_EQ(ToString(record), GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(Lines, SyscallRecordTest, testing::ValuesIn(kCases),
                         CaseName);

TEST(SyscallRecordTableTest, ShowsEveryKind) {
  std::set<SyscallKind> kinds;
  for (const Case& row : kCases) kinds.insert(row.kind);
  EXPECT_EQ(kinds.size(), kSyscallKinds);
}

TEST(SyscallRecordTableTest, EveryKindHasANameOfItsOwn) {
  std::set<absl::string_view> names;
  for (size_t kind = 0; kind < kSyscallKinds; ++kind) {
    names.insert(SyscallName(static_cast<SyscallKind>(kind)));
  }
  EXPECT_EQ(names.size(), kSyscallKinds);
  EXPECT_EQ(names.count(""), 0u);
}

TEST(SyscallRecordTableTest, IsSmall) {
  // What a ring of the last calls costs.
  EXPECT_LE(sizeof(SyscallRecord), 112u);
}

}  // namespace
}  // namespace pollux
