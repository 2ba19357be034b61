// What system calls do, on Linux and on the fake kernel. Linux is right: a test
// that fails there is wrong, one that fails only on the fake has found a bug in
// //testing/fake.
//
// Descriptors are non-blocking. Waits have timeout 0, or kPatience where
// something is sure to come: Linux may deliver a moment after the call.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class KernelConformanceTest : public KernelConformance {};

INSTANTIATE_TEST_SUITE_P(Kernels, KernelConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// What TCP and unix sockets have in common.
class StreamConformanceTest
    : public testing::TestWithParam<std::tuple<KernelUnderTest, int>>,
      public KernelCaller {
 protected:
  StreamConformanceTest()
      : KernelCaller(std::get<0>(GetParam())),
        pair_(StreamPair(std::get<1>(GetParam()))),
        a_(pair_.a),
        b_(pair_.b) {}

  bool is_unix() const { return std::get<1>(GetParam()) == AF_UNIX; }

  const Pair pair_;
  // Two connected sockets.
  const int a_;
  const int b_;
};

INSTANTIATE_TEST_SUITE_P(
    Kernels, StreamConformanceTest,
    testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                     testing::Values(AF_INET, AF_INET6, AF_UNIX)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param).name,
                          KernelCaller::FamilyName(std::get<1>(info.param)));
    });

// Descriptors.

TEST_P(KernelConformanceTest, TheLowestFreeNumberIsGiven) {
  const int a = EventFd();
  const int b = EventFd();
  const int c = EventFd();
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
  Close(b);
  Close(a);
  EXPECT_EQ(EventFd(), a);
  EXPECT_EQ(Socket(AF_INET), b);
}

TEST_P(KernelConformanceTest, AClosedDescriptorIsNoDescriptor) {
  const int set = EpollSet();
  const int closed = EventFd();
  Close(closed);
  const Address address = *Address::Parse("127.0.0.1:0");
  std::array<char, 8> buffer = {};
  std::array<epoll_event, 1> events;
  for (int bad : {closed, -1}) {
    sockaddr_storage name;
    socklen_t length = sizeof(name);
    int value = 0;
    Kernel& kernel = this->kernel();
    EXPECT_EQ(kernel.Close(bad), Error(EBADF));
    EXPECT_EQ(Bind(bad, address), Error(EBADF));
    EXPECT_EQ(Connect(bad, address), Error(EBADF));
    EXPECT_EQ(kernel.Listen(bad, 1), Error(EBADF));
    EXPECT_EQ(TryToAccept(bad), Error(EBADF));
    EXPECT_EQ(
        kernel.GetSockName(bad, reinterpret_cast<sockaddr*>(&name), &length),
        Error(EBADF));
    EXPECT_EQ(Set(bad, SO_REUSEADDR, 1), Error(EBADF));
    length = sizeof(value);
    EXPECT_EQ(kernel.GetSockOpt(bad, SOL_SOCKET, SO_ERROR, &value, &length),
              Error(EBADF));
    EXPECT_EQ(Recv(bad), "EBADF");
    EXPECT_EQ(Send(bad, "x"), Error(EBADF));
    EXPECT_EQ(kernel.Shutdown(bad, SHUT_RD), Error(EBADF));
    EXPECT_EQ(kernel.Read(bad, absl::MakeSpan(buffer)), Error(EBADF));
    EXPECT_EQ(kernel.Write(bad, buffer), Error(EBADF));
    EXPECT_EQ(Add(bad, set, EPOLLIN), Error(EBADF));
    EXPECT_EQ(Add(set, bad, EPOLLIN), Error(EBADF));
    EXPECT_EQ(Remove(set, bad), Error(EBADF));
    EXPECT_EQ(kernel.EpollPwait2(bad, absl::MakeSpan(events), kNow),
              Error(EBADF));
    EXPECT_EQ(kernel.EpollWait(bad, absl::MakeSpan(events), 0), Error(EBADF));
  }
}

TEST_P(KernelConformanceTest, WhatIsNoSocketSaysSo) {
  const Address address = *Address::Parse("127.0.0.1:0");
  for (int other : {EventFd(), EpollSet()}) {
    sockaddr_storage name;
    socklen_t length = sizeof(name);
    int value = 0;
    EXPECT_EQ(Bind(other, address), Error(ENOTSOCK));
    EXPECT_EQ(Connect(other, address), Error(ENOTSOCK));
    EXPECT_EQ(kernel().Listen(other, 1), Error(ENOTSOCK));
    EXPECT_EQ(TryToAccept(other), Error(ENOTSOCK));
    EXPECT_EQ(kernel().GetSockName(other, reinterpret_cast<sockaddr*>(&name),
                                   &length),
              Error(ENOTSOCK));
    EXPECT_EQ(Set(other, SO_REUSEADDR, 1), Error(ENOTSOCK));
    length = sizeof(value);
    EXPECT_EQ(kernel().GetSockOpt(other, SOL_SOCKET, SO_ERROR, &value, &length),
              Error(ENOTSOCK));
    EXPECT_EQ(Recv(other), "ENOTSOCK");
    EXPECT_EQ(Send(other, "x"), Error(ENOTSOCK));
    EXPECT_EQ(kernel().Shutdown(other, SHUT_RD), Error(ENOTSOCK));
  }
}

TEST_P(KernelConformanceTest, WhatIsNoEpollSetSaysSo) {
  const int eventfd = EventFd();
  std::array<epoll_event, 1> events;
  EXPECT_EQ(Add(eventfd, EpollSet(), EPOLLIN), Error(EINVAL));
  EXPECT_EQ(kernel().EpollPwait2(eventfd, absl::MakeSpan(events), kNow),
            Error(EINVAL));
  EXPECT_EQ(kernel().EpollWait(eventfd, absl::MakeSpan(events), 0),
            Error(EINVAL));
}

TEST_P(KernelConformanceTest, AnEpollSetIsNeitherReadNorWritten) {
  const int set = EpollSet();
  std::array<char, 8> buffer = {};
  EXPECT_EQ(kernel().Read(set, absl::MakeSpan(buffer)), Error(EINVAL));
  EXPECT_EQ(kernel().Write(set, buffer), Error(EINVAL));
}

TEST_P(KernelConformanceTest, UnknownFlagsAreRefused) {
  constexpr int kUnknown = 1 << 20;
  EXPECT_EQ(kernel().EventFd(0, kUnknown), Error(EINVAL));
  EXPECT_EQ(kernel().EpollCreate1(kUnknown), Error(EINVAL));
  EXPECT_EQ(kernel().Accept4(TcpListener(), nullptr, nullptr, kUnknown),
            Error(EINVAL));
  sigset_t none;
  sigemptyset(&none);
  EXPECT_EQ(kernel().SignalFd(-1, none, kUnknown), Error(EINVAL));
}

