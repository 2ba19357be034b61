// What child processes and their descriptors do, and fcntl, on Linux and on the
// fake kernel.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "testing/fake/process_table.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

// "sh -c" as far as these tests need it.
void FakeShell(FakeProcess& process) {
  const std::string& script = process.arguments().at(2);
  if (script == "exit 3") process.Exit(3);
  // "exec sleep 1000" runs until it is killed.
}

class ProcessConformanceTest : public KernelConformance {
 protected:
  ProcessConformanceTest() {
    if (auto* fake = dynamic_cast<FakeKernel*>(&kernel())) {
      fake->processes().AddProgram("/bin/sh", FakeShell);
    }
  }

  pid_t Spawn(const char* script) {
    std::string shell = "sh";
    std::string option = "-c";
    std::string text = script;
    char* const arguments[] = {shell.data(), option.data(), text.data(),
                               nullptr};
    char* const environment[] = {nullptr};
    const SysResult result = kernel().PosixSpawn("/bin/sh", nullptr, nullptr,
                                                 arguments, environment);
    EXPECT_TRUE(result.ok());
    return static_cast<pid_t>(result.value());
  }
  pid_t SpawnSleeper() { return Spawn("exec sleep 1000"); }

  int PidFd(pid_t process) {
    return Must(kernel().PidFdOpen(process, O_NONBLOCK));
  }
  SysResult WaitFor(int pidfd, siginfo_t& info, int options = WEXITED) {
    return kernel().WaitId(P_PIDFD, static_cast<id_t>(pidfd), info, options);
  }
  void Reap(int pidfd) {
    Await(pidfd, EPOLLIN);
    siginfo_t info = {};
    EXPECT_EQ(WaitFor(pidfd, info), Ok());
  }
  void KillAndReap(int pidfd) {
    EXPECT_EQ(kernel().PidFdSendSignal(pidfd, SIGKILL), Ok());
    Reap(pidfd);
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ProcessConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ProcessConformanceTest, IsReadableWhenTheProcessHasEnded) {
  const pid_t pid = Spawn("exit 3");
  const int pidfd = PidFd(pid);
  Await(pidfd, EPOLLIN);
  EXPECT_EQ(Poll(pidfd), uint32_t{EPOLLIN});
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info), Ok());
  EXPECT_EQ(info.si_signo, SIGCHLD);
  EXPECT_EQ(info.si_code, CLD_EXITED);
  EXPECT_EQ(info.si_status, 3);
  EXPECT_EQ(info.si_pid, pid);
}

TEST_P(ProcessConformanceTest, IsNotReadyWhileTheProcessRuns) {
  const int pidfd = PidFd(SpawnSleeper());
  EXPECT_EQ(Poll(pidfd), 0u);
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info), Error(EAGAIN));
  info.si_pid = 1;
  EXPECT_EQ(WaitFor(pidfd, info, WEXITED | WNOHANG), Ok());
  EXPECT_EQ(info.si_pid, 0);
  KillAndReap(pidfd);
}

TEST_P(ProcessConformanceTest, TellsTheSignalThatKilled) {
  const int pidfd = PidFd(SpawnSleeper());
  EXPECT_EQ(kernel().PidFdSendSignal(pidfd, SIGTERM), Ok());
  Await(pidfd, EPOLLIN);
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info), Ok());
  EXPECT_EQ(info.si_code, CLD_KILLED);
  EXPECT_EQ(info.si_status, SIGTERM);
}

TEST_P(ProcessConformanceTest, IsWaitedForOnce) {
  const pid_t pid = Spawn("exit 3");
  const int pidfd = PidFd(pid);
  Reap(pidfd);
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info), Error(ECHILD));
  EXPECT_EQ(kernel().WaitId(P_PID, static_cast<id_t>(pid), info, WEXITED),
            Error(ECHILD));
  // Linux 6.9 and newer add EPOLLHUP.
  EXPECT_EQ(Poll(pidfd) & ~uint32_t{EPOLLHUP}, uint32_t{EPOLLIN});
}

