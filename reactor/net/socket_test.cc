#include "reactor/net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/net/address.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class SocketTest : public ReactorFixture {
 protected:
  Socket Open() {
    return Socket(kernel_,
                  kernel_.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  }
  int closes() const { return calls_.Count(SyscallKind::kClose); }

  const Address any_port_ = *Address::Parse("127.0.0.1:0");
};

INSTANTIATE_TEST_SUITE_P(Kernels, SocketTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(SocketTest, ADefaultOneOwnsNothing) {
  Socket socket;
  EXPECT_FALSE(socket.is_open());
  socket.Close();
}

TEST_P(SocketTest, ClosesWhenDestroyed) {
  {
    const Socket socket = Open();
    EXPECT_TRUE(socket.is_open());
    EXPECT_EQ(closes(), 0);
  }
  EXPECT_EQ(closes(), 1);
}

TEST_P(SocketTest, ClosesOnce) {
  {
    Socket socket = Open();
    socket.Close();
    EXPECT_FALSE(socket.is_open());
    socket.Close();
  }
  EXPECT_EQ(closes(), 1);
}

TEST_P(SocketTest, IsNotClosedAgainWhenCloseFails) {
  faults_.FailNext(SyscallKind::kClose, EIO);
  Socket socket = Open();
  socket.Close();
  socket.Close();
  EXPECT_EQ(closes(), 1);
}

TEST_P(SocketTest, MovesItsDescriptor) {
  Socket first = Open();
  const int descriptor = first.descriptor();
  Socket second = std::move(first);
  EXPECT_FALSE(first.is_open());  // NOLINT
  EXPECT_EQ(second.descriptor(), descriptor);
  EXPECT_EQ(closes(), 0);
}

TEST_P(SocketTest, MoveAssignmentClosesWhatItHad) {
  Socket first = Open();
  Socket second = Open();
  const int descriptor = second.descriptor();
  first = std::move(second);
  EXPECT_EQ(closes(), 1);
  EXPECT_EQ(first.descriptor(), descriptor);
}

TEST_P(SocketTest, MoveToItselfIsNothing) {
  Socket socket = Open();
  Socket& same = socket;
  socket = std::move(same);
  EXPECT_TRUE(socket.is_open());
}

TEST_P(SocketTest, ListensWhereItWasTold) {
  const absl::StatusOr<Socket> socket =
      Socket::Listen(kernel_, any_port_, {.backlog = 16});
  ASSERT_TRUE(socket.ok()) << socket.status();
  const absl::StatusOr<Address> address = socket->LocalAddress();
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->family(), AF_INET);
  EXPECT_NE(address->port(), 0);
  EXPECT_EQ(calls_.Of(SyscallKind::kListen)[0].numbers[1], 16);
}

TEST_P(SocketTest, ListensOnAnAbstractUnixName) {
  const Address address = *Address::Parse(
      // Several runs of this test may be at work.
      absl::StrCat("unix:@pollux-socket-test-", getpid()));
  const absl::StatusOr<Socket> socket =
      Socket::Listen(kernel_, address, {.backlog = 16});
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(*socket->LocalAddress(), address);
}