TEST_P(KernelConformanceTest, UnknownFamiliesAndTypesAreRefused) {
  std::array<int, 2> pair;
  EXPECT_EQ(kernel().Socket(999, SOCK_STREAM, 0), Error(EAFNOSUPPORT));
  EXPECT_EQ(kernel().Socket(AF_INET, 999, 0), Error(EINVAL));
  EXPECT_EQ(kernel().Socket(AF_INET, 9, 0), Error(ESOCKTNOSUPPORT));
  EXPECT_EQ(kernel().Socket(AF_INET, SOCK_STREAM, IPPROTO_UDP),
            Error(EPROTONOSUPPORT));
  EXPECT_EQ(kernel().SocketPair(AF_INET, SOCK_STREAM, 0, pair),
            Error(EOPNOTSUPP));
}

// Bytes.

TEST_P(StreamConformanceTest, BytesFlowBothWays) {
  Say(a_, "ping");
  Say(b_, "pong");
  EXPECT_EQ(Hear(b_), "ping");
  EXPECT_EQ(Hear(a_), "pong");
  EXPECT_EQ(Recv(a_), "EAGAIN");
}

TEST_P(StreamConformanceTest, AShortReadLeavesTheRest) {
  Say(a_, "abcdef");
  EXPECT_EQ(Hear(b_, 2), "ab");
  EXPECT_EQ(Hear(b_, 2), "cd");
  EXPECT_EQ(Hear(b_), "ef");
}

TEST_P(StreamConformanceTest, SeveralSendsAreReadAsOne) {
  Say(a_, "ab");
  Say(a_, "cd");
  for (int tries = 0; tries < 1000; ++tries) {
    if (Hear(b_, 100, MSG_PEEK) == "abcd") break;
  }
  EXPECT_EQ(Recv(b_), "abcd");
}

TEST_P(StreamConformanceTest, PeekingTakesNothing) {
  Say(a_, "abc");
  EXPECT_EQ(Hear(b_, 100, MSG_PEEK), "abc");
  EXPECT_EQ(Hear(b_, 2, MSG_PEEK), "ab");
  EXPECT_EQ(Recv(b_), "abc");
  EXPECT_EQ(Recv(b_, 100, MSG_PEEK), "EAGAIN");
}

TEST_P(StreamConformanceTest, ReadAndWriteDoAsRecvAndSend) {
  EXPECT_EQ(kernel().Write(a_, {"abc", 3}), Ok(3));
  Await(b_, EPOLLIN);
  std::array<char, 8> buffer;
  EXPECT_EQ(kernel().Read(b_, absl::MakeSpan(buffer)), Ok(3));
  EXPECT_EQ(kernel().Read(b_, absl::MakeSpan(buffer)), Error(EAGAIN));
}

TEST_P(StreamConformanceTest, NoBytes) {
  EXPECT_EQ(Send(a_, ""), Ok(0));
  EXPECT_EQ(Recv(b_), "EAGAIN");
  EXPECT_EQ(Recv(b_, 0), "EAGAIN");
  EXPECT_EQ(kernel().Read(b_, {}), Ok(0));
  Say(a_, "x");
  Await(b_, EPOLLIN);
  EXPECT_EQ(kernel().Recv(b_, {}, 0), Ok(0));
  EXPECT_EQ(Recv(b_), "x");
}

TEST_P(StreamConformanceTest, AFullBufferIsWritableAgainWhenItIsRead) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a_, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{a_, EPOLLOUT}}));
  const size_t total = Fill(a_);
  EXPECT_GT(total, 16u * 1024);
  EXPECT_EQ(Poll(a_), 0u);
  EXPECT_EQ(Wait(set, kNow), Events());
  Drain(b_, total);
  EXPECT_EQ(Wait(set), (Events{{a_, EPOLLOUT}}));
  EXPECT_GT(Send(a_, "more").value(), 0);
}

// The end.

// sk_stream_is_writeable() in include/net/sock.h: a third of the buffer must be
// free.
TEST_P(KernelConformanceTest, AFullBufferIsWritableWhenAThirdOfItIsFree) {
  constexpr size_t kPieceBytes = 4096;
  const int listener = TcpListener();
  // Nearly all of what waits does so at the sender.
  EXPECT_EQ(Set(listener, SO_RCVBUF, 16'384), Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Set(client, SO_SNDBUF, 200'000), Ok());
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  const int server = Accept(listener);
  Await(client, EPOLLOUT);
  const size_t total = Fill(client);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, client, EPOLLOUT), Ok());
  size_t read = 0;
  while (read < total && Wait(set, kNow).empty()) {
    read += Hear(server, kPieceBytes).size();
  }
  EXPECT_GT(read, total * 30 / 100);
  EXPECT_LT(read, total * 42 / 100);
  EXPECT_GT(Fill(client), total * 30 / 100);
}

TEST_P(StreamConformanceTest, ACloseIsReadAsTheEnd) {
  Say(a_, "last");
  Close(a_);
  Await(b_, EPOLLIN | EPOLLRDHUP);
  EXPECT_EQ(Recv(b_), "last");
  EXPECT_EQ(Recv(b_), "end");
  EXPECT_EQ(Recv(b_), "end");
  EXPECT_EQ(TakeError(b_), 0);
  // Only a unix socket learns that nobody will read, either.
  const uint32_t more = is_unix() ? uint32_t{EPOLLHUP} : 0;
  EXPECT_EQ(Poll(b_), EPOLLIN | EPOLLOUT | EPOLLRDHUP | more);
}

TEST_P(StreamConformanceTest, TheEndIsAnEdge) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, b_, EPOLLIN | EPOLLRDHUP | kEdge), Ok());
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_WR), Ok());
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN | EPOLLRDHUP}}));
}

TEST_P(StreamConformanceTest, ADirectionIsClosedAlone) {
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_WR), Ok());
  Await(b_, EPOLLRDHUP);
  EXPECT_EQ(Recv(b_), "end");
  EXPECT_EQ(Poll(b_), EPOLLIN | EPOLLOUT | uint32_t{EPOLLRDHUP});
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
  Say(b_, "still");
  EXPECT_EQ(Hear(a_), "still");
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(Send(a_, ""), Error(EPIPE));

  EXPECT_EQ(kernel().Shutdown(b_, SHUT_WR), Ok());
  Await(a_, EPOLLRDHUP | EPOLLHUP);
  EXPECT_EQ(Recv(a_), "end");
  EXPECT_EQ(Poll(b_), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

TEST_P(StreamConformanceTest, WhatWasReceivedIsReadAfterShutRd) {
  Say(a_, "early");
  Await(b_, EPOLLIN);
  EXPECT_EQ(kernel().Shutdown(b_, SHUT_RD), Ok());
  EXPECT_EQ(Poll(b_), EPOLLIN | EPOLLOUT | uint32_t{EPOLLRDHUP});
  EXPECT_EQ(Recv(b_), "early");
  EXPECT_EQ(Recv(b_), "end");
  // TCP cannot tell its peer.
  EXPECT_EQ(Send(a_, "late"), is_unix() ? Error(EPIPE) : Ok(4));
  Say(b_, "answer");
  EXPECT_EQ(Hear(a_), "answer");
}

TEST_P(StreamConformanceTest, ShutdownOfBothDirectionsHangsUp) {
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_RDWR), Ok());
  EXPECT_EQ(Poll(a_), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
  EXPECT_EQ(Recv(a_), "end");
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(Hear(b_), "end");
}

