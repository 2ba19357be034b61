#include "reactor/tracing_kernel.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

using testing::_;
using testing::DoAll;
using testing::ElementsAre;
using testing::Ref;
using testing::Return;
using testing::SetArgReferee;
using testing::StrictMock;

class MockKernel : public Kernel {
 public:
  MOCK_METHOD(SysResult, Socket, (int, int, int), (override));
  MOCK_METHOD(SysResult, SocketPair, (int, int, int, (std::array<int, 2>&)),
              (override));
  MOCK_METHOD(SysResult, Bind, (int, const sockaddr*, socklen_t), (override));
  MOCK_METHOD(SysResult, Listen, (int, int), (override));
  MOCK_METHOD(SysResult, Accept4, (int, sockaddr*, socklen_t*, int),
              (override));
  MOCK_METHOD(SysResult, Connect, (int, const sockaddr*, socklen_t),
              (override));
  MOCK_METHOD(SysResult, GetSockName, (int, sockaddr*, socklen_t*), (override));
  MOCK_METHOD(SysResult, SetSockOpt, (int, int, int, const void*, socklen_t),
              (override));
  MOCK_METHOD(SysResult, GetSockOpt, (int, int, int, void*, socklen_t*),
              (override));
  MOCK_METHOD(SysResult, Recv, (int, absl::Span<char>, int), (override));
  MOCK_METHOD(SysResult, Send, (int, absl::Span<const char>, int), (override));
  MOCK_METHOD(SysResult, Shutdown, (int, int), (override));
  MOCK_METHOD(SysResult, Close, (int), (override));
  MOCK_METHOD(SysResult, Read, (int, absl::Span<char>), (override));
  MOCK_METHOD(SysResult, Write, (int, absl::Span<const char>), (override));
  MOCK_METHOD(SysResult, EpollCreate1, (int), (override));
  MOCK_METHOD(SysResult, EpollCtl, (int, int, int, epoll_event*), (override));
  MOCK_METHOD(SysResult, EpollPwait2,
              (int, absl::Span<epoll_event>, absl::Duration), (override));
  MOCK_METHOD(SysResult, EpollWait, (int, absl::Span<epoll_event>, int),
              (override));
  MOCK_METHOD(SysResult, EventFd, (unsigned int, int), (override));
  MOCK_METHOD(SysResult, ClockGetTime, (clockid_t), (override));
  MOCK_METHOD(SysResult, SignalFd, (int, const sigset_t&, int), (override));
  MOCK_METHOD(SysResult, SigProcMask, (int, const sigset_t&, sigset_t*),
              (override));
  MOCK_METHOD(SysResult, GetPeerName, (int, sockaddr*, socklen_t*), (override));
  MOCK_METHOD(SysResult, RecvMsg, (int, msghdr&, int), (override));
  MOCK_METHOD(SysResult, SendMsg, (int, const msghdr&, int), (override));
  MOCK_METHOD(SysResult, RecvMMsg, (int, absl::Span<mmsghdr>, int), (override));
  MOCK_METHOD(SysResult, SendMMsg, (int, absl::Span<mmsghdr>, int), (override));
  MOCK_METHOD(SysResult, SendFile, (int, int, off_t&, size_t), (override));
  MOCK_METHOD(SysResult, Fcntl, (int, int, int), (override));
  MOCK_METHOD(SysResult, OpenAt2, (int, const char*, const open_how&),
              (override));
  MOCK_METHOD(SysResult, OpenAt, (int, const char*, int, mode_t), (override));
  MOCK_METHOD(SysResult, Fstat, (int, struct stat&), (override));
  MOCK_METHOD(SysResult, Pread, (int, absl::Span<char>, off_t), (override));
  MOCK_METHOD(SysResult, GetDents64, (int, absl::Span<char>), (override));
  MOCK_METHOD(SysResult, UnlinkAt, (int, const char*, int), (override));
  MOCK_METHOD(SysResult, TimerFdCreate, (clockid_t, int), (override));
  MOCK_METHOD(SysResult, TimerFdSetTime,
              (int, int, const itimerspec&, itimerspec*), (override));
  MOCK_METHOD(SysResult, PosixSpawn,
              (const char*, const posix_spawn_file_actions_t*,
               const posix_spawnattr_t*, char* const*, char* const*),
              (override));
  MOCK_METHOD(SysResult, PidFdOpen, (pid_t, unsigned int), (override));
  MOCK_METHOD(SysResult, PidFdSendSignal, (int, int), (override));
  MOCK_METHOD(SysResult, Kill, (pid_t, int), (override));
  MOCK_METHOD(SysResult, WaitId, (idtype_t, id_t, siginfo_t&, int), (override));
  MOCK_METHOD(SysResult, SchedGetAffinity, (pid_t, cpu_set_t&), (override));
  MOCK_METHOD(SysResult, GetRLimit, (int, rlimit&), (override));
  MOCK_METHOD(SysResult, SchedSetAffinity, (pid_t, const cpu_set_t&),
              (override));
};

