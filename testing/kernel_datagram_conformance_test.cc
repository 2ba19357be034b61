// What datagram sockets must do, UDP and unix, on Linux and on the fake kernel.
// Linux is right.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"
#include "testing/test_message.h"

namespace pollux {
namespace {

constexpr uint32_t kHup = EPOLLHUP;

// KernelCaller, with datagrams.
class DatagramCaller : public KernelCaller {
 protected:
  using KernelCaller::KernelCaller;

  int Datagrams(int family) {
    return Must(kernel().Socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  }
  int BoundTo(const Address& address) {
    const int socket = Datagrams(address.family());
    EXPECT_EQ(Bind(socket, address), Ok());
    return socket;
  }
  int BoundTo(absl::string_view address) {
    return BoundTo(*Address::Parse(address));
  }
  Pair DatagramPair() {
    std::array<int, 2> both = {};
    EXPECT_EQ(kernel().SocketPair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, both),
              Ok());
    return {Must(Ok(both[0])), Must(Ok(both[1]))};
  }
  SysResult SendTo(int socket, const Address& to, const std::string& bytes) {
    return kernel().SendMsg(socket, TestMessage::Of({bytes}).To(to).header(),
                            MSG_NOSIGNAL);
  }
  void SayTo(int socket, const Address& to, const std::string& bytes) {
    EXPECT_EQ(SendTo(socket, to, bytes),
              Ok(static_cast<int64_t>(bytes.size())));
  }
  SysResult RecvMsg(int socket, TestMessage& message, int flags = 0) {
    return kernel().RecvMsg(socket, message.header(), flags);
  }
  // Who sent what is next.
  Address Sender(int socket) {
    Await(socket, EPOLLIN);
    TestMessage message = TestMessage::ForBytes(100).WithNameRoom();
    EXPECT_TRUE(RecvMsg(socket, message).ok());
    return message.name();
  }
  SysResult Disconnect(int socket) {
    const sockaddr none = {.sa_family = AF_UNSPEC, .sa_data = {}};
    return kernel().Connect(socket, &none, sizeof(none));
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
  int Option(int socket, int option) {
    int value = -1;
    socklen_t length = sizeof(value);
    EXPECT_EQ(kernel().GetSockOpt(socket, SOL_SOCKET, option, &value, &length),
              Ok());
    return value;
  }
  // An address where nobody is.
  Address Nobody(absl::string_view host) {
    const int socket = BoundTo(absl::StrCat(host, ":0"));
    const Address address = AddressOf(socket);
    Close(socket);
    return address;
  }
};

class KernelDatagramConformanceTest
    : public testing::TestWithParam<KernelUnderTest>,
      public DatagramCaller {
 protected:
  KernelDatagramConformanceTest() : DatagramCaller(GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Kernels, KernelDatagramConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// What all families have in common.
class DatagramConformanceTest
    : public testing::TestWithParam<std::tuple<KernelUnderTest, std::string>>,
      public DatagramCaller {
 protected:
  DatagramConformanceTest() : DatagramCaller(std::get<0>(GetParam())) {}

  bool is_unix() const { return std::get<1>(GetParam()) == "Unix"; }
  int family() const { return a_address_.family(); }

  // An address that a socket can be bound to.
  Address FreeAddress() {
    if (is_unix()) return *Address::Parse(UnixName("abstract"));
    return *Address::Parse(std::get<1>(GetParam()) == "Udp" ? "127.0.0.1:0"
                                                            : "[::1]:0");
  }

  // Two bound sockets.
  const int a_ = BoundTo(FreeAddress());
  const int b_ = BoundTo(FreeAddress());
  const Address a_address_ = AddressOf(a_);
  const Address b_address_ = AddressOf(b_);
};

INSTANTIATE_TEST_SUITE_P(Kernels, DatagramConformanceTest,
                         testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                                          testing::Values("Udp", "Udp6",
                                                          "Unix")),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name,
                                               std::get<1>(info.param));
                         });

// UDP over IPv4 and IPv6.
class UdpConformanceTest : public DatagramConformanceTest {};

INSTANTIATE_TEST_SUITE_P(Kernels, UdpConformanceTest,
                         testing::Combine(testing::ValuesIn(KernelsUnderTest()),
                                          testing::Values("Udp", "Udp6")),
                         [](const auto& info) {
                           return absl::StrCat(std::get<0>(info.param).name,
                                               std::get<1>(info.param));
                         });

// Sending and receiving.

TEST_P(DatagramConformanceTest, DatagramsKeepTheirBounds) {
  SayTo(a_, b_address_, "one");
  SayTo(a_, b_address_, "two");
  EXPECT_EQ(Hear(b_), "one");
  EXPECT_EQ(Hear(b_), "two");
  EXPECT_EQ(Recv(b_), "EAGAIN");
}

TEST_P(DatagramConformanceTest, TheSenderIsTold) {
  SayTo(a_, b_address_, "x");
  EXPECT_EQ(Sender(b_), a_address_);
  SayTo(b_, a_address_, "y");
  EXPECT_EQ(Sender(a_), b_address_);
  // Cut, and its length told.
  SayTo(a_, b_address_, "x");
  Await(b_, EPOLLIN);
  TestMessage message =
      TestMessage::ForBytes(1).WithNameRoom(sizeof(sa_family_t));
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.name_length(), a_address_.length());
  EXPECT_EQ(message.name().family(), family());
}

TEST_P(DatagramConformanceTest, WhatDoesNotFitIsLost) {
  SayTo(a_, b_address_, "abcdef");
  SayTo(a_, b_address_, "abcdef");
  SayTo(a_, b_address_, "next");
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes({2, 2});
  EXPECT_EQ(RecvMsg(b_, message), Ok(4));
  EXPECT_EQ(message.flags(), MSG_TRUNC);
  EXPECT_EQ(message.Text(4), "abcd");
  // Its whole length, if that is asked for.
  Await(b_, EPOLLIN);
  EXPECT_EQ(RecvMsg(b_, message, MSG_TRUNC), Ok(6));
  EXPECT_EQ(message.flags(), MSG_TRUNC);
  Await(b_, EPOLLIN);
  EXPECT_EQ(RecvMsg(b_, message), Ok(4));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(message.Text(4), "next");
}

TEST_P(DatagramConformanceTest, PeekingTakesNothing) {
  SayTo(a_, b_address_, "abc");
  EXPECT_EQ(Hear(b_, 2, MSG_PEEK), "ab");
  EXPECT_EQ(Hear(b_, 100, MSG_PEEK), "abc");
  EXPECT_EQ(Recv(b_), "abc");
  EXPECT_EQ(Recv(b_, 100, MSG_PEEK), "EAGAIN");
}

TEST_P(DatagramConformanceTest, ADatagramMayBeEmpty) {
  SayTo(a_, b_address_, "");
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(10).WithNameRoom();
  EXPECT_EQ(RecvMsg(b_, message), Ok(0));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(message.name(), a_address_);
  EXPECT_EQ(Recv(b_), "EAGAIN");
  // No room takes one away; read(2) of nothing does not.
  SayTo(a_, b_address_, "abc");
  Await(b_, EPOLLIN);
  EXPECT_EQ(kernel().Read(b_, {}), Ok(0));
  EXPECT_EQ(kernel().Recv(b_, {}, 0), Ok(0));
  EXPECT_EQ(Recv(b_), "EAGAIN");
  // Nor need there be any pieces.
  EXPECT_EQ(kernel().SendMsg(a_, TestMessage::Of({}).To(b_address_).header(),
                             MSG_NOSIGNAL),
            Ok(0));
  EXPECT_EQ(Hear(b_), "end");
}

TEST_P(DatagramConformanceTest, PiecesAreOneDatagram) {
  EXPECT_EQ(kernel().SendMsg(
                a_, TestMessage::Of({"ab", "", "c"}).To(b_address_).header(),
                MSG_NOSIGNAL),
            Ok(3));
  EXPECT_EQ(Hear(b_), "abc");
}

TEST_P(DatagramConformanceTest, ASocketSendsToItself) {
  SayTo(a_, a_address_, "me");
  EXPECT_EQ(Sender(a_), a_address_);
  EXPECT_EQ(Connect(a_, a_address_), Ok());
  Say(a_, "again");
  EXPECT_EQ(Hear(a_), "again");
}

TEST_P(DatagramConformanceTest, SeveralAtOnce) {
  TestMessage first = TestMessage::Of({"ab"}).To(b_address_);
  TestMessage second = TestMessage::Of({"", "cd"}).To(b_address_);
  TestMessage nowhere = TestMessage::Of({"ef"});
  std::array<mmsghdr, 3> out = {mmsghdr{first.header(), 0},
                                mmsghdr{second.header(), 0},
                                mmsghdr{nowhere.header(), 0}};
  // The error is not told.
  EXPECT_EQ(kernel().SendMMsg(a_, absl::MakeSpan(out), MSG_NOSIGNAL), Ok(2));
  EXPECT_EQ(out[1].msg_len, 2u);
  // Unless it is the first's.
  EXPECT_EQ(kernel().SendMMsg(a_, absl::MakeSpan(out).subspan(2), MSG_NOSIGNAL),
            is_unix() ? Error(ENOTCONN) : Error(EDESTADDRREQ));
  TestMessage one = TestMessage::ForBytes(1).WithNameRoom();
  TestMessage two = TestMessage::ForBytes(9).WithNameRoom();
  TestMessage three = TestMessage::ForBytes(9);
  std::array<mmsghdr, 3> in = {mmsghdr{one.header(), 0},
                               mmsghdr{two.header(), 0},
                               mmsghdr{three.header(), 0}};
  Await(b_, EPOLLIN);
  EXPECT_EQ(kernel().RecvMMsg(b_, absl::MakeSpan(in), 0), Ok(2));
  EXPECT_EQ(in[0].msg_len, 1u);
  EXPECT_EQ(in[0].msg_hdr.msg_flags, MSG_TRUNC);
  EXPECT_EQ(in[0].msg_hdr.msg_namelen, a_address_.length());
  EXPECT_EQ(in[1].msg_len, 2u);
  EXPECT_EQ(two.Text(2), "cd");
  EXPECT_EQ(kernel().RecvMMsg(b_, absl::MakeSpan(in), 0), Error(EAGAIN));
}

TEST_P(DatagramConformanceTest, AWaitForSeveralMayBeForOne) {
  const int waits = Must(kernel().Socket(family(), SOCK_DGRAM, 0));
  EXPECT_EQ(Bind(waits, FreeAddress()), Ok());
  const Address address = AddressOf(waits);
  SayTo(a_, address, "1");
  TestMessage one = TestMessage::ForBytes(1);
  TestMessage two = TestMessage::ForBytes(1);
  std::array<mmsghdr, 2> in = {mmsghdr{one.header(), 0},
                               mmsghdr{two.header(), 0}};
  EXPECT_EQ(kernel().RecvMMsg(waits, absl::MakeSpan(in), MSG_WAITFORONE),
            Ok(1));
  SayTo(a_, address, "1");
  SayTo(a_, address, "2");
  EXPECT_EQ(kernel().RecvMMsg(waits, absl::MakeSpan(in), 0), Ok(2));
}

// Connections.

TEST_P(DatagramConformanceTest, AConnectionIsADefaultAddress) {
  EXPECT_EQ(WhyNoPeer(a_), Error(ENOTCONN));
  EXPECT_EQ(Send(a_, "x"), is_unix() ? Error(ENOTCONN) : Error(EDESTADDRREQ));
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  EXPECT_EQ(PeerOf(a_), b_address_);
  EXPECT_EQ(WhyNoPeer(b_), Error(ENOTCONN));
  Say(a_, "x");
  EXPECT_EQ(Sender(b_), a_address_);
  EXPECT_EQ(kernel().Write(a_, {"yz", 2}), Ok(2));
  EXPECT_EQ(Hear(b_), "yz");
  // An empty write is an empty datagram.
  EXPECT_EQ(kernel().Write(a_, {}), Ok(0));
  EXPECT_EQ(Hear(b_), "end");
  // Others can still be sent to: no EISCONN.
  const int c = BoundTo(FreeAddress());
  SayTo(a_, AddressOf(c), "c");
  EXPECT_EQ(Hear(c), "c");
}

TEST_P(DatagramConformanceTest, AConnectionCanBeChangedAndDissolved) {
  const int c = BoundTo(FreeAddress());
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  EXPECT_EQ(Connect(a_, AddressOf(c)), Ok());
  Say(a_, "c");
  EXPECT_EQ(Hear(c), "c");
  EXPECT_EQ(Recv(b_), "EAGAIN");
  EXPECT_EQ(Disconnect(a_), Ok());
  EXPECT_EQ(WhyNoPeer(a_), Error(ENOTCONN));
  EXPECT_EQ(Send(a_, "x"), is_unix() ? Error(ENOTCONN) : Error(EDESTADDRREQ));
  EXPECT_EQ(Disconnect(a_), Ok());
}

TEST_P(DatagramConformanceTest, OthersAreNotHeardWhileConnected) {
  const int c = BoundTo(FreeAddress());
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  // Unix says so; UDP's answer is for who is connected.
  EXPECT_EQ(SendTo(c, a_address_, "c"), is_unix() ? Error(EPERM) : Ok(1));
  EXPECT_EQ(Connect(c, a_address_), is_unix() ? Error(EPERM) : Ok());
  SayTo(b_, a_address_, "b");
  EXPECT_EQ(Hear(a_), "b");
  EXPECT_EQ(Recv(a_), "EAGAIN");
}

TEST_P(DatagramConformanceTest, ThereIsNothingToListenTo) {
  EXPECT_EQ(kernel().Listen(a_, 1), Error(EOPNOTSUPP));
  EXPECT_EQ(TryToAccept(a_), Error(EOPNOTSUPP));
  EXPECT_EQ(Option(a_, SO_TYPE), SOCK_DGRAM);
  EXPECT_EQ(Option(a_, SO_DOMAIN), family());
  EXPECT_EQ(Option(a_, SO_PROTOCOL), is_unix() ? 0 : IPPROTO_UDP);
  EXPECT_EQ(Option(a_, SO_ACCEPTCONN), 0);
  const int on = 1;
  EXPECT_EQ(kernel().SetSockOpt(a_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
            is_unix() ? Error(EOPNOTSUPP) : Error(ENOPROTOOPT));
}

TEST_P(DatagramConformanceTest, WrongAddressesAreRefused) {
  const Address wrong =
      *Address::Parse(is_unix() ? "127.0.0.1:1" : "unix:@somewhere");
  const SysResult error = is_unix() ? Error(EINVAL) : Error(EAFNOSUPPORT);
  // Long enough for both.
  sockaddr_storage storage = {};
  storage.ss_family = static_cast<sa_family_t>(wrong.family());
  const Address other =
      Address::FromSockaddr(reinterpret_cast<sockaddr*>(&storage), 28);
  EXPECT_EQ(SendTo(a_, other, "x"),
            family() == AF_INET6 ? Error(EINVAL) : error);
  EXPECT_EQ(Connect(a_, other), error);
  const int unbound = Datagrams(family());
  EXPECT_EQ(Bind(unbound, other), error);
  EXPECT_EQ(kernel().Connect(a_, b_address_.data(), 1), Error(EINVAL));
  EXPECT_EQ(kernel().Connect(a_, b_address_.data(), 2), Error(EINVAL));
  EXPECT_EQ(SendTo(a_, Address::FromSockaddr(b_address_.data(), 2), "x"),
            Error(EINVAL));
  EXPECT_EQ(Bind(a_, FreeAddress()), Error(EINVAL));
  EXPECT_EQ(Bind(unbound, a_address_), Error(EADDRINUSE));
}

TEST_P(DatagramConformanceTest, OutOfBandIsNotSupported) {
  EXPECT_EQ(kernel().SendMsg(a_, TestMessage::Of({"x"}).To(b_address_).header(),
                             MSG_NOSIGNAL | MSG_OOB),
            family() == AF_INET6 ? Ok(1) : Error(EOPNOTSUPP));
}

// The end of a direction.

TEST_P(DatagramConformanceTest, ShutdownOfSending) {
  EXPECT_EQ(kernel().Shutdown(a_, 3), Error(EINVAL));
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_WR), Ok());
  EXPECT_EQ(Send(a_, "x"), Error(EPIPE));
  EXPECT_EQ(SendTo(a_, b_address_, "x"), Error(EPIPE));
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
  SayTo(b_, a_address_, "still");
  EXPECT_EQ(Hear(a_), "still");
  // The other end learns nothing.
  EXPECT_EQ(Poll(b_), uint32_t{EPOLLOUT});
}