TEST_P(StreamConformanceTest, AnUnknownDirectionIsRefused) {
  EXPECT_EQ(kernel().Shutdown(a_, 3), Error(EINVAL));
  EXPECT_EQ(kernel().Shutdown(a_, -1), Error(EINVAL));
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
}

TEST_P(StreamConformanceTest, ACloseWithUnreadBytesResets) {
  Say(a_, "never read");
  Say(b_, "first");
  Await(b_, EPOLLIN);
  Close(b_);
  Await(a_, EPOLLERR | EPOLLHUP | EPOLLIN);
  EXPECT_EQ(Poll(a_), EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
  // What came before is there; then the error, once.
  EXPECT_EQ(Recv(a_), "first");
  EXPECT_EQ(Recv(a_), "ECONNRESET");
  EXPECT_EQ(Recv(a_), "end");
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(TakeError(a_), 0);
}

TEST_P(StreamConformanceTest, AnErrorIsToldOnce) {
  Say(a_, "never read");
  Await(b_, EPOLLIN);
  Close(b_);
  Await(a_, EPOLLERR);
  EXPECT_EQ(TakeError(a_), ECONNRESET);
  EXPECT_EQ(TakeError(a_), 0);
  EXPECT_EQ(Recv(a_), "end");
  EXPECT_EQ(Poll(a_) & EPOLLERR, 0u);
}

TEST_P(StreamConformanceTest, SendingToWhoIsGone) {
  Close(b_);
  Await(a_, EPOLLRDHUP);
  if (!is_unix()) {
    // The first is answered by a reset.
    Say(a_, "x");
    Await(a_, EPOLLERR | EPOLLHUP);
  }
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(Recv(a_), "end");
}

// Edges.

TEST_P(StreamConformanceTest, NewBytesAreAnEdgeEvenIfOldOnesAreThere) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, b_, EPOLLIN | kEdge), Ok());
  Say(a_, "old");
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
  EXPECT_EQ(Wait(set, kNow), Events());
  Say(a_, "new");
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
  EXPECT_EQ(Wait(set, kNow), Events());
}

TEST_P(StreamConformanceTest, AShortReadIsNoEdge) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, b_, EPOLLIN | kEdge), Ok());
  Say(a_, "abc");
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
  EXPECT_EQ(Recv(b_, 1), "a");
  EXPECT_EQ(Wait(set, kNow), Events());
}

TEST_P(StreamConformanceTest, AReadIsAnEdgeForAUnixSenderOnly) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a_, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{a_, EPOLLOUT}}));
  Say(a_, "abc");
  EXPECT_EQ(Hear(b_, 2), "ab");
  EXPECT_EQ(Wait(set, kNow), Events());
  // It was always writable. Unix sockets tell of each message that is gone.
  EXPECT_EQ(Recv(b_), "c");
  EXPECT_EQ(Wait(set, kNow), is_unix() ? (Events{{a_, EPOLLOUT}}) : Events());
}

TEST_P(StreamConformanceTest, AddingAndModifyingIsAnEdge) {
  const int set = EpollSet();
  Say(a_, "abc");
  Await(b_, EPOLLIN);
  EXPECT_EQ(Add(set, b_, EPOLLIN | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Modify(set, b_, EPOLLIN | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
}

// TCP.

TEST_P(KernelConformanceTest, PortZeroIsChosen) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(AddressOf(socket).ToString(), "0.0.0.0:0");
  EXPECT_EQ(Bind(socket, "127.0.0.1:0"), Ok());
  EXPECT_NE(AddressOf(socket).port(), 0);
  EXPECT_EQ(Bind(socket, "127.0.0.1:0"), Error(EINVAL));
  // Without bind(2) it is listen(2) that chooses.
  const int unbound = Socket(AF_INET);
  EXPECT_EQ(kernel().Listen(unbound, 1), Ok());
  EXPECT_NE(AddressOf(unbound).port(), 0);
}

TEST_P(KernelConformanceTest, AddressesThatAreNotOurs) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(Bind(socket, "192.0.2.1:0"), Error(EADDRNOTAVAIL));
  EXPECT_EQ(Bind(socket, "[::1]:0"), Error(EAFNOSUPPORT));
  const Address address = *Address::Parse("127.0.0.1:0");
  EXPECT_EQ(kernel().Bind(socket, address.data(), 1), Error(EINVAL));
  EXPECT_EQ(kernel().Connect(socket, address.data(), 1), Error(EINVAL));
  EXPECT_EQ(Bind(Socket(AF_UNIX), "127.0.0.1:0"), Error(EINVAL));
}

TEST_P(KernelConformanceTest, AnAddressIsGivenOnce) {
  struct Case {
    int option;
    bool first_has_it;
    bool second_has_it;
    bool first_listens;
    SysResult bind;
    SysResult listen;
  };
  constexpr int kReuse = SO_REUSEADDR;
  constexpr int kShare = SO_REUSEPORT;
  const Case cases[] = {
      {kReuse, false, false, false, Error(EADDRINUSE), Ok()},
      {kReuse, true, false, false, Error(EADDRINUSE), Ok()},
      {kReuse, false, true, false, Error(EADDRINUSE), Ok()},
      {kReuse, true, true, false, Ok(), Ok()},
      {kReuse, true, true, true, Error(EADDRINUSE), Ok()},
      {kShare, true, false, true, Error(EADDRINUSE), Ok()},
      {kShare, false, true, true, Error(EADDRINUSE), Ok()},
      {kShare, true, true, true, Ok(), Ok()},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(&c - cases);
    const int first = Socket(AF_INET);
    const int second = Socket(AF_INET);
    EXPECT_EQ(Set(first, c.option, c.first_has_it), Ok());
    EXPECT_EQ(Set(second, c.option, c.second_has_it), Ok());
    EXPECT_EQ(Bind(first, "127.0.0.1:0"), Ok());
    if (c.first_listens) {
      EXPECT_EQ(kernel().Listen(first, 1), Ok());
    }
    EXPECT_EQ(Bind(second, AddressOf(first)), c.bind);
    if (c.bind.ok()) {
      EXPECT_EQ(kernel().Listen(second, 1), c.listen);
    }
  }
}

TEST_P(KernelConformanceTest, OfTwoThatReuseAnAddressOneListens) {
  const int first = Socket(AF_INET);
  const int second = Socket(AF_INET);
  for (int socket : {first, second}) {
    EXPECT_EQ(Set(socket, SO_REUSEADDR, 1), Ok());
  }
  EXPECT_EQ(Bind(first, "127.0.0.1:0"), Ok());
  EXPECT_EQ(Bind(second, AddressOf(first)), Ok());
  EXPECT_EQ(kernel().Listen(first, 1), Ok());
  EXPECT_EQ(kernel().Listen(second, 1), Error(EADDRINUSE));
}

TEST_P(KernelConformanceTest, AConnectionKeepsItsListenersAddress) {
  const int listener = TcpListener();
  const Address address = AddressOf(listener);
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Accept(listener);
  Close(listener);
  EXPECT_EQ(Bind(Socket(AF_INET), address), Error(EADDRINUSE));
}

TEST_P(KernelConformanceTest, ARestartedServerReusesItsAddress) {
  const int listener = Socket(AF_INET);
  EXPECT_EQ(Set(listener, SO_REUSEADDR, 1), Ok());
  EXPECT_EQ(Bind(listener, "127.0.0.1:0"), Ok());
  EXPECT_EQ(kernel().Listen(listener, 1), Ok());
  const Address address = AddressOf(listener);
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Accept(listener);
  Close(listener);
  const int next = Socket(AF_INET);
  EXPECT_EQ(Set(next, SO_REUSEADDR, 1), Ok());
  EXPECT_EQ(Bind(next, address), Ok());
  EXPECT_EQ(kernel().Listen(next, 1), Ok());
}

TEST_P(KernelConformanceTest, ConnectingTakesTwoCalls) {
  const int listener = TcpListener();
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  EXPECT_EQ(Poll(client), uint32_t{EPOLLOUT});
  EXPECT_EQ(TakeError(client), 0);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Ok());
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EISCONN));
  EXPECT_EQ(Connect(listener, AddressOf(listener)), Error(EISCONN));
}