class TracingKernelTest : public testing::Test, protected SyscallObserver {
 protected:
  // The single record of the calls since the last time.
  SyscallRecord Told() {
    EXPECT_EQ(records_.size(), 1u);
    const SyscallRecord record =
        records_.empty() ? SyscallRecord() : records_.back();
    records_.clear();
    return record;
  }

  StrictMock<MockKernel> kernel_;
  TracingKernel tracing_{kernel_, *this};
  std::vector<SyscallRecord> records_;

 private:
  void OnSyscall(const SyscallRecord& record) override {
    records_.push_back(record);
  }
};

constexpr SysResult kSeven = SysResult::Ok(7);
constexpr SysResult kFailure = SysResult::Error(EIO);

template <size_t N>
std::string Text(const std::array<char, N>& payload, size_t count) {
  return std::string(payload.data(), count);
}

TEST_F(TracingKernelTest, Socket) {
  EXPECT_CALL(kernel_, Socket(1, 2, 3)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.Socket(1, 2, 3), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSocket);
  EXPECT_THAT(told.numbers, ElementsAre(1, 2, 3, 0));
  EXPECT_EQ(told.result, kSeven);
}

TEST_F(TracingKernelTest, SocketPair) {
  std::array<int, 2> sockets = {-1, -1};
  EXPECT_CALL(kernel_, SocketPair(1, 2, 3, Ref(sockets)))
      .WillOnce(DoAll(SetArgReferee<3>(std::array<int, 2>{8, 9}),
                      Return(SysResult::Ok())));
  EXPECT_EQ(tracing_.SocketPair(1, 2, 3, sockets), SysResult::Ok());
  EXPECT_THAT(sockets, ElementsAre(8, 9));
  EXPECT_THAT(Told().numbers, ElementsAre(1, 2, 8, 9));
}

TEST_F(TracingKernelTest, Bind) {
  const sockaddr address = {AF_INET, "port, host"};
  EXPECT_CALL(kernel_, Bind(3, &address, sizeof(address)))
      .WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Bind(3, &address, sizeof(address)), kFailure);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kBind);
  EXPECT_EQ(told.result, kFailure);
  EXPECT_EQ(told.payload_bytes, sizeof(address));
  EXPECT_EQ(std::memcmp(told.payload.data(), &address, sizeof(address)), 0);
}

TEST_F(TracingKernelTest, Listen) {
  EXPECT_CALL(kernel_, Listen(3, 1024)).WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.Listen(3, 1024), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kListen);
  EXPECT_THAT(told.numbers, ElementsAre(3, 1024, 0, 0));
}

TEST_F(TracingKernelTest, Accept4) {
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  auto* address = reinterpret_cast<sockaddr*>(&peer);
  EXPECT_CALL(kernel_, Accept4(3, address, &length, 5))
      .WillOnce([](int, sockaddr* filled, socklen_t* filled_length, int) {
        filled->sa_family = AF_UNIX;
        *filled_length = sizeof(sa_family_t);
        return kSeven;
      });
  EXPECT_EQ(tracing_.Accept4(3, address, &length, 5), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kAccept4);
  EXPECT_THAT(told.numbers, ElementsAre(3, 5, 0, 0));
  EXPECT_EQ(told.payload_bytes, sizeof(sa_family_t));
}