TEST_P(SocketTest, AListenerIsNonBlockingAndCloseOnExecFromBirth) {
  ASSERT_TRUE(Socket::Listen(kernel_, any_port_, {.backlog = 16}).ok());
  EXPECT_EQ(calls_.Of(SyscallKind::kSocket)[0].numbers[1],
            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
}

TEST_P(SocketTest, SaysWhichPortIsInUse) {
  const Socket first = *Socket::Listen(kernel_, any_port_, {.backlog = 16});
  const Address taken = *first.LocalAddress();
  EXPECT_EQ(Socket::Listen(kernel_, taken, {.backlog = 16}).status().message(),
            "bind " + taken.ToString() + ": Address already in use");
}

TEST_P(SocketTest, CanListenAgainAfterAClose) {
  Socket first = *Socket::Listen(kernel_, any_port_, {.backlog = 16});
  const Address address = *first.LocalAddress();
  first.Close();
  EXPECT_TRUE(Socket::Listen(kernel_, address, {.backlog = 16}).ok());
}

TEST_P(SocketTest, SaysWhichCallOfListenFailedAndLeaksNothing) {
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kSocket, "socket 127.0.0.1:0: Too many open files"},
      {SyscallKind::kSetSockOpt,
       "setsockopt SO_REUSEADDR 127.0.0.1:0: Too many open files"},
      {SyscallKind::kListen, "listen 127.0.0.1:0: Too many open files"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, EMFILE);
    EXPECT_EQ(
        Socket::Listen(kernel_, any_port_, {.backlog = 16}).status().message(),
        message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

TEST_P(SocketTest, SetsWhatItsOptionsSay) {
  const Socket socket = *Socket::Listen(kernel_, *Address::Parse("[::1]:0"),
                                        {.backlog = 7,
                                         .reuse_port = true,
                                         .defer_accept = absl::Milliseconds(1),
                                         .congestion_control = "reno",
                                         .ipv6_only = true});
  std::vector<std::pair<int64_t, int64_t>> options;
  for (const SyscallRecord& call : calls_.Of(SyscallKind::kSetSockOpt)) {
    options.push_back({call.numbers[1], call.numbers[2]});
  }
  EXPECT_THAT(options,
              testing::ElementsAre(testing::Pair(SOL_SOCKET, SO_REUSEADDR),
                                   testing::Pair(SOL_SOCKET, SO_REUSEPORT),
                                   testing::Pair(IPPROTO_IPV6, IPV6_V6ONLY),
                                   testing::Pair(IPPROTO_TCP, TCP_DEFER_ACCEPT),
                                   testing::Pair(IPPROTO_TCP, TCP_CONGESTION)));
  // Seconds, and not none of them.
  EXPECT_EQ(calls_.Of(SyscallKind::kSetSockOpt)[3].numbers[3], 1);
  EXPECT_EQ(calls_.Of(SyscallKind::kListen)[0].numbers[1], 7);
}

TEST_P(SocketTest, SeveralShareAnAddressIfAllOfThemSaySo) {
  const Socket first =
      *Socket::Listen(kernel_, any_port_, {.reuse_port = true});
  const Address address = *first.LocalAddress();
  EXPECT_TRUE(Socket::Listen(kernel_, address, {.reuse_port = true}).ok());
  EXPECT_FALSE(Socket::Listen(kernel_, address).ok());
}

TEST_P(SocketTest, CannotListenWithoutAnAddress) {
  EXPECT_FALSE(Socket::Listen(kernel_, Address(), {.backlog = 16}).ok());
}

TEST_P(SocketTest, SaysWhyThereIsNoLocalAddress) {
  const Socket socket = Open();
  faults_.FailNext(SyscallKind::kGetSockName, ENOBUFS);
  EXPECT_EQ(socket.LocalAddress().status().message(),
            "getsockname: No buffer space available");
}

TEST_P(SocketTest, ADuplicateAcceptsFromTheSameBacklog) {
  Socket first = *Socket::Listen(kernel_, any_port_);
  const Socket second = *first.Duplicate();
  EXPECT_NE(second.descriptor(), first.descriptor());
  const Address address = *first.LocalAddress();
  EXPECT_EQ(*second.LocalAddress(), address);
  first.Close();
  Socket client(kernel_, kernel_.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  EXPECT_TRUE(
      kernel_.Connect(client.descriptor(), address.data(), address.length())
          .ok());
  const SysResult accepted =
      kernel_.Accept4(second.descriptor(), nullptr, nullptr, SOCK_NONBLOCK);
  ASSERT_TRUE(accepted.ok());
  const Socket server(kernel_, accepted.descriptor());
  EXPECT_EQ(*server.PeerAddress(), *client.LocalAddress());
}

TEST_P(SocketTest, SaysThatItCannotBeDuplicated) {
  const Socket socket = Open();
  faults_.FailNext(SyscallKind::kFcntl, EMFILE);
  EXPECT_EQ(socket.Duplicate().status().message(),
            "fcntl F_DUPFD_CLOEXEC: Too many open files");
}

TEST_P(SocketTest, SaysThatThereIsNoPeer) {
  EXPECT_EQ(Open().PeerAddress().status().message(),
            "getpeername: Transport endpoint is not connected");
}

// Inherited listeners.

TEST_P(SocketTest, AdoptsAListener) {
  Descriptor inherited(kernel_,
                       kernel_.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  ASSERT_TRUE(
      kernel_.Bind(inherited.number(), any_port_.data(), any_port_.length())
          .ok());
  ASSERT_TRUE(kernel_.Listen(inherited.number(), 5).ok());
  const absl::StatusOr<Socket> socket =
      Socket::AdoptListener(kernel_, inherited.number());
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(socket->descriptor(), inherited.Release());
  EXPECT_NE(
      kernel_.Fcntl(socket->descriptor(), F_GETFL, 0).value() & O_NONBLOCK, 0);
  EXPECT_EQ(kernel_.Fcntl(socket->descriptor(), F_GETFD, 0).value(),
            FD_CLOEXEC);
}

TEST_P(SocketTest, AdoptsNothingElse) {
  const Socket connected = Open();
  const Descriptor datagrams(
      kernel_, kernel_.Socket(AF_INET, SOCK_DGRAM, 0).descriptor());
  const Descriptor counter(kernel_, kernel_.EventFd(0, 0).descriptor());
  const auto message = [&](int descriptor) {
    return std::string(
        Socket::AdoptListener(kernel_, descriptor).status().message());
  };
  EXPECT_THAT(message(connected.descriptor()),
              testing::EndsWith(" is not listening"));
  EXPECT_THAT(message(datagrams.number()),
              testing::EndsWith(" is not a stream socket"));
  EXPECT_THAT(message(counter.number()),
              testing::EndsWith(": Socket operation on non-socket"));
  EXPECT_EQ(message(999), "descriptor 999: Bad file descriptor");
  // They stay open, and their owners'.
  EXPECT_EQ(closes(), 0);
}

// Unix paths.

class SocketPathTest : public SocketTest {
 protected:
  // The names of unix sockets are short, and those of Bazel's folders are not.
  static void SetUpTestSuite() {
    ASSERT_EQ(chdir(testing::TempDir().c_str()), 0);
  }

  bool Exists() {
    const Socket client(kernel_,
                        kernel_.Socket(AF_UNIX, SOCK_STREAM, 0).descriptor());
    return kernel_.Connect(client.descriptor(), path_.data(), path_.length())
               .error() != ENOENT;
  }

  const Address path_ = *Address::Parse("unix:pollux-socket-test.sock");
};

INSTANTIATE_TEST_SUITE_P(Kernels, SocketPathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(SocketPathTest, ItsPathIsThereUntilItIsClosed) {
  Socket socket = *Socket::Listen(kernel_, path_);
  EXPECT_TRUE(Exists());
  Socket moved = std::move(socket);
  EXPECT_TRUE(Exists());
  moved.Close();
  EXPECT_FALSE(Exists());
  EXPECT_EQ(calls_.Count(SyscallKind::kUnlinkAt), 1);
}

TEST_P(SocketPathTest, ADuplicateLeavesThePath) {
  const Socket socket = *Socket::Listen(kernel_, path_);
  socket.Duplicate()->Close();
  EXPECT_TRUE(Exists());
}

TEST_P(SocketPathTest, SaysThatSomebodyListensThere) {
  const Socket first = *Socket::Listen(kernel_, path_);
  EXPECT_EQ(Socket::Listen(kernel_, path_).status().message(),
            "bind unix:pollux-socket-test.sock: Address already in use");
  EXPECT_TRUE(Exists());
}

TEST_P(SocketPathTest, TakesOverWhatNobodyListensOnAnyMore) {
  {
    // As a program leaves it that was killed.
    Descriptor killed(kernel_,
                      kernel_.Socket(AF_UNIX, SOCK_STREAM, 0).descriptor());
    ASSERT_TRUE(
        kernel_.Bind(killed.number(), path_.data(), path_.length()).ok());
  }
  EXPECT_TRUE(Exists());
  const absl::StatusOr<Socket> socket = Socket::Listen(kernel_, path_);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(*socket->LocalAddress(), path_);
}

TEST_P(SocketPathTest, AnAdoptedListenerLeavesThePath) {
  Socket made = *Socket::Listen(kernel_, path_);
  {
    const Socket adopted =
        *Socket::AdoptListener(kernel_, made.Duplicate()->Release().Release());
  }
  EXPECT_TRUE(Exists());
}

TEST_P(SocketTest, SetsNoDelay) {
  Socket socket = Open();
  EXPECT_TRUE(socket.SetNoDelay().ok());
  EXPECT_THAT(
      calls_.Of(SyscallKind::kSetSockOpt)[0].numbers,
      testing::ElementsAre(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, 1));
}

TEST_P(SocketTest, AUnixSocketHasNoDelayToSet) {
  Pair pair = MakePair();
  Socket socket(kernel_, pair.near.Release());
  EXPECT_EQ(socket.SetNoDelay().error(), EOPNOTSUPP);
}

TEST_P(SocketTest, SaysWhoIsAtTheOtherEnd) {
  Pair pair = MakePair();
  const Socket socket(kernel_, pair.near.Release());
  const absl::StatusOr<PeerCredentials> peer = socket.GetPeerCredentials();
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_GT(peer->process, 0);
}

class SocketOptionsDeathTest : public SocketTest {
 protected:
  SocketOptionsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, SocketOptionsDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(SocketOptionsDeathTest, OptionsOutOfRangeAreBugs) {
  for (const int backlog : {-1, 0, 65536}) {
    EXPECT_DEATH((void)Socket::Listen(kernel_, any_port_, {.backlog = backlog}),
                 "backlog");
  }
  EXPECT_DEATH((void)Socket::Listen(kernel_, any_port_,
                                    {.defer_accept = absl::Seconds(-1)}),
               "defer_accept");
  EXPECT_DEATH((void)Socket::Listen(kernel_, any_port_,
                                    {.defer_accept = absl::InfiniteDuration()}),
               "defer_accept");
}

}  // namespace
}  // namespace pollux
