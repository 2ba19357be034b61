// What the fake kernel does where a test on Linux would need a lost cable, an
// hour, or a program that dies.
#include "testing/fake_kernel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/sys_result.h"
#include "testing/fake_world.h"
#include "testing/peer.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Time passes, whether anything happens or not.
void Pass(FakeWorld& world, absl::Duration time) {
  world.time().After(time, [] {});
  world.PassAll(time);
}

// The time limit of the test is what fails if this takes quadratic time.
TEST(FakeKernelTest, FindsTheLowestFreeNumberAmongManyQuickly) {
  constexpr int kDescriptors = 1'000'000;
  FakeWorld world;
  FakeKernel kernel(world, {.descriptor_limit = kDescriptors + 3});
  const int event = kernel.EventFd(0, 0).descriptor();
  for (int i = 1; i < kDescriptors; ++i) {
    ASSERT_EQ(kernel.Dup(event).descriptor(), event + i);
  }
  EXPECT_EQ(kernel.Dup(event).error(), EMFILE);
  EXPECT_EQ(kernel.open_descriptors(), size_t{kDescriptors});
  for (int number : {500'001, 500'000, 10, 999'999}) {
    EXPECT_TRUE(kernel.Close(number).ok());
  }
  EXPECT_EQ(kernel.open_descriptors(), size_t{kDescriptors} - 4);
  kernel.set_descriptor_limit(500'001);
  EXPECT_EQ(kernel.Dup(event).descriptor(), 10);
  EXPECT_EQ(kernel.Dup(event).descriptor(), 500'000);
  EXPECT_EQ(kernel.Dup(event).error(), EMFILE);
}

TEST(FakeKernelTest, AHoleThatADupLeavesIsFilled) {
  FakeKernel kernel;
  const int event = kernel.EventFd(0, 0).descriptor();
  EXPECT_EQ(kernel.Fcntl(event, F_DUPFD, 10).descriptor(), 10);
  EXPECT_EQ(kernel.open_descriptors(), 2u);
  EXPECT_EQ(kernel.Dup(event).descriptor(), event + 1);
  EXPECT_EQ(kernel.Fcntl(event, F_DUPFD, 10).descriptor(), 11);
  EXPECT_EQ(kernel.OpenDescriptorNumbers(), (std::vector<int>{3, 4, 10, 11}));
}

TEST(FakeKernelTest, AHandlerMayReplaceItself) {
  FakeKernel kernel;
  std::string handled;
  kernel.processes().AddProgram("/bin/child", [&](FakeProcess& process) {
    process.OnSignal(SIGHUP, [&](FakeProcess& child) {
      child.OnSignal(SIGHUP, [&](FakeProcess&) { handled += "second "; });
      handled += "first ";
    });
    process.OnSignal(SIGTERM, [&](FakeProcess&) { handled += "term "; });
  });
  const SysResult child =
      kernel.PosixSpawn("/bin/child", nullptr, nullptr, nullptr, nullptr);
  ASSERT_TRUE(child.ok());
  for (int signal : {SIGHUP, SIGHUP, SIGTERM, SIGTERM, SIGHUP}) {
    EXPECT_TRUE(kernel.Kill(static_cast<pid_t>(child.value()), signal).ok());
  }
  EXPECT_EQ(handled, "first second term term second ");
}

class PipeSignalTest : public testing::Test {
 protected:
  PipeSignalTest() {
    world_.set_on_failure(
        [this](const std::string& failure) { failures_.push_back(failure); });
    std::array<int, 2> pair;
    EXPECT_TRUE(kernel_.SocketPair(AF_UNIX, SOCK_STREAM, 0, pair).ok());
    EXPECT_TRUE(kernel_.Close(pair[1]).ok());
    broken_ = pair[0];
  }
  ~PipeSignalTest() override { ::signal(SIGPIPE, SIG_DFL); }

  // Sends in each way that raises the signal.
  void SendInEachWay() {
    EXPECT_EQ(kernel_.Send(broken_, {"x", 1}, 0).error(), EPIPE);
    EXPECT_EQ(kernel_.Write(broken_, {"x", 1}).error(), EPIPE);
    iovec piece = {.iov_base = const_cast<char*>("x"), .iov_len = 1};
    mmsghdr message = {};
    message.msg_hdr.msg_iov = &piece;
    message.msg_hdr.msg_iovlen = 1;
    EXPECT_EQ(kernel_.SendMsg(broken_, message.msg_hdr, 0).error(), EPIPE);
    EXPECT_EQ(kernel_.SendMMsg(broken_, {&message, 1}, 0).error(), EPIPE);
    kernel_.files().WriteFile("/file", "contents");
    const int file =
        kernel_.OpenAt(AT_FDCWD, "/file", O_RDONLY, 0).descriptor();
    off_t offset = 0;
    EXPECT_EQ(kernel_.SendFile(broken_, file, offset, 8).error(), EPIPE);
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  std::vector<std::string> failures_;
  int broken_ = -1;
};

TEST_F(PipeSignalTest, FailsTheRunOfAProgramThatDoesNotIgnoreIt) {
  SendInEachWay();
  const auto signal = HasSubstr("SIGPIPE");
  EXPECT_THAT(failures_, ElementsAre(signal, signal, signal, signal, signal));
}

TEST_F(PipeSignalTest, IsNotRaisedWithTheFlagAgainstIt) {
  EXPECT_EQ(kernel_.Send(broken_, {"x", 1}, MSG_NOSIGNAL).error(), EPIPE);
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(PipeSignalTest, ComesToNothingWhereTheProgramIgnoresIt) {
  ::signal(SIGPIPE, SIG_IGN);
  SendInEachWay();
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_F(PipeSignalTest, WaitsWhereTheProgramBlocksIt) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  EXPECT_TRUE(kernel_.SigProcMask(SIG_BLOCK, pipe, nullptr).ok());
  SendInEachWay();
  EXPECT_THAT(failures_, IsEmpty());
  const int signals = kernel_.SignalFd(-1, pipe, 0).descriptor();
  std::array<char, 128> info;
  EXPECT_EQ(kernel_.Read(signals, absl::MakeSpan(info)).value(), 128);
}

TEST_F(PipeSignalTest, IsNotRaisedByDatagrams) {
  std::array<int, 2> pair;
  ASSERT_TRUE(kernel_.SocketPair(AF_UNIX, SOCK_DGRAM, 0, pair).ok());
  ASSERT_TRUE(kernel_.Shutdown(pair[0], SHUT_WR).ok());
  EXPECT_EQ(kernel_.Send(pair[0], {"x", 1}, 0).error(), EPIPE);
  EXPECT_THAT(failures_, IsEmpty());
}

// A host that is connected to a peer, which vanishes when `Cut()` is called.
class CutConnectionTest : public testing::Test {
 protected:
  CutConnectionTest() {
    peer_.Connect(address_);
    world_.PassAll(absl::ZeroDuration());
    socket_ =
        kernel_.Accept4(listener_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK)
            .descriptor();
  }

  void Cut() {
    peer_.Vanish();
    world_.PassAll(absl::ZeroDuration());
    cut_at_ = world_.time().Now();
  }
  SysResult Send(absl::string_view bytes) {
    return kernel_.Send(socket_, {bytes.data(), bytes.size()}, MSG_NOSIGNAL);
  }
  int RecvError() {
    char byte[1];
    return kernel_.Recv(socket_, absl::MakeSpan(byte), 0).error();
  }
  void Set(int level, int option, int value) {
    EXPECT_TRUE(
        kernel_.SetSockOpt(socket_, level, option, &value, sizeof(value)).ok());
  }
  tcp_info Info() {
    tcp_info info = {};
    socklen_t length = sizeof(info);
    EXPECT_TRUE(
        kernel_.GetSockOpt(socket_, IPPROTO_TCP, TCP_INFO, &info, &length)
            .ok());
    return info;
  }
  // Waits until epoll has something to tell of the socket, and returns how long
  // that took since the cut.
  absl::Duration WaitForEvent(uint32_t events) {
    const int epoll = kernel_.EpollCreate1(0).descriptor();
    epoll_event event = {.events = events, .data = {}};
    EXPECT_TRUE(kernel_.EpollCtl(epoll, EPOLL_CTL_ADD, socket_, &event).ok());
    EXPECT_EQ(
        kernel_.EpollPwait2(epoll, {&event, 1}, absl::Hours(24 * 7)).value(),
        1);
    EXPECT_TRUE(kernel_.Close(epoll).ok());
    return world_.time().Now() - cut_at_;
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("127.0.0.1:80");
  const Socket listener_ = *Socket::Listen(kernel_, address_);
  Peer peer_{world_, "peer"};
  int socket_ = -1;
  MonotonicTime cut_at_;
};

TEST_F(CutConnectionTest, WhatIsSentIsGivenUpAfterFifteenRetries) {
  Cut();
  EXPECT_EQ(Send("anybody?").value(), 8);
  Pass(world_, absl::Milliseconds(924'599));
  EXPECT_EQ(RecvError(), EAGAIN);
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Milliseconds(924'600));
  EXPECT_EQ(RecvError(), ETIMEDOUT);
  EXPECT_EQ(Send("anybody?").error(), EPIPE);
}

TEST_F(CutConnectionTest, TheTimeRunsFromTheFirstByteThatIsLost) {
  Cut();
  Pass(world_, absl::Seconds(100));
  EXPECT_EQ(Send("a").value(), 1);
  Pass(world_, absl::Seconds(100));
  EXPECT_EQ(Send("b").value(), 1);
  EXPECT_EQ(WaitForEvent(0), absl::Seconds(100) + absl::Milliseconds(924'600));
}

TEST_F(CutConnectionTest, TheProgramMayHaveLessPatience) {
  Set(IPPROTO_TCP, TCP_USER_TIMEOUT, 5'000);
  Cut();
  EXPECT_EQ(Send("anybody?").value(), 8);
  EXPECT_EQ(WaitForEvent(0), absl::Seconds(5));
  EXPECT_EQ(RecvError(), ETIMEDOUT);
}

TEST_F(CutConnectionTest, AnEndThatIsSentIsGivenUpToo) {
  Cut();
  EXPECT_TRUE(kernel_.Shutdown(socket_, SHUT_WR).ok());
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Milliseconds(924'600));
  EXPECT_EQ(RecvError(), ETIMEDOUT);
}

TEST_F(CutConnectionTest, TheBufferBecomesFullAndStaysSo) {
  Cut();
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(Send(much).value(), 64 * 1024);
  EXPECT_EQ(Send("x").error(), EAGAIN);
  // Not writable, but an error at last.
  EXPECT_EQ(WaitForEvent(EPOLLOUT), absl::Milliseconds(924'600));
}

TEST_F(CutConnectionTest, WhatWasUnderWayIsLost) {
  peer_.StopReading();
  world_.PassAll(absl::ZeroDuration());
  const std::string much(1 << 20, 'x');
  EXPECT_EQ(Send(much).value(), 128 * 1024);
  Cut();
  EXPECT_EQ(WaitForEvent(EPOLLOUT), absl::Milliseconds(924'600));
}

TEST_F(CutConnectionTest, WhoSendsNothingNoticesNothing) {
  Cut();
  Pass(world_, absl::Hours(24));
  EXPECT_EQ(RecvError(), EAGAIN);
}

TEST_F(CutConnectionTest, KeepAliveNoticesIt) {
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  Cut();
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Hours(2) + absl::Seconds(9 * 75));
  EXPECT_EQ(RecvError(), ETIMEDOUT);
}

TEST_F(CutConnectionTest, KeepAliveRunsFromTheLastThingHeard) {
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  Set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  Set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  Pass(world_, absl::Seconds(5));
  EXPECT_EQ(Send("x").value(), 1);
  Pass(world_, absl::Seconds(20));
  Cut();
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Seconds(60 + 3 * 10 - 20));
}

TEST_F(CutConnectionTest, KeepAliveMayBeTurnedOnLateAndOff) {
  Cut();
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  Set(SOL_SOCKET, SO_KEEPALIVE, 0);
  Pass(world_, absl::Hours(24));
  EXPECT_EQ(RecvError(), EAGAIN);
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(RecvError(), ETIMEDOUT);
}

TEST_F(CutConnectionTest, KeepAliveWithAUserTimeoutEndsAtTheNextProbe) {
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  Set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  Set(IPPROTO_TCP, TCP_USER_TIMEOUT, 75'000);
  Cut();
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Seconds(80));
}

TEST_F(CutConnectionTest, KeepAliveLeavesItToWhatIsSentAgain) {
  Set(SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(IPPROTO_TCP, TCP_KEEPIDLE, 60);
  Set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  Set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  Cut();
  EXPECT_EQ(Send("anybody?").value(), 8);
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Milliseconds(924'600));
}

TEST_F(CutConnectionTest, WhatAResetThrowsAwayIsNotAcknowledged) {
  peer_.StopReading();
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(Send(std::string(1 << 20, 'x')).value(), 128 * 1024);
  EXPECT_EQ(Info().tcpi_bytes_acked, 64u * 1024);
  peer_.Reset();
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(Info().tcpi_bytes_acked, 64u * 1024);
}

TEST_F(CutConnectionTest, WhatIsLostIsNotAcknowledged) {
  EXPECT_EQ(Send("hello").value(), 5);
  EXPECT_EQ(Info().tcpi_bytes_acked, 5u);
  Cut();
  EXPECT_EQ(Send("anybody?").value(), 8);
  EXPECT_EQ(Info().tcpi_bytes_acked, 5u);
  EXPECT_EQ(WaitForEvent(0), absl::Milliseconds(924'600));
  EXPECT_EQ(Info().tcpi_bytes_acked, 5u);
}

TEST_F(CutConnectionTest, ThePeerMayBeDestroyedMeanwhile) {
  Cut();
  EXPECT_EQ(Send("anybody?").value(), 8);
  peer_.Close();
  EXPECT_EQ(WaitForEvent(EPOLLIN), absl::Milliseconds(924'600));
}

// A server with TCP_DEFER_ACCEPT of some seconds, and a client.
class DeferredAcceptTest : public testing::Test {
 protected:
  void Listen(int seconds) {
    listener_ = *Socket::Listen(kernel_, address_,
                                {.defer_accept = absl::Seconds(seconds)});
    client_.Connect(address_);
    world_.PassAll(absl::ZeroDuration());
    EXPECT_TRUE(client_.is_connected());
    EXPECT_EQ(AcceptError(), EAGAIN);
  }
  int AcceptError() {
    return kernel_
        .Accept4(listener_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK)
        .error();
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("127.0.0.1:80");
  Socket listener_;
  Peer client_{world_, "client"};
};

TEST_F(DeferredAcceptTest, AConnectionComesWithItsFirstBytes) {
  Listen(/*seconds=*/5);
  client_.Send("x");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(AcceptError(), 0);
  EXPECT_EQ(AcceptError(), EAGAIN);
}

TEST_F(DeferredAcceptTest, AConnectionComesWithItsEnd) {
  Listen(/*seconds=*/5);
  client_.HalfClose();
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(AcceptError(), 0);
}

TEST_F(DeferredAcceptTest, AConnectionComesInTheEndWithoutBytes) {
  // SYN-ACKs are sent after 1 and 3 and 7 seconds.
  Listen(/*seconds=*/5);
  Pass(world_, absl::Milliseconds(6'999));
  EXPECT_EQ(AcceptError(), EAGAIN);
  Pass(world_, absl::Seconds(1));
  EXPECT_EQ(AcceptError(), 0);
  // What comes later does not bring it again.
  client_.Send("x");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(AcceptError(), EAGAIN);
}

TEST_F(DeferredAcceptTest, AConnectionThatIsResetNeverComes) {
  Listen(/*seconds=*/1);
  client_.Reset();
  Pass(world_, absl::Seconds(10));
  EXPECT_EQ(AcceptError(), EAGAIN);
}

TEST_F(DeferredAcceptTest, AConnectionThatIsResetLeavesTheBacklog) {
  listener_ = *Socket::Listen(
      kernel_, address_, {.backlog = 1, .defer_accept = absl::Seconds(60)});
  for (int i = 0; i < 5; ++i) {
    Peer client(world_, "hasty");
    client.Connect(address_).Reset();
    world_.PassAll(absl::ZeroDuration());
    EXPECT_TRUE(client.done()) << client.unmet();
  }
  client_.Connect(address_).Send("x");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(AcceptError(), 0);
}

TEST_F(DeferredAcceptTest, AListenerThatGoesAnswersTheFirstBytesWithAReset) {
  Listen(/*seconds=*/1);
  listener_.Close();
  Pass(world_, absl::Seconds(10));
  EXPECT_EQ(client_.error(), 0);
  client_.Send("x");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(client_.error(), ECONNRESET);
}

// How many bytes, or datagrams of 1,000 bytes, a socket takes until it has to
// wait.
size_t Fill(Kernel& kernel, int socket) {
  const std::string bytes(1'000, 'x');
  size_t count = 0;
  while (kernel.Send(socket, bytes, MSG_NOSIGNAL).ok()) ++count;
  return count;
}

TEST(BufferSizeTest, OfAUnixSocketIsItsOwn) {
  for (int type : {SOCK_STREAM, SOCK_DGRAM}) {
    FakeKernel kernel;
    std::array<int, 2> pair;
    ASSERT_TRUE(kernel.SocketPair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair).ok());
    const int bytes = 4'000;
    EXPECT_TRUE(
        kernel.SetSockOpt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes))
            .ok());
    // A datagram takes 1,768 bytes, and the last may go beyond.
    EXPECT_EQ(Fill(kernel, pair[0]), type == SOCK_STREAM ? 8u : 5u);
    EXPECT_GT(Fill(kernel, pair[1]), 5u);
  }
}

TEST(BufferSizeTest, OfADatagramSocketIsTheReceivers) {
  FakeKernel kernel;
  const Address address = *Address::Parse("127.0.0.1:53");
  const int receiver =
      kernel.Socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0).descriptor();
  EXPECT_TRUE(kernel.Bind(receiver, address.data(), address.length()).ok());
  const int bytes = 4'000;
  EXPECT_TRUE(
      kernel.SetSockOpt(receiver, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes))
          .ok());
  const int sender = kernel.Socket(AF_INET, SOCK_DGRAM, 0).descriptor();
  EXPECT_TRUE(kernel.Connect(sender, address.data(), address.length()).ok());
  const std::string datagram(1'000, 'x');
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(kernel.Send(sender, datagram, 0).ok());
  }
  int received = 0;
  std::array<char, 1'000> buffer;
  while (kernel.Recv(receiver, absl::MakeSpan(buffer), 0).ok()) ++received;
  EXPECT_EQ(received, 5);
}

// A unix listener with room for one connection, which has come.
class FullUnixBacklogTest : public testing::Test {
 protected:
  FullUnixBacklogTest() {
    server_.ListenOnly(address_, /*backlog=*/0);
    EXPECT_TRUE(Connect(0).ok());
  }
  SysResult Connect(int flags) {
    const int socket =
        kernel_.Socket(AF_UNIX, SOCK_STREAM | flags, 0).descriptor();
    return kernel_.Connect(socket, address_.data(), address_.length());
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("unix:@a");
  Peer server_{world_, "server"};
};

TEST_F(FullUnixBacklogTest, ABlockingConnectWaits) {
  server_.Wait(absl::Seconds(3)).Accept();
  const MonotonicTime before = world_.time().Now();
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(3));
}

TEST_F(FullUnixBacklogTest, ABlockingConnectEndsWithTheListener) {
  server_.Wait(absl::Seconds(3)).StopListening();
  EXPECT_EQ(Connect(0).error(), ECONNREFUSED);
}

TEST_F(FullUnixBacklogTest, ANonblockingConnectSaysSo) {
  EXPECT_EQ(Connect(SOCK_NONBLOCK).error(), EAGAIN);
}

}  // namespace
}  // namespace pollux