TEST_F(TracingKernelTest, Accept4WithoutAnAddress) {
  EXPECT_CALL(kernel_, Accept4(3, nullptr, nullptr, 5))
      .WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.Accept4(3, nullptr, nullptr, 5), kSeven);
  EXPECT_EQ(Told().payload_bytes, 0);
}

TEST_F(TracingKernelTest, FailedAccept4ShowsNoAddress) {
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  auto* address = reinterpret_cast<sockaddr*>(&peer);
  EXPECT_CALL(kernel_, Accept4(3, address, &length, 5))
      .WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Accept4(3, address, &length, 5), kFailure);
  EXPECT_EQ(Told().payload_bytes, 0);
}

TEST_F(TracingKernelTest, Connect) {
  const sockaddr address = {AF_INET, "port, host"};
  EXPECT_CALL(kernel_, Connect(3, &address, sizeof(address)))
      .WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Connect(3, &address, sizeof(address)), kFailure);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kConnect);
  EXPECT_EQ(told.payload_bytes, sizeof(address));
}

TEST_F(TracingKernelTest, GetSockName) {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_CALL(kernel_, GetSockName(3, address, &length))
      .WillOnce([](int, sockaddr* filled, socklen_t* filled_length) {
        filled->sa_family = AF_UNIX;
        *filled_length = sizeof(sa_family_t);
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.GetSockName(3, address, &length), SysResult::Ok());
  EXPECT_EQ(length, sizeof(sa_family_t));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kGetSockName);
  EXPECT_EQ(told.payload_bytes, sizeof(sa_family_t));
}

TEST_F(TracingKernelTest, SetSockOpt) {
  const int on = 1;
  EXPECT_CALL(kernel_, SetSockOpt(3, 4, 5, &on, sizeof(on)))
      .WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.SetSockOpt(3, 4, 5, &on, sizeof(on)), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSetSockOpt);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 5, 1));
}

TEST_F(TracingKernelTest, GetSockOpt) {
  int value = 0;
  socklen_t length = sizeof(value);
  EXPECT_CALL(kernel_, GetSockOpt(3, 4, 5, &value, &length))
      .WillOnce([](int, int, int, void* filled, socklen_t*) {
        const int reset = ECONNRESET;
        std::memcpy(filled, &reset, sizeof(reset));
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.GetSockOpt(3, 4, 5, &value, &length), SysResult::Ok());
  EXPECT_EQ(value, ECONNRESET);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kGetSockOpt);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 5, ECONNRESET));
}

// What fills a buffer as a read would.
auto Gives(absl::string_view bytes) {
  return [bytes](absl::Span<char> buffer) {
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    return SysResult::Ok(static_cast<int64_t>(bytes.size()));
  };
}

TEST_F(TracingKernelTest, Recv) {
  std::array<char, 100> buffer = {};
  EXPECT_CALL(kernel_, Recv(3, absl::MakeSpan(buffer), 4))
      .WillOnce(
          [](int, absl::Span<char> into, int) { return Gives("hello")(into); });
  EXPECT_EQ(tracing_.Recv(3, absl::MakeSpan(buffer), 4), SysResult::Ok(5));
  EXPECT_EQ(Text(buffer, 5), "hello");
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kRecv);
  EXPECT_THAT(told.numbers, ElementsAre(3, 100, 4, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "hello");
}

TEST_F(TracingKernelTest, FailedRecvShowsNoBytes) {
  std::array<char, 100> buffer = {};
  EXPECT_CALL(kernel_, Recv(_, _, _)).WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Recv(3, absl::MakeSpan(buffer), 4), kFailure);
  EXPECT_EQ(Told().payload_bytes, 0);
}

TEST_F(TracingKernelTest, Send) {
  const std::string bytes(100, 'x');
  EXPECT_CALL(kernel_, Send(3, absl::MakeConstSpan(bytes), MSG_NOSIGNAL))
      .WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.Send(3, bytes, MSG_NOSIGNAL), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSend);
  EXPECT_THAT(told.numbers, ElementsAre(3, 100, MSG_NOSIGNAL, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), std::string(64, 'x'));
}