TEST_P(ProcessConformanceTest, CanBeLookedAtWithoutBeingTaken) {
  const int pidfd = PidFd(Spawn("exit 3"));
  Await(pidfd, EPOLLIN);
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info, WEXITED | WNOWAIT), Ok());
  EXPECT_EQ(info.si_status, 3);
  EXPECT_EQ(WaitFor(pidfd, info), Ok());
}

TEST_P(ProcessConformanceTest, WaitsForANumberToo) {
  const pid_t pid = Spawn("exit 3");
  siginfo_t info = {};
  EXPECT_EQ(kernel().WaitId(P_PID, static_cast<id_t>(pid), info, WEXITED),
            Ok());
  EXPECT_EQ(info.si_pid, pid);
}

TEST_P(ProcessConformanceTest, AZombieCanBeSignalledAReapedOneCannot) {
  const int pidfd = PidFd(Spawn("exit 3"));
  Await(pidfd, EPOLLIN);
  EXPECT_EQ(kernel().PidFdSendSignal(pidfd, SIGTERM), Ok());
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info), Ok());
  EXPECT_EQ(info.si_code, CLD_EXITED);
  EXPECT_EQ(kernel().PidFdSendSignal(pidfd, SIGTERM), Error(ESRCH));
}

TEST_P(ProcessConformanceTest, SignalZeroOnlyAsks) {
  const int pidfd = PidFd(SpawnSleeper());
  EXPECT_EQ(kernel().PidFdSendSignal(pidfd, 0), Ok());
  EXPECT_EQ(kernel().PidFdSendSignal(pidfd, 65), Error(EINVAL));
  EXPECT_EQ(Poll(pidfd), 0u);
  KillAndReap(pidfd);
}

TEST_P(ProcessConformanceTest, IsSignalledByItsNumberToo) {
  const pid_t pid = SpawnSleeper();
  EXPECT_EQ(kernel().Kill(pid, 0), Ok());
  EXPECT_EQ(kernel().Kill(pid, 65), Error(EINVAL));
  EXPECT_EQ(kernel().Kill(pid, SIGKILL), Ok());
  siginfo_t info = {};
  EXPECT_EQ(kernel().WaitId(P_PID, static_cast<id_t>(pid), info, WEXITED),
            Ok());
  EXPECT_EQ(info.si_code, CLD_KILLED);
  EXPECT_EQ(info.si_status, SIGKILL);
  EXPECT_EQ(kernel().Kill(pid, SIGKILL), Error(ESRCH));
}

TEST_P(ProcessConformanceTest, RefusesWhatIsNoProcess) {
  EXPECT_EQ(kernel().PidFdOpen(0, 0), Error(EINVAL));
  EXPECT_EQ(kernel().PidFdOpen(-1, 0), Error(EINVAL));
  EXPECT_EQ(kernel().PidFdOpen(0x3fffffff, 0), Error(ESRCH));
  const pid_t pid = Spawn("exit 3");
  EXPECT_EQ(kernel().PidFdOpen(pid, 1), Error(EINVAL));
  Reap(PidFd(pid));
  EXPECT_EQ(kernel().PidFdOpen(pid, 0), Error(ESRCH));
}

TEST_P(ProcessConformanceTest, RefusesWhatIsNoProcessDescriptor) {
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(EventFd(), info), Error(EBADF));
  EXPECT_EQ(WaitFor(999, info), Error(EBADF));
  EXPECT_EQ(kernel().PidFdSendSignal(EventFd(), SIGTERM), Error(EBADF));
  EXPECT_EQ(kernel().PidFdSendSignal(999, SIGTERM), Error(EBADF));
}

TEST_P(ProcessConformanceTest, RefusesToWaitForNothing) {
  const int pidfd = PidFd(Spawn("exit 3"));
  siginfo_t info = {};
  EXPECT_EQ(WaitFor(pidfd, info, 0), Error(EINVAL));
  EXPECT_EQ(WaitFor(pidfd, info, WNOHANG), Error(EINVAL));
  Reap(pidfd);
}

