// A file that changes while it is sent.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "testing/fake_kernel.h"

namespace {

// [FILES]
TEST(FilesTest, AFileIsCutWhileItIsSent) {
  pollux::FakeKernel kernel;
  kernel.files().WriteFile("/www/index.html", "<p>hello</p>\n");
  const int file =
      kernel.OpenAt(AT_FDCWD, "/www/index.html", O_RDONLY, 0).descriptor();
  std::array<int, 2> sockets;
  ASSERT_TRUE(kernel.SocketPair(AF_UNIX, SOCK_STREAM, 0, sockets).ok());

  off_t offset = 0;
  EXPECT_EQ(kernel.SendFile(sockets[0], file, offset, 8).value(), 8);
  kernel.files().Truncate("/www/index.html", 10);
  EXPECT_EQ(kernel.SendFile(sockets[0], file, offset, 5).value(), 2);
  EXPECT_EQ(kernel.SendFile(sockets[0], file, offset, 3).value(), 0);
}
// [/FILES]

}  // namespace
