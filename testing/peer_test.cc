#include "testing/peer.h"

#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"

namespace pollux {
namespace {

// The other end is a blocking socket of a host: its calls let time pass.
class PeerTest : public testing::Test {
 protected:
  int Accept() {
    const SysResult result =
        kernel_.Accept4(listener_.descriptor(), nullptr, nullptr, 0);
    EXPECT_TRUE(result.ok());
    return result.descriptor();
  }

  // -errno if it fails.
  int64_t Recv(int socket, std::string& bytes) {
    char buffer[16];
    const SysResult result = kernel_.Recv(socket, absl::MakeSpan(buffer), 0);
    if (!result.ok()) return -result.error();
    bytes.append(buffer, static_cast<size_t>(result.value()));
    return result.value();
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("127.0.0.1:80");
  Socket listener_ = [this] {
    Socket socket = *Socket::Listen(kernel_, address_, {.backlog = 8});
    return socket;
  }();
  Peer peer_{world_, "peer"};
};

TEST_F(PeerTest, SendsInPiecesOverTime) {
  // The listener does not block, so time has to pass by itself.
  peer_.Connect(address_).SendInPieces("abcdef", 2, absl::Seconds(1)).Close();
  world_.PassAll(absl::ZeroDuration());
  const MonotonicTime before = world_.time().Now();
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 0);
  EXPECT_EQ(bytes, "abcdef");
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(2));
  EXPECT_TRUE(peer_.done());
}

TEST_F(PeerTest, IsToldWhenNobodyListens) {
  peer_.Connect(*Address::Parse("127.0.0.1:81")).Do([] {});
  world_.PassAll(absl::Seconds(1));
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(peer_.unmet(),
            "peer: no connection to 127.0.0.1:81: the connection ended "
            "(ECONNREFUSED) after nothing");
  EXPECT_EQ(peer_.error(), ECONNREFUSED);
}

TEST_F(PeerTest, AwaitsWhatItIsSent) {
  peer_.Connect(address_).AwaitText("lo", 2).Send("thanks");
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hello ", 6}, 0).value(), 6);
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(kernel_.Send(socket, {"hello ", 6}, 0).value(), 6);
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 6);
  EXPECT_EQ(peer_.received(), "hello hello ");
}

TEST_F(PeerTest, HalfClosesAndStillReads) {
  peer_.Connect(address_).HalfClose().AwaitEnd();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 0);
  EXPECT_EQ(kernel_.Send(socket, {"bye", 3}, 0).value(), 3);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(peer_.received(), "bye");
  EXPECT_TRUE(peer_.saw_end());
  EXPECT_TRUE(peer_.done());
}

TEST_F(PeerTest, Resets) {
  peer_.Connect(address_).Reset();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), -ECONNRESET);
}

TEST_F(PeerTest, ReadsSlowly) {
  peer_.Connect(address_).ReadSlowly(4, absl::Seconds(1)).AwaitBytes(12);
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"abcdefghijkl", 12}, 0).value(), 12);
  world_.PassAll(absl::Milliseconds(1500));
  EXPECT_EQ(peer_.received(), "abcd");
  world_.PassAll(absl::Seconds(10));
  EXPECT_EQ(peer_.received(), "abcdefghijkl");
}

TEST_F(PeerTest, VanishesWithoutAWord) {
  peer_.Connect(address_).Vanish();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"anybody?", 8}, 0).value(), 8);
  const auto pass = [this](absl::Duration time) {
    world_.time().After(time, [] {});
    world_.PassAll(time);
  };
  pass(absl::Minutes(15));
  EXPECT_EQ(peer_.received(), "");
  char buffer[1];
  EXPECT_EQ(kernel_.Recv(socket, absl::MakeSpan(buffer), MSG_DONTWAIT).error(),
            EAGAIN);
  pass(absl::Minutes(1));
  EXPECT_EQ(kernel_.Recv(socket, absl::MakeSpan(buffer), MSG_DONTWAIT).error(),
            ETIMEDOUT);
}

TEST_F(PeerTest, ActsBeforeACallLooksUpItsDescriptor) {
  const int listener = listener_.descriptor();
  peer_.Connect(address_).AwaitText("x").Do([&] { listener_.Close(); });
  Peer second(world_, "second");
  second.Connect(address_);
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"x", 1}, 0).value(), 1);
  EXPECT_EQ(kernel_.Accept4(listener, nullptr, nullptr, SOCK_NONBLOCK).error(),
            EBADF);
}

