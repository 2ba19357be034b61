// What only the real kernel can be asked.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "gtest/gtest.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"

namespace pollux {
namespace {

TEST(SocketLinuxTest, AListenerIsNonBlockingAndCloseOnExec) {
  LinuxKernel kernel;
  const Socket socket =
      *Socket::Listen(kernel, *Address::Parse("127.0.0.1:0"), 16);
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

}  // namespace
}  // namespace pollux
