// What timerfd does, on Linux and on the fake kernel.

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/kernel_caller.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

constexpr absl::Duration kNever = absl::ZeroDuration();

itimerspec Times(absl::Duration first, absl::Duration interval) {
  return {.it_interval = absl::ToTimespec(interval),
          .it_value = absl::ToTimespec(first)};
}

class TimerConformanceTest : public KernelConformance {
 protected:
  int Timer(clockid_t clock = CLOCK_MONOTONIC) {
    return Must(kernel().TimerFdCreate(clock, TFD_NONBLOCK | TFD_CLOEXEC));
  }
  SysResult Set(int timer, absl::Duration first,
                absl::Duration interval = kNever, int flags = 0) {
    return kernel().TimerFdSetTime(timer, flags, Times(first, interval),
                                   nullptr);
  }
  itimerspec SetAndGetOld(int timer, absl::Duration first) {
    itimerspec old = {};
    EXPECT_EQ(kernel().TimerFdSetTime(timer, 0, Times(first, kNever), &old),
              Ok());
    return old;
  }
  absl::Duration Now(clockid_t clock) {
    return absl::Nanoseconds(kernel().ClockGetTime(clock).value());
  }
  // Lets so much time pass.
  void Pass(absl::Duration time) {
    const int set = EpollSet();
    EXPECT_TRUE(Wait(set, time).empty());
    Close(set);
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, TimerConformanceTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(TimerConformanceTest, ANewTimerIsNotReady) {
  const int timer = Timer();
  EXPECT_EQ(Poll(timer), 0u);
  EXPECT_EQ(Take(timer), 0u);
}

TEST_P(TimerConformanceTest, FiresOnceAndIsReadOnce) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(2)), Ok());
  EXPECT_EQ(Poll(timer), 0u);
  Await(timer, EPOLLIN);
  EXPECT_EQ(Poll(timer), uint32_t{EPOLLIN});
  EXPECT_EQ(Take(timer), 1u);
  EXPECT_EQ(Poll(timer), 0u);
  EXPECT_EQ(Take(timer), 0u);
}

TEST_P(TimerConformanceTest, NeverFiresEarly) {
  const int timer = Timer();
  const absl::Duration before = Now(CLOCK_MONOTONIC);
  EXPECT_EQ(Set(timer, absl::Milliseconds(3)), Ok());
  Await(timer, EPOLLIN);
  EXPECT_GE(Now(CLOCK_MONOTONIC) - before, absl::Milliseconds(3));
}

TEST_P(TimerConformanceTest, AbsoluteOnEachClock) {
  for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME}) {
    const int timer = Timer(clock);
    const absl::Duration when = Now(clock) + absl::Milliseconds(2);
    EXPECT_EQ(Set(timer, when, kNever, TFD_TIMER_ABSTIME), Ok());
    Await(timer, EPOLLIN);
    EXPECT_GE(Now(clock), when);
    EXPECT_EQ(Take(timer), 1u);
  }
}

TEST_P(TimerConformanceTest, AnAbsoluteTimeThatHasPassedFiresAtOnce) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Nanoseconds(1), kNever, TFD_TIMER_ABSTIME), Ok());
  Await(timer, EPOLLIN);
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(TimerConformanceTest, APeriodicTimerCountsWhatWasMissed) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(2), absl::Milliseconds(1)), Ok());
  Pass(absl::Milliseconds(10));
  EXPECT_GE(Take(timer), 9u);
  Await(timer, EPOLLIN);
  EXPECT_GE(Take(timer), 1u);
}

TEST_P(TimerConformanceTest, APeriodicTimerKeepsItsRhythm) {
  const int timer = Timer();
  const absl::Duration begin = Now(CLOCK_MONOTONIC);
  EXPECT_EQ(Set(timer, absl::Milliseconds(1), absl::Milliseconds(1)), Ok());
  uint64_t count = 0;
  while (count < 5) {
    Await(timer, EPOLLIN);
    count += Take(timer);
  }
  // The nth expiry is at n milliseconds, however late the others were read.
  EXPECT_GE(Now(CLOCK_MONOTONIC) - begin,
            absl::Milliseconds(static_cast<int64_t>(count)));
}

TEST_P(TimerConformanceTest, APeriodicTimerIsOneEdgeUntilItIsRead) {
  const int timer = Timer();
  const int set = EpollSet();
  EXPECT_EQ(Add(set, timer, EPOLLIN | kEdge), Ok());
  EXPECT_EQ(Set(timer, absl::Milliseconds(1), absl::Milliseconds(1)), Ok());
  EXPECT_EQ(Wait(set).size(), 1u);
  EXPECT_TRUE(Wait(set, absl::Milliseconds(5)).empty());
  EXPECT_GE(Take(timer), 2u);
  EXPECT_EQ(Wait(set).size(), 1u);
}

