#include "reactor/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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
  const absl::StatusOr<Socket> socket = Socket::Listen(kernel_, any_port_, 16);
  ASSERT_TRUE(socket.ok()) << socket.status();
  const absl::StatusOr<Address> address = socket->LocalAddress();
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->family(), AF_INET);
  EXPECT_NE(address->port(), 0);
  EXPECT_EQ(calls_.Of(SyscallKind::kListen)[0].numbers[1], 16);
}

TEST_P(SocketTest, ListensOnAnAbstractUnixName) {
  const Address address = *Address::Parse("unix:@pollux-socket-test");
  const absl::StatusOr<Socket> socket = Socket::Listen(kernel_, address, 16);
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(*socket->LocalAddress(), address);
}

TEST_P(SocketTest, AListenerIsNonBlockingAndCloseOnExecFromBirth) {
  ASSERT_TRUE(Socket::Listen(kernel_, any_port_, 16).ok());
  EXPECT_EQ(calls_.Of(SyscallKind::kSocket)[0].numbers[1],
            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
}

TEST_P(SocketTest, SaysWhichPortIsInUse) {
  const Socket first = *Socket::Listen(kernel_, any_port_, 16);
  const Address taken = *first.LocalAddress();
  EXPECT_EQ(Socket::Listen(kernel_, taken, 16).status().message(),
            "bind " + taken.ToString() + ": Address already in use");
}

TEST_P(SocketTest, CanListenAgainAfterAClose) {
  Socket first = *Socket::Listen(kernel_, any_port_, 16);
  const Address address = *first.LocalAddress();
  first.Close();
  EXPECT_TRUE(Socket::Listen(kernel_, address, 16).ok());
}

TEST_P(SocketTest, SaysWhichCallOfListenFailedAndLeaksNothing) {
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kSocket, "socket 127.0.0.1:0: Too many open files"},
      {SyscallKind::kSetSockOpt, "setsockopt 127.0.0.1:0: Too many open files"},
      {SyscallKind::kListen, "listen 127.0.0.1:0: Too many open files"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, EMFILE);
    EXPECT_EQ(Socket::Listen(kernel_, any_port_, 16).status().message(),
              message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

TEST_P(SocketTest, CannotListenWithoutAnAddress) {
  EXPECT_FALSE(Socket::Listen(kernel_, Address(), 16).ok());
}

TEST_P(SocketTest, SaysWhyThereIsNoLocalAddress) {
  const Socket socket = Open();
  faults_.FailNext(SyscallKind::kGetSockName, ENOBUFS);
  EXPECT_EQ(socket.LocalAddress().status().message(),
            "getsockname: No buffer space available");
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

}  // namespace
}  // namespace pollux