TEST_F(PeerTest, MayCloseADescriptorThatABlockingCallWaitsOn) {
  const int flags = static_cast<int>(
      kernel_.Fcntl(listener_.descriptor(), F_GETFL, 0).value());
  ASSERT_TRUE(
      kernel_.Fcntl(listener_.descriptor(), F_SETFL, flags & ~O_NONBLOCK).ok());
  peer_.Wait(absl::Seconds(1))
      .Do([&] { listener_.Close(); })
      .Connect(address_)
      .Send("late");
  // As in Linux, the call that waits keeps the file.
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 4);
  // Nothing is left of it when the call has returned.
  Peer second(world_, "second");
  second.Connect(address_);
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(second.error(), ECONNREFUSED);
}

TEST_F(PeerTest, MayCloseAnEpollSetThatIsWaitedOn) {
  const int epoll = kernel_.EpollCreate1(0).descriptor();
  peer_.Wait(absl::Seconds(1)).Do([&] {
    EXPECT_TRUE(kernel_.Close(epoll).ok());
  });
  epoll_event events[1];
  EXPECT_EQ(kernel_.EpollPwait2(epoll, events, absl::Seconds(2)).value(), 0);
}

TEST_F(PeerTest, MayCloseASocketThatReceivesSeveralMessages) {
  peer_.Connect(address_);
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  peer_.Wait(absl::Seconds(1))
      .Do([&] { EXPECT_TRUE(kernel_.Close(socket).ok()); })
      .Send("a")
      .Wait(absl::Seconds(1))
      .Send("b");
  std::array<char, 8> bytes;
  iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  std::array<mmsghdr, 2> messages = {};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &piece;
    message.msg_hdr.msg_iovlen = 1;
  }
  EXPECT_EQ(
      kernel_.RecvMMsg(socket, absl::MakeSpan(messages), /*flags=*/0).value(),
      2);
}

TEST_F(PeerTest, DoesNotActWithinTheTurnOfAnother) {
  std::string order;
  Peer second(world_, "second");
  second.Connect(address_).AwaitText("x").Do([&] { order += "second "; });
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  peer_
      .Do([&] {
        EXPECT_EQ(kernel_.Send(socket, {"x", 1}, 0).value(), 1);
        char buffer[1];
        EXPECT_EQ(
            kernel_.Recv(socket, absl::MakeSpan(buffer), MSG_DONTWAIT).error(),
            EAGAIN);
        order += "first ";
      })
      .Do([&] { order += "first "; });
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(order, "first first second ");
}

TEST_F(PeerTest, IsNotDoneIfTheTextItAwaitsNeverCame) {
  bool went_on = false;
  peer_.Connect(address_).AwaitText("hello").Do([&] { went_on = true; });
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hell", 4}, 0).value(), 4);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(went_on);
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(peer_.unmet(),
            "peer: \"hello\" was not received: the connection ended after "
            "\"hell\"");
}

