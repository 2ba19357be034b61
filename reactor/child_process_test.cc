#include "reactor/child_process.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/signals.h"
#include "reactor/syscall_record.h"
#include "reactor/timer_fd.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_under_test.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Command = ChildProcess::Command;
using ExitStatus = ChildProcess::ExitStatus;

constexpr auto kExited = ExitStatus::Kind::kExited;
constexpr auto kSignalled = ExitStatus::Kind::kSignalled;
constexpr auto kUnknown = ExitStatus::Kind::kUnknown;

// Ends in no time, and not before it is told to.
constexpr char kExit3[] = "exit 3";
constexpr char kSleep[] = "exec sleep 1000";

// "sh -c" as far as these tests need it.
void FakeShell(FakeProcess& process) {
  if (process.arguments().at(2) == kExit3) process.Exit(3);
}

class ChildProcessTest : public ReactorFixture {
 protected:
  ChildProcessTest() {
    if (fake() != nullptr) {
      fake()->processes().AddProgram("/bin/sh", FakeShell);
    }
  }

  // Null on Linux.
  FakeKernel* fake() { return dynamic_cast<FakeKernel*>(bare_kernel_.get()); }

  absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(const Command& command) {
    return ChildProcess::Spawn(*reactor_, command, [this](ExitStatus status) {
      ended_.push_back(status);
    });
  }
  absl::StatusOr<std::unique_ptr<ChildProcess>> SpawnShell(const char* script) {
    return Spawn({.path = "/bin/sh", .arguments = {"-c", script}});
  }

  // Whether this program has a child, zombies included.
  bool HasChildren() {
    siginfo_t info = {};
    return bare_kernel_->WaitId(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT)
               .error() != ECHILD;
  }
  // Waits for a child behind the ChildProcess's back.
  void Reap(pid_t pid) {
    siginfo_t info = {};
    EXPECT_TRUE(
        bare_kernel_->WaitId(P_PID, static_cast<id_t>(pid), info, WEXITED)
            .ok());
  }
  void KillAndReap(pid_t pid) {
    const int pidfd = bare_kernel_->PidFdOpen(pid, 0).descriptor();
    EXPECT_TRUE(bare_kernel_->PidFdSendSignal(pidfd, SIGKILL).ok());
    EXPECT_TRUE(bare_kernel_->Close(pidfd).ok());
    Reap(pid);
  }
  pid_t LastSpawned() {
    return static_cast<pid_t>(
        calls_.Of(SyscallKind::kPosixSpawn).back().result.value());
  }

  std::vector<ExitStatus> ended_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ChildProcessTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ChildProcessTest, TellsItsExitStatusAndLeavesNoZombie) {
  const auto child = SpawnShell(kExit3).value();
  EXPECT_GT(child->pid(), 0);
  EXPECT_TRUE(child->is_running());
  EXPECT_THAT(ended_, IsEmpty());
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_THAT(ended_, ElementsAre(ExitStatus{kExited, 3}));
  EXPECT_FALSE(child->is_running());
  EXPECT_FALSE(HasChildren());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(ended_.size(), 1u);
}

TEST_P(ChildProcessTest, TellsTheSignalThatEndedIt) {
  const auto child = SpawnShell(kSleep).value();
  EXPECT_TRUE(IsIdle());
  ASSERT_TRUE(child->Signal(SIGTERM).ok());
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_THAT(ended_, ElementsAre(ExitStatus{kSignalled, SIGTERM}));
}

TEST_P(ChildProcessTest, CanBeSignalledOnlyWhileItRuns) {
  const auto child = SpawnShell(kSleep).value();
  EXPECT_TRUE(child->Signal(0).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(child->Signal(65)));
  ASSERT_TRUE(child->Signal(SIGKILL).ok());
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_EQ(child->Signal(0).message(), "pidfd_send_signal: No such process");
  EXPECT_TRUE(absl::IsNotFound(child->Signal(SIGTERM)));
}