TEST_P(DatagramConformanceTest, ShutdownOfReceiving) {
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  SayTo(b_, a_address_, "early");
  Await(a_, EPOLLIN);
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_RD), Ok());
  EXPECT_EQ(Poll(a_), EPOLLIN | EPOLLOUT | uint32_t{EPOLLRDHUP});
  EXPECT_EQ(Recv(a_), "early");
  EXPECT_EQ(Recv(a_), "EAGAIN");
  // UDP cannot tell.
  EXPECT_EQ(SendTo(b_, a_address_, "late"), is_unix() ? Error(EPIPE) : Ok(4));
}

TEST_P(DatagramConformanceTest, ShutdownOfBothHangsUp) {
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_RDWR), Ok());
  EXPECT_EQ(Poll(a_), EPOLLIN | EPOLLOUT | EPOLLRDHUP | kHup);
}

TEST_P(DatagramConformanceTest, ShutdownWithoutAConnection) {
  EXPECT_EQ(kernel().Shutdown(a_, SHUT_WR), is_unix() ? Ok() : Error(ENOTCONN));
  // Done all the same.
  EXPECT_EQ(SendTo(a_, b_address_, "x"), Error(EPIPE));
}

TEST_P(DatagramConformanceTest, OnlyABlockingReadSeesTheEnd) {
  const int waits = Must(kernel().Socket(family(), SOCK_DGRAM, 0));
  EXPECT_EQ(Connect(waits, b_address_), Ok());
  EXPECT_EQ(kernel().Shutdown(waits, SHUT_RD), Ok());
  EXPECT_EQ(Recv(waits), "end");
  EXPECT_EQ(Recv(waits, 100, MSG_DONTWAIT), "EAGAIN");
  std::array<char, 4> buffer;
  EXPECT_EQ(kernel().Read(waits, absl::MakeSpan(buffer)), Ok(0));
}

