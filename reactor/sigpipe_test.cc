#include "reactor/sigpipe.h"

#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "reactor/thread.h"

namespace pollux {
namespace {

// Writes to a stream socket whose other end is closed.
SysResult WriteToClosedPipe(Kernel& kernel) {
  std::array<int, 2> ends;
  EXPECT_TRUE(
      kernel.SocketPair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends).ok());
  EXPECT_TRUE(kernel.Close(ends[0]).ok());
  const SysResult result = kernel.Write(ends[1], {"x", 1});
  EXPECT_TRUE(kernel.Close(ends[1]).ok());
  return result;
}

TEST(SigPipeDeathTest, WriteEndsTheProgramWithoutBlockSigPipe) {
  LinuxKernel kernel;
  EXPECT_EXIT((void)WriteToClosedPipe(kernel), testing::KilledBySignal(SIGPIPE),
              "");
}

TEST(SigPipeTest, WriteFailsInTheCallerAndInThreadsStartedLater) {
  LinuxKernel kernel;
  ASSERT_TRUE(BlockSigPipe(kernel).ok());
  EXPECT_EQ(WriteToClosedPipe(kernel).error(), EPIPE);
  Thread::Start("writer", [&] {
    EXPECT_EQ(WriteToClosedPipe(kernel).error(), EPIPE);
  })->Join();
}

class RefusingKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

 private:
  SysResult Intercept(SyscallRecord&, Proceed) override {
    return SysResult::Error(EPERM);
  }
};

TEST(SigPipeTest, ReportsWhatTheKernelRefuses) {
  LinuxKernel linux;
  RefusingKernel kernel(linux);
  EXPECT_EQ(BlockSigPipe(kernel).message(),
            "sigprocmask: Operation not permitted");
}

}  // namespace
}  // namespace pollux
