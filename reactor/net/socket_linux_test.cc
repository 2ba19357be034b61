// What only the real kernel can be asked.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"

namespace pollux {
namespace {

TEST(SocketLinuxTest, AListenerIsNonBlockingAndCloseOnExec) {
  LinuxKernel kernel;
  const Socket socket =
      *Socket::Listen(kernel, *Address::Parse("127.0.0.1:0"), {.backlog = 16});
  EXPECT_TRUE(fcntl(socket.descriptor(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(fcntl(socket.descriptor(), F_GETFD) & FD_CLOEXEC);
}

TEST(SocketLinuxTest, SetsNoDelay) {
  LinuxKernel kernel;
  Socket socket(kernel, kernel.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  ASSERT_TRUE(socket.SetNoDelay().ok());
  int value = 0;
  socklen_t length = sizeof(value);
  ASSERT_EQ(getsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &value,
                       &length),
            0);
  EXPECT_NE(value, 0);
}

TEST(SocketLinuxTest, SetsTheCongestionControlOfConnections) {
  LinuxKernel kernel;
  const Address address = *Address::Parse("127.0.0.1:0");
  const Socket socket =
      *Socket::Listen(kernel, address, {.congestion_control = "reno"});
  char name[16] = "";
  socklen_t length = sizeof(name);
  ASSERT_EQ(getsockopt(socket.descriptor(), IPPROTO_TCP, TCP_CONGESTION, name,
                       &length),
            0);
  EXPECT_STREQ(name, "reno");
  EXPECT_EQ(Socket::Listen(kernel, address, {.congestion_control = "nonsense"})
                .status()
                .message(),
            "setsockopt TCP_CONGESTION nonsense 127.0.0.1:0: No such file or "
            "directory");
}

TEST(SocketLinuxTest, AFileThatIsNoSocketIsNotRemoved) {
  LinuxKernel kernel;
  // The names of unix sockets are short, and those of Bazel's folders are not.
  ASSERT_EQ(chdir(testing::TempDir().c_str()), 0);
  const int file = open("precious", O_CREAT | O_WRONLY, 0600);
  ASSERT_GE(file, 0);
  close(file);
  EXPECT_EQ(Socket::Listen(kernel, *Address::Parse("unix:precious"))
                .status()
                .message(),
            "bind unix:precious: Address already in use");
  EXPECT_EQ(access("precious", F_OK), 0);
}

TEST(SocketLinuxTest, TheOtherEndIsThisProcess) {
  LinuxKernel kernel;
  std::array<int, 2> sockets;
  ASSERT_TRUE(kernel.SocketPair(AF_UNIX, SOCK_STREAM, 0, sockets).ok());
  const Socket near(kernel, sockets[0]);
  const Socket far(kernel, sockets[1]);
  EXPECT_EQ(*near.GetPeerCredentials(),
            (PeerCredentials{
                .process = getpid(), .user = getuid(), .group = getgid()}));
}

}  // namespace
}  // namespace pollux