TEST_P(TimerConformanceTest, AnIntervalMayBeLongerThanTheClock) {
  const int timer = Timer();
  const itimerspec value = {.it_interval = {int64_t{1} << 40, 0},
                            .it_value = {0, 1'000'000}};
  EXPECT_EQ(kernel().TimerFdSetTime(timer, 0, value, nullptr), Ok());
  Await(timer, EPOLLIN);
  EXPECT_EQ(Take(timer), 1u);
  EXPECT_EQ(Poll(timer), 0u);
}

TEST_P(TimerConformanceTest, AnIntervalWithoutAFirstTimeDisarms) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::ZeroDuration(), absl::Milliseconds(1)), Ok());
  Pass(absl::Milliseconds(3));
  EXPECT_EQ(Take(timer), 0u);
}

TEST_P(TimerConformanceTest, DisarmingForgetsWhatHasFired) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(1)), Ok());
  Await(timer, EPOLLIN);
  EXPECT_EQ(Set(timer, absl::ZeroDuration()), Ok());
  EXPECT_EQ(Poll(timer), 0u);
  EXPECT_EQ(Take(timer), 0u);
}

TEST_P(TimerConformanceTest, ArmingAgainMovesTheTime) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(1)), Ok());
  EXPECT_EQ(Set(timer, absl::Hours(1)), Ok());
  Pass(absl::Milliseconds(3));
  EXPECT_EQ(Take(timer), 0u);
}

TEST_P(TimerConformanceTest, TellsWhatWasSetBefore) {
  const int timer = Timer();
  itimerspec old = SetAndGetOld(timer, absl::Hours(1));
  EXPECT_EQ(old.it_value.tv_sec, 0);
  EXPECT_EQ(old.it_value.tv_nsec, 0);
  old = SetAndGetOld(timer, absl::Hours(2));
  const absl::Duration left = absl::DurationFromTimespec(old.it_value);
  EXPECT_LE(left, absl::Hours(1));
  EXPECT_GT(left, absl::Minutes(59));
  EXPECT_EQ(Set(timer, absl::Hours(1), absl::Seconds(5)), Ok());
  old = SetAndGetOld(timer, absl::Hours(2));
  EXPECT_EQ(absl::DurationFromTimespec(old.it_interval), absl::Seconds(5));
}

TEST_P(TimerConformanceTest, TellsThatAOneShotTimerHasNothingLeft) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(1)), Ok());
  Await(timer, EPOLLIN);
  const itimerspec old = SetAndGetOld(timer, absl::ZeroDuration());
  EXPECT_EQ(absl::DurationFromTimespec(old.it_value), absl::ZeroDuration());
}

TEST_P(TimerConformanceTest, TellsWhatIsLeftOfAPeriodThatWasNotRead) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(1), absl::Hours(1)), Ok());
  Await(timer, EPOLLIN);
  const itimerspec old = SetAndGetOld(timer, absl::ZeroDuration());
  const absl::Duration left = absl::DurationFromTimespec(old.it_value);
  EXPECT_GT(left, absl::Minutes(59));
  EXPECT_LE(left, absl::Hours(1));
}

TEST_P(TimerConformanceTest, ReadsOnlyWholeCounts) {
  const int timer = Timer();
  std::array<char, 7> small;
  EXPECT_EQ(kernel().Read(timer, absl::MakeSpan(small)), Error(EINVAL));
  EXPECT_EQ(Set(timer, absl::Milliseconds(1)), Ok());
  Await(timer, EPOLLIN);
  std::array<char, 16> large;
  EXPECT_EQ(kernel().Read(timer, absl::MakeSpan(large)), Ok(8));
}

TEST_P(TimerConformanceTest, CannotBeWritten) {
  EXPECT_EQ(Write(Timer(), 1), Error(EINVAL));
}

