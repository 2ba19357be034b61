// What a reactor knows of itself, and its bounds.

#include "reactor/loop_statistics.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/io_handler.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/timer.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class LoopStatisticsTest : public ReactorFixture {
 protected:
  void Make(const Reactor::Options& options) {
    reactor_ = *Reactor::Create(kernel_, options);
  }
  const LoopStatistics& statistics() { return reactor_->statistics(); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, LoopStatisticsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(LoopStatisticsTest, CountsWhatItDoes) {
  Pair pair = MakePair();
  pair.far.Write("x");
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  Iterate();
  watcher.registration.Inject({});
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  Iterate();
  EXPECT_EQ(statistics().iterations.Read(), 2u);
  EXPECT_EQ(statistics().events.Read(), 2u);
  EXPECT_EQ(statistics().timers.Read(), 1u);
  EXPECT_EQ(statistics().tasks.Read(), 1u);
  EXPECT_EQ(statistics().stale_events.Read(), 0u);
}

TEST_P(LoopStatisticsTest, CountsStaleEvents) {
  Pair one = MakePair();
  Pair two = MakePair();
  std::vector<Watcher*> both;
  const auto end_both = [&](Readiness) {
    for (Watcher* watcher : both) watcher->registration.Reset();
  };
  Watcher a(*reactor_, one.near.descriptor(), Interest::kRead, end_both);
  Watcher b(*reactor_, two.near.descriptor(), Interest::kRead, end_both);
  both = {&a, &b};
  one.far.Write("x");
  two.far.Write("x");
  Iterate();
  EXPECT_EQ(statistics().stale_events.Read(), 1u);
}

TEST_P(LoopStatisticsTest, TimesIterationsAndTimersAndTasks) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Milliseconds(2));
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  Iterate();
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_EQ(statistics().iteration_time.Read().count(), 2u);
  EXPECT_EQ(statistics().timer_lateness.Read().count(), 1u);
  EXPECT_EQ(statistics().poll_delay.Read().count(), 1u);
  EXPECT_EQ(statistics().task_wait.Read().count(), 1u);
  EXPECT_EQ(statistics().callback_time.Read().count(), 0u);
}

TEST_P(LoopStatisticsTest, WaitThatAnEventEndsIsNoDelay) {
  Pair pair = MakePair();
  pair.far.Write("x");
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  reactor_->RunOnce(absl::Seconds(10));
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_EQ(statistics().poll_delay.Read().count(), 0u);
}

TEST_P(LoopStatisticsTest, TimesCallbacksOnlyIfAsked) {
  Make({.observe = Reactor::Observe::kCallbacks});
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  Iterate();
  EXPECT_EQ(statistics().callback_time.Read().count(), 2u);
}

TEST_P(LoopStatisticsTest, TimesNothingIfAsked) {
  Make({.observe = Reactor::Observe::kNothing});
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  calls_.Clear();
  Iterate();
  EXPECT_EQ(calls_.Count(SyscallKind::kClockGetTime), 1);
  EXPECT_EQ(statistics().iteration_time.Read().count(), 0u);
  EXPECT_EQ(statistics().timer_lateness.Read().count(), 0u);
  EXPECT_EQ(statistics().task_wait.Read().count(), 0u);
  EXPECT_EQ(statistics().timers.Read(), 1u);
}

TEST_P(LoopStatisticsTest, RunLooksAtTheClockTwiceAnIteration) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Hours(1));
  int tasks = 0;
  absl::AnyInvocable<void()> again = [&] {
    if (++tasks == 10) return reactor_->Stop();
    ASSERT_TRUE(reactor_->Post([&] { again(); }).ok());
  };
  again();
  calls_.Clear();
  reactor_->Run();
  EXPECT_LE(calls_.Count(SyscallKind::kClockGetTime),
            2 * calls_.Count(SyscallKind::kEpollPwait2) + 1);
}

TEST_P(LoopStatisticsTest, AnotherThreadMayRead) {
  uint64_t seen = 0;
  std::thread reader([&] {
    while (statistics().tasks.Read() < 100) {
      seen = statistics().task_wait.Read().count();
    }
  });
  while (statistics().tasks.Read() < 100) {
    ASSERT_TRUE(reactor_->Post([] {}).ok());
    Iterate();
  }
  reader.join();
  EXPECT_LE(seen, 100u);
}

// Bounds.

TEST_P(LoopStatisticsTest, TimersBeyondTheBoundFireInTheNextIteration) {
  Make({.max_timers_per_iteration = 2});
  std::deque<Timer> timers;
  std::vector<int> fired;
  for (int i = 0; i < 5; ++i) {
    timers.emplace_back(*reactor_, [&fired, i] { fired.push_back(i); });
    timers.back().ArmAfter(absl::ZeroDuration());
  }
  Iterate();
  EXPECT_THAT(fired, testing::ElementsAre(0, 1));
  reactor_->RunOnce(absl::InfiniteDuration());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(fired, testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(statistics().timer_bound_hits.Read(), 2u);
}

TEST_P(LoopStatisticsTest, TasksBeyondTheBoundRunInTheNextIteration) {
  Make({.max_tasks_per_iteration = 2});
  std::vector<int> ran;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(reactor_
                    ->Post([&, i] {
                      ran.push_back(i);
                      if (i == 0) {
                        ASSERT_TRUE(
                            reactor_->Post([&ran] { ran.push_back(5); }).ok());
                      }
                    })
                    .ok());
  }
  Iterate();
  EXPECT_THAT(ran, testing::ElementsAre(0, 1));
  reactor_->RunOnce(absl::InfiniteDuration());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(ran, testing::ElementsAre(0, 1, 2, 3, 4));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(ran, testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(statistics().task_bound_hits.Read(), 2u);
  EXPECT_TRUE(IsIdle());
}

TEST_P(LoopStatisticsTest, WhatHasNotRunCountsAsQueued) {
  Make({.max_tasks_per_iteration = 1, .max_queued_tasks = 3});
  int ran = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reactor_->Post([&] { ++ran; }).ok());
  }
  EXPECT_FALSE(reactor_->Post([] {}).ok());
  Iterate();
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(reactor_->Post([] {}).ok());
  EXPECT_FALSE(reactor_->Post([] {}).ok());
}