TEST_P(KernelConformanceTest, BothEndsKnowTheirNames) {
  const int listener = TcpListener();
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(listener, EPOLLIN);
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  auto* peer = reinterpret_cast<sockaddr*>(&storage);
  const int server =
      Must(kernel().Accept4(listener, peer, &length, SOCK_NONBLOCK));
  EXPECT_EQ(Address::FromSockaddr(peer, length), AddressOf(client));
  EXPECT_EQ(AddressOf(server), AddressOf(listener));
}

TEST_P(KernelConformanceTest, ALongNameIsCutAndItsLengthTold) {
  const int listener = TcpListener();
  sockaddr_in name = {};
  socklen_t length = sizeof(sa_family_t);
  EXPECT_EQ(kernel().GetSockName(listener, reinterpret_cast<sockaddr*>(&name),
                                 &length),
            Ok());
  EXPECT_EQ(length, sizeof(sockaddr_in));
  EXPECT_EQ(name.sin_family, AF_INET);
  EXPECT_EQ(name.sin_port, 0);
}

TEST_P(KernelConformanceTest, EverywhereIsHereToo) {
  const int listener = Socket(AF_INET);
  EXPECT_EQ(Bind(listener, "0.0.0.0:0"), Ok());
  EXPECT_EQ(kernel().Listen(listener, 1), Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  const int server = Accept(listener);
  EXPECT_EQ(AddressOf(server).ToString(),
            absl::StrCat("127.0.0.1:", AddressOf(listener).port()));
}

TEST_P(KernelConformanceTest, NobodyListens) {
  const int bound = Socket(AF_INET);
  EXPECT_EQ(Bind(bound, "127.0.0.1:0"), Ok());
  const Address address = AddressOf(bound);
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Await(client, EPOLLERR | EPOLLHUP);
  EXPECT_EQ(Poll(client),
            EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(TakeError(client), ECONNREFUSED);
  EXPECT_EQ(TakeError(client), 0);
  EXPECT_EQ(Poll(client), EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(Recv(client), "end");
  EXPECT_EQ(Send(client, "x"), Error(EPIPE));
  // Somebody took the error.
  EXPECT_EQ(Connect(client, address), Error(ECONNABORTED));
  // From here on it is as new.
  EXPECT_EQ(Poll(client), EPOLLOUT | uint32_t{EPOLLHUP});
  EXPECT_EQ(kernel().Listen(bound, 1), Ok());
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  EXPECT_EQ(Connect(client, address), Ok());
}

TEST_P(KernelConformanceTest, ARefusalIsToldByWhateverIsCalledFirst) {
  const int bound = Socket(AF_INET);
  EXPECT_EQ(Bind(bound, "127.0.0.1:0"), Ok());
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Socket(AF_INET));
    EXPECT_EQ(Connect(clients.back(), AddressOf(bound)), Error(EINPROGRESS));
    Await(clients.back(), EPOLLERR);
  }
  EXPECT_EQ(Recv(clients[0]), "ECONNREFUSED");
  EXPECT_EQ(Send(clients[1], "x"), Error(ECONNREFUSED));
  EXPECT_EQ(Connect(clients[2], AddressOf(bound)), Error(ECONNREFUSED));
  for (int client : clients) EXPECT_EQ(TakeError(client), 0);
}

TEST_P(KernelConformanceTest, ANewSocketHangsUp) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(Poll(socket), EPOLLOUT | uint32_t{EPOLLHUP});
  EXPECT_EQ(Recv(socket), "ENOTCONN");
  EXPECT_EQ(Send(socket, "x"), Error(EPIPE));
  EXPECT_EQ(TryToAccept(socket), Error(EINVAL));
  EXPECT_EQ(kernel().Shutdown(socket, SHUT_WR), Error(ENOTCONN));
}

TEST_P(KernelConformanceTest, AListenerIsReadableWhileSomebodyWaits) {
  const int listener = TcpListener();
  EXPECT_EQ(Poll(listener), 0u);
  EXPECT_EQ(TryToAccept(listener), Error(EAGAIN));
  std::vector<int> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(Socket(AF_INET));
    EXPECT_EQ(Connect(clients.back(), AddressOf(listener)), Error(EINPROGRESS));
    Await(clients.back(), EPOLLOUT);
  }
  EXPECT_EQ(Poll(listener), uint32_t{EPOLLIN});
  // In their order.
  const int first = Accept(listener);
  Say(clients[0], "first");
  EXPECT_EQ(Hear(first), "first");
  EXPECT_EQ(Poll(listener), uint32_t{EPOLLIN});
  Accept(listener);
  EXPECT_EQ(Poll(listener), 0u);
  EXPECT_EQ(Recv(listener), "ENOTCONN");
  EXPECT_EQ(Send(listener, "x"), Error(EPIPE));
}

TEST_P(KernelConformanceTest, EachConnectionIsAnEdgeOfItsListener) {
  const int listener = TcpListener();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, listener, EPOLLIN | kEdge), Ok());
  for (int i = 0; i < 2; ++i) {
    const int client = Socket(AF_INET);
    EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
    EXPECT_EQ(Wait(set), (Events{{listener, EPOLLIN}}));
    EXPECT_EQ(Wait(set, kNow), Events());
  }
}

