// What only the real kernel can be asked.
#include <fcntl.h>

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

}  // namespace
}  // namespace pollux
