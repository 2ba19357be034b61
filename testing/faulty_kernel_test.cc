#include "testing/faulty_kernel.h"

#include <fcntl.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/fault_menu.h"

namespace pollux {
namespace {

FaultPlan Plan(const std::string& text) {
  FaultPlan plan;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &plan));
  return plan;
}

class FaultyKernelTest : public testing::Test {
 protected:
  std::array<int, 2> Pair(Kernel& kernel) {
    std::array<int, 2> pair = {-1, -1};
    EXPECT_TRUE(
        kernel.SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair).ok());
    return pair;
  }

  FakeWorld world_;
  FakeKernel fake_{world_};
};

TEST_F(FaultyKernelTest, FailsTheNthCall) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { call: 2 error: "EMFILE" })"));
  EXPECT_TRUE(kernel.EpollCreate1(0).ok());
  EXPECT_EQ(kernel.EpollCreate1(0).error(), EMFILE);
  EXPECT_TRUE(kernel.EpollCreate1(0).ok());
  EXPECT_EQ(kernel.calls(), 3u);
  EXPECT_EQ(kernel.faults(), 1u);
  EXPECT_EQ(kernel.first_fault(), 2u);
}

TEST_F(FaultyKernelTest, FailsTheNthCallOfAKindSeveralTimes) {
  FaultyKernel kernel(
      fake_, world_,
      Plan(R"(fault { kind: "recv" nth: 2 times: 2 error: "EINTR" })"));
  const std::array<int, 2> pair = Pair(kernel);
  char byte[1];
  const absl::Span<char> buffer = absl::MakeSpan(byte);
  EXPECT_EQ(kernel.Recv(pair[0], buffer, 0).error(), EAGAIN);
  EXPECT_EQ(kernel.Recv(pair[0], buffer, 0).error(), EINTR);
  EXPECT_EQ(kernel.Recv(pair[0], buffer, 0).error(), EINTR);
  EXPECT_EQ(kernel.Recv(pair[0], buffer, 0).error(), EAGAIN);
  EXPECT_EQ(kernel.first_fault_descriptor(), pair[0]);
}

TEST_F(FaultyKernelTest, AFailedCallHasNoEffect) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "send" error: "ENOBUFS" })"));
  const std::array<int, 2> pair = Pair(kernel);
  EXPECT_EQ(kernel.Send(pair[0], "x", 0).error(), ENOBUFS);
  char byte[1];
  EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(byte), 0).error(), EAGAIN);
}

TEST_F(FaultyKernelTest, AFailedCloseClosesAllTheSame) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "close" error: "EIO" })"));
  const std::array<int, 2> pair = Pair(kernel);
  EXPECT_EQ(kernel.Close(pair[0]).error(), EIO);
  EXPECT_EQ(fake_.open_descriptors(), 1u);
}

TEST_F(FaultyKernelTest, CutsTransfersShort) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "send" at_most_bytes: 3 }
                              fault { kind: "recv" at_most_bytes: 2 })"));
  const std::array<int, 2> pair = Pair(kernel);
  EXPECT_EQ(kernel.Send(pair[0], {"hello", 5}, 0).value(), 3);
  char bytes[8];
  EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(bytes), 0).value(), 2);
  EXPECT_EQ(std::string(bytes, 2), "he");
}

TEST_F(FaultyKernelTest, CutsFilesShort) {
  fake_.files().WriteFile("/file", "contents");
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "pread" at_most_bytes: 3 }
                              fault { kind: "sendfile" at_most_bytes: 2 })"));
  const int file = kernel.OpenAt(AT_FDCWD, "/file", O_RDONLY, 0).descriptor();
  char bytes[8];
  EXPECT_EQ(kernel.Pread(file, absl::MakeSpan(bytes), 1).value(), 3);
  EXPECT_EQ(std::string(bytes, 3), "ont");
  const std::array<int, 2> pair = Pair(kernel);
  off_t offset = 1;
  EXPECT_EQ(kernel.SendFile(pair[0], file, offset, 100).value(), 2);
  EXPECT_EQ(offset, 3);
  EXPECT_EQ(kernel.SendFile(pair[0], file, offset, 100).value(), 5);
  EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(bytes), 0).value(), 7);
  EXPECT_EQ(std::string(bytes, 7), "ontents");
}

TEST_F(FaultyKernelTest, CutsAndFailsWritesToFiles) {
  fake_.files().MakeDirectory("/log");
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "write" at_most_bytes: 3 }
                              fault { kind: "write" nth: 2 error: "ENOSPC" }
                              fault { kind: "read" at_most_bytes: 2 })"));
  const int file =
      kernel.OpenAt(AT_FDCWD, "/log/access", O_RDWR | O_CREAT, 0600)
          .descriptor();
  EXPECT_EQ(kernel.Write(file, {"hello", 5}).value(), 3);
  EXPECT_EQ(kernel.Write(file, {"lo", 2}).error(), ENOSPC);
  EXPECT_EQ(kernel.Write(file, {"lo", 2}).value(), 2);
  const int again =
      kernel.OpenAt(AT_FDCWD, "/log/access", O_RDONLY, 0).descriptor();
  char bytes[8];
  EXPECT_EQ(kernel.Read(again, absl::MakeSpan(bytes)).value(), 2);
  EXPECT_EQ(kernel.Read(again, absl::MakeSpan(bytes)).value(), 3);
}