// Readiness.

TEST_P(DatagramConformanceTest, ANewSocketIsWritable) {
  EXPECT_EQ(Poll(Datagrams(family())), uint32_t{EPOLLOUT});
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
}

TEST_P(DatagramConformanceTest, EachDatagramIsAnEdge) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, b_, EPOLLIN | kEdge), Ok());
  for (int i = 0; i < 2; ++i) {
    SayTo(a_, b_address_, "x");
    EXPECT_EQ(Wait(set), (Events{{b_, EPOLLIN}}));
    EXPECT_EQ(Wait(set, kNow), Events());
  }
  // A read is none.
  EXPECT_EQ(Recv(b_), "x");
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Poll(b_), EPOLLIN | uint32_t{EPOLLOUT});
  EXPECT_EQ(Recv(b_), "x");
  EXPECT_EQ(Poll(b_), uint32_t{EPOLLOUT});
}

TEST_P(DatagramConformanceTest, AnEdgeForTheSender) {
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a_, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set), (Events{{a_, EPOLLOUT}}));
  SayTo(a_, b_address_, "x");
  // When it leaves the buffer: to the network, or to who reads it.
  if (!is_unix()) {
    EXPECT_EQ(Wait(set), (Events{{a_, EPOLLOUT}}));
  }
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Hear(b_, 1, MSG_PEEK), "x");
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Hear(b_), "x");
  EXPECT_EQ(Wait(set, kNow), is_unix() ? (Events{{a_, EPOLLOUT}}) : Events());
}