TEST_P(KernelConformanceTest, BytesAreSentBeforeTheConnectionIsAccepted) {
  const int listener = TcpListener();
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  Say(client, "early");
  EXPECT_EQ(Hear(Accept(listener)), "early");
}

TEST_P(KernelConformanceTest, AFullBacklogMakesConnectionsWait) {
  // It holds one more than it says.
  const int listener = TcpListener(/*backlog=*/0);
  const int first = Socket(AF_INET);
  const int second = Socket(AF_INET);
  EXPECT_EQ(Connect(first, AddressOf(listener)), Error(EINPROGRESS));
  Await(first, EPOLLOUT);
  EXPECT_EQ(Connect(second, AddressOf(listener)), Error(EINPROGRESS));
  EXPECT_EQ(Poll(second), 0u);
  EXPECT_EQ(Connect(second, AddressOf(listener)), Error(EALREADY));
  EXPECT_EQ(Recv(second), "EAGAIN");
  EXPECT_EQ(Send(second, "x"), Error(EAGAIN));
  Accept(listener);
  // When TCP asks again, a second later.
  Await(second, EPOLLOUT);
  Accept(listener);
}

TEST_P(KernelConformanceTest, AListenerThatGoesResetsWhoWaits) {
  const int listener = TcpListener();
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  Close(listener);
  Await(client, EPOLLERR | EPOLLHUP);
  EXPECT_EQ(Recv(client), "ECONNRESET");
  EXPECT_EQ(Recv(client), "end");
}

TEST_P(KernelConformanceTest, AConnectionThatWasResetIsStillAccepted) {
  const int listener = TcpListener();
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  ResetOnClose(client);
  Close(client);
  const int server = Accept(listener);
  Await(server, EPOLLERR | EPOLLHUP);
  EXPECT_EQ(Recv(server), "ECONNRESET");
}

TEST_P(KernelConformanceTest, ALingerOfZeroResets) {
  const auto [a, b] = TcpPair();
  ResetOnClose(a);
  Say(a, "before");
  Await(b, EPOLLIN);
  Close(a);
  Await(b, EPOLLERR | EPOLLHUP);
  EXPECT_EQ(Recv(b), "before");
  EXPECT_EQ(Recv(b), "ECONNRESET");
  EXPECT_EQ(Recv(b), "end");
  EXPECT_EQ(Send(b, "x"), Error(EPIPE));
}

TEST_P(KernelConformanceTest, AResetAfterAFinIsABrokenPipe) {
  const auto [a, b] = TcpPair();
  EXPECT_EQ(kernel().Shutdown(a, SHUT_WR), Ok());
  Await(b, EPOLLRDHUP);
  ResetOnClose(a);
  Close(a);
  Await(b, EPOLLERR);
  EXPECT_EQ(Recv(b), "end");
  EXPECT_EQ(TakeError(b), EPIPE);
}

TEST_P(KernelConformanceTest, AFinishedConnectionIsNotShutDown) {
  const auto [a, b] = TcpPair();
  EXPECT_EQ(kernel().Shutdown(a, SHUT_WR), Ok());
  Await(b, EPOLLRDHUP);
  EXPECT_EQ(kernel().Shutdown(b, SHUT_WR), Ok());
  Await(a, EPOLLHUP);
  EXPECT_EQ(kernel().Shutdown(a, SHUT_RD), Error(ENOTCONN));
}

TEST_P(KernelConformanceTest, BytesForWhoReadsAndWritesNoMoreReset) {
  const auto [a, b] = TcpPair();
  EXPECT_EQ(kernel().Shutdown(a, SHUT_RDWR), Ok());
  Await(b, EPOLLRDHUP);
  Say(b, "x");
  Await(b, EPOLLERR | EPOLLHUP);
  EXPECT_EQ(TakeError(b), EPIPE);
  EXPECT_EQ(TakeError(a), ECONNRESET);
}

TEST_P(KernelConformanceTest, AListenerIsShutDown) {
  const int listener = TcpListener();
  const Address address = AddressOf(listener);
  EXPECT_EQ(kernel().Shutdown(listener, SHUT_WR), Ok());
  EXPECT_EQ(TryToAccept(listener), Error(EAGAIN));
  EXPECT_EQ(kernel().Shutdown(listener, SHUT_RD), Ok());
  EXPECT_EQ(TryToAccept(listener), Error(EINVAL));
  EXPECT_EQ(Poll(listener), EPOLLOUT | uint32_t{EPOLLHUP});
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Await(client, EPOLLERR);
  EXPECT_EQ(TakeError(client), ECONNREFUSED);
}

// Unix sockets.

TEST_P(KernelConformanceTest, UnixNames) {
  for (absl::string_view kind : {"path", "abstract"}) {
    SCOPED_TRACE(kind);
    const Address name = *Address::Parse(UnixName(kind));
    const int listener = Socket(AF_UNIX);
    EXPECT_EQ(AddressOf(listener).length(), sizeof(sa_family_t));
    EXPECT_EQ(Bind(listener, name), Ok());
    EXPECT_EQ(AddressOf(listener), name);
    EXPECT_EQ(Bind(Socket(AF_UNIX), name), Error(EADDRINUSE));
    // Not before it listens.
    const int client = Socket(AF_UNIX);
    EXPECT_EQ(Connect(client, name), Error(ECONNREFUSED));
    EXPECT_EQ(kernel().Listen(listener, 1), Ok());
    // At once.
    EXPECT_EQ(Connect(client, name), Ok());
    EXPECT_EQ(Connect(client, name), Error(EISCONN));
    const int server = Accept(listener);
    EXPECT_EQ(AddressOf(server), name);
    Say(client, "hello");
    EXPECT_EQ(Hear(server), "hello");
  }
}

TEST_P(KernelConformanceTest, APathStaysAndANameGoes) {
  const Address path = *Address::Parse(UnixName("path"));
  const Address name = *Address::Parse(UnixName("abstract"));
  EXPECT_EQ(Connect(Socket(AF_UNIX), path), Error(ENOENT));
  EXPECT_EQ(Connect(Socket(AF_UNIX), name), Error(ECONNREFUSED));
  for (const Address& address : {path, name}) {
    const int listener = Socket(AF_UNIX);
    EXPECT_EQ(Bind(listener, address), Ok());
    EXPECT_EQ(kernel().Listen(listener, 1), Ok());
    Close(listener);
    EXPECT_EQ(Connect(Socket(AF_UNIX), address), Error(ECONNREFUSED));
  }
  EXPECT_EQ(Bind(Socket(AF_UNIX), path), Error(EADDRINUSE));
  EXPECT_EQ(Bind(Socket(AF_UNIX), name), Ok());
}

