// What sendmsg(2) and recvmsg(2) must do with bytes, names and descriptors, on
// Linux and on the fake kernel: getpeername(2) and the options of sockets, too.
// Linux is right.

#include <gtest/gtest.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"
#include "testing/test_message.h"

namespace pollux {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<int>;

// SCM_MAX_FD: descriptors in one message.
constexpr size_t kMaxDescriptors = 253;

// KernelCaller, with messages.
class MessageCaller : public KernelCaller {
 protected:
  using KernelCaller::KernelCaller;

  SysResult SendMsg(int socket, TestMessage message, int flags = 0) {
    return kernel().SendMsg(socket, message.header(), flags | MSG_NOSIGNAL);
  }
  SysResult RecvMsg(int socket, TestMessage& message, int flags = 0) {
    const SysResult result = kernel().RecvMsg(socket, message.header(), flags);
    if (result.ok()) {
      for (int descriptor : message.Descriptors()) Must(Ok(descriptor));
    }
    return result;
  }
  // A byte with descriptors.
  void Pass(int socket, const Numbers& descriptors) {
    EXPECT_EQ(
        SendMsg(socket, TestMessage::Of({"x"}).WithDescriptors(descriptors)),
        Ok(1));
  }
  // What Pass() sent.
  Numbers TakePassed(int socket) {
    TestMessage message =
        TestMessage::ForBytes(1).WithRoomForDescriptors(kMaxDescriptors);
    EXPECT_EQ(RecvMsg(socket, message), Ok(1));
    EXPECT_EQ(message.flags(), 0);
    return message.Descriptors();
  }
  template <typename T>
  T Option(int socket, int option) {
    T value = {};
    socklen_t length = sizeof(value);
    EXPECT_EQ(kernel().GetSockOpt(socket, SOL_SOCKET, option, &value, &length),
              Ok());
    EXPECT_EQ(length, sizeof(value));
    return value;
  }
  SysResult PeerName(int socket, Address& name) {
    sockaddr_storage storage = {};
    socklen_t length = sizeof(storage);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    const SysResult result = kernel().GetPeerName(socket, address, &length);
    if (result.ok()) name = Address::FromSockaddr(address, length);
    return result;
  }
  Address PeerOf(int socket) {
    Address name;
    EXPECT_EQ(PeerName(socket, name), Ok());
    return name;
  }
  SysResult WhyNoPeer(int socket) {
    Address name;
    return PeerName(socket, name);
  }
};

class KernelMessagesConformanceTest
    : public testing::TestWithParam<KernelUnderTest>,
      public MessageCaller {
 protected:
  KernelMessagesConformanceTest() : MessageCaller(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Kernels, KernelMessagesConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// What TCP and unix sockets have in common.
class StreamMessagesConformanceTest
    : public testing::TestWithParam<std::tuple<KernelUnderTest, int>>,
      public MessageCaller {
 protected:
  StreamMessagesConformanceTest()
      : MessageCaller(std::get<0>(GetParam())),
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
    Kernels, StreamMessagesConformanceTest,
    testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                     testing::Values(AF_INET, AF_INET6, AF_UNIX)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param).name,
                          KernelCaller::FamilyName(std::get<1>(info.param)));
    });

// Two unix sockets that descriptors are passed between, of each type.
class PassingConformanceTest
    : public testing::TestWithParam<std::tuple<KernelUnderTest, int>>,
      public MessageCaller {
 protected:
  PassingConformanceTest() : MessageCaller(std::get<0>(GetParam())) {
    std::array<int, 2> both = {};
    EXPECT_EQ(kernel().SocketPair(AF_UNIX, type() | SOCK_NONBLOCK, 0, both),
              Ok());
    a_ = Must(Ok(both[0]));
    b_ = Must(Ok(both[1]));
  }

  int type() const { return std::get<1>(GetParam()); }

  int a_;
  int b_;
};

INSTANTIATE_TEST_SUITE_P(
    Kernels, PassingConformanceTest,
    testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                     testing::Values(SOCK_STREAM, SOCK_DGRAM)),
    [](const auto& info) {
      return absl::StrCat(
          std::get<0>(info.param).name,
          std::get<1>(info.param) == SOCK_STREAM ? "Stream" : "Datagram");
    });

// Bytes in pieces.

TEST_P(StreamMessagesConformanceTest, PiecesAreGatheredAndScattered) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"ab", "", "cde", "f"})), Ok(6));
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes({1, 0, 4, 10});
  EXPECT_EQ(RecvMsg(b_, message), Ok(6));
  EXPECT_EQ(message.Text(6), "abcdef");
  EXPECT_EQ(message.Pieces()[2], "bcde");
  EXPECT_EQ(message.flags(), 0);
}

TEST_P(StreamMessagesConformanceTest, AShortReadLeavesTheRest) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"abc", "def"})), Ok(6));
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes({2, 2});
  EXPECT_EQ(RecvMsg(b_, message), Ok(4));
  EXPECT_EQ(message.Pieces(), (Texts{"ab", "cd"}));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(Recv(b_), "ef");
}

TEST_P(StreamMessagesConformanceTest, AFullBufferTakesAPart) {
  const std::string large(64 * 1024, 'x');
  size_t total = 0;
  SysResult result = Ok();
  while (result.ok()) {
    total += static_cast<size_t>(result.value());
    result = SendMsg(a_, TestMessage::Of({"x", large, large, large}));
  }
  EXPECT_EQ(result, Error(EAGAIN));
  EXPECT_GT(total, 64u * 1024);
  Drain(b_, total);
  EXPECT_EQ(Recv(b_), "EAGAIN");
}

TEST_P(StreamMessagesConformanceTest, NoPieces) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({})), Ok(0));
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"", ""})), Ok(0));
  TestMessage message = TestMessage::ForBytes(std::vector<size_t>{});
  EXPECT_EQ(RecvMsg(b_, message), Error(EAGAIN));
  Say(a_, "x");
  Await(b_, EPOLLIN);
  EXPECT_EQ(RecvMsg(b_, message), Ok(0));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(Recv(b_), "x");
}

TEST_P(StreamMessagesConformanceTest, TooManyPieces) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of(Texts(IOV_MAX + 1, "x"))),
            Error(EMSGSIZE));
  TestMessage many = TestMessage::ForBytes(std::vector<size_t>(IOV_MAX + 1, 1));
  EXPECT_EQ(RecvMsg(b_, many), Error(EMSGSIZE));
  EXPECT_EQ(SendMsg(a_, TestMessage::Of(Texts(IOV_MAX, "x"))), Ok(IOV_MAX));
}