// UDP.

TEST_P(UdpConformanceTest, SendingAndConnectingGiveAPort) {
  const bool v6 = family() == AF_INET6;
  const int sends = Datagrams(family());
  EXPECT_EQ(AddressOf(sends).ToString(), v6 ? "[::]:0" : "0.0.0.0:0");
  EXPECT_EQ(Recv(sends), "EAGAIN");
  EXPECT_EQ(AddressOf(sends).port(), 0);
  SayTo(sends, b_address_, "x");
  const uint16_t port = AddressOf(sends).port();
  EXPECT_EQ(AddressOf(sends).ToString(),
            absl::StrCat(v6 ? "[::]:" : "0.0.0.0:", port));
  EXPECT_NE(port, 0);
  EXPECT_EQ(Sender(b_).ToString(),
            absl::StrCat(v6 ? "[::1]:" : "127.0.0.1:", port));
  EXPECT_EQ(Bind(sends, FreeAddress()), Error(EINVAL));
  // Even if nothing is sent.
  const int fails = Datagrams(family());
  EXPECT_EQ(Send(fails, "x"), Error(EDESTADDRREQ));
  EXPECT_NE(AddressOf(fails).port(), 0);
  const int connects = Datagrams(family());
  EXPECT_EQ(Connect(connects, b_address_), Ok());
  EXPECT_EQ(
      AddressOf(connects).ToString(),
      absl::StrCat(v6 ? "[::1]:" : "127.0.0.1:", AddressOf(connects).port()));
  EXPECT_NE(AddressOf(connects).port(), 0);
}

TEST_P(UdpConformanceTest, DissolvingGivesBackWhatConnectingGave) {
  const bool v6 = family() == AF_INET6;
  const int socket = Datagrams(family());
  EXPECT_EQ(Connect(socket, b_address_), Ok());
  EXPECT_EQ(Disconnect(socket), Ok());
  EXPECT_EQ(AddressOf(socket).ToString(), v6 ? "[::]:0" : "0.0.0.0:0");
  // What bind(2) was asked for stays.
  EXPECT_EQ(Bind(socket, FreeAddress()), Ok());
  const uint16_t port = AddressOf(socket).port();
  EXPECT_EQ(Connect(socket, b_address_), Ok());
  EXPECT_EQ(AddressOf(socket).port(), port);
  EXPECT_EQ(Disconnect(socket), Ok());
  // The address, but no port that the kernel chose.
  EXPECT_EQ(AddressOf(socket).ToString(), v6 ? "[::1]:0" : "127.0.0.1:0");
  SayTo(socket, b_address_, "x");
  EXPECT_NE(AddressOf(socket).port(), 0);
  const int fixed = Datagrams(family());
  const Address address = Nobody(v6 ? "[::1]" : "127.0.0.1");
  EXPECT_EQ(Bind(fixed, address), Ok());
  EXPECT_EQ(Connect(fixed, b_address_), Ok());
  EXPECT_EQ(Disconnect(fixed), Ok());
  EXPECT_EQ(AddressOf(fixed), address);
}