TEST_P(KernelConformanceTest, UnixSocketsThatAreNotConnected) {
  const int socket = Socket(AF_UNIX);
  EXPECT_EQ(Poll(socket), EPOLLOUT | uint32_t{EPOLLHUP});
  EXPECT_EQ(Recv(socket), "EINVAL");
  EXPECT_EQ(Send(socket, "x"), Error(ENOTCONN));
  EXPECT_EQ(kernel().Listen(socket, 1), Error(EINVAL));
  EXPECT_EQ(TryToAccept(socket), Error(EINVAL));
  // Not ENOTCONN.
  EXPECT_EQ(kernel().Shutdown(socket, SHUT_WR), Ok());
  EXPECT_EQ(Send(socket, "x"), Error(ENOTCONN));
}

TEST_P(KernelConformanceTest, AFullUnixBacklogSaysSoAtOnce) {
  const std::string name = UnixName("abstract");
  const int listener = UnixListener(name, /*backlog=*/0);
  EXPECT_EQ(Connect(Socket(AF_UNIX), *Address::Parse(name)), Ok());
  const int second = Socket(AF_UNIX);
  EXPECT_EQ(Connect(second, *Address::Parse(name)), Error(EAGAIN));
  Accept(listener);
  EXPECT_EQ(Connect(second, *Address::Parse(name)), Ok());
}

TEST_P(KernelConformanceTest, AUnixListenerThatGoesResetsWhoWaits) {
  const std::string name = UnixName("abstract");
  const int listener = UnixListener(name);
  const int client = Socket(AF_UNIX);
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  Say(client, "never read");
  Close(listener);
  EXPECT_EQ(Poll(client),
            EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
  EXPECT_EQ(Recv(client), "ECONNRESET");
  EXPECT_EQ(Recv(client), "end");
}

TEST_P(KernelConformanceTest, ConnectingAUnixSocketIsNoEdge) {
  const std::string name = UnixName("abstract");
  UnixListener(name);
  const int client = Socket(AF_UNIX);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, client, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{client, EPOLLOUT | EPOLLHUP}}));
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  EXPECT_EQ(Wait(set, kNow), Events());
}

// eventfd.

TEST_P(KernelConformanceTest, AnEventFdCounts) {
  const int counter = EventFd(2);
  EXPECT_EQ(Write(counter, 40), Ok(8));
  EXPECT_EQ(Take(counter), 42u);
  EXPECT_EQ(Take(counter), 0u);
}

TEST_P(KernelConformanceTest, ASemaphoreGivesOneAtATime) {
  const int semaphore = EventFd(2, EFD_SEMAPHORE);
  EXPECT_EQ(Take(semaphore), 1u);
  EXPECT_EQ(Poll(semaphore), EPOLLIN | uint32_t{EPOLLOUT});
  EXPECT_EQ(Take(semaphore), 1u);
  EXPECT_EQ(Take(semaphore), 0u);
  EXPECT_EQ(Poll(semaphore), uint32_t{EPOLLOUT});
}

TEST_P(KernelConformanceTest, AnEventFdIsFullJustBelowItsLimit) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max() - 1;
  const int counter = EventFd(1);
  EXPECT_EQ(Write(counter, kMost + 1), Error(EINVAL));
  EXPECT_EQ(Write(counter, kMost), Error(EAGAIN));
  EXPECT_EQ(Write(counter, kMost - 1), Ok(8));
  EXPECT_EQ(Poll(counter), uint32_t{EPOLLIN});
  EXPECT_EQ(Write(counter, 1), Error(EAGAIN));
  EXPECT_EQ(Write(counter, 0), Ok(8));
  EXPECT_EQ(Take(counter), kMost);
  EXPECT_EQ(Poll(counter), uint32_t{EPOLLOUT});
}

TEST_P(KernelConformanceTest, AnEventFdMovesEightBytes) {
  const int counter = EventFd(1);
  std::array<char, 7> seven = {};
  EXPECT_EQ(kernel().Read(counter, absl::MakeSpan(seven)), Error(EINVAL));
  EXPECT_EQ(kernel().Write(counter, seven), Error(EINVAL));
  std::array<char, 9> nine = {};
  EXPECT_EQ(kernel().Read(counter, absl::MakeSpan(nine)), Ok(8));
}

TEST_P(KernelConformanceTest, EachWriteOfAnEventFdIsAnEdge) {
  const int counter = EventFd();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLIN | kEdge), Ok());
  for (uint64_t i = 0; i < 3; ++i) {
    Ring(counter);
    EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
    EXPECT_EQ(Wait(set, kNow), Events());
  }
  // Nothing was read.
  EXPECT_EQ(Write(counter, 0), Ok(8));
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
  EXPECT_EQ(Take(counter), 3u);
}

TEST_P(KernelConformanceTest, EachReadOfAnEventFdIsAnEdgeForWriters) {
  const int counter = EventFd(1);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLOUT}}));
  Ring(counter);
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Take(counter), 2u);
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLOUT}}));
}

// epoll.

TEST_P(KernelConformanceTest, ALevelIsToldAsLongAsItHolds) {
  const int counter = EventFd(1);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
  }
  Take(counter);
  EXPECT_EQ(Wait(set, kNow), Events());
  Ring(counter);
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
}

TEST_P(KernelConformanceTest, AnEdgeThatIsUndoneIsNotTold) {
  const int counter = EventFd();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLIN | kEdge), Ok());
  Ring(counter);
  Take(counter);
  EXPECT_EQ(Wait(set, kNow), Events());
}

TEST_P(KernelConformanceTest, OneShotIsSilentUntilModified) {
  const int counter = EventFd(1);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLIN | EPOLLONESHOT), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
  EXPECT_EQ(Wait(set, kNow), Events());
  Ring(counter);
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Add(set, counter, EPOLLIN | EPOLLONESHOT), Error(EEXIST));
  EXPECT_EQ(Modify(set, counter, EPOLLIN | EPOLLONESHOT), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
  EXPECT_EQ(Wait(set, kNow), Events());
}

TEST_P(KernelConformanceTest, OneShotSilencesErrorsToo) {
  const auto [a, b] = UnixPair();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a, EPOLLOUT | EPOLLONESHOT), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLOUT}}));
  Close(b);
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Modify(set, a, EPOLLONESHOT), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLHUP}}));
}

TEST_P(KernelConformanceTest, ErrorsAreToldUnasked) {
  const auto [a, b] = UnixPair();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a, 0), Ok());
  Say(a, "never read");
  Say(b, "there");
  EXPECT_EQ(Wait(set, kNow), Events());
  Close(b);
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLERR | EPOLLHUP}}));
}

TEST_P(KernelConformanceTest, OnlyWhatWasAskedForIsTold) {
  const auto [a, b] = UnixPair();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a, EPOLLRDHUP), Ok());
  Say(b, "x");
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Modify(set, a, EPOLLIN | EPOLLRDHUP), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLIN}}));
  EXPECT_EQ(kernel().Shutdown(b, SHUT_WR), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLIN | EPOLLRDHUP}}));
}