TEST_P(ProcessConformanceTest, CanNeitherBeReadNorWritten) {
  const int pidfd = PidFd(Spawn("exit 3"));
  std::array<char, 8> bytes = {};
  EXPECT_EQ(kernel().Read(pidfd, absl::MakeSpan(bytes)), Error(EINVAL));
  EXPECT_EQ(kernel().Write(pidfd, bytes), Error(EINVAL));
  Reap(pidfd);
}

TEST_P(ProcessConformanceTest, AProgramThatIsNotThereIsAnError) {
  char* const none[] = {nullptr};
  EXPECT_EQ(kernel().PosixSpawn("/nonexistent", nullptr, nullptr, none, none),
            Error(ENOENT));
}

TEST_P(ProcessConformanceTest, FcntlTellsAndSetsNonblocking) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFL, 0), Ok(O_RDWR | O_NONBLOCK));
  EXPECT_EQ(kernel().Fcntl(socket, F_SETFL, 0), Ok());
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFL, 0), Ok(O_RDWR));
  EXPECT_EQ(kernel().Fcntl(socket, F_SETFL, O_NONBLOCK), Ok());
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFL, 0), Ok(O_RDWR | O_NONBLOCK));
}

TEST_P(ProcessConformanceTest, FcntlTellsAndSetsCloseOnExec) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFD, 0), Ok(0));
  EXPECT_EQ(kernel().Fcntl(socket, F_SETFD, FD_CLOEXEC), Ok());
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFD, 0), Ok(FD_CLOEXEC));
  EXPECT_EQ(kernel().Fcntl(EpollSet(), F_GETFD, 0), Ok(FD_CLOEXEC));
}

TEST_P(ProcessConformanceTest, CloseOnExecBelongsToTheNumber) {
  const int socket = Socket(AF_INET);
  const int copy = Must(kernel().Fcntl(socket, F_DUPFD_CLOEXEC, 0));
  EXPECT_EQ(kernel().Fcntl(copy, F_GETFD, 0), Ok(FD_CLOEXEC));
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFD, 0), Ok(0));
  // Non-blocking to what is open.
  EXPECT_EQ(kernel().Fcntl(copy, F_SETFL, 0), Ok());
  EXPECT_EQ(kernel().Fcntl(socket, F_GETFL, 0), Ok(O_RDWR));
  Close(copy);
  EXPECT_EQ(Must(kernel().Fcntl(socket, F_DUPFD, 0)), copy);
  EXPECT_EQ(kernel().Fcntl(copy, F_GETFD, 0), Ok(0));
}

TEST_P(ProcessConformanceTest, CopiesFromANumberOn) {
  const int socket = Socket(AF_INET);
  EXPECT_EQ(Must(kernel().Fcntl(socket, F_DUPFD_CLOEXEC, 200)), 200);
  EXPECT_EQ(Must(kernel().Fcntl(socket, F_DUPFD_CLOEXEC, 200)), 201);
  EXPECT_EQ(kernel().Fcntl(socket, F_DUPFD_CLOEXEC, -1), Error(EINVAL));
  EXPECT_EQ(kernel().Fcntl(socket, F_DUPFD_CLOEXEC, 1 << 30), Error(EINVAL));
  EXPECT_EQ(kernel().Fcntl(999, F_DUPFD_CLOEXEC, 0), Error(EBADF));
}

TEST_P(ProcessConformanceTest, RefusesUnknownCommands) {
  EXPECT_EQ(kernel().Fcntl(EventFd(), 12345, 0), Error(EINVAL));
  EXPECT_EQ(kernel().Fcntl(999, F_GETFD, 0), Error(EBADF));
}