TEST_P(UdpConformanceTest, EverywhereIsHereToo) {
  const bool v6 = family() == AF_INET6;
  const int everywhere = BoundTo(v6 ? "[::]:0" : "0.0.0.0:0");
  const Address address = AddressOf(everywhere);
  // As a destination it is this host.
  SayTo(a_, address, "x");
  EXPECT_EQ(Sender(everywhere), a_address_);
  const Address here = *Address::Parse(
      absl::StrCat(v6 ? "[::1]:" : "127.0.0.1:", address.port()));
  SayTo(a_, here, "y");
  EXPECT_EQ(Hear(everywhere), "y");
  SayTo(everywhere, a_address_, "z");
  EXPECT_EQ(Sender(a_), here);
  EXPECT_EQ(Connect(a_, address), Ok());
  EXPECT_EQ(PeerOf(a_), here);
}

TEST_P(UdpConformanceTest, WhatIsTooLongIsRefused) {
  const int64_t most = family() == AF_INET ? 65507 : 65527;
  const auto bytes = [](int64_t count) {
    return std::string(static_cast<size_t>(count), 'x');
  };
  EXPECT_EQ(SendTo(a_, b_address_, bytes(most)), Ok(most));
  Await(b_, EPOLLIN);
  EXPECT_EQ(Recv(b_, 1 << 17), bytes(most));
  EXPECT_EQ(SendTo(a_, b_address_, bytes(most + 1)), Error(EMSGSIZE));
  EXPECT_EQ(Send(a_, bytes(most + 1)), Error(EDESTADDRREQ));
  EXPECT_EQ(Send(a_, bytes(1 << 20)),
            family() == AF_INET ? Error(EMSGSIZE) : Error(EDESTADDRREQ));
  EXPECT_EQ(SendTo(a_, b_address_, bytes(1 << 20)), Error(EMSGSIZE));
}

TEST_P(UdpConformanceTest, PortZeroIsNowhere) {
  const Address nowhere = FreeAddress();
  EXPECT_EQ(SendTo(a_, nowhere, "x"), Error(EINVAL));
}

TEST_P(UdpConformanceTest, WhatNobodyReadsIsLost) {
  // More than anybody has room for.
  const std::string large(16 * 1024, 'x');
  int sent = 0;
  for (; sent < 100; ++sent) SayTo(a_, b_address_, large);
  int received = 0;
  while (Recv(b_, large.size()) != "EAGAIN") ++received;
  EXPECT_GT(received, 1);
  EXPECT_LT(received, sent);
  // Then there is room again.
  SayTo(a_, b_address_, "x");
  EXPECT_EQ(Hear(b_), "x");
}

TEST_P(UdpConformanceTest, APortWhereNobodyIsRefuses) {
  const Address nobody = Nobody(family() == AF_INET ? "127.0.0.1" : "[::1]");
  EXPECT_EQ(Connect(a_, nobody), Ok());
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a_, EPOLLIN | kEdge), Ok());
  // The answer comes after the call.
  Say(a_, "x");
  EXPECT_EQ(Wait(set), (Events{{a_, EPOLLERR}}));
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Poll(a_), EPOLLOUT | uint32_t{EPOLLERR});
  // Whatever is called first tells it.
  EXPECT_EQ(Recv(a_), "ECONNREFUSED");
  EXPECT_EQ(Recv(a_), "EAGAIN");
  Say(a_, "x");
  Await(a_, EPOLLERR);
  EXPECT_EQ(Send(a_, "x"), Error(ECONNREFUSED));
  Say(a_, "x");
  Await(a_, EPOLLERR);
  EXPECT_EQ(SendTo(a_, b_address_, "x"), Error(ECONNREFUSED));
  Say(a_, "x");
  Await(a_, EPOLLERR);
  EXPECT_EQ(TakeError(a_), ECONNREFUSED);
  EXPECT_EQ(TakeError(a_), 0);
  Say(a_, "x");
  Await(a_, EPOLLERR);
  TestMessage message = TestMessage::ForBytes(1);
  std::array<mmsghdr, 1> in = {mmsghdr{message.header(), 0}};
  EXPECT_EQ(kernel().RecvMMsg(a_, absl::MakeSpan(in), 0), Error(ECONNREFUSED));
  EXPECT_EQ(kernel().RecvMMsg(a_, absl::MakeSpan(in), 0), Error(EAGAIN));
}

TEST_P(UdpConformanceTest, ARefusalIsToldBeforeWhatCame) {
  const int gone = BoundTo(FreeAddress());
  const Address nobody = AddressOf(gone);
  SayTo(gone, a_address_, "early");
  Await(a_, EPOLLIN);
  EXPECT_EQ(Connect(a_, nobody), Ok());
  Close(gone);
  Say(a_, "x");
  Await(a_, EPOLLERR | EPOLLIN);
  EXPECT_EQ(Recv(a_), "ECONNREFUSED");
  EXPECT_EQ(Recv(a_), "early");
}

TEST_P(UdpConformanceTest, OnlyConnectedSocketsAreRefused) {
  const Address nobody = Nobody(family() == AF_INET ? "127.0.0.1" : "[::1]");
  SayTo(a_, nobody, "x");
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
  // Nor by others than they are connected to.
  EXPECT_EQ(Connect(a_, b_address_), Ok());
  SayTo(a_, nobody, "x");
  EXPECT_EQ(Poll(a_), uint32_t{EPOLLOUT});
  EXPECT_EQ(TakeError(a_), 0);
}

