// Tests of a reactor that is part of a larger program: driven by RunOnce(),
// queried between iterations, and run or destroyed from the wrong places.
#include <sys/epoll.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/io_handler.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "reactor/timer.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;

class ReactorEmbeddingTest : public ReactorFixture {
 protected:
  // Lets `time` pass without running the reactor, by waiting on another epoll
  // set.
  void Pass(absl::Duration time) {
    const int epoll = bare_kernel_->EpollCreate1(EPOLL_CLOEXEC).descriptor();
    epoll_event event;
    EXPECT_TRUE(
        bare_kernel_->EpollPwait2(epoll, absl::MakeSpan(&event, 1), time).ok());
    EXPECT_TRUE(bare_kernel_->Close(epoll).ok());
  }

  MonotonicTime Clock() {
    return MonotonicTime::FromNanos(
        bare_kernel_->ClockGetTime(CLOCK_MONOTONIC).value());
  }

  // The timeout of the last wait, in nanoseconds.
  int64_t LastWait() const {
    return calls_.Of(SyscallKind::kEpollPwait2).back().numbers[2];
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorEmbeddingTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// TimeUntilWork().

TEST_P(ReactorEmbeddingTest, TimerFiresWhileTheForeignLoopIsBusyItself) {
  bool fired = false;
  Timer timer(*reactor_, [&] { fired = true; });
  timer.ArmAfter(absl::Milliseconds(3));
  for (int turn = 0; turn < 10 && !fired; ++turn) {
    if (reactor_->TimeUntilWork() > absl::ZeroDuration()) {
      Pass(absl::Milliseconds(1));
    } else {
      reactor_->RunOnce(absl::ZeroDuration());
    }
  }
  EXPECT_TRUE(fired);
}

TEST_P(ReactorEmbeddingTest, TimeUntilWorkDoesNotProlongTheNextWait) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Milliseconds(2));
  EXPECT_GT(reactor_->TimeUntilWork(), absl::ZeroDuration());
  Pass(absl::Microseconds(1'500));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_LE(LastWait(), 500'000);
}

TEST_P(ReactorEmbeddingTest, WaitIsShorterByTheTimeSinceTheLastIteration) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Milliseconds(2));
  // The reactor remembers when this iteration ended.
  Iterate();
  Pass(absl::Microseconds(1'500));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_LE(LastWait(), 500'000);
}

TEST_P(ReactorEmbeddingTest, TimeUntilWorkDoesNotShortenTheIterationTime) {
  Timer later(*reactor_, [] {});
  later.ArmAfter(absl::Hours(1));
  Timer timer(*reactor_, [&] {
    (void)reactor_->TimeUntilWork();
    Pass(absl::Milliseconds(2));
  });
  timer.ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_GE(reactor_->statistics().iteration_time.Read().Quantile(1),
            absl::Milliseconds(2));
}

TEST_P(ReactorEmbeddingTest, TimeUntilWorkOfADeadlineThatHasPassedIsZero) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Milliseconds(1));
  Pass(absl::Milliseconds(2));
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::ZeroDuration());
}

TEST_P(ReactorEmbeddingTest, IterationIsTimedFromItsBeginning) {
  Reactor::Options options;
  options.observe = Reactor::Observe::kCallbacks;
  reactor_ = *Reactor::Create(kernel_, options);
  ASSERT_TRUE(reactor_->Post([&] { Pass(absl::Milliseconds(2)); }).ok());
  Iterate();
  EXPECT_GE(reactor_->statistics().iteration_time.Read().Quantile(1),
            absl::Milliseconds(2));
}

TEST_P(ReactorEmbeddingTest, TaskWaitCountsFromAPostOutsideOfTheLoop) {
  Iterate();
  Pass(absl::Milliseconds(20));
  const MonotonicTime before = Clock();
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  Iterate();
  // The histogram's buckets are rough.
  EXPECT_LE(reactor_->statistics().task_wait.Read().Quantile(1),
            2 * (Clock() - before));
}