TEST_P(LoopStatisticsTest, TasksLeftByTheBoundAreDestroyedWithTheReactor) {
  Make({.max_tasks_per_iteration = 1});
  int ran = 0;
  const auto alive = std::make_shared<int>(0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reactor_->Post([&ran, alive] { ++ran; }).ok());
  }
  Iterate();
  reactor_.reset();
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(alive.use_count(), 1);
}

TEST_P(LoopStatisticsTest, CountsFullBatchesOfEvents) {
  Make({.max_events_per_iteration = 1});
  Pair one = MakePair();
  Pair two = MakePair();
  Watcher a(*reactor_, one.near.descriptor(), Interest::kRead);
  Watcher b(*reactor_, two.near.descriptor(), Interest::kRead);
  one.far.Write("x");
  two.far.Write("x");
  Iterate();
  EXPECT_EQ(statistics().event_bound_hits.Read(), 1u);
}

// One descriptor that always has something, tasks that post themselves, timers
// that arm themselves: and a thousand that have something once.
TEST_P(LoopStatisticsTest, NobodyWaitsMoreThanThreeIterations) {
  constexpr size_t kQuiet = 1000;
  constexpr int kIterations = 3;
  Make({.max_events_per_iteration = 512,
        .max_timers_per_iteration = 64,
        .max_tasks_per_iteration = 64});
  Pair flood = MakePair();
  flood.far.Write("x");
  Watcher flooding(*reactor_, flood.near.descriptor(), Interest::kRead);
  std::deque<absl::AnyInvocable<void()>> tasks(100);
  for (absl::AnyInvocable<void()>& task : tasks) {
    task = [this, &task] {
      ASSERT_TRUE(reactor_->Post([&task] { task(); }).ok());
    };
    task();
  }
  std::deque<Timer> timers;
  for (int i = 0; i < 100; ++i) {
    timers.emplace_back(*reactor_, [&timers, i] {
      timers[static_cast<size_t>(i)].ArmAfter(absl::ZeroDuration());
    });
    timers.back().ArmAfter(absl::ZeroDuration());
  }
  Iterate();

  std::vector<Pair> pairs;
  std::deque<Watcher> quiet;
  size_t told = 0;
  for (size_t i = 0; i < kQuiet / 2; ++i) {
    // Both ends are quiet, and both have something to read.
    pairs.push_back(MakePair());
    for (End* end : {&pairs.back().near, &pairs.back().far}) {
      end->Write("x");
      quiet.emplace_back(*reactor_, end->descriptor(), Interest::kRead,
                         [&told, &quiet, i = quiet.size()](Readiness) {
                           ++told;
                           quiet[i].registration.Reset();
                         });
    }
  }
  bool task_ran = false;
  bool timer_fired = false;
  Timer timer(*reactor_, [&] { timer_fired = true; });
  timer.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([&] { task_ran = true; }).ok());
  for (int i = 0; i < kIterations; ++i) Iterate();
  EXPECT_EQ(told, kQuiet);
  EXPECT_TRUE(task_ran);
  EXPECT_TRUE(timer_fired);
  EXPECT_GE(flooding.calls(), 1);
}

// How late timers fire: what was asked for against what came, as a histogram.
TEST_P(LoopStatisticsTest, SaysHowLateTimersFire) {
  constexpr int kTimers = 200;
  std::deque<Timer> timers;
  int fired = 0;
  for (int i = 0; i < kTimers; ++i) {
    timers.emplace_back(*reactor_, [&] { ++fired; });
    timers.back().ArmAfter(absl::Microseconds(50 * (i + 1)));
  }
  while (fired < kTimers) reactor_->RunOnce(absl::Seconds(10));
  const Histogram::Snapshot late = statistics().timer_lateness.Read();
  EXPECT_EQ(late.count(), static_cast<uint64_t>(kTimers));
  for (const double quantile : {0.5, 0.9, 0.99, 1.0}) {
    RecordProperty("late_p" + std::to_string(static_cast<int>(quantile * 100)),
                   absl::FormatDuration(late.Quantile(quantile)));
  }
  if (dynamic_cast<FakeKernel*>(bare_kernel_.get()) != nullptr) {
    // Virtual time is exact.
    EXPECT_EQ(late.Quantile(1), absl::ZeroDuration());
  }
}

// Foreign loops.

TEST_P(LoopStatisticsTest, SaysHowLongAForeignLoopMaySleep) {
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::InfiniteDuration());
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Seconds(1));
  const absl::Duration left = reactor_->TimeUntilWork();
  EXPECT_LE(left, absl::Seconds(1));
  EXPECT_GT(left, absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::ZeroDuration());
}

}  // namespace
}  // namespace pollux