TEST_P(StreamMessagesConformanceTest, PeekingTakesNothing) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"ab", "c"})), Ok(3));
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes({2, 2});
  EXPECT_EQ(RecvMsg(b_, message, MSG_PEEK), Ok(3));
  EXPECT_EQ(message.Text(3), "abc");
  EXPECT_EQ(Recv(b_), "abc");
}

TEST_P(StreamMessagesConformanceTest, MsgTruncThrowsTcpBytesAway) {
  Say(a_, "abcd");
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(3);
  EXPECT_EQ(RecvMsg(b_, message, MSG_TRUNC), Ok(3));
  EXPECT_EQ(message.Text(3), is_unix() ? "abc" : std::string(3, '\0'));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(Recv(b_), "d");
}

TEST_P(StreamMessagesConformanceTest, TheEnd) {
  Close(a_);
  Await(b_, EPOLLRDHUP);
  TestMessage message = TestMessage::ForBytes(3).WithRoomForDescriptors(1);
  EXPECT_EQ(RecvMsg(b_, message), Ok(0));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(message.control_bytes(), 0u);
}

TEST_P(StreamMessagesConformanceTest, DontWaitIsForOneCall) {
  // The sockets of Pair() do not block; these do.
  std::array<int, 2> pair;
  EXPECT_EQ(kernel().SocketPair(AF_UNIX, SOCK_STREAM, 0, pair), Ok());
  Must(Ok(pair[0]));
  Must(Ok(pair[1]));
  TestMessage message = TestMessage::ForBytes(3);
  EXPECT_EQ(RecvMsg(pair[0], message, MSG_DONTWAIT), Error(EAGAIN));
  const std::string large(1 << 20, 'x');
  SysResult sent = Ok();
  while (sent.ok()) {
    sent = SendMsg(pair[1], TestMessage::Of({large}), MSG_DONTWAIT);
  }
  EXPECT_EQ(sent, Error(EAGAIN));
}

TEST_P(StreamMessagesConformanceTest, NamesOfConnectedSockets) {
  const Address other =
      *Address::Parse(is_unix() ? "unix:@nobody" : "127.0.0.1:1");
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"x"}).To(other)),
            is_unix() ? Error(EISCONN) : Ok(1));
  // An address without length is none.
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"x"}).To(Address())), Ok(1));
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(1).WithNameRoom();
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.name_length(), 0u);
  TestMessage negative =
      TestMessage::ForBytes(1).WithNameRoom(static_cast<socklen_t>(-1));
  EXPECT_EQ(RecvMsg(b_, negative), Error(EINVAL));
  EXPECT_EQ(kernel().SendMsg(a_, negative.header(), MSG_NOSIGNAL),
            Error(EINVAL));
}

TEST_P(StreamMessagesConformanceTest, ControlBuffersAreUsedOnlyAsNeeded) {
  Say(a_, "x");
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(1).WithRoomForDescriptors(4);
  EXPECT_EQ(RecvMsg(b_, message, MSG_CMSG_CLOEXEC), Ok(1));
  EXPECT_EQ(message.control_bytes(), 0u);
  EXPECT_EQ(message.flags(), MSG_CMSG_CLOEXEC);
}

TEST_P(StreamMessagesConformanceTest, SeveralMessagesAtOnce) {
  TestMessage first = TestMessage::Of({"ab"});
  TestMessage second = TestMessage::Of({"c", "d"});
  std::array<mmsghdr, 2> out = {mmsghdr{first.header(), 0},
                                mmsghdr{second.header(), 0}};
  EXPECT_EQ(kernel().SendMMsg(a_, absl::MakeSpan(out), MSG_NOSIGNAL), Ok(2));
  EXPECT_EQ(out[0].msg_len, 2u);
  EXPECT_EQ(out[1].msg_len, 2u);
  EXPECT_EQ(kernel().SendMMsg(a_, {}, MSG_NOSIGNAL), Ok(0));
  for (int tries = 0; tries < 1000; ++tries) {
    if (Hear(b_, 100, MSG_PEEK) == "abcd") break;
  }
  TestMessage three = TestMessage::ForBytes(3);
  TestMessage rest = TestMessage::ForBytes(3);
  TestMessage none = TestMessage::ForBytes(3);
  std::array<mmsghdr, 3> in = {mmsghdr{three.header(), 0},
                               mmsghdr{rest.header(), 0},
                               mmsghdr{none.header(), 0}};
  EXPECT_EQ(kernel().RecvMMsg(b_, absl::MakeSpan(in), 0), Ok(2));
  EXPECT_EQ(three.Text(in[0].msg_len), "abc");
  EXPECT_EQ(rest.Text(in[1].msg_len), "d");
  EXPECT_EQ(kernel().RecvMMsg(b_, absl::MakeSpan(in), 0), Error(EAGAIN));
  EXPECT_EQ(kernel().RecvMMsg(b_, {}, 0), Ok(0));
}

TEST_P(KernelMessagesConformanceTest, WhatIsNoSocketSaysSo) {
  const int eventfd = EventFd();
  const int closed = EventFd();
  Close(closed);
  const std::array<std::pair<int, int>, 2> cases = {
      {{closed, EBADF}, {eventfd, ENOTSOCK}}};
  for (const auto& [descriptor, error] : cases) {
    TestMessage message = TestMessage::ForBytes(1);
    EXPECT_EQ(SendMsg(descriptor, TestMessage::Of({"x"})), Error(error));
    EXPECT_EQ(RecvMsg(descriptor, message), Error(error));
    EXPECT_EQ(kernel().SendMMsg(descriptor, {}, 0), Error(error));
    EXPECT_EQ(kernel().RecvMMsg(descriptor, {}, 0), Error(error));
    EXPECT_EQ(WhyNoPeer(descriptor), Error(error));
  }
}

TEST_P(KernelMessagesConformanceTest, SocketsThatAreNotConnected) {
  const int tcp = Socket(AF_INET);
  const int unix_socket = Socket(AF_UNIX);
  TestMessage message = TestMessage::ForBytes(1);
  EXPECT_EQ(SendMsg(tcp, TestMessage::Of({"x"})), Error(EPIPE));
  EXPECT_EQ(RecvMsg(tcp, message), Error(ENOTCONN));
  EXPECT_EQ(SendMsg(unix_socket, TestMessage::Of({"x"})), Error(ENOTCONN));
  const Address name = *Address::Parse("unix:@nobody");
  EXPECT_EQ(SendMsg(unix_socket, TestMessage::Of({"x"}).To(name)),
            Error(EOPNOTSUPP));
  EXPECT_EQ(RecvMsg(unix_socket, message), Error(EINVAL));
}