TEST_F(FaultyKernelTest, CutsNoValuesOfAnEventFd) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { call: 1 times: 9 at_most_bytes: 1 })"));
  const int event = kernel.EventFd(0, EFD_NONBLOCK).descriptor();
  const int copy = kernel.Fcntl(event, F_DUPFD_CLOEXEC, 0).descriptor();
  uint64_t value = 1;
  const auto* bytes = reinterpret_cast<const char*>(&value);
  EXPECT_EQ(kernel.Write(event, {bytes, sizeof(value)}).value(), 8);
  char read[8];
  EXPECT_EQ(kernel.Read(copy, absl::MakeSpan(read)).value(), 8);
}

TEST_F(FaultyKernelTest, CutsNoDatagramOfAConnectedSocket) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { call: 1 times: 9 at_most_bytes: 1 })"));
  std::array<int, 2> pair;
  ASSERT_TRUE(kernel.SocketPair(AF_UNIX, SOCK_DGRAM, 0, pair).ok());
  EXPECT_EQ(kernel.Send(pair[0], {"hello", 5}, 0).value(), 5);
  iovec piece = {.iov_base = const_cast<char*>("you"), .iov_len = 3};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  EXPECT_EQ(kernel.SendMsg(pair[0], message, 0).value(), 3);
  char bytes[8];
  EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(bytes), 0).value(), 5);
  EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(bytes), 0).value(), 3);
}

TEST_F(FaultyKernelTest, CutsAStreamThatHasTheNumberOfADatagramSocket) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "send" at_most_bytes: 1 })"));
  const int datagrams = kernel.Socket(AF_INET, SOCK_DGRAM, 0).descriptor();
  EXPECT_TRUE(kernel.Close(datagrams).ok());
  const std::array<int, 2> pair = Pair(kernel);
  EXPECT_EQ(pair[0], datagrams);
  EXPECT_EQ(kernel.Send(pair[0], {"hello", 5}, 0).value(), 1);
}

TEST_F(FaultyKernelTest, ForgetsWhatANumberStoodFor) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "write" at_most_bytes: 3 })"));
  const int event = kernel.EventFd(0, EFD_NONBLOCK).descriptor();
  EXPECT_TRUE(kernel.Close(event).ok());
  // Comes from elsewhere, as with a message.
  const int file =
      fake_.OpenAt(AT_FDCWD, "/file", O_WRONLY | O_CREAT, 0600).descriptor();
  EXPECT_EQ(file, event);
  EXPECT_EQ(kernel.Write(file, {"hello", 5}).value(), 3);
}

TEST_F(FaultyKernelTest, TwoFaultsAtOneCallBothHappen) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "epoll_pwait2" spurious: 0 }
              fault { kind: "epoll_pwait2" late_nanos: 7000000 }
              fault { kind: "epoll_pwait2" late_nanos: 3000000 }
              fault { kind: "send" error: "ENOBUFS" }
              fault { kind: "send" at_most_bytes: 1 }
              fault { kind: "send" nth: 2 at_most_bytes: 2 }
              fault { kind: "send" nth: 2 at_most_bytes: 3 })"));
  const std::array<int, 2> pair = Pair(kernel);
  const int epoll = kernel.EpollCreate1(0).descriptor();
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = 42}};
  ASSERT_TRUE(kernel.EpollCtl(epoll, EPOLL_CTL_ADD, pair[0], &event).ok());
  const MonotonicTime before = world_.time().Now();
  epoll_event told[4];
  EXPECT_EQ(kernel.EpollPwait2(epoll, told, absl::InfiniteDuration()).value(),
            1);
  EXPECT_EQ(world_.time().Now() - before, absl::Milliseconds(7));
  EXPECT_EQ(kernel.Send(pair[0], {"hello", 5}, 0).error(), ENOBUFS);
  EXPECT_EQ(kernel.Send(pair[0], {"hello", 5}, 0).value(), 2);
  EXPECT_EQ(kernel.faults(), 3u);
}

TEST_F(FaultyKernelTest, AWaitMayBeLateAndFail) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "epoll_pwait2" late_nanos: 7000000 }
              fault { kind: "epoll_pwait2" error: "EINTR" })"));
  const int epoll = kernel.EpollCreate1(0).descriptor();
  const MonotonicTime before = world_.time().Now();
  epoll_event told[1];
  EXPECT_EQ(kernel.EpollPwait2(epoll, told, absl::Milliseconds(3)).error(),
            EINTR);
  EXPECT_EQ(world_.time().Now() - before, absl::Milliseconds(7));
}