TEST_P(KernelConformanceTest, ExclusiveIsForAddingOnly) {
  constexpr uint32_t kExclusive = EPOLLEXCLUSIVE;
  const int counter = EventFd(1);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, counter, EPOLLIN | EPOLLONESHOT | kExclusive),
            Error(EINVAL));
  EXPECT_EQ(Add(set, counter, EPOLLRDHUP | kExclusive), Error(EINVAL));
  EXPECT_EQ(Add(set, EpollSet(), EPOLLIN | kExclusive), Error(EINVAL));
  EXPECT_EQ(Modify(set, counter, EPOLLIN | kExclusive), Error(EINVAL));
  EXPECT_EQ(Add(set, counter, EPOLLIN | kEdge | kExclusive), Ok());
  EXPECT_EQ(Modify(set, counter, EPOLLIN), Error(EINVAL));
  EXPECT_EQ(Modify(set, counter, EPOLLIN | kExclusive), Error(EINVAL));
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
  EXPECT_EQ(Remove(set, counter), Ok());
}

TEST_P(KernelConformanceTest, ExclusiveEventsAreForAllIfNobodyWaits) {
  // Who waits when it comes takes it alone, or nearly: see
  // //testing/fake:epoll_set_test.
  const int listener = TcpListener();
  constexpr uint32_t kExclusive = EPOLLEXCLUSIVE;
  const int shared = EpollSet();
  const int first = EpollSet();
  const int second = EpollSet();
  const int edge = EpollSet();
  EXPECT_EQ(Add(shared, listener, EPOLLIN), Ok());
  EXPECT_EQ(Add(first, listener, EPOLLIN | kExclusive), Ok());
  EXPECT_EQ(Add(second, listener, EPOLLIN | EPOLLOUT | kExclusive), Ok());
  EXPECT_EQ(Add(edge, listener, EPOLLIN | kEdge | kExclusive), Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  for (int set : {shared, first, second, edge}) {
    EXPECT_EQ(Wait(set), (Events{{listener, EPOLLIN}}));
  }
  EXPECT_EQ(Wait(edge, kNow), Events());
  EXPECT_EQ(Wait(first, kNow), (Events{{listener, EPOLLIN}}));
  Accept(listener);
  for (int set : {shared, first, second}) {
    EXPECT_EQ(Wait(set, kNow), Events());
  }
}

TEST_P(KernelConformanceTest, ADescriptorIsAddedOnce) {
  const int counter = EventFd(1);
  const int set = EpollSet();
  EXPECT_EQ(Modify(set, counter, EPOLLIN), Error(ENOENT));
  EXPECT_EQ(Remove(set, counter), Error(ENOENT));
  EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
  EXPECT_EQ(Add(set, counter, EPOLLIN), Error(EEXIST));
  EXPECT_EQ(Remove(set, counter), Ok());
  EXPECT_EQ(Remove(set, counter), Error(ENOENT));
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Control(set, /*operation=*/99, counter, EPOLLIN), Error(EINVAL));
  EXPECT_EQ(kernel().EpollCtl(set, EPOLL_CTL_ADD, counter, nullptr),
            Error(EFAULT));
}

TEST_P(KernelConformanceTest, ASetCanBeInAnother) {
  const int counter = EventFd();
  const int inner = EpollSet();
  const int outer = EpollSet();
  EXPECT_EQ(Add(inner, counter, EPOLLIN), Ok());
  EXPECT_EQ(Add(outer, inner, EPOLLIN), Ok());
  EXPECT_EQ(Wait(outer, kNow), Events());
  Ring(counter);
  EXPECT_EQ(Wait(outer, kNow), (Events{{inner, EPOLLIN}}));
  EXPECT_EQ(Wait(inner, kNow), (Events{{counter, EPOLLIN}}));
  EXPECT_EQ(Wait(outer, kNow), (Events{{inner, EPOLLIN}}));
  Take(counter);
  EXPECT_EQ(Wait(outer, kNow), Events());
}

TEST_P(KernelConformanceTest, AnEdgeOfASetIsAnEdgeOfWhatIsInIt) {
  const int counter = EventFd();
  const int inner = EpollSet();
  const int outer = EpollSet();
  EXPECT_EQ(Add(inner, counter, EPOLLIN), Ok());
  EXPECT_EQ(Add(outer, inner, EPOLLIN | kEdge), Ok());
  Ring(counter);
  EXPECT_EQ(Wait(outer, kNow), (Events{{inner, EPOLLIN}}));
  EXPECT_EQ(Wait(outer, kNow), Events());
  Ring(counter);
  EXPECT_EQ(Wait(outer, kNow), (Events{{inner, EPOLLIN}}));
}

TEST_P(KernelConformanceTest, SetsMakeNoLoops) {
  const int a = EpollSet();
  const int b = EpollSet();
  const int c = EpollSet();
  EXPECT_EQ(Add(a, a, EPOLLIN), Error(EINVAL));
  EXPECT_EQ(Add(a, b, EPOLLIN), Ok());
  EXPECT_EQ(Add(b, c, EPOLLIN), Ok());
  EXPECT_EQ(Add(b, a, EPOLLIN), Error(ELOOP));
  EXPECT_EQ(Add(c, a, EPOLLIN), Error(ELOOP));
  EXPECT_EQ(Remove(b, c), Ok());
  EXPECT_EQ(Add(c, a, EPOLLIN), Ok());
}

TEST_P(KernelConformanceTest, ChainsOfSetsAreShort) {
  // Four sets in a row, in new kernels; one or two more in old ones.
  int top = EpollSet();
  int length = 0;
  SysResult result = Ok();
  while (result.ok() && length < 10) {
    const int next = EpollSet();
    result = Add(next, top, EPOLLIN);
    top = next;
    ++length;
  }
  EXPECT_EQ(result, Error(ELOOP));
  EXPECT_GE(length, 4);
}

TEST_P(KernelConformanceTest, AWaitNeedsRoom) {
  const int set = EpollSet();
  EXPECT_EQ(kernel().EpollPwait2(set, {}, kNow), Error(EINVAL));
  EXPECT_EQ(kernel().EpollWait(set, {}, 0), Error(EINVAL));
}

TEST_P(KernelConformanceTest, AWaitIsNotNegative) {
  epoll_event event;
  EXPECT_EQ(kernel().EpollPwait2(EpollSet(), {&event, 1}, absl::Seconds(-1)),
            Error(EINVAL));
}

TEST_P(KernelConformanceTest, MoreThanThereIsRoomForTakeTurns) {
  const int set = EpollSet();
  std::set<int> ready;
  for (int i = 0; i < 5; ++i) {
    const int counter = EventFd(1);
    EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
    ready.insert(counter);
  }
  for (int round = 0; round < 3; ++round) {
    std::set<int> told;
    for (int i = 0; i < 5; ++i) {
      const Events events = Wait(set, kNow, /*max_events=*/1);
      ASSERT_EQ(events.size(), 1u);
      told.insert(events.begin()->first);
    }
    EXPECT_EQ(told, ready);
  }
}

