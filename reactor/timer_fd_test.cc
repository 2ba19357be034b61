#include "reactor/timer_fd.h"

#include <time.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
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

using Clock = TimerFd::Clock;
using ClockSet = TimerFd::ClockSet;

constexpr absl::Duration kSoon = absl::Milliseconds(2);

absl::Time WallTime(Kernel& kernel) {
  return absl::FromUnixNanos(kernel.ClockGetTime(CLOCK_REALTIME).value());
}

// Keeps what it is told, and does as the test says.
class Recorder final : public TimerFd::Handler {
 public:
  void OnExpired(uint64_t expirations) override {
    expired.push_back(expirations);
    if (on_expired) on_expired();
  }
  void OnClockSet() override {
    ++clock_sets;
    if (on_clock_set) on_clock_set();
  }

  uint64_t total() const {
    uint64_t sum = 0;
    for (uint64_t expirations : expired) sum += expirations;
    return sum;
  }

  std::vector<uint64_t> expired;
  int clock_sets = 0;
  std::function<void()> on_expired;
  std::function<void()> on_clock_set;
};

class TimerFdTest : public ReactorFixture {
 protected:
  std::unique_ptr<TimerFd> Create(Clock clock = Clock::kMonotonic) {
    return *TimerFd::Create(*reactor_, clock, told_);
  }

  MonotonicTime MonotonicNow() {
    return MonotonicTime::FromNanos(
        bare_kernel_->ClockGetTime(CLOCK_MONOTONIC).value());
  }
  absl::Time WallNow() { return WallTime(*bare_kernel_); }