TEST_F(FaultyKernelTest, FailsForEverFromTheNthCallOn) {
  FaultyKernel kernel(
      fake_, world_,
      Plan(R"(fault { kind: "eventfd" nth: 2 times: 18446744073709551615
                      error: "EMFILE" })"));
  EXPECT_TRUE(kernel.EventFd(0, 0).ok());
  EXPECT_EQ(kernel.EventFd(0, 0).error(), EMFILE);
  EXPECT_EQ(kernel.EventFd(0, 0).error(), EMFILE);
}

TEST_F(FaultyKernelTest, CallsAreCountedFromOne) {
  EXPECT_DEATH(
      FaultyKernel(fake_, world_, Plan(R"(fault { call: 0 error: "EMFILE" })")),
      "counted from 1");
}

TEST_F(FaultyKernelTest, FailsCallsOnFiles) {
  fake_.files().WriteFile("/file", "contents");
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "openat2" error: "ENOSYS" }
                             fault { kind: "fstat" error: "EIO" }
                             fault { kind: "sendfile" error: "ENOMEM" })"));
  EXPECT_EQ(kernel.OpenAt2(AT_FDCWD, "/file", {}).error(), ENOSYS);
  const int file = kernel.OpenAt2(AT_FDCWD, "/file", {}).descriptor();
  struct stat status;
  EXPECT_EQ(kernel.Fstat(file, status).error(), EIO);
  off_t offset = 0;
  EXPECT_EQ(kernel.SendFile(Pair(kernel)[0], file, offset, 8).error(), ENOMEM);
  EXPECT_EQ(offset, 0);
}

TEST_F(FaultyKernelTest, TellsOfDescriptorsThatAreNotReady) {
  FaultyKernel kernel(fake_, world_,
                      Plan(R"(fault { kind: "epoll_pwait2" spurious: 0 })"));
  const std::array<int, 2> pair = Pair(kernel);
  const int epoll = kernel.EpollCreate1(0).descriptor();
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = 42}};
  ASSERT_TRUE(kernel.EpollCtl(epoll, EPOLL_CTL_ADD, pair[0], &event).ok());
  epoll_event told[4];
  EXPECT_EQ(kernel.EpollPwait2(epoll, told, absl::InfiniteDuration()).value(),
            1);
  EXPECT_EQ(told[0].data.u64, 42u);
  EXPECT_EQ(kernel.EpollPwait2(epoll, told, absl::Seconds(1)).value(), 0);
}

TEST_F(FaultyKernelTest, WakesLate) {
  FaultyKernel kernel(
      fake_, world_,
      Plan(R"(fault { kind: "epoll_pwait2" late_nanos: 7000000 })"));
  const int epoll = kernel.EpollCreate1(0).descriptor();
  const MonotonicTime before = world_.time().Now();
  epoll_event told[1];
  EXPECT_TRUE(kernel.EpollPwait2(epoll, told, absl::Milliseconds(3)).ok());
  EXPECT_EQ(world_.time().Now() - before, absl::Milliseconds(10));
}

TEST_F(FaultyKernelTest, ChanceFollowsFromTheSeed) {
  const auto errors = [](uint64_t seed) {
    FakeWorld::Options options;
    options.seed = seed;
    FakeWorld world(options);
    FakeKernel fake(world);
    FaultyKernel kernel(fake, world, Plan("random { error_percent: 50 }"));
    std::string result;
    for (int i = 0; i < 64; ++i) {
      result += std::to_string(kernel.EventFd(0, EFD_NONBLOCK).error()) + " ";
    }
    return result;
  };
  EXPECT_EQ(errors(1), errors(1));
  EXPECT_NE(errors(1), errors(2));
  EXPECT_NE(errors(1).find("24"), std::string::npos) << errors(1);
}

TEST(ErrorNamesTest, NamesAndNumbersOfErrorsFit) {
  EXPECT_EQ(ErrorName(EMFILE), "EMFILE");
  EXPECT_EQ(ErrorFromName("ECONNRESET"), ECONNRESET);
  EXPECT_EQ(ErrorFromName("ENOSUCHERROR"), 0);
}

TEST(ErrorNamesTest, EveryKindIsFoundByItsName) {
  for (size_t i = 0; i < kSyscallKinds; ++i) {
    const auto kind = static_cast<SyscallKind>(i);
    SyscallKind found;
    ASSERT_TRUE(KindFromName(SyscallName(kind), found));
    EXPECT_EQ(found, kind);
  }
  SyscallKind found;
  EXPECT_FALSE(KindFromName("fork", found));
}

}  // namespace
}  // namespace pollux
