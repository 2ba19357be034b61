#include "reactor/signals.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/kernel_under_test.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class SignalsTest : public ReactorFixture {
 protected:
  // Of SIGUSR1 and SIGUSR2, with nobody listening yet.
  std::unique_ptr<Signals> Create() {
    return *Signals::Create(*reactor_, {SIGUSR1, SIGUSR2});
  }
  // Which keeps what has come.
  std::unique_ptr<Signals> CreateAndListen() {
    std::unique_ptr<Signals> signals = Create();
    Listen(*signals, SIGUSR1);
    Listen(*signals, SIGUSR2);
    return signals;
  }
  void Listen(Signals& signals, int signal) {
    signals.On(signal, [this](const Signals::Event& event) {
      received_.push_back(event.signal);
    });
  }

  // kill(2), to this very process.
  void Raise(int signal) {
    if (auto* fake = dynamic_cast<FakeKernel*>(bare_kernel_.get())) {
      fake->RaiseSignal(signal);
    } else {
      ASSERT_EQ(::kill(::getpid(), signal), 0);
    }
  }

  sigset_t Change(int how, const sigset_t& change) {
    sigset_t old;
    EXPECT_TRUE(bare_kernel_->SigProcMask(how, change, &old).ok());
    return old;
  }
  bool IsBlocked(int signal) {
    sigset_t nothing;
    sigemptyset(&nothing);
    const sigset_t mask = Change(SIG_BLOCK, nothing);
    return sigismember(&mask, signal) == 1;
  }

  std::vector<int> received_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, SignalsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(SignalsTest, HandsASignalToTheLoop) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  Raise(SIGUSR1);
  EXPECT_THAT(received_, IsEmpty());
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(received_.size(), 1u);
}

TEST_P(SignalsTest, HandsOverEachOfSeveral) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  Raise(SIGUSR2);
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return received_.size() == 2; }));
  EXPECT_THAT(received_, UnorderedElementsAre(SIGUSR1, SIGUSR2));
}

TEST_P(SignalsTest, CallsAllCallbacksInTheOrderOfAdding) {
  const std::unique_ptr<Signals> signals = Create();
  std::vector<char> order;
  for (char name : {'a', 'b', 'c'}) {
    signals->On(SIGUSR1, [&order, name](const Signals::Event&) {
      order.push_back(name);
    });
    Listen(*signals, SIGUSR2);
  }
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !order.empty(); }));
  EXPECT_THAT(order, ElementsAre('a', 'b', 'c'));
  EXPECT_THAT(received_, IsEmpty());
}

TEST_P(SignalsTest, WhatACallbackAddsIsCalledFromTheNextSignalOn) {
  const std::unique_ptr<Signals> signals = Create();
  bool has_added = false;
  signals->On(SIGUSR1, [&](const Signals::Event&) {
    if (std::exchange(has_added, true)) return;
    // So many that what holds them has to grow.
    for (int i = 0; i < 1000; ++i) Listen(*signals, SIGUSR1);
  });
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return has_added; }));
  EXPECT_THAT(received_, IsEmpty());
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !received_.empty(); }));
  EXPECT_EQ(received_.size(), 1000u);
}

TEST_P(SignalsTest, RemovedCallbackIsNotCalled) {
  const auto signals = Create();
  std::vector<int> called;
  auto kept = std::make_shared<int>(0);
  const auto first =
      signals->On(SIGUSR1, [&, kept](const auto&) { called.push_back(1); });
  signals->On(SIGUSR1, [&](const auto&) { called.push_back(2); });
  signals->Remove(first);
  EXPECT_EQ(kept.use_count(), 1);
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !called.empty(); }));
  EXPECT_THAT(called, ElementsAre(2));
}

TEST_P(SignalsTest, CallbackRemovesItselfAndAnother) {
  const auto signals = Create();
  std::vector<int> called;
  auto kept = std::make_shared<int>(0);
  Signals::CallbackId first;
  Signals::CallbackId third;
  first = signals->On(SIGUSR1, [&, kept](const auto&) {
    signals->Remove(first);
    signals->Remove(third);
    // The callback is still running, so it is not destroyed yet.
    EXPECT_GT(kept.use_count(), 1);
    called.push_back(1);
  });
  signals->On(SIGUSR1, [&](const auto&) { called.push_back(2); });
  third = signals->On(SIGUSR1, [&](const auto&) { called.push_back(3); });
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !called.empty(); }));
  EXPECT_THAT(called, ElementsAre(1, 2));
  EXPECT_EQ(kept.use_count(), 1);
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return called.size() > 2; }));
  EXPECT_THAT(called, ElementsAre(1, 2, 2));
}

using SignalsDeathTest = SignalsTest;

INSTANTIATE_TEST_SUITE_P(Kernels, SignalsDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(SignalsDeathTest, RemovingACallbackTwiceIsABug) {
  const auto signals = Create();
  const auto callback = signals->On(SIGUSR1, [](const auto&) {});
  signals->On(SIGUSR1, [](const auto&) {});
  signals->Remove(callback);
  EXPECT_DEATH(signals->Remove(callback), "the callback was removed before");
}

TEST_P(SignalsTest, ASignalWithoutACallbackIsTakenAndForgotten) {
  const std::unique_ptr<Signals> signals = Create();
  Listen(*signals, SIGUSR2);
  Raise(SIGUSR1);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(received_, IsEmpty());
}

TEST_P(SignalsTest, WhatCameBeforeTheCallbacksWaits) {
  const std::unique_ptr<Signals> signals = Create();
  Raise(SIGUSR1);
  Listen(*signals, SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !received_.empty(); }));
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsTest, WhatCameWhileItWasBlockedBeforeIsTaken) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  Change(SIG_BLOCK, mask);
  Raise(SIGUSR1);
  {
    const std::unique_ptr<Signals> signals = CreateAndListen();
    ASSERT_TRUE(RunUntil([&] { return !received_.empty(); }));
  }
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
  Change(SIG_UNBLOCK, mask);
}