  Recorder told_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, TimerFdTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(TimerFdTest, IsQuietUntilItIsArmed) {
  const std::unique_ptr<TimerFd> timer = Create();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(TimerFdTest, FiresOnceAfterADelayOnEachClock) {
  for (Clock clock : {Clock::kMonotonic, Clock::kBootTime, Clock::kWall}) {
    told_.expired.clear();
    const std::unique_ptr<TimerFd> timer = Create(clock);
    const MonotonicTime begin = MonotonicNow();
    ASSERT_TRUE(timer->ArmAfter(kSoon).ok());
    ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
    EXPECT_GE(MonotonicNow(), begin + kSoon);
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(told_.expired, ElementsAre(1));
  }
}

TEST_P(TimerFdTest, FiresAtAMonotonicTime) {
  const std::unique_ptr<TimerFd> timer = Create();
  const MonotonicTime when = MonotonicNow() + kSoon;
  ASSERT_TRUE(timer->ArmAt(when).ok());
  ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
  EXPECT_GE(MonotonicNow(), when);
  EXPECT_THAT(told_.expired, ElementsAre(1));
}

TEST_P(TimerFdTest, FiresAtAWallTime) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  for (ClockSet clock_set : {ClockSet::kFollow, ClockSet::kTell}) {
    told_.expired.clear();
    const absl::Time when = WallNow() + kSoon;
    ASSERT_TRUE(timer->ArmAtWallTime(when, TimerFd::kOnce, clock_set).ok());
    ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
    EXPECT_GE(WallNow(), when);
    EXPECT_THAT(told_.expired, ElementsAre(1));
  }
}

TEST_P(TimerFdTest, WhatHasPassedFiresAtOnceButNotInline) {
  const std::unique_ptr<TimerFd> timer = Create();
  const std::unique_ptr<TimerFd> wall_timer = Create(Clock::kWall);
  const std::function<absl::Status()> armings[] = {
      [&] { return timer->ArmAfter(absl::ZeroDuration()); },
      [&] { return timer->ArmAfter(-absl::InfiniteDuration()); },
      [&] { return timer->ArmAt(MonotonicTime()); },
      [&] { return timer->ArmAt(MonotonicTime::FromNanos(-1)); },
      [&] { return wall_timer->ArmAtWallTime(absl::UnixEpoch()); },
      [&] { return wall_timer->ArmAtWallTime(absl::InfinitePast()); },
  };
  for (const auto& arm : armings) {
    told_.expired.clear();
    ASSERT_TRUE(arm().ok());
    EXPECT_THAT(told_.expired, IsEmpty());
    ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
    EXPECT_THAT(told_.expired, ElementsAre(1));
  }
}

TEST_P(TimerFdTest, WhatIsInfiniteNeverFires) {
  const std::unique_ptr<TimerFd> timer = Create();
  const std::unique_ptr<TimerFd> wall_timer = Create(Clock::kWall);
  ASSERT_TRUE(timer->ArmAfter(absl::InfiniteDuration()).ok());
  ASSERT_TRUE(wall_timer->ArmAtWallTime(absl::InfiniteFuture()).ok());
  EXPECT_TRUE(IsIdle());
  ASSERT_TRUE(timer->ArmAt(MonotonicTime::Infinite()).ok());
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(TimerFdTest, FiresAtItsIntervalAndCountsWhatWasMissed) {
  const std::unique_ptr<TimerFd> timer = Create();
  const MonotonicTime begin = MonotonicNow();
  ASSERT_TRUE(timer->ArmAfter(kSoon, absl::Milliseconds(1)).ok());
  while (told_.total() < 5) {
    ASSERT_TRUE(RunUntil([&, count = told_.expired.size()] {
      return told_.expired.size() > count;
    }));
    // The nth at its time, however late those before it were read.
    EXPECT_GE(MonotonicNow(), begin + kSoon +
                                  static_cast<int64_t>(told_.total() - 1) *
                                      absl::Milliseconds(1));
  }
}

TEST_P(TimerFdTest, ArmingAgainReplacesWhatWasArmed) {
  const std::unique_ptr<TimerFd> timer = Create();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1)).ok());
  ASSERT_TRUE(timer->ArmAfter(absl::Hours(1)).ok());
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(TimerFdTest, DisarmedItIsQuiet) {
  const std::unique_ptr<TimerFd> timer = Create();
  timer->Disarm();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1), kSoon).ok());
  timer->Disarm();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(TimerFdTest, DisarmedInTheSameIterationItIsQuiet) {
  // Both have fired when the loop looks; the first disarms the other.
  std::unique_ptr<TimerFd> timers[2];
  Recorder recorders[2];
  for (size_t i : {0, 1}) {
    timers[i] = *TimerFd::Create(*reactor_, Clock::kMonotonic, recorders[i]);
    recorders[i].on_expired = [&timers, i] { timers[1 - i]->Disarm(); };
    ASSERT_TRUE(timers[i]->ArmAfter(absl::Nanoseconds(1)).ok());
  }
  ASSERT_TRUE(RunUntil(
      [&] { return recorders[0].total() + recorders[1].total() > 0; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(recorders[0].total() + recorders[1].total(), 1u);
}

TEST_P(TimerFdTest, ItsHandlerMayArmItAgain) {
  const std::unique_ptr<TimerFd> timer = Create();
  told_.on_expired = [&] {
    if (told_.expired.size() < 3) {
      ASSERT_TRUE(timer->ArmAfter(absl::Milliseconds(1)).ok());
    }
  };
  ASSERT_TRUE(timer->ArmAfter(absl::Milliseconds(1)).ok());
  ASSERT_TRUE(RunUntil([&] { return told_.expired.size() == 3; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, ElementsAre(1, 1, 1));
}

TEST_P(TimerFdTest, ItsHandlerMayDeleteItSoon) {
  std::unique_ptr<TimerFd> timer = Create();
  told_.on_expired = [&] { reactor_->DeleteSoon(std::move(timer)); };
  ASSERT_TRUE(timer->ArmAfter(kSoon, absl::Nanoseconds(1)).ok());
  ASSERT_TRUE(RunUntil([&] { return timer == nullptr; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(told_.expired.size(), 1u);
}

TEST_P(TimerFdTest, IsDestroyedWhileArmed) {
  std::unique_ptr<TimerFd> timer = Create();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1)).ok());
  timer.reset();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(TimerFdTest, AReadThatASignalInterruptsIsRepeated) {
  const std::unique_ptr<TimerFd> timer = Create();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1)).ok());
  faults_.FailNext(SyscallKind::kRead, EINTR, /*times=*/3);
  ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
  EXPECT_EQ(calls_.Count(SyscallKind::kRead), 4);
}

TEST_P(TimerFdTest, ASpuriousEventIsNothing) {
  const std::unique_ptr<TimerFd> timer = Create();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1)).ok());
  faults_.FailNext(SyscallKind::kRead, EAGAIN);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_THAT(told_.expired, IsEmpty());
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_THAT(told_.expired, ElementsAre(1));
}