TEST_P(UdpConformanceTest, TcpAndUdpHaveTheirOwnPorts) {
  const int listener = Socket(family());
  EXPECT_EQ(Bind(listener, a_address_), Ok());
  EXPECT_EQ(kernel().Listen(listener, 1), Ok());
  const int client = Socket(family());
  EXPECT_EQ(Connect(client, a_address_), Error(EINPROGRESS));
  Accept(listener);
  EXPECT_EQ(Recv(a_), "EAGAIN");
}

TEST_P(UdpConformanceTest, AnAddressIsGivenOnce) {
  struct Case {
    int option;
    bool first_has_it;
    bool second_has_it;
    SysResult bind;
  };
  const Case cases[] = {
      {SO_REUSEADDR, false, false, Error(EADDRINUSE)},
      {SO_REUSEADDR, true, false, Error(EADDRINUSE)},
      {SO_REUSEADDR, false, true, Error(EADDRINUSE)},
      {SO_REUSEADDR, true, true, Ok()},
      {SO_REUSEPORT, true, false, Error(EADDRINUSE)},
      {SO_REUSEPORT, true, true, Ok()},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(&c - cases);
    const int first = Datagrams(family());
    const int second = Datagrams(family());
    EXPECT_EQ(Set(first, c.option, c.first_has_it), Ok());
    EXPECT_EQ(Set(second, c.option, c.second_has_it), Ok());
    EXPECT_EQ(Bind(first, FreeAddress()), Ok());
    EXPECT_EQ(Bind(second, AddressOf(first)), c.bind);
  }
}

TEST_P(UdpConformanceTest, OfTwoThatReuseAnAddressTheLastIsHeard) {
  std::array<int, 2> sockets = {};
  Address address = FreeAddress();
  for (int& socket : sockets) {
    socket = Datagrams(family());
    EXPECT_EQ(Set(socket, SO_REUSEADDR, 1), Ok());
    EXPECT_EQ(Bind(socket, address), Ok());
    address = AddressOf(socket);
  }
  SayTo(a_, address, "x");
  EXPECT_EQ(Hear(sockets[1]), "x");
  // Who is connected to the sender comes first.
  EXPECT_EQ(Connect(sockets[0], a_address_), Ok());
  SayTo(a_, address, "y");
  EXPECT_EQ(Hear(sockets[0]), "y");
  SayTo(b_, address, "z");
  EXPECT_EQ(Hear(sockets[1]), "z");
  EXPECT_EQ(Recv(sockets[0]), "EAGAIN");
}

TEST_P(UdpConformanceTest, OneAddressIsNearerThanAll) {
  const bool v6 = family() == AF_INET6;
  const int everywhere = Datagrams(family());
  const int here = Datagrams(family());
  for (int socket : {everywhere, here}) {
    EXPECT_EQ(Set(socket, SO_REUSEADDR, 1), Ok());
  }
  EXPECT_EQ(Bind(here, FreeAddress()), Ok());
  const Address address = AddressOf(here);
  EXPECT_EQ(
      Bind(everywhere, absl::StrCat(v6 ? "[::]:" : "0.0.0.0:", address.port())),
      Ok());
  SayTo(a_, address, "x");
  EXPECT_EQ(Hear(here), "x");
  EXPECT_EQ(Recv(everywhere), "EAGAIN");
  Close(here);
  SayTo(a_, address, "y");
  EXPECT_EQ(Hear(everywhere), "y");
}

TEST_P(UdpConformanceTest, SharersOfAPortHearAll) {
  std::array<int, 2> sockets = {};
  Address address = FreeAddress();
  for (int& socket : sockets) {
    socket = Datagrams(family());
    EXPECT_EQ(Set(socket, SO_REUSEPORT, 1), Ok());
    EXPECT_EQ(Bind(socket, address), Ok());
    address = AddressOf(socket);
  }
  // Which of them is Linux's choice.
  for (int i = 0; i < 10; ++i) SayTo(a_, address, "x");
  int heard = 0;
  for (int socket : sockets) {
    while (Recv(socket) == "x") ++heard;
  }
  EXPECT_EQ(heard, 10);
}

TEST_P(UdpConformanceTest, DescriptorsAreNotLookedAt) {
  EXPECT_EQ(
      kernel().SendMsg(
          a_,
          TestMessage::Of({"x"}).To(b_address_).WithDescriptors({-1}).header(),
          MSG_NOSIGNAL),
      Ok(1));
  Await(b_, EPOLLIN);
  TestMessage message = TestMessage::ForBytes(1).WithRoomForDescriptors(1);
  EXPECT_EQ(RecvMsg(b_, message), Ok(1));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_EQ(message.control_bytes(), 0u);
}

TEST_P(KernelDatagramConformanceTest, UdpAddressesThatAreNotOurs) {
  const int socket = Datagrams(AF_INET);
  EXPECT_EQ(Bind(socket, "192.0.2.1:0"), Error(EADDRNOTAVAIL));
  EXPECT_EQ(Bind(socket, "[::1]:0"), Error(EAFNOSUPPORT));
}

TEST_P(KernelDatagramConformanceTest, UdpElsewhereOnLoopback) {
  const int elsewhere = BoundTo("127.0.0.2:0");
  const int socket = Datagrams(AF_INET);
  EXPECT_EQ(Connect(socket, AddressOf(elsewhere)), Ok());
  EXPECT_EQ(AddressOf(socket).ToString(),
            absl::StrCat("127.0.0.1:", AddressOf(socket).port()));
  Say(socket, "x");
  EXPECT_EQ(Sender(elsewhere), AddressOf(socket));
}