TEST_P(ReactorEmbeddingTest, TimerBoundIsHitOnlyIfATimerIsLeft) {
  Reactor::Options options;
  options.max_timers_per_iteration = 2;
  reactor_ = *Reactor::Create(kernel_, options);
  Timer a(*reactor_, [] {});
  Timer b(*reactor_, [] {});
  Timer c(*reactor_, [] {});
  for (Timer* timer : {&a, &b}) timer->ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_EQ(reactor_->statistics().timer_bound_hits.Read(), 0u);
  for (Timer* timer : {&a, &b, &c}) timer->ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_EQ(reactor_->statistics().timer_bound_hits.Read(), 1u);
}

// Now().

TEST_P(ReactorEmbeddingTest, NowIsTheClockOutsideOfTheLoop) {
  for (int run = 0; run < 2; ++run) {
    Pass(absl::Milliseconds(1));
    const MonotonicTime before = Clock();
    const MonotonicTime now = reactor_->Now();
    EXPECT_GE(now, before);
    EXPECT_LE(now, Clock());
    Iterate();
  }
}

TEST_P(ReactorEmbeddingTest, DelayCountsFromTheArmingOutsideOfTheLoop) {
  Timer timer(*reactor_, [] {});
  Pass(absl::Milliseconds(3));
  const MonotonicTime armed = Clock();
  timer.ArmAfter(absl::Milliseconds(2));
  EXPECT_GE(timer.deadline() - armed, absl::Milliseconds(2));
}

// Stop() and RunOnce().

TEST_P(ReactorEmbeddingTest, StopBeforeRunOnceEndsOneWait) {
  reactor_->Stop();
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::ZeroDuration());
  EXPECT_TRUE(reactor_->RunOnce(absl::InfiniteDuration()));
  EXPECT_EQ(LastWait(), 0);
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::InfiniteDuration());
  EXPECT_FALSE(reactor_->RunOnce(absl::Milliseconds(1)));
  EXPECT_EQ(LastWait(), 1'000'000);
}

TEST_P(ReactorEmbeddingTest, StopInsideOfRunOnceIsReturnedOnce) {
  ASSERT_TRUE(reactor_->Post([&] { reactor_->Stop(); }).ok());
  EXPECT_TRUE(reactor_->RunOnce(absl::ZeroDuration()));
  EXPECT_FALSE(reactor_->RunOnce(absl::ZeroDuration()));
}

TEST_P(ReactorEmbeddingTest, ForeignLoopEndsAtStop) {
  int iterations = 0;
  Timer timer(*reactor_, [&] { reactor_->Stop(); });
  timer.ArmAfter(absl::Milliseconds(1));
  while (iterations < 100 && !reactor_->RunOnce(absl::Seconds(1))) ++iterations;
  EXPECT_LT(iterations, 100);
  EXPECT_FALSE(timer.armed());
}

// The length of a wait.

TEST_P(ReactorEmbeddingTest, PendingWorkKeepsTheNextIterationFromWaiting) {
  Reactor::Options options;
  options.max_tasks_per_iteration = 1;
  reactor_ = *Reactor::Create(kernel_, options);
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kNone);
  const auto post = [&] { EXPECT_TRUE(reactor_->Post([] {}).ok()); };
  const std::pair<std::string, std::function<void()>> reasons[] = {
      {"a task", post},
      {"a task that is left over",
       [&] {
         post();
         post();
         Iterate();
       }},
      {"a task that a task posts",
       [&] {
         ASSERT_TRUE(reactor_->Post(post).ok());
         Iterate();
       }},
      {"injected readiness", [&] { watcher.registration.Inject({}); }},
      {"an object to delete",
       [&] { reactor_->DeleteSoon(std::make_unique<int>(1)); }},
      {"a stop", [&] { reactor_->Stop(); }},
  };
  for (const auto& [name, make_work] : reasons) {
    make_work();
    EXPECT_EQ(reactor_->TimeUntilWork(), absl::ZeroDuration()) << name;
    reactor_->RunOnce(absl::Milliseconds(1));
    EXPECT_EQ(LastWait(), 0) << name;
    EXPECT_EQ(reactor_->TimeUntilWork(), absl::InfiniteDuration()) << name;
    reactor_->RunOnce(absl::Milliseconds(1));
    EXPECT_EQ(LastWait(), 1'000'000) << name;
  }
}