TEST_F(PeerTest, IsNotDoneIfTheBytesItAwaitsNeverCame) {
  peer_.Connect(address_).AwaitBytes(5);
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(kernel_.Close(Accept()).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(peer_.unmet(),
            "peer: 5 bytes were not received: the connection ended after "
            "nothing");
}

TEST_F(PeerTest, IsNotDoneIfItCouldNotSend) {
  peer_.Connect(address_).Close().Send("hello");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(peer_.unmet(),
            "peer: 5 bytes were not sent: the connection ended after nothing");
}

TEST_F(PeerTest, TheFirstUnmetStepIsTold) {
  peer_.Connect(address_).AwaitText("a").Close().Send("b").AwaitText("c");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(kernel_.Close(Accept()).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(peer_.unmet(),
            "peer: \"a\" was not received: the connection ended after "
            "nothing");
}

TEST_F(PeerTest, IsDoneWhenTheTextItAwaitsCameBeforeTheEnd) {
  peer_.Connect(address_).AwaitText("hello").AwaitBytes(5).AwaitEnd();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hello", 5}, 0).value(), 5);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(peer_.done()) << peer_.unmet();
}

class ExpectTextTest : public PeerTest {
 protected:
  ExpectTextTest() {
    world_.set_on_failure(
        [this](const std::string& failure) { failures_.push_back(failure); });
  }

  std::vector<std::string> failures_;
};

TEST_F(ExpectTextTest, HoldsWhenTheTextCame) {
  peer_.Connect(address_).ExpectText("lo", 2);
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hello hello", 11}, 0).value(), 11);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(peer_.done());
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ExpectTextTest, FailsTheRunWhenTheConnectionEnds) {
  bool went_on = false;
  peer_.Connect(address_).ExpectText("lo", 2).Do([&] { went_on = true; });
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hello", 5}, 0).value(), 5);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  // So that what stops the program is not forgotten.
  EXPECT_TRUE(went_on);
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(failures_,
            std::vector<std::string>{"peer: \"lo\" 2 times was not received: "
                                     "the connection ended after \"hello\""});
}

TEST_F(ExpectTextTest, FailsTheRunWhenItIsDestroyedBefore) {
  {
    Peer peer(world_, "short");
    peer.Connect(address_).ExpectText("a");
    world_.PassAll(absl::ZeroDuration());
  }
  EXPECT_EQ(failures_,
            std::vector<std::string>{"short: \"a\" was not received when the "
                                     "test ended, after nothing"});
}

TEST(ExpectTextDefaultTest, FailsTheGoogleTestThatRuns) {
  EXPECT_NONFATAL_FAILURE(
      {
        FakeWorld world;
        Peer peer(world, "peer");
        peer.Connect(*Address::Parse("127.0.0.1:80")).ExpectText("a");
        world.PassAll(absl::ZeroDuration());
      },
      "peer: \"a\" was not received: the connection ended (ECONNREFUSED) after "
      "nothing (seed 1)");
}

TEST_F(PeerTest, MayNotBeDestroyedByItsOwnScript) {
  auto peer = std::make_unique<Peer>(world_, "hasty");
  peer->Do([&] { peer.reset(); });
  EXPECT_DEATH(world_.PassAll(absl::ZeroDuration()),
               "destroyed by a step of its own script");
}

TEST_F(PeerTest, StepsWaitForAStepThatLetsTimePass) {
  std::string order;
  Peer second(world_, "second");
  second.Connect(address_).Wait(absl::Seconds(1)).Send("x");
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  peer_.Connect(address_)
      .Do([&] {
        std::string bytes;
        EXPECT_EQ(Recv(socket, bytes), 1);
        order += "first ";
      })
      .Do([&] { order += "second "; });
  // Ends the connection while the first step waits: something has happened.
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(order, "first second ");
}

// The other way round: the host connects to a peer.
class ServingPeerTest : public testing::Test {
 protected:
  SysResult Connect(const Address& address, int flags = 0) {
    const SysResult socket =
        kernel_.Socket(address.family(), SOCK_STREAM | flags, 0);
    socket_ = socket.descriptor();
    return kernel_.Connect(socket_, address.data(), address.length());
  }
  SysResult Send(absl::string_view bytes) {
    return kernel_.Send(socket_, {bytes.data(), bytes.size()}, MSG_NOSIGNAL);
  }
  std::string Recv() {
    char buffer[100];
    const SysResult result = kernel_.Recv(socket_, absl::MakeSpan(buffer), 0);
    if (!result.ok()) return ::strerrorname_np(result.error());
    return std::string(buffer, static_cast<size_t>(result.value()));
  }
  int TakeError() {
    int error = 0;
    socklen_t length = sizeof(error);
    EXPECT_TRUE(
        kernel_.GetSockOpt(socket_, SOL_SOCKET, SO_ERROR, &error, &length)
            .ok());
    return error;
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("127.0.0.1:80");
  Peer server_{world_, "server"};
  // Blocks: its calls let time pass.
  int socket_ = -1;
};

TEST_F(ServingPeerTest, AnswersWhoConnects) {
  for (const char* text : {"127.0.0.1:80", "[::1]:80", "unix:@a", "unix:a"}) {
    SCOPED_TRACE(text);
    const Address address = *Address::Parse(text);
    Peer server(world_, text);
    server.Listen(address).AwaitText("?").Send("!").Close();
    ASSERT_TRUE(Connect(address).ok());
    EXPECT_EQ(Send("ha?").value(), 3);
    EXPECT_EQ(Recv(), "!");
    EXPECT_EQ(Recv(), "");
    EXPECT_TRUE(server.done());
    EXPECT_EQ(server.received(), "ha?");
  }
}

// [SERVERS]
// The first answers one connection and resets the next. The second has one at
// the same time, and says nothing.
void Serve(const pollux::Address& address, pollux::Peer& first,
           pollux::Peer& second) {
  first.Listen(address)
      .AwaitText("\r\n\r\n")
      .Send("HTTP/1.1 204 No Content\r\n\r\n")
      .Close()
      .Accept()
      .Reset();
  second.ListenWith(first);
}
// [/SERVERS]

TEST_F(ServingPeerTest, AsInTheReadme) {
  Peer second(world_, "second");
  Serve(address_, server_, second);
  std::array<int, 3> sockets = {};
  for (int& socket : sockets) {
    ASSERT_TRUE(Connect(address_).ok());
    socket = socket_;
  }
  socket_ = sockets[0];
  EXPECT_TRUE(Send("GET / HTTP/1.1\r\n\r\n").ok());
  EXPECT_EQ(Recv(), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(Recv(), "");
  socket_ = sockets[2];
  EXPECT_EQ(Recv(), "ECONNRESET");
  EXPECT_TRUE(server_.done());
  EXPECT_TRUE(second.is_connected());
}

TEST_F(ServingPeerTest, TellsThePortThatItGot) {
  server_.Listen(*Address::Parse("127.0.0.1:0")).Send("hello");
  EXPECT_NE(server_.address().port(), 0);
  ASSERT_TRUE(Connect(server_.address()).ok());
  EXPECT_EQ(Recv(), "hello");
}

TEST_F(ServingPeerTest, ServesOneAfterAnother) {
  std::string first;
  server_.Listen(address_)
      .AwaitText("a")
      .Do([&] { first = server_.received(); })
      .Accept()
      .AwaitText("b")
      .Reset();
  ASSERT_TRUE(Connect(address_).ok());
  const int one = socket_;
  ASSERT_TRUE(Connect(address_).ok());
  EXPECT_EQ(Send("b").value(), 1);
  EXPECT_EQ(kernel_.Send(one, {"a", 1}, MSG_NOSIGNAL).value(), 1);
  EXPECT_EQ(Recv(), "ECONNRESET");
  EXPECT_EQ(first, "a");
  EXPECT_EQ(server_.received(), "b");
  // Who came first was closed.
  socket_ = one;
  EXPECT_EQ(Recv(), "");
}

TEST_F(ServingPeerTest, ServesSeveralAtOnce) {
  Peer second(world_, "second");
  server_.Listen(address_).AwaitText("x").Send("first");
  second.ListenWith(server_).Send("second");
  ASSERT_TRUE(Connect(address_).ok());
  const int one = socket_;
  ASSERT_TRUE(Connect(address_).ok());
  EXPECT_EQ(Recv(), "second");
  EXPECT_FALSE(server_.done());
  socket_ = one;
  EXPECT_EQ(Send("x").value(), 1);
  EXPECT_EQ(Recv(), "first");
}

TEST_F(ServingPeerTest, AcceptsLate) {
  server_.ListenOnly(address_, /*backlog=*/1)
      .Wait(absl::Seconds(10))
      .Accept()
      .Send("late");
  ASSERT_TRUE(Connect(address_).ok());
  const MonotonicTime before = world_.time().Now();
  EXPECT_EQ(Recv(), "late");
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(10));
}

TEST_F(ServingPeerTest, IgnoresWhoConnects) {
  server_.Ignore(address_);
  EXPECT_EQ(Connect(address_, SOCK_NONBLOCK).error(), EINPROGRESS);
  const MonotonicTime before = world_.time().Now();
  // All SYNs but the answer to the last.
  world_.PassAll(absl::Seconds(130));
  EXPECT_EQ(
      kernel_.Connect(socket_, address_.data(), address_.length()).error(),
      EALREADY);
  world_.PassAll(absl::Seconds(130));
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(131));
  EXPECT_EQ(TakeError(), ETIMEDOUT);
  const Address name = *Address::Parse("unix:@a");
  server_.Ignore(name);
  EXPECT_EQ(Connect(name, SOCK_NONBLOCK).error(), EAGAIN);
}

TEST_F(ServingPeerTest, RefusesWhoConnects) {
  for (const char* text : {"127.0.0.1:80", "unix:@a", "unix:a"}) {
    SCOPED_TRACE(text);
    Peer server(world_, text);
    server.Refuse(*Address::Parse(text));
    EXPECT_EQ(Connect(*Address::Parse(text)).error(), ECONNREFUSED);
  }
}

TEST_F(ServingPeerTest, StopsListening) {
  server_.ListenOnly(address_, /*backlog=*/1)
      .Wait(absl::Seconds(1))
      .StopListening();
  ASSERT_TRUE(Connect(address_).ok());
  EXPECT_EQ(Recv(), "ECONNRESET");
  EXPECT_EQ(Connect(address_).error(), ECONNREFUSED);
}

TEST_F(ServingPeerTest, SaysWhenItCannotListen) {
  Peer first(world_, "first");
  first.Listen(address_);
  server_.Listen(address_).AwaitText("never").Close();
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(server_.error(), EADDRINUSE);
  EXPECT_FALSE(server_.done());
  EXPECT_FALSE(first.done());
}

}  // namespace
}  // namespace pollux