TEST_P(KernelDatagramConformanceTest, KindsOfSockets) {
  std::array<int, 2> pair;
  EXPECT_EQ(kernel().SocketPair(AF_INET, SOCK_DGRAM, 0, pair),
            Error(EOPNOTSUPP));
  EXPECT_EQ(kernel().Socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP),
            Error(EPROTONOSUPPORT));
  Must(kernel().Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
  EXPECT_EQ(kernel().Socket(AF_UNIX, SOCK_DGRAM, IPPROTO_UDP),
            Error(EPROTONOSUPPORT));
}

// IPv6 by itself: IPV6_V6ONLY, which the fake always has and Linux is asked
// for.
TEST_P(KernelDatagramConformanceTest, Ipv6MayBeAlone) {
  const int on = 1;
  const int v6 = Datagrams(AF_INET6);
  EXPECT_EQ(kernel().SetSockOpt(v6, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)),
            Ok());
  int told = 0;
  socklen_t length = sizeof(told);
  EXPECT_EQ(kernel().GetSockOpt(v6, IPPROTO_IPV6, IPV6_V6ONLY, &told, &length),
            Ok());
  EXPECT_EQ(told, 1);
  EXPECT_EQ(Bind(v6, "[::]:0"), Ok());
  const uint16_t port = AddressOf(v6).port();
  // The same port is free for IPv4, and another one.
  const int v4 = BoundTo(absl::StrCat("0.0.0.0:", port));
  const int sender = Datagrams(AF_INET);
  SayTo(sender, *Address::Parse(absl::StrCat("127.0.0.1:", port)), "x");
  EXPECT_EQ(Hear(v4), "x");
  EXPECT_EQ(Recv(v6), "EAGAIN");
  EXPECT_EQ(SendTo(v6, AddressOf(v4), "x"), Error(ENETUNREACH));
}

// Unix.

TEST_P(KernelDatagramConformanceTest, APairIsConnectedBothWays) {
  const auto [a, b] = DatagramPair();
  EXPECT_EQ(Poll(a), uint32_t{EPOLLOUT});
  EXPECT_EQ(PeerOf(a).length(), sizeof(sa_family_t));
  Say(a, "ping");
  TestMessage message = TestMessage::ForBytes(10).WithNameRoom();
  EXPECT_EQ(RecvMsg(b, message), Ok(4));
  EXPECT_EQ(message.name_length(), 0u);
  Say(b, "pong");
  EXPECT_EQ(Recv(a), "pong");
}

TEST_P(KernelDatagramConformanceTest, ASenderIsRefusedOnceWhenItsPeerHasGone) {
  const auto [a, b] = DatagramPair();
  Say(b, "last");
  Close(b);
  // Nothing is told before.
  EXPECT_EQ(Poll(a), EPOLLIN | uint32_t{EPOLLOUT});
  EXPECT_EQ(PeerOf(a).length(), sizeof(sa_family_t));
  EXPECT_EQ(Recv(a), "last");
  EXPECT_EQ(Recv(a), "EAGAIN");
  EXPECT_EQ(Send(a, "x"), Error(ECONNREFUSED));
  EXPECT_EQ(WhyNoPeer(a), Error(ENOTCONN));
  EXPECT_EQ(Send(a, "x"), Error(ENOTCONN));
}

TEST_P(KernelDatagramConformanceTest, WhatWasNotReadIsLostWithTheConnection) {
  const auto [a, b] = DatagramPair();
  Say(b, "never read");
  Close(b);
  EXPECT_EQ(Send(a, "x"), Error(ECONNREFUSED));
  EXPECT_EQ(Recv(a), "EAGAIN");
  // Who is there is told.
  const auto [c, d] = DatagramPair();
  Say(d, "never read");
  EXPECT_EQ(Disconnect(c), Ok());
  EXPECT_EQ(Recv(c), "EAGAIN");
  EXPECT_EQ(Poll(d) & EPOLLERR, uint32_t{EPOLLERR});
  EXPECT_EQ(Send(d, "x"), Error(ECONNRESET));
  Say(d, "x");
  EXPECT_EQ(Recv(c), "x");
}

TEST_P(KernelDatagramConformanceTest, UnixNames) {
  const int socket = Datagrams(AF_UNIX);
  const Address path = *Address::Parse(UnixName("path"));
  const Address name = *Address::Parse(UnixName("abstract"));
  EXPECT_EQ(SendTo(socket, path, "x"), Error(ENOENT));
  EXPECT_EQ(SendTo(socket, name, "x"), Error(ECONNREFUSED));
  EXPECT_EQ(Connect(socket, path), Error(ENOENT));
  EXPECT_EQ(Connect(socket, name), Error(ECONNREFUSED));
  for (const Address& address : {path, name}) {
    const int server = BoundTo(address);
    SayTo(socket, address, "x");
    EXPECT_EQ(Sender(server).length(), 0u);
    EXPECT_EQ(Connect(socket, address), Ok());
    EXPECT_EQ(PeerOf(socket), address);
    Close(server);
    EXPECT_EQ(SendTo(socket, address, "x"), Error(ECONNREFUSED));
    EXPECT_EQ(Send(socket, "x"), Error(ECONNREFUSED));
  }
}

TEST_P(KernelDatagramConformanceTest, ANameThatComesLateIsToldOfWhatWasSent) {
  const std::string name = UnixName("abstract");
  const int server = BoundTo(name);
  const int client = Datagrams(AF_UNIX);
  SayTo(client, *Address::Parse(name), "x");
  const Address late = *Address::Parse(UnixName("abstract"));
  EXPECT_EQ(Bind(client, late), Ok());
  Close(client);
  EXPECT_EQ(Sender(server), late);
}