TEST_P(KernelConformanceTest, EdgesThatFindNoRoomAreKept) {
  const int set = EpollSet();
  std::set<int> left;
  for (int i = 0; i < 5; ++i) {
    const int counter = EventFd(1);
    EXPECT_EQ(Add(set, counter, EPOLLIN | kEdge), Ok());
    left.insert(counter);
  }
  while (!left.empty()) {
    const Events events = Wait(set, kNow, /*max_events=*/2);
    ASSERT_FALSE(events.empty());
    for (const auto& event : events) EXPECT_EQ(left.erase(event.first), 1u);
  }
  EXPECT_EQ(Wait(set, kNow), Events());
}

TEST_P(KernelConformanceTest, AClosedDescriptorIsWatchedNoMore) {
  const int set = EpollSet();
  const int counter = EventFd(1);
  EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
  Close(counter);
  EXPECT_EQ(Wait(set, kNow), Events());
  // Nor is who gets its number.
  EXPECT_EQ(EventFd(1), counter);
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Remove(set, counter), Error(ENOENT));
  EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{counter, EPOLLIN}}));
}

TEST_P(KernelConformanceTest, AClosedSetWatchesNoMore) {
  const int counter = EventFd();
  const int inner = EpollSet();
  const int outer = EpollSet();
  EXPECT_EQ(Add(inner, counter, EPOLLIN), Ok());
  EXPECT_EQ(Add(outer, inner, EPOLLIN), Ok());
  Close(inner);
  Ring(counter);
  EXPECT_EQ(Wait(outer, kNow), Events());
}

TEST_P(KernelConformanceTest, DataComesBackWhole) {
  const int set = EpollSet();
  const int counter = EventFd(1);
  constexpr uint64_t kData = 0xfedcba9876543210;
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = kData}};
  EXPECT_EQ(kernel().EpollCtl(set, EPOLL_CTL_ADD, counter, &event), Ok());
  std::array<epoll_event, 2> events = {};
  EXPECT_EQ(kernel().EpollPwait2(set, absl::MakeSpan(events), kNow), Ok(1));
  EXPECT_EQ(events[0].data.u64, kData);
  event.data.u64 = ~kData;
  EXPECT_EQ(kernel().EpollCtl(set, EPOLL_CTL_MOD, counter, &event), Ok());
  EXPECT_EQ(kernel().EpollWait(set, absl::MakeSpan(events), 0), Ok(1));
  EXPECT_EQ(events[0].data.u64, ~kData);
}

// Time.

TEST_P(KernelConformanceTest, AWaitLastsItsTimeout) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, EventFd(), EPOLLIN), Ok());
  std::array<epoll_event, 1> events;
  const auto now = [&] { return kernel().ClockGetTime(CLOCK_MONOTONIC); };

  int64_t begin = now().value();
  EXPECT_EQ(kernel().EpollPwait2(set, absl::MakeSpan(events),
                                 absl::Microseconds(300)),
            Ok(0));
  EXPECT_GE(now().value() - begin, 300'000);

  begin = now().value();
  EXPECT_EQ(kernel().EpollWait(set, absl::MakeSpan(events), 3), Ok(0));
  EXPECT_GE(now().value() - begin, 3'000'000);
}

TEST_P(KernelConformanceTest, AWaitThatFindsSomethingDoesNotWait) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, EventFd(1), EPOLLIN), Ok());
  std::array<epoll_event, 1> events;
  EXPECT_EQ(kernel().EpollPwait2(set, absl::MakeSpan(events),
                                 absl::InfiniteDuration()),
            Ok(1));
  EXPECT_EQ(kernel().EpollWait(set, absl::MakeSpan(events), -1), Ok(1));
}

TEST_P(KernelConformanceTest, ClocksDoNotGoBack) {
  for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE,
                          CLOCK_BOOTTIME, CLOCK_REALTIME}) {
    int64_t last = kernel().ClockGetTime(clock).value();
    EXPECT_GT(last, 0);
    for (int i = 0; i < 100; ++i) {
      const int64_t now = kernel().ClockGetTime(clock).value();
      // The wall clock may be set.
      if (clock != CLOCK_REALTIME) {
        EXPECT_GE(now, last);
      }
      last = now;
    }
  }
  EXPECT_EQ(kernel().ClockGetTime(clockid_t{999}), Error(EINVAL));
}

// Signals. Nobody can raise one through Kernel: //reactor:signals_test does.

TEST_P(KernelConformanceTest, ASignalFdIsSilentWithoutSignals) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  const int signalfd =
      Must(kernel().SignalFd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC));
  EXPECT_EQ(Poll(signalfd), 0u);
  std::array<char, sizeof(signalfd_siginfo)> info;
  EXPECT_EQ(kernel().Read(signalfd, absl::MakeSpan(info)), Error(EAGAIN));
  EXPECT_EQ(
      kernel().Read(signalfd, absl::MakeSpan(info).subspan(0, info.size() - 1)),
      Error(EINVAL));
  EXPECT_EQ(kernel().Write(signalfd, info), Error(EINVAL));
}

TEST_P(KernelConformanceTest, ASignalFdCanBeChanged) {
  sigset_t signals;
  sigemptyset(&signals);
  const int signalfd = Must(kernel().SignalFd(-1, signals, SFD_NONBLOCK));
  sigaddset(&signals, SIGUSR1);
  EXPECT_EQ(kernel().SignalFd(signalfd, signals, 0), Ok(signalfd));
  EXPECT_EQ(kernel().SignalFd(EventFd(), signals, 0), Error(EINVAL));
  const int closed = EventFd();
  Close(closed);
  EXPECT_EQ(kernel().SignalFd(closed, signals, 0), Error(EBADF));
}

TEST_P(KernelConformanceTest, TheMaskIsWhatWasBlocked) {
  sigset_t before;
  sigset_t one;
  sigset_t seen;
  sigemptyset(&one);
  EXPECT_EQ(kernel().SigProcMask(SIG_BLOCK, one, &before), Ok());
  sigaddset(&one, SIGUSR1);
  EXPECT_EQ(kernel().SigProcMask(SIG_BLOCK, one, nullptr), Ok());
  EXPECT_EQ(kernel().SigProcMask(SIG_UNBLOCK, one, &seen), Ok());
  EXPECT_EQ(sigismember(&seen, SIGUSR1), 1);
  EXPECT_EQ(kernel().SigProcMask(SIG_SETMASK, before, &seen), Ok());
  EXPECT_EQ(sigismember(&seen, SIGUSR1), 0);
  EXPECT_EQ(kernel().SigProcMask(/*how=*/99, one, nullptr), Error(EINVAL));
}

}  // namespace
}  // namespace pollux
