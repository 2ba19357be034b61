#include "reactor/periodic_timer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/timer.h"
#include "testing/allocation_counter.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/kernel_under_test.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kPeriod = absl::Milliseconds(2);

class PeriodicTimerTest : public ReactorFixture {
 protected:
  uint64_t total() const {
    uint64_t sum = 0;
    for (uint64_t periods : fired_) sum += periods;
    return sum;
  }

  std::vector<uint64_t> fired_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, PeriodicTimerTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(PeriodicTimerTest, FiresUntilItIsStopped) {
  PeriodicTimer timer(*reactor_,
                      [&](uint64_t periods) { fired_.push_back(periods); });
  EXPECT_FALSE(timer.is_running());
  timer.Start(kPeriod);
  EXPECT_TRUE(timer.is_running());
  ASSERT_TRUE(RunUntil([&] { return fired_.size() == 3; }));
  timer.Stop();
  EXPECT_FALSE(timer.is_running());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(fired_.size(), 3u);
}

TEST_P(PeriodicTimerTest, TheSumOfPeriodsIsTheTimeThatHasPassed) {
  MonotonicTime start;
  PeriodicTimer timer(*reactor_, [&](uint64_t periods) {
    fired_.push_back(periods);
    // However late this iteration is: neither early nor behind.
    const absl::Duration phase =
        reactor_->Now() - (start + static_cast<int64_t>(total()) * kPeriod);
    EXPECT_GE(phase, absl::ZeroDuration());
    EXPECT_LT(phase, kPeriod);
  });
  // Inside the loop, where both calls read the same time.
  Timer starter(*reactor_, [&] {
    start = reactor_->Now();
    timer.Start(kPeriod);
  });
  starter.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(RunUntil([&] { return total() >= 5; }));
}

TEST_P(PeriodicTimerTest, ItsCallbackMayStopIt) {
  PeriodicTimer timer(*reactor_, [&](uint64_t periods) {
    fired_.push_back(periods);
    EXPECT_TRUE(timer.is_running());
    timer.Stop();
  });
  timer.Start(kPeriod);
  ASSERT_TRUE(RunUntil([&] { return !fired_.empty(); }));
  EXPECT_FALSE(timer.is_running());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(fired_.size(), 1u);
}

TEST_P(PeriodicTimerTest, ItsCallbackMayGiveItAnotherPeriod) {
  PeriodicTimer timer(*reactor_, [&](uint64_t periods) {
    fired_.push_back(periods);
    timer.Start(absl::Hours(1));
  });
  timer.Start(kPeriod);
  ASSERT_TRUE(RunUntil([&] { return !fired_.empty(); }));
  EXPECT_TRUE(timer.is_running());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(fired_.size(), 1u);
}

TEST_P(PeriodicTimerTest, ItsCallbackMayDeleteItsOwnerSoon) {
  struct Owner {
    PeriodicTimer timer;
  };
  std::unique_ptr<Owner> owner;
  owner.reset(new Owner{PeriodicTimer(*reactor_, [&](uint64_t periods) {
    fired_.push_back(periods);
    reactor_->DeleteSoon(std::move(owner));
  })});
  owner->timer.Start(kPeriod);
  ASSERT_TRUE(RunUntil([&] { return owner == nullptr; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(fired_.size(), 1u);
}

TEST_P(PeriodicTimerTest, IsStoppedByItsDestructor) {
  {
    PeriodicTimer timer(*reactor_, [](uint64_t) { FAIL(); });
    timer.Start(absl::Nanoseconds(1));
  }
  EXPECT_TRUE(IsIdle());
}

// With time in the test's hand.
class PeriodicTimerOnFakeTest : public PeriodicTimerTest {
 protected:
  // Somebody's callback takes its time; then the loop goes on.
  void IterateAfter(absl::Duration busy) {
    auto& time = static_cast<FakeKernel&>(*bare_kernel_).world().time();
    time.AdvanceTo(time.Now() + busy);
    Iterate();
  }

  void SetUp() override {
    timer_.emplace(*reactor_,
                   [this](uint64_t periods) { fired_.push_back(periods); });
  }
  void TearDown() override {
    timer_.reset();
    PeriodicTimerTest::TearDown();
  }

  std::optional<PeriodicTimer> timer_;
};

INSTANTIATE_TEST_SUITE_P(Kernel, PeriodicTimerOnFakeTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(PeriodicTimerOnFakeTest, MissedPeriodsAreToldInOneCall) {
  timer_->Start(absl::Milliseconds(10));
  IterateAfter(absl::Milliseconds(45));
  EXPECT_THAT(fired_, ElementsAre(4));
  Iterate();
  EXPECT_THAT(fired_, ElementsAre(4));
}

TEST_P(PeriodicTimerOnFakeTest, KeepsItsPhaseAfterItWasLate) {
  timer_->Start(absl::Milliseconds(10));
  IterateAfter(absl::Milliseconds(19));
  EXPECT_THAT(fired_, ElementsAre(1));
  IterateAfter(absl::Milliseconds(1));
  EXPECT_THAT(fired_, ElementsAre(1, 1));
  IterateAfter(absl::Milliseconds(25));
  EXPECT_THAT(fired_, ElementsAre(1, 1, 2));
  IterateAfter(absl::Milliseconds(4));
  EXPECT_EQ(fired_.size(), 3u);
  IterateAfter(absl::Milliseconds(1));
  EXPECT_THAT(fired_, ElementsAre(1, 1, 2, 1));
}

TEST_P(PeriodicTimerOnFakeTest, StartingAgainBeginsANewPhase) {
  timer_->Start(absl::Milliseconds(10));
  IterateAfter(absl::Milliseconds(9));
  timer_->Start(absl::Milliseconds(10));
  IterateAfter(absl::Milliseconds(9));
  EXPECT_THAT(fired_, IsEmpty());
  IterateAfter(absl::Milliseconds(1));
  EXPECT_THAT(fired_, ElementsAre(1));
}

TEST_P(PeriodicTimerOnFakeTest, FractionsOfANanosecondAreNoDrift) {
  // 1 ns, as 1.5 ns are cut off.
  timer_->Start(absl::Nanoseconds(1.5));
  IterateAfter(absl::Nanoseconds(1'000'000));
  EXPECT_THAT(fired_, ElementsAre(1'000'000));
}

TEST_P(PeriodicTimerOnFakeTest, AnInfinitePeriodNeverEnds) {
  timer_->Start(absl::InfiniteDuration());
  IterateAfter(absl::Hours(24 * 365));
  EXPECT_THAT(fired_, IsEmpty());
}

TEST_P(PeriodicTimerOnFakeTest, TakesNothingFromTheHeapAndTheKernel) {
  fired_.reserve(100);
  timer_->Start(absl::Milliseconds(10));
  timer_->Stop();
  // Outside of the loop, Start() would read the clock.
  bool started = false;
  Timer in_the_loop(*reactor_, [&] {
    const uint64_t before = CountAllocations().allocations;
    calls_.Clear();
    timer_->Start(absl::Milliseconds(10));
    EXPECT_EQ(calls_.Total(), 0);
    EXPECT_EQ(CountAllocations().allocations, before);
    started = true;
  });
  in_the_loop.ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_TRUE(started);
}

TEST(PeriodicTimerCostTest, FiringAllocatesNothing) {
  FakeKernel kernel;
  const std::unique_ptr<Reactor> reactor = *Reactor::Create(kernel);
  uint64_t fired = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  PeriodicTimer timer(*reactor, [&](uint64_t) {
    last = CountAllocations().allocations;
    if (++fired == 1) first = last;
  });
  timer.Start(kPeriod);
  while (fired < 10) reactor->RunOnce(absl::Seconds(1));
  EXPECT_EQ(last, first);
}

TEST(PeriodicTimerSweepTest, WithstandsEveryFault) {
  const auto scenario = [](Simulation& simulation) {
    const auto reactor = Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    uint64_t total = 0;
    const MonotonicTime start = (*reactor)->Now();
    PeriodicTimer timer(**reactor, [&](uint64_t periods) {
      total += periods;
      const absl::Duration behind =
          (*reactor)->Now() - (start + static_cast<int64_t>(total) * kPeriod);
      simulation.Expect(
          behind >= absl::ZeroDuration() && behind < kPeriod,
          "the periods that were told are not the time that has passed");
      if (total >= 3) (*reactor)->Stop();
    });
    timer.Start(kPeriod);
    simulation.Run(**reactor);
    simulation.Expect(total >= 3, "it did not fire");
  };
  const SweepOutcome sweep = Sweep(Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 20u);
}

}  // namespace
}  // namespace pollux