TEST_P(TimerFdTest, AFailedCreateLeavesNothingBehind) {
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kTimerFdCreate, "timerfd_create: Too many open files"},
      {SyscallKind::kEpollCtl, "epoll_ctl: Too many open files"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, EMFILE);
    EXPECT_EQ(
        TimerFd::Create(*reactor_, Clock::kWall, told_).status().message(),
        message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

TEST_P(TimerFdTest, AFailedArmingIsToldAndChangesNothing) {
  const std::unique_ptr<TimerFd> timer = Create();
  ASSERT_TRUE(timer->ArmAfter(kSoon).ok());
  faults_.FailNext(SyscallKind::kTimerFdSetTime, EPERM);
  EXPECT_EQ(timer->ArmAfter(absl::Hours(1)).message(),
            "timerfd_settime: Operation not permitted");
  ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
}

TEST_P(TimerFdTest, CostsOneCallToArmAndOneToRead) {
  const std::unique_ptr<TimerFd> timer = Create();
  calls_.Clear();
  ASSERT_TRUE(timer->ArmAfter(absl::Nanoseconds(1)).ok());
  EXPECT_EQ(calls_.Total(), 1);
  ASSERT_TRUE(RunUntil([&] { return !told_.expired.empty(); }));
  EXPECT_EQ(calls_.Count(SyscallKind::kTimerFdSetTime), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kRead), 1);
}

// Setting the machine's clock is not for tests: here only the fake.
class WallClockTest : public TimerFdTest {
 protected:
  void SetClock(absl::Duration step) {
    static_cast<FakeKernel&>(*bare_kernel_).world().time().StepWallClock(step);
  }
  void Pass(absl::Duration time) {
    const MonotonicTime end = MonotonicNow() + time;
    while (MonotonicNow() < end) reactor_->RunOnce(end - MonotonicNow());
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, WallClockTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(WallClockTest, FollowsAClockThatIsSetForward) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  ASSERT_TRUE(timer->ArmAtWallTime(WallNow() + absl::Hours(1)).ok());
  SetClock(absl::Minutes(59));
  Pass(absl::Seconds(59));
  EXPECT_THAT(told_.expired, IsEmpty());
  Pass(absl::Seconds(1));
  EXPECT_THAT(told_.expired, ElementsAre(1));
  EXPECT_EQ(told_.clock_sets, 0);
}

TEST_P(WallClockTest, FollowsAClockThatIsSetBack) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  ASSERT_TRUE(timer->ArmAtWallTime(WallNow() + absl::Hours(1)).ok());
  SetClock(-absl::Hours(1));
  Pass(absl::Minutes(119));
  EXPECT_THAT(told_.expired, IsEmpty());
  Pass(absl::Minutes(1));
  EXPECT_THAT(told_.expired, ElementsAre(1));
}

TEST_P(WallClockTest, ADelayDoesNotFollowTheClock) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  ASSERT_TRUE(timer->ArmAfter(absl::Hours(1)).ok());
  SetClock(absl::Hours(2));
  Pass(absl::Minutes(59));
  EXPECT_THAT(told_.expired, IsEmpty());
  Pass(absl::Minutes(1));
  EXPECT_THAT(told_.expired, ElementsAre(1));
}

TEST_P(WallClockTest, TellsOnceThatTheClockWasSetAndIsThenDisarmed) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  for (absl::Duration step : {absl::Minutes(1), -absl::Minutes(1)}) {
    told_.clock_sets = 0;
    ASSERT_TRUE(timer
                    ->ArmAtWallTime(WallNow() + absl::Hours(1),
                                    absl::Minutes(1), ClockSet::kTell)
                    .ok());
    SetClock(step);
    Pass(absl::Hours(10));
    EXPECT_EQ(told_.clock_sets, 1);
    EXPECT_THAT(told_.expired, IsEmpty());
  }
}