// Bugs of the caller end the program in every build.

class ReactorEmbeddingDeathTest : public ReactorEmbeddingTest {
 protected:
  ReactorEmbeddingDeathTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorEmbeddingDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ReactorEmbeddingDeathTest, RunOnceInsideOfACallbackIsABug) {
  ASSERT_TRUE(reactor_->Post([&] { Iterate(); }).ok());
  EXPECT_DEATH(Iterate(), "RunOnce\\(\\) is called inside of .*callback");
}

TEST_P(ReactorEmbeddingDeathTest, RunInsideOfACallbackIsABug) {
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    reactor_->Stop();
                    reactor_->Run();
                  })
                  .ok());
  EXPECT_DEATH(Iterate(), "Run\\(\\) is called inside of .*callback");
}

TEST_P(ReactorEmbeddingDeathTest, DestroyingTheReactorInsideOfACallbackIsABug) {
  ASSERT_TRUE(reactor_->Post([&] { reactor_.reset(); }).ok());
  EXPECT_DEATH(reactor_->RunOnce(absl::ZeroDuration()),
               "destroyed inside of .*callback");
}

TEST_P(ReactorEmbeddingDeathTest, OptionsOutOfRangeAreBugs) {
  for (const int events : {-1, 0, 65537}) {
    EXPECT_DEATH(
        (void)Reactor::Create(kernel_, {.max_events_per_iteration = events}),
        "max_events_per_iteration");
  }
  EXPECT_DEATH((void)Reactor::Create(kernel_, {.max_timers_per_iteration = 0}),
               "max_timers_per_iteration");
  EXPECT_DEATH((void)Reactor::Create(kernel_, {.max_tasks_per_iteration = 0}),
               "max_tasks_per_iteration");
  EXPECT_DEATH((void)Reactor::Create(kernel_, {.max_queued_tasks = 0}),
               "max_queued_tasks");
}

// Injected readiness and events of one iteration.

TEST_P(ReactorEmbeddingTest, EventAndInjectedReadinessAreOneCall) {
  Pair pair = MakePair();
  pair.far.Write("x");
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  watcher.registration.Inject({.writable = true, .peer_closed = true});
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_TRUE(watcher.last().writable);
  EXPECT_TRUE(watcher.last().peer_closed);
  EXPECT_FALSE(watcher.last().priority);
  EXPECT_FALSE(watcher.last().broken);
  EXPECT_EQ(reactor_->statistics().events.Read(), 1u);
  // The injected readiness is delivered only once.
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
  EXPECT_FALSE(watcher.last().writable);
  // Readiness injected later does not wait for an event.
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  watcher.registration.Inject({.writable = true});
  Iterate();
  EXPECT_EQ(watcher.calls(), 3);
}

TEST_P(ReactorEmbeddingTest, ReadinessInjectedTwiceIsOneCall) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kNone);
  watcher.registration.Inject({.readable = true});
  watcher.registration.Inject({.priority = true, .broken = true});
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_TRUE(watcher.last().priority);
  EXPECT_TRUE(watcher.last().broken);
  EXPECT_FALSE(watcher.last().writable);
  EXPECT_TRUE(IsIdle());
}

TEST_P(ReactorEmbeddingTest,
       ReadinessInjectedByItsCallbackComesInTheNextIteration) {
  Pair pair = MakePair();
  pair.far.Write("x");
  std::vector<Readiness> told;
  Watcher* self = nullptr;
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness readiness) {
                    told.push_back(readiness);
                    if (told.size() == 1) {
                      self->registration.Inject({.writable = true});
                    }
                  });
  self = &watcher;
  watcher.registration.Inject({.priority = true});
  Iterate();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].priority);
  Iterate();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[1].writable);
  EXPECT_TRUE(told[1].readable);
  EXPECT_FALSE(told[1].priority);
}