TEST_P(KernelDatagramConformanceTest, PathsAreSharedNamesAreNot) {
  const std::string path = UnixName("path");
  const std::string name = UnixName("abstract");
  BoundTo(path);
  BoundTo(name);
  EXPECT_EQ(Connect(Socket(AF_UNIX), *Address::Parse(path)), Error(EPROTOTYPE));
  EXPECT_EQ(Connect(Socket(AF_UNIX), *Address::Parse(name)),
            Error(ECONNREFUSED));
  EXPECT_EQ(Bind(Socket(AF_UNIX), path), Error(EADDRINUSE));
  UnixListener(name);
  EXPECT_EQ(Connect(Socket(AF_UNIX), *Address::Parse(name)), Ok());
  const std::string stream = UnixName("path");
  UnixListener(stream);
  EXPECT_EQ(SendTo(Datagrams(AF_UNIX), *Address::Parse(stream), "x"),
            Error(EPROTOTYPE));
}

TEST_P(KernelDatagramConformanceTest, ElevenForWhoDoesNotAnswer) {
  const std::string name = UnixName("abstract");
  const int server = BoundTo(name);
  const int client = Datagrams(AF_UNIX);
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  for (int i = 0; i < 11; ++i) Say(client, "x");
  EXPECT_EQ(Send(client, "x"), Error(EAGAIN));
  EXPECT_EQ(SendTo(Datagrams(AF_UNIX), *Address::Parse(name), "x"),
            Error(EAGAIN));
  EXPECT_EQ(Poll(client), 0u);
  const int set = EpollSet();
  EXPECT_EQ(Add(set, client, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set, kNow), Events());
  EXPECT_EQ(Recv(server), "x");
  EXPECT_EQ(Wait(set, kNow), (Events{{client, EPOLLOUT}}));
  Say(client, "x");
  EXPECT_EQ(Send(client, "x"), Error(EAGAIN));
  // An unconnected socket is writable all the same.
  EXPECT_EQ(Poll(Datagrams(AF_UNIX)), uint32_t{EPOLLOUT});
}

TEST_P(KernelDatagramConformanceTest, WhoWaitsIsToldWhenAnothersAreRead) {
  const std::string name = UnixName("abstract");
  const int server = BoundTo(name);
  const int other = Datagrams(AF_UNIX);
  for (int i = 0; i < 11; ++i) SayTo(other, *Address::Parse(name), "x");
  const std::string own_name = UnixName("abstract");
  const int client = BoundTo(own_name);
  SayTo(other, *Address::Parse(own_name), "for the client");
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  const int writes = EpollSet();
  const int reads = EpollSet();
  EXPECT_EQ(Add(writes, client, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Add(reads, client, EPOLLIN | kEdge), Ok());
  EXPECT_EQ(Wait(writes, kNow), Events());
  EXPECT_EQ(Wait(reads, kNow), (Events{{client, EPOLLIN}}));
  EXPECT_EQ(Recv(server), "x");
  EXPECT_EQ(Wait(writes, kNow), (Events{{client, EPOLLOUT}}));
  // There is nothing new to read.
  EXPECT_EQ(Wait(reads, kNow), Events());
}

TEST_P(KernelDatagramConformanceTest, WhoWaitsForASocketThatGoesIsTold) {
  const std::string name = UnixName("abstract");
  const int server = BoundTo(name);
  const int client = Datagrams(AF_UNIX);
  EXPECT_EQ(Connect(client, *Address::Parse(name)), Ok());
  for (int i = 0; i < 11; ++i) Say(client, "x");
  const int set = EpollSet();
  EXPECT_EQ(Add(set, client, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set, kNow), Events());
  Close(server);
  EXPECT_EQ(Wait(set, kNow), (Events{{client, EPOLLOUT}}));
  EXPECT_EQ(Send(client, "x"), Error(ECONNREFUSED));
}

TEST_P(KernelDatagramConformanceTest, APairHoldsWhatItsBufferHolds) {
  const auto [a, b] = DatagramPair();
  const std::string chunk(1000, 'x');
  const int set = EpollSet();
  EXPECT_EQ(Add(set, a, EPOLLOUT | kEdge), Ok());
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLOUT}}));
  int sent = 0;
  while (Send(a, chunk).ok()) ++sent;
  EXPECT_EQ(Send(a, chunk), Error(EAGAIN));
  EXPECT_GT(sent, 20);
  EXPECT_EQ(Poll(a), 0u);
  EXPECT_EQ(Wait(set, kNow), Events());
  int received = 0;
  while (Recv(b, chunk.size()) == chunk) ++received;
  EXPECT_EQ(received, sent);
  EXPECT_EQ(Wait(set, kNow), (Events{{a, EPOLLOUT}}));
}

TEST_P(KernelDatagramConformanceTest, AUnixDatagramIsNotTooLong) {
  const auto [a, b] = DatagramPair();
  EXPECT_EQ(Send(a, std::string(1 << 20, 'x')), Error(EMSGSIZE));
  const std::string large(100'000, 'x');
  Say(a, large);
  EXPECT_EQ(Recv(b, 1 << 20), large);
}

TEST_P(KernelDatagramConformanceTest, ABlockingSenderWaitsForItsReader) {
  // Linux needs a second thread for the rest.
  std::array<int, 2> pair;
  EXPECT_EQ(kernel().SocketPair(AF_UNIX, SOCK_DGRAM, 0, pair), Ok());
  Must(Ok(pair[0]));
  Must(Ok(pair[1]));
  SysResult sent = Ok();
  while (sent.ok()) {
    sent = kernel().Send(pair[0], {"x", 1}, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  EXPECT_EQ(sent, Error(EAGAIN));
}

}  // namespace
}  // namespace pollux