TEST_P(ChildProcessTest, SeveralRunAtOnce) {
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (int i = 0; i < 5; ++i) {
    children.push_back(SpawnShell(i % 2 == 0 ? kExit3 : kSleep).value());
  }
  ASSERT_TRUE(RunUntil([&] { return ended_.size() == 3; }));
  for (size_t i : {1, 3}) {
    EXPECT_TRUE(children[i]->is_running());
    ASSERT_TRUE(children[i]->Signal(SIGKILL).ok());
  }
  ASSERT_TRUE(RunUntil([&] { return ended_.size() == 5; }));
  EXPECT_FALSE(HasChildren());
}

TEST_P(ChildProcessTest, DestroyedWhileItRunsItIsKilledAndReaped) {
  auto child = SpawnShell(kSleep).value();
  child.reset();
  EXPECT_FALSE(HasChildren());
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_P(ChildProcessTest, DestroyedWhenItHasEndedUnnoticedItIsReaped) {
  auto child = SpawnShell(kExit3).value();
  siginfo_t info = {};
  ASSERT_TRUE(bare_kernel_
                  ->WaitId(P_PID, static_cast<id_t>(child->pid()), info,
                           WEXITED | WNOWAIT)
                  .ok());
  child.reset();
  EXPECT_FALSE(HasChildren());
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_P(ChildProcessTest, AChildThatMayNotBeKilledIsNotWaitedFor) {
  auto child = SpawnShell(kSleep).value();
  faults_.FailNext(SyscallKind::kPidFdSendSignal, EPERM);
  EXPECT_TRUE(absl::IsPermissionDenied(child->Signal(SIGTERM)));
  faults_.FailNext(SyscallKind::kPidFdSendSignal, EPERM);
  child.reset();
  EXPECT_TRUE(HasChildren());
  KillAndReap(LastSpawned());
}

TEST_P(ChildProcessTest, ItsCallbackMayDeleteItSoonAndStartTheNext) {
  std::unique_ptr<ChildProcess> child;
  int ends = 0;
  const std::function<void()> start = [&] {
    child = *ChildProcess::Spawn(
        *reactor_, {.path = "/bin/sh", .arguments = {"-c", kExit3}},
        [&](ExitStatus) {
          reactor_->DeleteSoon(std::move(child));
          if (++ends < 3) start();
        });
  };
  start();
  ASSERT_TRUE(RunUntil([&] { return ends == 3; }));
  EXPECT_EQ(child, nullptr);
  EXPECT_FALSE(HasChildren());
}

TEST_P(ChildProcessTest, AProgramThatIsNotThereIsToldWithItsPath) {
  const absl::Status status = Spawn({.path = "/nonexistent"}).status();
  EXPECT_EQ(status.message(),
            "posix_spawn /nonexistent: No such file or directory");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_FALSE(HasChildren());
}

TEST_P(ChildProcessTest, AChildThatCannotBeWatchedIsKilledAndReaped) {
  const size_t before = calls_.open_descriptors().size();
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  EXPECT_EQ(SpawnShell(kSleep).status().message(),
            "epoll_ctl: No space left on device");
  EXPECT_FALSE(HasChildren());
  EXPECT_EQ(calls_.open_descriptors().size(), before);
}

TEST_P(ChildProcessTest, ANumberThatIsNoLongerTheChildsIsNotSignalled) {
  // As if SIGCHLD were ignored.
  faults_.FailNext(SyscallKind::kPidFdOpen, ESRCH);
  EXPECT_EQ(SpawnShell(kExit3).status().message(),
            "pidfd_open: No such process");
  EXPECT_EQ(calls_.Count(SyscallKind::kKill), 0);
  Reap(LastSpawned());
}

TEST_P(ChildProcessTest, ItsStatusIsUnknownIfSomebodyElseWaitsForIt) {
  const auto child = SpawnShell(kExit3).value();
  Reap(child->pid());
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_THAT(ended_, ElementsAre(ExitStatus{kUnknown, 0}));
  EXPECT_TRUE(IsIdle());
}

TEST_P(ChildProcessTest, AWaitThatASignalInterruptsIsRepeated) {
  const auto child = SpawnShell(kExit3).value();
  faults_.FailNext(SyscallKind::kWaitId, EINTR, /*times=*/3);
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_THAT(ended_, ElementsAre(ExitStatus{kExited, 3}));
}

TEST_P(ChildProcessTest, NothingOfTheReactorIsInherited) {
  class NoHandler final : public TimerFd::Handler {
    void OnExpired(uint64_t) override {}
  } handler;
  const auto timer =
      TimerFd::Create(*reactor_, TimerFd::Clock::kMonotonic, handler);
  ASSERT_TRUE(timer.ok());
  const auto signals = Signals::Create(*reactor_, {SIGUSR1});
  ASSERT_TRUE(signals.ok());
  const auto other = SpawnShell(kSleep).value();
  if (fake() != nullptr) {
    EXPECT_EQ(fake()->inherited_descriptors(), 0u);
    return;
  }
  Pair pair = MakePair();
  const auto child = Spawn({.path = "/bin/ls",
                            .arguments = {"-l", "/proc/self/fd"},
                            .standard_output = pair.near.descriptor()})
                         .value();
  ASSERT_TRUE(RunUntil([&] { return !ended_.empty(); }));
  EXPECT_THAT(ended_, ElementsAre(ExitStatus{kExited, 0}));
  const std::string listing = pair.far.Read();
  EXPECT_THAT(listing, HasSubstr(" 1 -> socket:"));
  for (int64_t descriptor : calls_.open_descriptors()) {
    // As epoll sets, eventfds, timerfds, signalfds and pidfds show; ls has
    // opened some number itself.
    const std::string shown = absl::StrCat(" ", descriptor, " -> ");
    EXPECT_THAT(listing, Not(HasSubstr(shown + "anon_inode:")));
    EXPECT_THAT(listing, Not(HasSubstr(shown + "pidfd:")));
    EXPECT_THAT(listing, Not(HasSubstr(shown + "socket:")));
  }
}

// What the fake has not: programs that do something, and kill.
class ChildProcessOnLinuxTest : public ChildProcessTest {
 protected:
  // A set of signals as /proc/PID/status shows it, a bit each. Not the two that
  // glibc keeps for itself, and ignores where it starts a program.
  static uint64_t StandardSignals(const std::string& status,
                                  const std::string& name) {
    constexpr uint64_t kStandard = 0x7fff'ffff;
    const size_t begin = status.find(name) + name.size();
    return std::stoull(status.substr(begin, 16), nullptr, 16) & kStandard;
  }

  // What a program writes to its standard output.
  std::string OutputOf(Command command) {
    Pair pair = MakePair();
    command.standard_output = pair.near.descriptor();
    const auto child = Spawn(command).value();
    const size_t before = ended_.size();
    EXPECT_TRUE(RunUntil([&] { return ended_.size() > before; }));
    EXPECT_TRUE(ended_.back().ok()) << ended_.back().ToString();
    return pair.far.Read();
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, ChildProcessOnLinuxTest,
                         testing::Values(LinuxUnderTest()),
                         KernelUnderTestName);

TEST_P(ChildProcessOnLinuxTest, AChildWithoutADescriptorIsKilledAndReaped) {
  faults_.FailNext(SyscallKind::kPidFdOpen, EMFILE);
  EXPECT_EQ(SpawnShell(kSleep).status().message(),
            "pidfd_open: Too many open files");
  EXPECT_FALSE(HasChildren());
}

TEST_P(ChildProcessOnLinuxTest, NoSignalIsBlockedOrIgnored) {
  const auto signals = Signals::Create(*reactor_, {SIGUSR1, SIGTERM});
  ASSERT_TRUE(signals.ok());
  const auto before = ::signal(SIGHUP, SIG_IGN);
  const std::string status =
      OutputOf({.path = "/bin/cat", .arguments = {"/proc/self/status"}});
  EXPECT_EQ(StandardSignals(status, "SigBlk:\t"), 0u);
  EXPECT_EQ(StandardSignals(status, "SigIgn:\t"), 0u);
  ::signal(SIGHUP, before);
}

TEST_P(ChildProcessOnLinuxTest, GetsItsArguments) {
  EXPECT_EQ(OutputOf({.path = "/bin/echo", .arguments = {"a b", "", "c"}}),
            "a b  c\n");
}

TEST_P(ChildProcessOnLinuxTest, GetsThisEnvironmentOrAnother) {
  ASSERT_EQ(::setenv("POLLUX_TEST", "inherited", 1), 0);
  EXPECT_THAT(OutputOf({.path = "/usr/bin/env"}),
              HasSubstr("POLLUX_TEST=inherited\n"));
  EXPECT_EQ(OutputOf({.path = "/usr/bin/env",
                      .environment = std::vector<std::string>{"A=1", "B=2"}}),
            "A=1\nB=2\n");
  EXPECT_EQ(OutputOf({.path = "/usr/bin/env",
                      .environment = std::vector<std::string>()}),
            "");
}

TEST_P(ChildProcessOnLinuxTest, ItsStandardStreamsAreThoseGiven) {
  Pair input = MakePair();
  Pair error = MakePair();
  input.far.Write("hello\n");
  input.far.ShutdownWrite();
  EXPECT_EQ(OutputOf({.path = "/bin/sh",
                      .arguments = {"-c", "cat; echo oops >&2"},
                      .standard_input = input.near.descriptor(),
                      .standard_error = error.near.descriptor()}),
            "hello\n");
  EXPECT_EQ(error.far.Read(), "oops\n");
}

TEST(ExitStatusTest, SaysWhatItIs) {
  EXPECT_EQ((ExitStatus{kExited, 3}).ToString(), "exit status 3");
  EXPECT_EQ((ExitStatus{kSignalled, SIGKILL}).ToString(), "signal 9 (Killed)");
  EXPECT_EQ((ExitStatus{kSignalled, 1000}).ToString(), "signal 1000 (?)");
  EXPECT_EQ(ExitStatus().ToString(), "unknown exit status");
  EXPECT_TRUE((ExitStatus{kExited, 0}).ok());
  EXPECT_FALSE((ExitStatus{kExited, 1}).ok());
  EXPECT_FALSE(ExitStatus().ok());
}

TEST(ChildProcessSweepTest, WithstandsEveryFault) {
  const auto scenario = [](Simulation& simulation) {
    simulation.host().processes().AddProgram(
        "/bin/worker",
        [](FakeProcess& process) { process.ExitAfter(absl::Seconds(5), 7); });
    const auto fault = [&] { return simulation.faulty_kernel().faults() > 0; };
    const auto reactor = Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    const Command command = {.path = "/bin/worker", .arguments = {"a", "b"}};
    ExitStatus first_status;
    const auto first = ChildProcess::Spawn(
        **reactor, command, [&](ExitStatus status) { first_status = status; });
    simulation.Expect(first.ok() || fault(), "the first was not started");
    const auto second =
        ChildProcess::Spawn(**reactor, command, [&](ExitStatus status) {
          simulation.Expect(
              status == ExitStatus{kSignalled, SIGTERM} || fault(),
              status.ToString());
          (*reactor)->Stop();
        });
    if (!second.ok()) return;
    // A third is still running at the end.
    const auto third =
        ChildProcess::Spawn(**reactor, command, [](ExitStatus) {});
    if (!(*second)->Signal(SIGTERM).ok()) return;
    simulation.Run(**reactor);
    if (first.ok() && !(*first)->is_running()) {
      simulation.Expect(first_status == ExitStatus{kExited, 7} || fault(),
                        first_status.ToString());
    }
  };
  const SweepOutcome sweep = Sweep(Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 50u);
}

}  // namespace
}  // namespace pollux