TEST_F(TracingKernelTest, Shutdown) {
  EXPECT_CALL(kernel_, Shutdown(3, SHUT_WR)).WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Shutdown(3, SHUT_WR), kFailure);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kShutdown);
  EXPECT_THAT(told.numbers, ElementsAre(3, SHUT_WR, 0, 0));
}

TEST_F(TracingKernelTest, Close) {
  EXPECT_CALL(kernel_, Close(3)).WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.Close(3), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kClose);
  EXPECT_THAT(told.numbers, ElementsAre(3, 0, 0, 0));
}

TEST_F(TracingKernelTest, Read) {
  std::array<char, 8> buffer = {};
  EXPECT_CALL(kernel_, Read(3, absl::MakeSpan(buffer)))
      .WillOnce([](int, absl::Span<char> into) { return Gives("ab")(into); });
  EXPECT_EQ(tracing_.Read(3, absl::MakeSpan(buffer)), SysResult::Ok(2));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kRead);
  EXPECT_THAT(told.numbers, ElementsAre(3, 8, 0, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "ab");
}

TEST_F(TracingKernelTest, Write) {
  const std::string bytes = "abc";
  EXPECT_CALL(kernel_, Write(3, absl::MakeConstSpan(bytes)))
      .WillOnce(Return(SysResult::Ok(3)));
  EXPECT_EQ(tracing_.Write(3, bytes), SysResult::Ok(3));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kWrite);
  EXPECT_THAT(told.numbers, ElementsAre(3, 3, 0, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "abc");
}

TEST_F(TracingKernelTest, EpollCreate1) {
  EXPECT_CALL(kernel_, EpollCreate1(EPOLL_CLOEXEC)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.EpollCreate1(EPOLL_CLOEXEC), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kEpollCreate1);
  EXPECT_THAT(told.numbers, ElementsAre(EPOLL_CLOEXEC, 0, 0, 0));
}

TEST_F(TracingKernelTest, EpollCtl) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  EXPECT_CALL(kernel_, EpollCtl(3, EPOLL_CTL_ADD, 5, &event))
      .WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.EpollCtl(3, EPOLL_CTL_ADD, 5, &event), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kEpollCtl);
  EXPECT_THAT(told.numbers,
              ElementsAre(3, EPOLL_CTL_ADD, 5, int64_t{event.events}));
}

TEST_F(TracingKernelTest, EpollCtlWithoutAnEvent) {
  EXPECT_CALL(kernel_, EpollCtl(3, EPOLL_CTL_DEL, 5, nullptr))
      .WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.EpollCtl(3, EPOLL_CTL_DEL, 5, nullptr), kFailure);
  EXPECT_THAT(Told().numbers, ElementsAre(3, EPOLL_CTL_DEL, 5, 0));
}

TEST_F(TracingKernelTest, EpollPwait2) {
  std::array<epoll_event, 4> events = {};
  const absl::Duration timeout = absl::Microseconds(1500);
  EXPECT_CALL(kernel_, EpollPwait2(3, _, timeout))
      .WillOnce([&](int, absl::Span<epoll_event> filled, absl::Duration) {
        EXPECT_EQ(filled.data(), events.data());
        filled[0].events = EPOLLIN;
        return SysResult::Ok(1);
      });
  EXPECT_EQ(tracing_.EpollPwait2(3, absl::MakeSpan(events), timeout),
            SysResult::Ok(1));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kEpollPwait2);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 1'500'000, 0));
  EXPECT_EQ(told.payload_bytes, sizeof(epoll_event));
}

TEST_F(TracingKernelTest, EpollPwait2ForEver) {
  std::array<epoll_event, 4> events = {};
  EXPECT_CALL(kernel_, EpollPwait2(3, _, absl::InfiniteDuration()))
      .WillOnce(Return(SysResult::Error(EINTR)));
  EXPECT_EQ(
      tracing_.EpollPwait2(3, absl::MakeSpan(events), absl::InfiniteDuration()),
      SysResult::Error(EINTR));
  const SyscallRecord told = Told();
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, -1, 0));
  EXPECT_EQ(told.payload_bytes, 0);
}