TEST_P(SignalsTest, WhatComesWhileACallbackRunsIsToldNext) {
  const std::unique_ptr<Signals> signals = Create();
  signals->On(SIGUSR1, [&](const Signals::Event&) {
    if (received_.empty()) Raise(SIGUSR1);
  });
  Listen(*signals, SIGUSR1);
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return received_.size() == 2; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(received_.size(), 2u);
}

TEST_P(SignalsTest, StandardSignalsThatWaitAreOne) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  for (int i = 0; i < 3; ++i) Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return !received_.empty(); }));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsTest, BlocksTheSignalsWhileItLives) {
  ASSERT_FALSE(IsBlocked(SIGUSR1));
  std::unique_ptr<Signals> signals = Create();
  EXPECT_TRUE(IsBlocked(SIGUSR1));
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  signals.reset();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  EXPECT_FALSE(IsBlocked(SIGUSR2));
}

TEST_P(SignalsTest, LeavesBlockedWhatOthersHaveBlocked) {
  sigset_t before;
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  sigset_t meanwhile;
  sigemptyset(&meanwhile);
  sigaddset(&meanwhile, SIGHUP);
  Change(SIG_BLOCK, before);
  std::unique_ptr<Signals> signals = Create();
  Change(SIG_BLOCK, meanwhile);
  signals.reset();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  EXPECT_TRUE(IsBlocked(SIGHUP));
  Change(SIG_UNBLOCK, before);
  Change(SIG_UNBLOCK, meanwhile);
}

TEST_P(SignalsTest, IsDeletedSoonFromItsCallback) {
  std::unique_ptr<Signals> signals = Create();
  signals->On(SIGUSR1, [&](const Signals::Event&) {
    reactor_->DeleteSoon(std::move(signals));
  });
  Raise(SIGUSR1);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_EQ(signals, nullptr);
  EXPECT_FALSE(IsBlocked(SIGUSR1));
}

TEST_P(SignalsTest, AReadThatASignalInterruptsIsRepeated) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  Raise(SIGUSR1);
  faults_.FailNext(SyscallKind::kRead, EINTR);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsTest, ASpuriousEventIsNothing) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  Raise(SIGUSR1);
  faults_.FailNext(SyscallKind::kRead, EAGAIN);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_THAT(received_, IsEmpty());
  reactor_->RunOnce(absl::Seconds(10));
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
    EXPECT_EQ(Signals::Create(*reactor_, {SIGUSR1}).status().message(),
              message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
    EXPECT_FALSE(IsBlocked(SIGUSR1));
  }
}

// What the fake has not: threads, and senders.
class SignalsOnLinuxTest : public SignalsTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, SignalsOnLinuxTest,
                         testing::Values(LinuxUnderTest()),
                         KernelUnderTestName);

TEST_P(SignalsOnLinuxTest, ThreadsThatAreStartedLaterBlockThemToo) {
  const std::unique_ptr<Signals> signals = CreateAndListen();
  bool thread_blocks = false;
  // Unless it does, the signal kills the test.
  std::thread([&] {
    thread_blocks = IsBlocked(SIGUSR1);
    Raise(SIGUSR1);
  }).join();
  EXPECT_TRUE(thread_blocks);
  ASSERT_TRUE(RunUntil([&] { return !received_.empty(); }));
  EXPECT_THAT(received_, ElementsAre(SIGUSR1));
}

TEST_P(SignalsOnLinuxTest, TellsWhoSentASignal) {
  const std::unique_ptr<Signals> signals = Create();
  pid_t sender = -1;
  uid_t user = 0;
  signals->On(SIGUSR1, [&](const Signals::Event& event) {
    sender = event.sender;
    user = event.sender_user;
  });
  Raise(SIGUSR1);
  ASSERT_TRUE(RunUntil([&] { return sender != -1; }));
  EXPECT_EQ(sender, ::getpid());
  EXPECT_EQ(user, ::getuid());
}

TEST(SignalsSweepTest, WithstandsEveryFault) {
  const auto scenario = [](Simulation& simulation) {
    const auto reactor = Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    auto signals = Signals::Create(**reactor, {SIGHUP, SIGTERM});
    if (!signals.ok()) return;
    int reloads = 0;
    for (int i = 0; i < 2; ++i) {
      (*signals)->On(SIGHUP, [&](const Signals::Event&) { ++reloads; });
    }
    (*signals)->On(SIGTERM, [&](const Signals::Event&) { (*reactor)->Stop(); });
    simulation.host().RaiseSignal(SIGHUP);
    simulation.world().time().After(
        absl::Seconds(1), [&] { simulation.host().RaiseSignal(SIGTERM); });
    simulation.Run(**reactor);
    simulation.Expect(reloads == 2, "not every callback was called");
  };
  const SweepOutcome sweep = Sweep(Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 30u);
}

}  // namespace
}  // namespace pollux