TEST_P(ProcessConformanceTest, AThreadMayRunSomewhere) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  EXPECT_EQ(kernel().SchedSetAffinity(0, cpus), Error(EINVAL));
  cpu_set_t old;
  ASSERT_TRUE(kernel().SchedGetAffinity(0, old).ok());
  EXPECT_GE(CPU_COUNT(&old), 1);
  CPU_SET(0, &cpus);
  EXPECT_EQ(kernel().SchedSetAffinity(0, cpus), Ok());
  cpu_set_t now;
  ASSERT_TRUE(kernel().SchedGetAffinity(0, now).ok());
  EXPECT_TRUE(CPU_EQUAL(&now, &cpus));
  // More than there are: those that there are.
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &cpus);
  EXPECT_EQ(kernel().SchedSetAffinity(0, cpus), Ok());
  ASSERT_TRUE(kernel().SchedGetAffinity(0, now).ok());
  EXPECT_TRUE(CPU_EQUAL(&now, &old));
}

TEST_P(ProcessConformanceTest, DescriptorsAreLimited) {
  rlimit limit = {};
  EXPECT_EQ(kernel().GetRLimit(RLIMIT_NOFILE, limit), Ok());
  EXPECT_GT(limit.rlim_cur, 10u);
  EXPECT_LE(limit.rlim_cur, limit.rlim_max);
  EXPECT_EQ(kernel().GetRLimit(-1, limit), Error(EINVAL));
  EXPECT_EQ(kernel().GetRLimit(RLIM_NLIMITS, limit), Error(EINVAL));
}

// What only the fake can tell.
class FakeProcessTest : public ProcessConformanceTest {
 protected:
  FakeKernel& fake() { return static_cast<FakeKernel&>(kernel()); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, FakeProcessTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(FakeProcessTest, ExitsAfterAWhile) {
  fake().processes().AddProgram("/bin/worker", [](FakeProcess& process) {
    process.ExitAfter(absl::Seconds(5), 7);
  });
  char* const none[] = {nullptr};
  const pid_t pid = static_cast<pid_t>(
      kernel().PosixSpawn("/bin/worker", nullptr, nullptr, none, none).value());
  const int pidfd = PidFd(pid);
  const SysResult before = kernel().ClockGetTime(CLOCK_MONOTONIC);
  Await(pidfd, EPOLLIN);
  EXPECT_EQ(kernel().ClockGetTime(CLOCK_MONOTONIC).value() - before.value(),
            5'000'000'000);
  EXPECT_EQ(fake().processes().size(), 1u);
  Reap(pidfd);
  EXPECT_EQ(fake().processes().size(), 0u);
}

TEST_P(FakeProcessTest, HandlesSignalsAsItsProgramSays) {
  fake().processes().AddProgram("/bin/worker", [](FakeProcess& process) {
    process.OnSignal(SIGTERM, [](FakeProcess& told) { told.Exit(0); });
    process.OnSignal(SIGKILL, [](FakeProcess& told) { told.Exit(1); });
  });
  char* const none[] = {nullptr};
  for (int signal : {SIGTERM, SIGKILL}) {
    const int pidfd = PidFd(static_cast<pid_t>(
        kernel()
            .PosixSpawn("/bin/worker", nullptr, nullptr, none, none)
            .value()));
    EXPECT_EQ(kernel().PidFdSendSignal(pidfd, SIGCHLD), Ok());
    EXPECT_EQ(Poll(pidfd), 0u);
    EXPECT_EQ(kernel().PidFdSendSignal(pidfd, signal), Ok());
    siginfo_t info = {};
    EXPECT_EQ(WaitFor(pidfd, info), Ok());
    EXPECT_EQ(info.si_code, signal == SIGKILL ? CLD_KILLED : CLD_EXITED);
  }
}

TEST_P(FakeProcessTest, KnowsWhatAStartedProgramWouldInherit) {
  EXPECT_EQ(fake().inherited_descriptors(), 0u);
  const int socket = Socket(AF_INET);
  EXPECT_EQ(fake().inherited_descriptors(), 1u);
  EXPECT_EQ(kernel().Fcntl(socket, F_SETFD, FD_CLOEXEC), Ok());
  EXPECT_EQ(fake().inherited_descriptors(), 0u);
  Close(socket);
  EXPECT_EQ(fake().inherited_descriptors(), 0u);
}

}  // namespace
}  // namespace pollux