TEST_F(TracingKernelTest, EpollWait) {
  std::array<epoll_event, 4> events = {};
  EXPECT_CALL(kernel_, EpollWait(3, _, 2)).WillOnce(Return(SysResult::Ok(2)));
  EXPECT_EQ(tracing_.EpollWait(3, absl::MakeSpan(events), 2), SysResult::Ok(2));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kEpollWait);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 2'000'000, 0));
  EXPECT_EQ(told.payload_bytes, 2 * sizeof(epoll_event));
}

TEST_F(TracingKernelTest, EpollWaitForEver) {
  std::array<epoll_event, 4> events = {};
  EXPECT_CALL(kernel_, EpollWait(3, _, -1)).WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.EpollWait(3, absl::MakeSpan(events), -1), SysResult::Ok());
  EXPECT_THAT(Told().numbers, ElementsAre(3, 4, -1, 0));
}

TEST_F(TracingKernelTest, EventFd) {
  EXPECT_CALL(kernel_, EventFd(1, 2)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.EventFd(1, 2), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kEventFd);
  EXPECT_THAT(told.numbers, ElementsAre(1, 2, 0, 0));
}

TEST_F(TracingKernelTest, ClockGetTime) {
  EXPECT_CALL(kernel_, ClockGetTime(CLOCK_MONOTONIC)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.ClockGetTime(CLOCK_MONOTONIC), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kClockGetTime);
  EXPECT_THAT(told.numbers, ElementsAre(CLOCK_MONOTONIC, 0, 0, 0));
}

TEST_F(TracingKernelTest, SignalFd) {
  sigset_t signals;
  sigemptyset(&signals);
  EXPECT_CALL(kernel_, SignalFd(-1, Ref(signals), 2)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.SignalFd(-1, signals, 2), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSignalFd);
  EXPECT_THAT(told.numbers, ElementsAre(-1, 2, 0, 0));
}

TEST_F(TracingKernelTest, SigProcMask) {
  sigset_t signals;
  sigset_t old;
  sigemptyset(&signals);
  EXPECT_CALL(kernel_, SigProcMask(SIG_BLOCK, Ref(signals), &old))
      .WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.SigProcMask(SIG_BLOCK, signals, &old), kFailure);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSigProcMask);
  EXPECT_THAT(told.numbers, ElementsAre(SIG_BLOCK, 0, 0, 0));
}

TEST_F(TracingKernelTest, GetPeerName) {
  sockaddr_storage peer;
  socklen_t length = sizeof(peer);
  auto* address = reinterpret_cast<sockaddr*>(&peer);
  EXPECT_CALL(kernel_, GetPeerName(3, address, &length))
      .WillOnce([](int, sockaddr* filled, socklen_t* filled_length) {
        filled->sa_family = AF_UNIX;
        *filled_length = sizeof(sa_family_t);
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.GetPeerName(3, address, &length), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kGetPeerName);
  EXPECT_EQ(told.payload_bytes, sizeof(sa_family_t));
}

// Two pieces of a message, "ab" and "cde".
struct TwoPieces {
  TwoPieces() {
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
  }

  std::string first = "ab";
  std::string second = "cde";
  std::array<iovec, 2> pieces = {
      {{first.data(), first.size()}, {second.data(), second.size()}}};
  msghdr message = {};
};

TEST_F(TracingKernelTest, RecvMsg) {
  TwoPieces filled;
  EXPECT_CALL(kernel_, RecvMsg(3, Ref(filled.message), 5))
      .WillOnce(Return(SysResult::Ok(4)));
  EXPECT_EQ(tracing_.RecvMsg(3, filled.message, 5), SysResult::Ok(4));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kRecvMsg);
  EXPECT_THAT(told.numbers, ElementsAre(3, 5, 5, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "abcd");
}

TEST_F(TracingKernelTest, SendMsg) {
  TwoPieces sent;
  EXPECT_CALL(kernel_, SendMsg(3, Ref(sent.message), 6))
      .WillOnce(Return(SysResult::Ok(2)));
  EXPECT_EQ(tracing_.SendMsg(3, sent.message, 6), SysResult::Ok(2));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSendMsg);
  EXPECT_THAT(told.numbers, ElementsAre(3, 5, 6, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "abcde");
}

TEST_F(TracingKernelTest, RecvMMsgAndSendMMsg) {
  std::array<mmsghdr, 3> messages = {};
  EXPECT_CALL(kernel_, RecvMMsg(3, _, 4)).WillOnce(Return(SysResult::Ok(2)));
  EXPECT_EQ(tracing_.RecvMMsg(3, absl::MakeSpan(messages), 4),
            SysResult::Ok(2));
  EXPECT_THAT(Told().numbers, ElementsAre(3, 3, 4, 0));
  EXPECT_CALL(kernel_, SendMMsg(3, _, 5)).WillOnce(Return(SysResult::Ok(3)));
  EXPECT_EQ(tracing_.SendMMsg(3, absl::MakeSpan(messages), 5),
            SysResult::Ok(3));
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSendMMsg);
  EXPECT_THAT(told.numbers, ElementsAre(3, 3, 5, 0));
}