// An error is kept for the next call.
TEST_P(KernelMessagesConformanceTest, SeveralMessagesAndAnError) {
  const auto [a, b] = TcpPair();
  Say(a, "ab");
  Await(b, EPOLLIN);
  ResetOnClose(a);
  Close(a);
  Await(b, EPOLLERR);
  TestMessage first = TestMessage::ForBytes(2);
  TestMessage second = TestMessage::ForBytes(2);
  std::array<mmsghdr, 2> in = {mmsghdr{first.header(), 0},
                               mmsghdr{second.header(), 0}};
  // Before anything is read.
  EXPECT_EQ(kernel().RecvMMsg(b, absl::MakeSpan(in), 0), Error(ECONNRESET));
  EXPECT_EQ(kernel().RecvMMsg(b, absl::MakeSpan(in), 0), Ok(2));
  EXPECT_EQ(in[0].msg_len, 2u);
  EXPECT_EQ(in[1].msg_len, 0u);
}

// The name of the other end.

TEST_P(KernelMessagesConformanceTest, BothEndsOfTcpKnowEachOther) {
  for (const char* everywhere : {"127.0.0.1:0", "[::1]:0"}) {
    const Address address = *Address::Parse(everywhere);
    const int listener = Socket(address.family());
    EXPECT_EQ(Bind(listener, address), Ok());
    EXPECT_EQ(kernel().Listen(listener, 1), Ok());
    EXPECT_EQ(WhyNoPeer(listener), Error(ENOTCONN));
    const int client = Socket(address.family());
    EXPECT_EQ(WhyNoPeer(client), Error(ENOTCONN));
    EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
    const int server = Accept(listener);
    EXPECT_EQ(PeerOf(client), AddressOf(server));
    EXPECT_EQ(PeerOf(server), AddressOf(client));
    // As long as one direction is open.
    EXPECT_EQ(kernel().Shutdown(client, SHUT_WR), Ok());
    Await(server, EPOLLRDHUP);
    EXPECT_EQ(PeerOf(client), AddressOf(server));
    EXPECT_EQ(PeerOf(server), AddressOf(client));
    EXPECT_EQ(kernel().Shutdown(server, SHUT_WR), Ok());
    Await(client, EPOLLHUP);
    EXPECT_EQ(WhyNoPeer(client), Error(ENOTCONN));
  }
}

TEST_P(KernelMessagesConformanceTest, AConnectionThatWasResetHasNoPeer) {
  const auto [a, b] = TcpPair();
  ResetOnClose(a);
  Close(a);
  Await(b, EPOLLERR);
  EXPECT_EQ(WhyNoPeer(b), Error(ENOTCONN));
}