TEST_P(TimerConformanceTest, RefusesWhatIsNoTime) {
  const int timer = Timer();
  const itimerspec negative = {.it_interval = {}, .it_value = {-1, 0}};
  const itimerspec too_many_nanos = {.it_interval = {},
                                     .it_value = {0, 1'000'000'000}};
  const itimerspec bad_interval = {.it_interval = {0, -1}, .it_value = {1, 0}};
  for (const itimerspec& value : {negative, too_many_nanos, bad_interval}) {
    EXPECT_EQ(kernel().TimerFdSetTime(timer, 0, value, nullptr), Error(EINVAL));
  }
}

TEST_P(TimerConformanceTest, RefusesUnknownFlagsAndClocks) {
  EXPECT_EQ(kernel().TimerFdCreate(CLOCK_MONOTONIC, 1), Error(EINVAL));
  EXPECT_EQ(kernel().TimerFdCreate(CLOCK_PROCESS_CPUTIME_ID, 0), Error(EINVAL));
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Seconds(1), kNever, 8), Error(EINVAL));
}

TEST_P(TimerConformanceTest, OnlyTimersAreSet) {
  EXPECT_EQ(Set(EventFd(), absl::Seconds(1)), Error(EINVAL));
  EXPECT_EQ(Set(999, absl::Seconds(1)), Error(EBADF));
}

TEST_P(TimerConformanceTest, CancelOnSetNeedsAnAbsoluteWallTime) {
  // The flag does nothing on other timers.
  const int timer = Timer(CLOCK_MONOTONIC);
  EXPECT_EQ(Set(timer, absl::Milliseconds(1), kNever, TFD_TIMER_CANCEL_ON_SET),
            Ok());
  Await(timer, EPOLLIN);
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(TimerConformanceTest, ClosingAnArmedTimerIsFine) {
  const int timer = Timer();
  EXPECT_EQ(Set(timer, absl::Milliseconds(1)), Ok());
  Close(timer);
  Pass(absl::Milliseconds(3));
}

// Setting the machine's clock is not for tests: here only the fake.
class WallClockTest : public TimerConformanceTest {
 protected:
  FakeWorld& world() { return static_cast<FakeKernel&>(kernel()).world(); }
  SysResult ReadTimer(int timer) {
    std::array<char, 8> bytes;
    return kernel().Read(timer, absl::MakeSpan(bytes));
  }
  int WallTimer(absl::Duration from_now, int flags) {
    const int timer = Timer(CLOCK_REALTIME);
    EXPECT_EQ(Set(timer, Now(CLOCK_REALTIME) + from_now, kNever,
                  TFD_TIMER_ABSTIME | flags),
              Ok());
    return timer;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, WallClockTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(WallClockTest, AStepForwardFiresWhatIsDue) {
  const int timer = WallTimer(absl::Hours(1), 0);
  world().time().StepWallClock(absl::Hours(2));
  Await(timer, EPOLLIN);
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(WallClockTest, AStepBackwardPutsItOff) {
  const int timer = WallTimer(absl::Hours(1), 0);
  world().time().StepWallClock(-absl::Hours(1));
  Pass(absl::Minutes(90));
  EXPECT_EQ(Take(timer), 0u);
  Pass(absl::Minutes(31));
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(WallClockTest, ARelativeTimeStaysWhereItIs) {
  const int timer = Timer(CLOCK_REALTIME);
  EXPECT_EQ(Set(timer, absl::Hours(1)), Ok());
  world().time().StepWallClock(absl::Hours(2));
  EXPECT_EQ(Poll(timer), 0u);
  Pass(absl::Hours(1));
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(WallClockTest, CancelOnSetIsToldOnceAndTheTimeStays) {
  const int timer = WallTimer(absl::Hours(1), TFD_TIMER_CANCEL_ON_SET);
  world().time().StepWallClock(absl::Minutes(1));
  Await(timer, EPOLLIN);
  EXPECT_EQ(ReadTimer(timer), Error(ECANCELED));
  EXPECT_EQ(ReadTimer(timer), Error(EAGAIN));
  Pass(absl::Minutes(59));
  EXPECT_EQ(Take(timer), 1u);
}

TEST_P(WallClockTest, SettingTellsOfACancelThatWasNotRead) {
  const int timer = WallTimer(absl::Hours(1), TFD_TIMER_CANCEL_ON_SET);
  world().time().StepWallClock(absl::Minutes(1));
  constexpr int kFlags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  const absl::Duration when = Now(CLOCK_REALTIME) + absl::Hours(1);
  EXPECT_EQ(Set(timer, when, kNever, kFlags), Error(ECANCELED));
  EXPECT_EQ(Set(timer, when, kNever, kFlags), Ok());
}

TEST_P(WallClockTest, WithoutCancelOnSetNothingIsTold) {
  const int timer = WallTimer(absl::Hours(1), 0);
  world().time().StepWallClock(absl::Minutes(1));
  EXPECT_EQ(Poll(timer), 0u);
}

}  // namespace
}  // namespace pollux