TEST_F(TracingKernelTest, SendFileShowsWhereItBegan) {
  off_t offset = 100;
  EXPECT_CALL(kernel_, SendFile(3, 4, Ref(offset), 50))
      .WillOnce(DoAll(SetArgReferee<2>(120), Return(SysResult::Ok(20))));
  EXPECT_EQ(tracing_.SendFile(3, 4, offset, 50), SysResult::Ok(20));
  EXPECT_EQ(offset, 120);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kSendFile);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 100, 50));
}

TEST_F(TracingKernelTest, Fcntl) {
  EXPECT_CALL(kernel_, Fcntl(3, 4, 5)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.Fcntl(3, 4, 5), kSeven);
  EXPECT_EQ(Told().kind, SyscallKind::kFcntl);
}

TEST_F(TracingKernelTest, OpenAt2) {
  open_how how = {};
  how.flags = 7;
  how.resolve = 8;
  EXPECT_CALL(kernel_, OpenAt2(3, _, Ref(how))).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.OpenAt2(3, "a/b", how), kSeven);
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kOpenAt2);
  EXPECT_THAT(told.numbers, ElementsAre(3, 7, 8, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "a/b");
}

TEST_F(TracingKernelTest, OpenAtAndUnlinkAt) {
  EXPECT_CALL(kernel_, OpenAt(3, _, 4, 0600)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.OpenAt(3, "a", 4, 0600), kSeven);
  SyscallRecord told = Told();
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 0, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "a");
  EXPECT_CALL(kernel_, UnlinkAt(3, _, 4)).WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.UnlinkAt(3, "bc", 4), kFailure);
  told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kUnlinkAt);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 0, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "bc");
}

TEST_F(TracingKernelTest, Fstat) {
  struct stat status = {};
  EXPECT_CALL(kernel_, Fstat(3, Ref(status)))
      .WillOnce([](int, struct stat& filled) {
        filled.st_size = 99;
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.Fstat(3, status), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kFstat);
  EXPECT_THAT(told.numbers, ElementsAre(3, 99, 0, 0));
}

TEST_F(TracingKernelTest, PreadAndGetDents64) {
  std::string buffer = "abc";
  EXPECT_CALL(kernel_, Pread(3, _, 100)).WillOnce(Return(SysResult::Ok(2)));
  EXPECT_EQ(tracing_.Pread(3, absl::MakeSpan(buffer), 100), SysResult::Ok(2));
  SyscallRecord told = Told();
  EXPECT_THAT(told.numbers, ElementsAre(3, 3, 100, 0));
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "ab");
  EXPECT_CALL(kernel_, GetDents64(3, _)).WillOnce(Return(SysResult::Ok(2)));
  EXPECT_EQ(tracing_.GetDents64(3, absl::MakeSpan(buffer)), SysResult::Ok(2));
  told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kGetDents64);
  EXPECT_THAT(told.numbers, ElementsAre(3, 3, 0, 0));
}