TEST_P(WallClockTest, TellsOfAJumpPastTheTime) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  ASSERT_TRUE(timer
                  ->ArmAtWallTime(WallNow() + absl::Hours(1), TimerFd::kOnce,
                                  ClockSet::kTell)
                  .ok());
  SetClock(absl::Hours(2));
  Pass(absl::Hours(10));
  EXPECT_EQ(told_.clock_sets, 1);
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(WallClockTest, ToldItIsArmedAgain) {
  const std::unique_ptr<TimerFd> timer = Create(Clock::kWall);
  const auto arm = [&] {
    ASSERT_TRUE(timer
                    ->ArmAtWallTime(WallNow() + absl::Hours(1), TimerFd::kOnce,
                                    ClockSet::kTell)
                    .ok());
  };
  told_.on_clock_set = arm;
  arm();
  SetClock(absl::Hours(2));
  Pass(absl::Minutes(59));
  EXPECT_THAT(told_.expired, IsEmpty());
  Pass(absl::Minutes(1));
  EXPECT_THAT(told_.expired, ElementsAre(1));
  EXPECT_EQ(told_.clock_sets, 1);
}

// The clock was set, and the loop has not looked since.
class ClockSetBetweenArmingsTest : public WallClockTest {
 protected:
  void SetUp() override {
    timer_ = Create(Clock::kWall);
    Arm(ClockSet::kTell);
    SetClock(absl::Minutes(1));
  }
  void TearDown() override {
    timer_.reset();
    WallClockTest::TearDown();
  }

  void Arm(ClockSet clock_set) {
    ASSERT_TRUE(timer_
                    ->ArmAtWallTime(WallNow() + absl::Hours(1), TimerFd::kOnce,
                                    clock_set)
                    .ok());
  }

  std::unique_ptr<TimerFd> timer_;
};

INSTANTIATE_TEST_SUITE_P(Kernel, ClockSetBetweenArmingsTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(ClockSetBetweenArmingsTest, IsToldAfterTheSecondButNotInline) {
  Arm(ClockSet::kTell);
  EXPECT_EQ(told_.clock_sets, 0);
  Iterate();
  EXPECT_EQ(told_.clock_sets, 1);
  Pass(absl::Hours(2));
  EXPECT_EQ(told_.clock_sets, 1);
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(ClockSetBetweenArmingsTest, IsToldOnceAfterSeveral) {
  for (int i = 0; i < 3; ++i) Arm(ClockSet::kTell);
  Pass(absl::Hours(2));
  EXPECT_EQ(told_.clock_sets, 1);
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST_P(ClockSetBetweenArmingsTest, IsNotToldWhoDoesNotAsk) {
  Arm(ClockSet::kTell);
  Arm(ClockSet::kFollow);
  Pass(absl::Hours(2));
  EXPECT_EQ(told_.clock_sets, 0);
  EXPECT_THAT(told_.expired, ElementsAre(1));
}

TEST_P(ClockSetBetweenArmingsTest, IsNotToldWhoDisarms) {
  Arm(ClockSet::kTell);
  timer_->Disarm();
  Pass(absl::Hours(2));
  EXPECT_EQ(told_.clock_sets, 0);
  EXPECT_THAT(told_.expired, IsEmpty());
}

TEST(TimerFdSweepTest, WithstandsEveryFault) {
  const auto scenario = [](Simulation& simulation) {
    const auto reactor = Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    Recorder periodic;
    const auto ticks = TimerFd::Create(**reactor, Clock::kMonotonic, periodic);
    if (!ticks.ok()) return;
    Recorder once;
    const auto alarm = TimerFd::Create(**reactor, Clock::kWall, once);
    if (!alarm.ok()) return;

    const auto set_alarm = [&] {
      simulation.Expect(
          (*alarm)
              ->ArmAtWallTime(WallTime(simulation.kernel()) + absl::Minutes(1),
                              TimerFd::kOnce, ClockSet::kTell)
              .ok(),
          "the alarm cannot be set");
    };
    set_alarm();
    once.on_clock_set = set_alarm;
    once.on_expired = [&] { (*reactor)->Stop(); };
    simulation.Expect(
        (*ticks)->ArmAfter(absl::Seconds(1), absl::Seconds(20)).ok(),
        "the ticks cannot be set");
    simulation.world().time().After(absl::Seconds(30), [&] {
      simulation.world().time().StepWallClock(absl::Hours(1));
    });
    simulation.Run(**reactor);
    simulation.Expect(once.clock_sets == 1,
                      "nobody told that the clock is set");
    simulation.Expect(once.total() == 1, "the alarm was not once");
    simulation.Expect(periodic.total() == 5, "ticks were lost");
  };
  const SweepOutcome sweep = Sweep(Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 50u);
}

}  // namespace
}  // namespace pollux
