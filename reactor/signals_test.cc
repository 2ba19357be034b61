#include "reactor/signals.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool IsBlocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

// On the real kernel only: it is the one that raise() knows.
class SignalsTest : public ReactorFixture {
 protected:
  absl::StatusOr<std::unique_ptr<Signals>> Create() {
    return Signals::Create(*reactor_, {SIGUSR1, SIGUSR2},
                           [this](int signal) { received_.push_back(signal); });
  }

  std::vector<int> received_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, SignalsTest,
                         testing::Values(KernelUnderTest{
                             "Linux",
                             []() -> std::unique_ptr<Kernel> {
                               return std::make_unique<LinuxKernel>();
                             }}),
                         KernelUnderTestName);

TEST_P(SignalsTest, HandsASignalToTheLoop) {
  const std::unique_ptr<Signals> signals = *Create();
  raise(SIGUSR1);
  EXPECT_THAT(received_, IsEmpty());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(received_.size(), 1u);
}

TEST_P(SignalsTest, HandsOverEachOfSeveral) {
  const std::unique_ptr<Signals> signals = *Create();
  raise(SIGUSR2);
  raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return received_.size() == 2; }));
  EXPECT_THAT(received_, testing::UnorderedElementsAre(SIGUSR1, SIGUSR2));
}

TEST_P(SignalsTest, BlocksTheSignalsWhileItLives) {
  ASSERT_FALSE(IsBlocked(SIGUSR1));
  std::unique_ptr<Signals> signals = *Create();
  EXPECT_TRUE(IsBlocked(SIGUSR1));
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  signals.reset();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  EXPECT_FALSE(IsBlocked(SIGUSR2));
}

TEST_P(SignalsTest, LeavesBlockedWhatWasBlockedBefore) {
  sigset_t mask;
  sigset_t old;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &mask, &old), 0);
  Create()->reset();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &old, nullptr), 0);
}

TEST_P(SignalsTest, IsDeletedSoonFromItsCallback) {
  std::unique_ptr<Signals> signals;
  signals = *Signals::Create(*reactor_, {SIGUSR1}, [&](int) {
    reactor_->DeleteSoon(std::move(signals));
  });
  raise(SIGUSR1);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(signals, nullptr);
  EXPECT_FALSE(IsBlocked(SIGUSR1));
}

TEST_P(SignalsTest, AReadThatASignalInterruptsIsRepeated) {
  const std::unique_ptr<Signals> signals = *Create();
  raise(SIGUSR1);
  faults_.FailNext(SyscallKind::kRead, EINTR);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsTest, ASpuriousEventIsNothing) {
  const std::unique_ptr<Signals> signals = *Create();
  raise(SIGUSR1);
  faults_.FailNext(SyscallKind::kRead, EAGAIN);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(received_, IsEmpty());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsTest, AFailedCreateLeavesNothingBehind) {
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kSigProcMask, "sigprocmask: Too many open files"},
      {SyscallKind::kSignalFd, "signalfd: Too many open files"},
      {SyscallKind::kEpollCtl, "epoll_ctl: Too many open files"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, EMFILE);
    EXPECT_EQ(Create().status().message(), message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
    EXPECT_FALSE(IsBlocked(SIGUSR1));
  }
}

}  // namespace
}  // namespace pollux