TEST_F(TracingKernelTest, TimerFdCreateAndSetTime) {
  EXPECT_CALL(kernel_, TimerFdCreate(CLOCK_REALTIME, 2))
      .WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.TimerFdCreate(CLOCK_REALTIME, 2), kSeven);
  EXPECT_THAT(Told().numbers, ElementsAre(CLOCK_REALTIME, 2, 0, 0));
  itimerspec old;
  const itimerspec value = {{1, 5}, {2, 6}};
  EXPECT_CALL(kernel_, TimerFdSetTime(3, 4, Ref(value), &old))
      .WillOnce(Return(SysResult::Ok()));
  EXPECT_EQ(tracing_.TimerFdSetTime(3, 4, value, &old), SysResult::Ok());
  const SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kTimerFdSetTime);
  EXPECT_THAT(told.numbers, ElementsAre(3, 4, 2'000'000'006, 1'000'000'005));
}

TEST_F(TracingKernelTest, Processes) {
  EXPECT_CALL(kernel_, PosixSpawn(_, nullptr, nullptr, nullptr, nullptr))
      .WillOnce(Return(kSeven));
  EXPECT_EQ(
      tracing_.PosixSpawn("/bin/true", nullptr, nullptr, nullptr, nullptr),
      kSeven);
  SyscallRecord told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kPosixSpawn);
  EXPECT_EQ(Text(told.payload, told.payload_bytes), "/bin/true");
  EXPECT_CALL(kernel_, PidFdOpen(7, 1)).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.PidFdOpen(7, 1), kSeven);
  EXPECT_THAT(Told().numbers, ElementsAre(7, 1, 0, 0));
  EXPECT_CALL(kernel_, PidFdSendSignal(3, 15)).WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.PidFdSendSignal(3, 15), kFailure);
  EXPECT_THAT(Told().numbers, ElementsAre(3, 15, 0, 0));
  EXPECT_CALL(kernel_, Kill(7, 9)).WillOnce(Return(kFailure));
  EXPECT_EQ(tracing_.Kill(7, 9), kFailure);
  told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kKill);
  EXPECT_THAT(told.numbers, ElementsAre(7, 9, 0, 0));
  siginfo_t info = {};
  EXPECT_CALL(kernel_, WaitId(P_PIDFD, 3, Ref(info), WEXITED))
      .WillOnce([](idtype_t, id_t, siginfo_t& filled, int) {
        filled.si_status = 9;
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.WaitId(P_PIDFD, 3, info, WEXITED), SysResult::Ok());
  told = Told();
  EXPECT_EQ(told.kind, SyscallKind::kWaitId);
  EXPECT_THAT(told.numbers, ElementsAre(P_PIDFD, 3, WEXITED, 9));
}

TEST_F(TracingKernelTest, SchedGetAffinity) {
  cpu_set_t cpus;
  EXPECT_CALL(kernel_, SchedGetAffinity(0, Ref(cpus)))
      .WillOnce([](pid_t, cpu_set_t& filled) {
        CPU_ZERO(&filled);
        CPU_SET(3, &filled);
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.SchedGetAffinity(0, cpus), SysResult::Ok());
  EXPECT_THAT(Told().numbers, ElementsAre(0, 1, 0, 0));
}

TEST_F(TracingKernelTest, SchedSetAffinity) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(1, &cpus);
  EXPECT_CALL(kernel_, SchedSetAffinity(0, Ref(cpus))).WillOnce(Return(kSeven));
  EXPECT_EQ(tracing_.SchedSetAffinity(0, cpus), kSeven);
  EXPECT_THAT(Told().numbers, ElementsAre(0, 1, 0, 0));
}

TEST_F(TracingKernelTest, GetRLimit) {
  rlimit limit;
  EXPECT_CALL(kernel_, GetRLimit(RLIMIT_NOFILE, Ref(limit)))
      .WillOnce([](int, rlimit& filled) {
        filled.rlim_cur = 100;
        return SysResult::Ok();
      });
  EXPECT_EQ(tracing_.GetRLimit(RLIMIT_NOFILE, limit), SysResult::Ok());
  EXPECT_THAT(Told().numbers, ElementsAre(RLIMIT_NOFILE, 100, 0, 0));
}

}  // namespace
}  // namespace pollux