TEST_P(ReactorEmbeddingTest, ResetCancelsEventAndInjectedReadiness) {
  Pair a = MakePair();
  Pair b = MakePair();
  b.far.Write("x");
  Watcher victim(*reactor_, b.near.descriptor(), Interest::kRead);
  Watcher killer(*reactor_, a.near.descriptor(), Interest::kRead,
                 [&](Readiness) { victim.registration.Reset(); });
  killer.registration.Inject({});
  victim.registration.Inject({});
  Iterate();
  EXPECT_EQ(killer.calls(), 1);
  EXPECT_EQ(victim.calls(), 0);
  EXPECT_TRUE(IsIdle());
}

TEST_P(ReactorEmbeddingTest, InjectedReadinessIsDeliveredWithoutTheInterest) {
  Pair a = MakePair();
  Pair b = MakePair();
  b.far.Write("x");
  Watcher muted(*reactor_, b.near.descriptor(), Interest::kRead);
  Watcher muter(
      *reactor_, a.near.descriptor(), Interest::kRead, [&](Readiness) {
        ASSERT_TRUE(muted.registration.SetInterest(Interest::kNone).ok());
      });
  muter.registration.Inject({});
  muted.registration.Inject({.writable = true});
  Iterate();
  EXPECT_EQ(muted.calls(), 1);
  EXPECT_TRUE(muted.last().writable);
  EXPECT_FALSE(muted.last().readable);
}

TEST_P(ReactorEmbeddingTest, NextRegistrationDoesNotInheritInjectedReadiness) {
  Pair pair = MakePair();
  pair.far.Write("x");
  Watcher first(*reactor_, pair.near.descriptor(), Interest::kRead);
  first.registration.Inject({.writable = true});
  first.registration.Reset();
  Watcher next(*reactor_, pair.near.descriptor(), Interest::kRead);
  next.registration.Inject({.priority = true});
  Iterate();
  EXPECT_EQ(first.calls(), 0);
  EXPECT_EQ(next.calls(), 1);
  EXPECT_TRUE(next.last().priority);
  EXPECT_FALSE(next.last().writable);
}

// Readiness that is only injected is still delivered before events.
TEST_P(ReactorEmbeddingTest, MergedCallComesWithItsEvent) {
  std::vector<std::string> notes;
  Pair a = MakePair();
  Pair b = MakePair();
  a.far.Write("x");
  Watcher both(*reactor_, a.near.descriptor(), Interest::kRead,
               [&](Readiness) { notes.emplace_back("both"); });
  Watcher injected(*reactor_, b.near.descriptor(), Interest::kRead,
                   [&](Readiness) { notes.emplace_back("injected"); });
  both.registration.Inject({});
  injected.registration.Inject({});
  Iterate();
  EXPECT_THAT(notes, ElementsAre("injected", "both"));
}

// A sandbox that refuses the newer call (seccomp, as in Docker before 20.10).

TEST_P(ReactorEmbeddingTest, RefusedEpollPwait2FallsBackToEpollWait) {
  for (const int error : {ENOSYS, EPERM}) {
    reactor_ = *Reactor::Create(kernel_);
    Pair pair = MakePair();
    pair.far.Write("x");
    Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
    calls_.Clear();
    faults_.FailNext(SyscallKind::kEpollPwait2, error);
    Iterate();
    Iterate();
    EXPECT_EQ(watcher.calls(), 2) << error;
    EXPECT_EQ(calls_.Count(SyscallKind::kEpollPwait2), 1) << error;
    EXPECT_EQ(calls_.Count(SyscallKind::kEpollWait), 2) << error;
    watcher.registration.Reset();
  }
}

}  // namespace
}  // namespace pollux