TEST_P(KernelMessagesConformanceTest, TheOtherEndMayBeElsewhereOnLoopback) {
  const int listener = Socket(AF_INET);
  EXPECT_EQ(Bind(listener, "127.0.0.2:0"), Ok());
  EXPECT_EQ(kernel().Listen(listener, 1), Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  EXPECT_EQ(PeerOf(client), AddressOf(listener));
  EXPECT_EQ(AddressOf(client).ToString(),
            absl::StrCat("127.0.0.1:", AddressOf(client).port()));
}

TEST_P(KernelMessagesConformanceTest, UnixPeersHaveTheirNames) {
  const std::string name = UnixName("path");
  const int listener = UnixListener(name);
  EXPECT_EQ(WhyNoPeer(listener), Error(ENOTCONN));
  const int client = Socket(AF_UNIX);
  EXPECT_EQ(WhyNoPeer(client), Error(ENOTCONN));
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  const int server = Accept(listener);
  EXPECT_EQ(PeerOf(client).ToString(), name);
  EXPECT_EQ(PeerOf(server).length(), sizeof(sa_family_t));
  EXPECT_EQ(PeerOf(server).family(), AF_UNIX);
  // A name that comes late is told as well, and with what was sent before.
  Say(client, "x");
  const Address late = *Address::Parse(UnixName("abstract"));
  EXPECT_EQ(Bind(client, late), Ok());
  EXPECT_EQ(PeerOf(server), late);
  TestMessage message = TestMessage::ForBytes(1).WithNameRoom();
  EXPECT_EQ(RecvMsg(server, message), Ok(1));
  EXPECT_EQ(message.name(), late);
  // And it stays when its owner goes.
  Close(client);
  EXPECT_EQ(PeerOf(server), late);
}

TEST_P(KernelMessagesConformanceTest, ALongPeerNameIsCutAndItsLengthTold) {
  const auto [a, b] = TcpPair();
  sockaddr_in name = {};
  socklen_t length = sizeof(sa_family_t);
  auto* address = reinterpret_cast<sockaddr*>(&name);
  EXPECT_EQ(kernel().GetPeerName(a, address, &length), Ok());
  EXPECT_EQ(length, sizeof(sockaddr_in));
  EXPECT_EQ(name.sin_family, AF_INET);
  EXPECT_EQ(name.sin_port, 0);
  length = static_cast<socklen_t>(-1);
  EXPECT_EQ(kernel().GetPeerName(a, address, &length), Error(EINVAL));
  EXPECT_EQ(kernel().GetSockName(a, address, &length), Error(EINVAL));
}

TEST_P(KernelMessagesConformanceTest, APathMayStandInAWholeStructure) {
  const std::string text = UnixName("path");
  const Address name = *Address::Parse(text);
  struct {
    sockaddr_un address;
    // That the kernel may look at, but not take for a part of it.
    char beyond;
  } whole = {};
  std::memcpy(&whole.address, name.data(), name.length());
  const int listener = Socket(AF_UNIX);
  EXPECT_EQ(kernel().Bind(listener, reinterpret_cast<sockaddr*>(&whole),
                          sizeof(whole.address)),
            Ok());
  EXPECT_EQ(kernel().Listen(listener, 1), Ok());
  EXPECT_EQ(AddressOf(listener), name);
  // Without its NUL.
  EXPECT_EQ(kernel().Connect(Socket(AF_UNIX), name.data(), name.length() - 1),
            Ok());
  EXPECT_EQ(
      kernel().Connect(Socket(AF_UNIX), reinterpret_cast<sockaddr*>(&whole),
                       sizeof(whole.address) + 1),
      Error(EINVAL));
}

// Options.

TEST_P(KernelMessagesConformanceTest, WhatKindOfSocketItIs) {
  struct Case {
    int family;
    int protocol;
  };
  for (const Case& c :
       {Case{AF_INET, IPPROTO_TCP}, {AF_INET6, IPPROTO_TCP}, {AF_UNIX, 0}}) {
    const int socket = Socket(c.family);
    EXPECT_EQ(Option<int>(socket, SO_TYPE), SOCK_STREAM);
    EXPECT_EQ(Option<int>(socket, SO_DOMAIN), c.family);
    EXPECT_EQ(Option<int>(socket, SO_PROTOCOL), c.protocol);
    EXPECT_EQ(Option<int>(socket, SO_ACCEPTCONN), 0);
    for (int option :
         {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR}) {
      EXPECT_EQ(Set(socket, option, 1), Error(ENOPROTOOPT));
    }
  }
  const int listener = TcpListener();
  EXPECT_EQ(Option<int>(listener, SO_ACCEPTCONN), 1);
  EXPECT_EQ(Option<int>(UnixListener(UnixName("abstract")), SO_ACCEPTCONN), 1);
  EXPECT_EQ(kernel().Shutdown(listener, SHUT_RD), Ok());
  EXPECT_EQ(Option<int>(listener, SO_ACCEPTCONN), 0);
}

TEST_P(KernelMessagesConformanceTest, OptionsAreReadBack) {
  const int socket = Socket(AF_INET);
  for (int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    EXPECT_EQ(Option<int>(socket, option), 0);
    EXPECT_EQ(Set(socket, option, 7), Ok());
    EXPECT_EQ(Option<int>(socket, option), 1);
  }
  // As much as there is room for.
  std::array<char, 2> two = {};
  socklen_t length = sizeof(two);
  EXPECT_EQ(
      kernel().GetSockOpt(socket, SOL_SOCKET, SO_TYPE, two.data(), &length),
      Ok());
  EXPECT_EQ(length, sizeof(two));
  EXPECT_EQ(two[0], SOCK_STREAM);
  length = static_cast<socklen_t>(-1);
  EXPECT_EQ(
      kernel().GetSockOpt(socket, SOL_SOCKET, SO_TYPE, two.data(), &length),
      Error(EINVAL));
  length = sizeof(two);
  EXPECT_EQ(kernel().GetSockOpt(socket, SOL_SOCKET, /*option=*/9999, two.data(),
                                &length),
            Error(ENOPROTOOPT));
}

TEST_P(KernelMessagesConformanceTest, UnknownOptionsAreRefused) {
  constexpr int kUnknown = 9999;
  const int on = 1;
  int value = 0;
  socklen_t length = sizeof(value);
  for (int level :
       {SOL_SOCKET, int{IPPROTO_TCP}, int{IPPROTO_IP}, int{IPPROTO_UDP}}) {
    SCOPED_TRACE(level);
    for (int type : {SOCK_STREAM, SOCK_DGRAM}) {
      const int socket = Must(kernel().Socket(AF_INET, type, 0));
      EXPECT_EQ(kernel().SetSockOpt(socket, level, kUnknown, &on, sizeof(on)),
                Error(ENOPROTOOPT));
      const int other = type == SOCK_STREAM ? IPPROTO_UDP : IPPROTO_TCP;
      EXPECT_EQ(kernel().GetSockOpt(socket, level, kUnknown, &value, &length),
                Error(level == other ? EOPNOTSUPP : ENOPROTOOPT));
    }
  }
  const int socket = Socket(AF_UNIX);
  EXPECT_EQ(kernel().SetSockOpt(socket, SOL_SOCKET, kUnknown, &on, sizeof(on)),
            Error(ENOPROTOOPT));
  EXPECT_EQ(
      kernel().SetSockOpt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
      Error(EOPNOTSUPP));
  EXPECT_EQ(
      kernel().GetSockOpt(socket, IPPROTO_TCP, TCP_NODELAY, &value, &length),
      Error(EOPNOTSUPP));
  // Of IPv6 only.
  EXPECT_EQ(kernel().SetSockOpt(Socket(AF_INET), IPPROTO_IPV6, IPV6_V6ONLY, &on,
                                sizeof(on)),
            Error(ENOPROTOOPT));
}

TEST_P(KernelMessagesConformanceTest, BuffersAreTwiceWhatIsAskedFor) {
  for (int family : {AF_INET, AF_UNIX}) {
    const int socket = Socket(family);
    EXPECT_EQ(Set(socket, SO_SNDBUF, 50'000), Ok());
    EXPECT_EQ(Option<int>(socket, SO_SNDBUF), 100'000);
    EXPECT_EQ(Set(socket, SO_RCVBUF, 40'000), Ok());
    EXPECT_EQ(Option<int>(socket, SO_RCVBUF), 80'000);
    EXPECT_EQ(Set(socket, SO_SNDBUF, 1), Ok());
    EXPECT_EQ(Option<int>(socket, SO_SNDBUF), 4'608);
    EXPECT_EQ(Set(socket, SO_RCVBUF, 1), Ok());
    EXPECT_EQ(Option<int>(socket, SO_RCVBUF), 2'304);
  }
}

TEST_P(KernelMessagesConformanceTest, OptionsOfTcpAreReadBack) {
  struct {
    int option;
    int usual;
    int least;
    int most;
  } const options[] = {{TCP_NODELAY, 0, 0, 1},
                       {TCP_USER_TIMEOUT, 0, 0, INT_MAX},
                       {TCP_KEEPIDLE, 7200, 1, 32767},
                       {TCP_KEEPINTVL, 75, 1, 32767},
                       {TCP_KEEPCNT, 9, 1, 127}};
  const int socket = Socket(AF_INET);
  const auto set = [&](int option, int value) {
    return kernel().SetSockOpt(socket, IPPROTO_TCP, option, &value,
                               sizeof(value));
  };
  const auto get = [&](int option) {
    int value = -1;
    socklen_t length = sizeof(value);
    EXPECT_EQ(kernel().GetSockOpt(socket, IPPROTO_TCP, option, &value, &length),
              Ok());
    return value;
  };
  for (const auto& [option, usual, least, most] : options) {
    SCOPED_TRACE(option);
    EXPECT_EQ(get(option), usual);
    EXPECT_EQ(set(option, most), Ok());
    EXPECT_EQ(get(option), most);
    EXPECT_EQ(set(option, least), Ok());
    EXPECT_EQ(get(option), least);
    if (option == TCP_NODELAY) continue;
    EXPECT_EQ(set(option, least - 1), Error(EINVAL));
    if (most < INT_MAX) {
      EXPECT_EQ(set(option, most + 1), Error(EINVAL));
    }
    EXPECT_EQ(get(option), least);
  }
  const char few[2] = {};
  EXPECT_EQ(
      kernel().SetSockOpt(socket, IPPROTO_TCP, TCP_NODELAY, few, sizeof(few)),
      Error(EINVAL));
  EXPECT_EQ(Set(socket, SO_KEEPALIVE, 7), Ok());
  EXPECT_EQ(Option<int>(socket, SO_KEEPALIVE), 1);
}

TEST_P(KernelMessagesConformanceTest, AConnectionHasItsListenersOptions) {
  const int listener = TcpListener();
  EXPECT_EQ(Set(listener, SO_KEEPALIVE, 1), Ok());
  EXPECT_EQ(Set(listener, SO_SNDBUF, 50'000), Ok());
  EXPECT_EQ(Set(listener, SO_RCVBUF, 40'000), Ok());
  const std::map<int, int> options = {{TCP_NODELAY, 1},
                                      {TCP_USER_TIMEOUT, 5000},
                                      {TCP_KEEPIDLE, 60},
                                      {TCP_KEEPINTVL, 10},
                                      {TCP_KEEPCNT, 3}};
  for (const auto& [option, value] : options) {
    EXPECT_EQ(kernel().SetSockOpt(listener, IPPROTO_TCP, option, &value,
                                  sizeof(value)),
              Ok());
  }
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  const int server = Accept(listener);
  EXPECT_EQ(Option<int>(server, SO_KEEPALIVE), 1);
  EXPECT_EQ(Option<int>(server, SO_SNDBUF), 100'000);
  EXPECT_EQ(Option<int>(server, SO_RCVBUF), 80'000);
  for (const auto& [option, value] : options) {
    int got = -1;
    socklen_t length = sizeof(got);
    EXPECT_EQ(kernel().GetSockOpt(server, IPPROTO_TCP, option, &got, &length),
              Ok());
    EXPECT_EQ(got, value) << option;
  }
}

// Linux keeps the number of SYN-ACKs that it makes of them.
TEST_P(KernelMessagesConformanceTest, SecondsOfDeferredAcceptsAreRounded) {
  const int socket = Socket(AF_INET);
  const std::map<int, int> rounded = {{-1, 0},  {0, 0},    {1, 1},    {2, 3},
                                      {3, 3},   {4, 7},    {30, 31},  {31, 31},
                                      {63, 63}, {64, 127}, {200, 247}};
  for (const auto& [asked, kept] : rounded) {
    EXPECT_EQ(kernel().SetSockOpt(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, &asked,
                                  sizeof(asked)),
              Ok());
    int value = -1;
    socklen_t length = sizeof(value);
    EXPECT_EQ(kernel().GetSockOpt(socket, IPPROTO_TCP, TCP_DEFER_ACCEPT, &value,
                                  &length),
              Ok());
    EXPECT_EQ(value, kept) << asked;
  }
}

TEST_P(KernelMessagesConformanceTest, ADeferredConnectionComesWithItsBytes) {
  const int listener = TcpListener();
  const int seconds = 5;
  EXPECT_EQ(kernel().SetSockOpt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                                &seconds, sizeof(seconds)),
            Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  Await(client, EPOLLOUT);
  EXPECT_EQ(Poll(listener), 0u);
  EXPECT_EQ(TryToAccept(listener), Error(EAGAIN));
  Say(client, "x");
  EXPECT_EQ(Recv(Accept(listener)), "x");
  const int second = Socket(AF_INET);
  EXPECT_EQ(Connect(second, AddressOf(listener)), Error(EINPROGRESS));
  Await(second, EPOLLOUT);
  EXPECT_EQ(TryToAccept(listener), Error(EAGAIN));
  Close(second);
  EXPECT_EQ(Recv(Accept(listener)), "end");
}

TEST_P(KernelMessagesConformanceTest, CongestionControlHasAName) {
  const int socket = Socket(AF_INET);
  const auto set = [&](absl::string_view name) {
    return kernel().SetSockOpt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                               static_cast<socklen_t>(name.size()));
  };
  const auto get = [&] {
    std::array<char, 64> name = {};
    socklen_t length = sizeof(name);
    EXPECT_EQ(kernel().GetSockOpt(socket, IPPROTO_TCP, TCP_CONGESTION,
                                  name.data(), &length),
              Ok());
    EXPECT_EQ(length, 16u);
    return std::string(name.data());
  };
  EXPECT_EQ(set("reno"), Ok());
  EXPECT_EQ(get(), "reno");
  EXPECT_EQ(set("none such"), Error(ENOENT));
  EXPECT_EQ(set(""), Error(EINVAL));
  EXPECT_EQ(get(), "reno");
}

TEST_P(KernelMessagesConformanceTest, TcpInfoCountsWhatHasArrived) {
  const auto info = [&](int socket) {
    tcp_info info = {};
    socklen_t length = sizeof(info);
    EXPECT_EQ(
        kernel().GetSockOpt(socket, IPPROTO_TCP, TCP_INFO, &info, &length),
        Ok());
    return info;
  };
  constexpr int kEstablished = 1;
  constexpr int kFinWait2 = 5;
  constexpr int kClose = 7;
  constexpr int kCloseWait = 8;
  EXPECT_EQ(info(Socket(AF_INET)).tcpi_state, kClose);
  const auto [client, server] = TcpPair();
  EXPECT_EQ(info(client).tcpi_state, kEstablished);
  // The SYN.
  EXPECT_EQ(info(client).tcpi_bytes_acked, 1u);
  EXPECT_EQ(info(server).tcpi_bytes_acked, 0u);
  Say(client, "hello");
  EXPECT_EQ(Hear(server), "hello");
  // An answer brings the acknowledgement with it.
  Say(server, "a");
  EXPECT_EQ(Hear(client), "a");
  EXPECT_EQ(info(client).tcpi_bytes_acked, 6u);
  EXPECT_EQ(info(server).tcpi_bytes_received, 5u);
  EXPECT_EQ(kernel().Shutdown(client, SHUT_WR), Ok());
  Await(server, EPOLLRDHUP);
  Say(server, "b");
  EXPECT_EQ(Hear(client), "b");
  EXPECT_EQ(info(client).tcpi_bytes_acked, 7u);
  EXPECT_EQ(info(server).tcpi_bytes_received, 6u);
  EXPECT_EQ(info(client).tcpi_state, kFinWait2);
  EXPECT_EQ(info(server).tcpi_state, kCloseWait);
  const int off = 0;
  EXPECT_EQ(
      kernel().SetSockOpt(client, IPPROTO_TCP, TCP_INFO, &off, sizeof(off)),
      Error(ENOPROTOOPT));
}

TEST_P(KernelMessagesConformanceTest, WhatWaitsForAReaderHasNotArrived) {
  const auto [client, server] = TcpPair();
  const size_t total = Fill(client);
  tcp_info info = {};
  socklen_t length = sizeof(info);
  EXPECT_EQ(kernel().GetSockOpt(client, IPPROTO_TCP, TCP_INFO, &info, &length),
            Ok());
  EXPECT_LT(info.tcpi_bytes_acked, total);
  EXPECT_GT(info.tcpi_bytes_acked, 1000u);
  EXPECT_EQ(kernel().GetSockOpt(server, IPPROTO_TCP, TCP_INFO, &info, &length),
            Ok());
  EXPECT_LT(info.tcpi_bytes_received, total);
  EXPECT_GT(info.tcpi_bytes_received, 1000u);
  Drain(server, total);
  Say(server, "a");
  EXPECT_EQ(Hear(client), "a");
  EXPECT_EQ(kernel().GetSockOpt(client, IPPROTO_TCP, TCP_INFO, &info, &length),
            Ok());
  EXPECT_EQ(info.tcpi_bytes_acked, total + 1);
}

TEST_P(KernelMessagesConformanceTest, ALingerTimeIsReadBack) {
  const int socket = Socket(AF_INET);
  const auto set = [&](linger value) {
    return kernel().SetSockOpt(socket, SOL_SOCKET, SO_LINGER, &value,
                               sizeof(value));
  };
  EXPECT_EQ(Option<linger>(socket, SO_LINGER).l_onoff, 0);
  EXPECT_EQ(set({.l_onoff = 2, .l_linger = 5}), Ok());
  EXPECT_EQ(Option<linger>(socket, SO_LINGER).l_onoff, 1);
  EXPECT_EQ(Option<linger>(socket, SO_LINGER).l_linger, 5);
  // It is kept while it is off.
  EXPECT_EQ(set({.l_onoff = 0, .l_linger = 9}), Ok());
  EXPECT_EQ(Option<linger>(socket, SO_LINGER).l_onoff, 0);
  EXPECT_EQ(Option<linger>(socket, SO_LINGER).l_linger, 5);
  int whole = 0;
  EXPECT_EQ(
      kernel().SetSockOpt(socket, SOL_SOCKET, SO_LINGER, &whole, sizeof(whole)),
      Error(EINVAL));
}

// What was sent is on its way, or there: close(2) has nothing to wait for.
TEST_P(KernelMessagesConformanceTest, ALingerTimeChangesNothingIfAllIsSent) {
  for (bool blocking : {false, true}) {
    const int listener = TcpListener();
    const int client = Must(kernel().Socket(
        AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0));
    EXPECT_EQ(Connect(client, AddressOf(listener)),
              blocking ? Ok() : Error(EINPROGRESS));
    const int server = Accept(listener);
    const linger time = {.l_onoff = 1, .l_linger = 5};
    EXPECT_EQ(
        kernel().SetSockOpt(client, SOL_SOCKET, SO_LINGER, &time, sizeof(time)),
        Ok());
    Await(client, EPOLLOUT);
    Say(client, "last");
    Close(client);
    Await(server, EPOLLRDHUP);
    EXPECT_EQ(Recv(server), "last");
    EXPECT_EQ(Recv(server), "end");
    EXPECT_EQ(TakeError(server), 0);
  }
}

TEST_P(KernelMessagesConformanceTest, AConnectionLingersAsItsListener) {
  const int listener = TcpListener();
  const linger time = {.l_onoff = 1, .l_linger = 3};
  EXPECT_EQ(
      kernel().SetSockOpt(listener, SOL_SOCKET, SO_LINGER, &time, sizeof(time)),
      Ok());
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, AddressOf(listener)), Error(EINPROGRESS));
  EXPECT_EQ(Option<linger>(Accept(listener), SO_LINGER).l_linger, 3);
}

TEST_P(KernelMessagesConformanceTest, WhoIsAtTheOtherEnd) {
  const bool is_fake = dynamic_cast<FakeKernel*>(&kernel()) != nullptr;
  const ucred me =
      is_fake
          ? FakeKernel::process()
          : ucred{.pid = ::getpid(), .uid = ::geteuid(), .gid = ::getegid()};
  const auto expect = [&](int socket, const ucred& who) {
    const ucred told = Option<ucred>(socket, SO_PEERCRED);
    EXPECT_EQ(told.pid, who.pid);
    EXPECT_EQ(told.uid, who.uid);
    EXPECT_EQ(told.gid, who.gid);
  };
  constexpr ucred kNobody = {
      .pid = 0, .uid = static_cast<uid_t>(-1), .gid = static_cast<gid_t>(-1)};
  const auto [a, b] = UnixPair();
  expect(a, me);
  expect(b, me);
  const std::string name = UnixName("abstract");
  const int client = Socket(AF_UNIX);
  expect(client, kNobody);
  const int listener = UnixListener(name);
  expect(listener, me);
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  expect(client, me);
  expect(Accept(listener), me);
  // Nobody knows.
  const auto [tcp, other] = TcpPair();
  expect(tcp, kNobody);
  expect(other, kNobody);
}

// Descriptors.

TEST_P(PassingConformanceTest, ADescriptorArrivesAsAnother) {
  const int counter = EventFd(5);
  Pass(a_, {counter});
  const Numbers received = TakePassed(b_);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_NE(received[0], counter);
  // Of the same open file.
  Ring(counter);
  EXPECT_EQ(Take(received[0]), 6u);
  EXPECT_EQ(Take(counter), 0u);
}

TEST_P(PassingConformanceTest, TheControlDataIsAsSpecified) {
  Pass(a_, {a_, b_, a_});
  TestMessage message = TestMessage::ForBytes(1).WithControlRoom(1000);
  EXPECT_EQ(RecvMsg(b_, message, MSG_CMSG_CLOEXEC), Ok(1));
  EXPECT_EQ(message.control_bytes(), CMSG_SPACE(3 * sizeof(int)));
  EXPECT_EQ(message.Descriptors().size(), 3u);
  EXPECT_EQ(message.flags(), MSG_CMSG_CLOEXEC);
}

TEST_P(PassingConformanceTest, TheLowestNumbersAreGiven) {
  const int first = EventFd();
  const int second = EventFd();
  const int third = EventFd(3);
  Pass(a_, {third, third});
  Close(second);
  Close(first);
  EXPECT_EQ(TakePassed(b_), (Numbers{first, second}));
}

TEST_P(PassingConformanceTest, WhatIsOnItsWayStaysOpen) {
  const auto [c, d] = UnixPair();
  Pass(a_, {d});
  Close(d);
  Say(c, "still");
  EXPECT_EQ(Poll(c), uint32_t{EPOLLOUT});
  const Numbers received = TakePassed(b_);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(Recv(received[0]), "still");
  Close(received[0]);
  EXPECT_NE(Poll(c) & EPOLLHUP, 0u);
}

TEST_P(PassingConformanceTest, WhatNobodyReceivesIsClosed) {
  const auto [c, d] = UnixPair();
  Pass(a_, {d});
  Close(d);
  Close(b_);
  EXPECT_EQ(Poll(c), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

TEST_P(PassingConformanceTest, AMessageInAMessageIsClosedToo) {
  const auto [c, d] = UnixPair();
  const auto [e, f] = UnixPair();
  Pass(e, {d});
  Pass(a_, {f});
  Close(d);
  Close(f);
  Close(e);
  EXPECT_EQ(Poll(c), uint32_t{EPOLLOUT});
  Close(b_);
  EXPECT_NE(Poll(c) & EPOLLHUP, 0u);
}

TEST_P(PassingConformanceTest, RecvAndReadCloseThem) {
  for (bool read : {false, true}) {
    const auto [c, d] = UnixPair();
    Pass(a_, {d});
    Close(d);
    std::array<char, 4> buffer;
    EXPECT_EQ(read ? kernel().Read(b_, absl::MakeSpan(buffer))
                   : kernel().Recv(b_, absl::MakeSpan(buffer), 0),
              Ok(1));
    EXPECT_NE(Poll(c) & EPOLLHUP, 0u);
  }
}

TEST_P(PassingConformanceTest, WithoutAControlBufferTheyAreCut) {
  const auto [c, d] = UnixPair();
  Pass(a_, {d});
  Close(d);
  TestMessage message = TestMessage::ForBytes(1);
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.flags(), MSG_CTRUNC);
  EXPECT_NE(Poll(c) & EPOLLHUP, 0u);
}

TEST_P(PassingConformanceTest, ASmallControlBufferGetsSome) {
  struct Case {
    size_t room;
    size_t received;
    size_t used;
  };
  // Padding need not fit.
  for (const Case& c : {Case{8, 0, 0},
                        {CMSG_LEN(0), 0, 0},
                        {CMSG_LEN(3), 0, 0},
                        {CMSG_LEN(4), 1, CMSG_LEN(4)},
                        {CMSG_SPACE(4), 2, CMSG_SPACE(8)}}) {
    SCOPED_TRACE(c.room);
    const auto [left, right] = UnixPair();
    const int third = EventFd();
    Pass(a_, {third, third, right});
    Close(right);
    TestMessage message = TestMessage::ForBytes(1).WithControlRoom(c.room);
    EXPECT_EQ(RecvMsg(b_, message), Ok(1));
    EXPECT_EQ(message.Descriptors().size(), c.received);
    EXPECT_EQ(message.control_bytes(), c.used);
    EXPECT_EQ(message.flags(), MSG_CTRUNC);
    // The rest is closed.
    EXPECT_NE(Poll(left) & EPOLLHUP, 0u);
  }
}

TEST_P(PassingConformanceTest, WithoutNumbersTheyAreCut) {
  const int counter = EventFd(1);
  Pass(a_, {counter, counter});
  // One number is left.
  const int last = EventFd();
  Close(last);
  const auto limit = static_cast<rlim_t>(last) + 1;
  rlimit before = {};
  auto* fake = dynamic_cast<FakeKernel*>(&kernel());
  if (fake != nullptr) {
    fake->set_descriptor_limit(limit);
  } else {
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low = {.rlim_cur = limit, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  TestMessage message = TestMessage::ForBytes(1).WithRoomForDescriptors(5);
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.Descriptors(), Numbers{last});
  EXPECT_EQ(message.flags(), MSG_CTRUNC);
  EXPECT_EQ(message.control_bytes(), CMSG_SPACE(sizeof(int)));
  // None at all.
  Pass(a_, {counter});
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.flags(), MSG_CTRUNC);
  EXPECT_EQ(message.control_bytes(), 0u);
  if (fake != nullptr) {
    fake->set_descriptor_limit(1024);
  } else {
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  }
}

TEST_P(PassingConformanceTest, PeekingMakesDescriptorsToo) {
  const int counter = EventFd(1);
  Pass(a_, {counter});
  TestMessage message = TestMessage::ForBytes(1).WithRoomForDescriptors(1);
  EXPECT_EQ(RecvMsg(b_, message, MSG_PEEK), Ok(1));
  const Numbers peeked = message.Descriptors();
  ASSERT_EQ(peeked.size(), 1u);
  const Numbers received = TakePassed(b_);
  ASSERT_EQ(received.size(), 1u);
  EXPECT_NE(peeked[0], received[0]);
  EXPECT_EQ(Take(peeked[0]), 1u);
}

TEST_P(PassingConformanceTest, BadOnesAreRefused) {
  const int closed = EventFd();
  Close(closed);
  const auto sent = [&](const TestMessage& message) {
    return SendMsg(a_, message);
  };
  const auto x = [] { return TestMessage::Of({"x"}); };
  EXPECT_EQ(sent(x().WithDescriptors({a_, closed})), Error(EBADF));
  EXPECT_EQ(sent(x().WithDescriptors({-1})), Error(EBADF));
  EXPECT_EQ(sent(x().WithControl(SOL_SOCKET, /*type=*/99, {a_})),
            Error(EINVAL));
  // Not a whole header.
  TestMessage broken = x().WithControlRoom(CMSG_SPACE(sizeof(int)));
  EXPECT_EQ(SendMsg(a_, broken), Error(EINVAL));
  // Of another level: none of its business.
  EXPECT_EQ(sent(x().WithControl(/*level=*/12345, SCM_RIGHTS, {closed})),
            Ok(1));
  EXPECT_EQ(Recv(b_), "x");
  EXPECT_EQ(Recv(b_), "EAGAIN");
}

TEST_P(PassingConformanceTest, ThereIsALimit) {
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"x"}).WithDescriptors(
                            Numbers(kMaxDescriptors + 1, a_))),
            Error(EINVAL));
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"x"})
                            .WithDescriptors(Numbers(kMaxDescriptors, a_))
                            .WithDescriptors({a_})),
            Error(EINVAL));
  Pass(a_, Numbers(kMaxDescriptors, b_));
  EXPECT_EQ(TakePassed(b_).size(), kMaxDescriptors);
}

TEST_P(PassingConformanceTest, SeveralPartsAreReceivedAsOne) {
  const int counter = EventFd(1);
  EXPECT_EQ(SendMsg(a_, TestMessage::Of({"x"})
                            .WithDescriptors({counter})
                            .WithDescriptors({})
                            .WithDescriptors({counter, a_})),
            Ok(1));
  TestMessage message = TestMessage::ForBytes(1).WithControlRoom(1000);
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.Descriptors().size(), 3u);
  EXPECT_EQ(message.control_bytes(), CMSG_SPACE(3 * sizeof(int)));
}

TEST_P(PassingConformanceTest, SocketsThatWereSentToThemselvesAreClosed) {
  // Nobody can receive them any more, nor what was sent with them. Linux takes
  // its time to find out.
  const auto [c, d] = UnixPair();
  Pass(a_, {b_});
  Pass(a_, {a_, d});
  Close(a_);
  Close(b_);
  Close(d);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, c, EPOLLRDHUP), Ok());
  bool was_closed = false;
  for (int tries = 0; tries < 1000 && !was_closed; ++tries) {
    // Linux looks when a unix socket is closed, if nothing keeps it from that.
    const auto [e, f] = UnixPair();
    Close(e);
    Close(f);
    was_closed = !Wait(set, absl::Milliseconds(10)).empty();
  }
  EXPECT_TRUE(was_closed);
}

TEST_P(PassingConformanceTest, SetsAndListenersArePassed) {
  const int listener = TcpListener();
  const Address address = AddressOf(listener);
  const int set = EpollSet();
  const int counter = EventFd(1);
  EXPECT_EQ(Add(set, counter, EPOLLIN), Ok());
  Pass(a_, {listener, set});
  Close(listener);
  Close(set);
  const Numbers received = TakePassed(b_);
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(Option<int>(received[0], SO_ACCEPTCONN), 1);
  const int client = Socket(AF_INET);
  EXPECT_EQ(Connect(client, address), Error(EINPROGRESS));
  Accept(received[0]);
  EXPECT_EQ(Wait(received[1], kNow), (Events{{counter, EPOLLIN}}));
}

// Descriptors and the bytes of a stream.

TEST_P(KernelMessagesConformanceTest, AReadStopsBehindDescriptors) {
  const auto [a, b] = UnixPair();
  const int counter = EventFd();
  Say(a, "plain.");
  EXPECT_EQ(SendMsg(a, TestMessage::Of({"first."}).WithDescriptors({counter})),
            Ok(6));
  EXPECT_EQ(SendMsg(a, TestMessage::Of({"second."}).WithDescriptors({counter})),
            Ok(7));
  Say(a, "last.");
  const auto receive = [&, b = b](size_t bytes) {
    TestMessage message =
        TestMessage::ForBytes(bytes).WithRoomForDescriptors(4);
    const SysResult result = RecvMsg(b, message);
    return absl::StrCat(message.Text(static_cast<size_t>(result.value())),
                        message.Descriptors().size());
  };
  // What was sent before is read with them, what was sent after is not.
  EXPECT_EQ(receive(100), "plain.first.1");
  EXPECT_EQ(receive(100), "second.1");
  EXPECT_EQ(receive(100), "last.0");
}

TEST_P(KernelMessagesConformanceTest, DescriptorsComeWithTheFirstByte) {
  const auto [a, b] = UnixPair();
  const int counter = EventFd();
  EXPECT_EQ(SendMsg(a, TestMessage::Of({"abc"}).WithDescriptors({counter})),
            Ok(3));
  Say(a, "def");
  TestMessage one = TestMessage::ForBytes(1).WithRoomForDescriptors(4);
  EXPECT_EQ(RecvMsg(b, one), Ok(1));
  EXPECT_EQ(one.Descriptors().size(), 1u);
  // The rest of the message is plain bytes.
  TestMessage rest = TestMessage::ForBytes(100).WithRoomForDescriptors(4);
  EXPECT_EQ(RecvMsg(b, rest), Ok(5));
  EXPECT_EQ(rest.Descriptors().size(), 0u);
}

TEST_P(KernelMessagesConformanceTest, ARoomForNoBytesTakesDescriptors) {
  const auto [a, b] = UnixPair();
  const int counter = EventFd();
  EXPECT_EQ(SendMsg(a, TestMessage::Of({"abc"}).WithDescriptors({counter})),
            Ok(3));
  TestMessage none =
      TestMessage::ForBytes(std::vector<size_t>{}).WithRoomForDescriptors(4);
  EXPECT_EQ(RecvMsg(b, none), Ok(0));
  EXPECT_EQ(none.Descriptors().size(), 1u);
  EXPECT_EQ(Recv(b), "abc");
}

TEST_P(KernelMessagesConformanceTest, DescriptorsAreNotSentWithoutAByte) {
  const auto [a, b] = UnixPair();
  const auto [c, d] = UnixPair();
  EXPECT_EQ(SendMsg(a, TestMessage::Of({}).WithDescriptors({d})), Ok(0));
  Close(d);
  EXPECT_NE(Poll(c) & EPOLLHUP, 0u);
  EXPECT_EQ(Recv(b), "EAGAIN");
}

TEST_P(KernelMessagesConformanceTest, TcpDoesNotLookAtDescriptors) {
  const auto [a, b] = TcpPair();
  EXPECT_EQ(SendMsg(a, TestMessage::Of({"x"}).WithDescriptors({-1})), Ok(1));
  EXPECT_EQ(
      SendMsg(a, TestMessage::Of({"x"}).WithControl(SOL_SOCKET, 99, {-1})),
      Error(EINVAL));
  Await(b, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(1).WithRoomForDescriptors(1);
  EXPECT_EQ(RecvMsg(b, message), Ok(1));
  EXPECT_EQ(message.control_bytes(), 0u);
  EXPECT_EQ(message.flags(), 0);
}

}  // namespace
}  // namespace pollux
