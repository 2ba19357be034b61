#include "reactor/example/aligned_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "reactor/reactor.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/simulation.h"

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AlignedJobTest : public testing::Test {
 protected:
  std::string Clock() {
    return absl::FormatTime("%H:%M:%S",
                            absl::FromUnixNanos(world_.time().WallNanos()),
                            absl::UTCTimeZone());
  }
  // An hourly job, until so much time has passed.
  void RunFor(absl::Duration duration) {
    AlignedJob job(*reactor_, absl::Hours(1),
                   [this] { runs_.push_back(Clock()); });
    ASSERT_TRUE(job.Start().ok());
    world_.time().After(duration, [this] { reactor_->Stop(); });
    reactor_->Run();
  }
  void SetClockAfter(absl::Duration delay, absl::Duration step) {
    world_.time().After(delay,
                        [this, step] { world_.time().StepWallClock(step); });
  }

  pollux::FakeWorld world_;
  pollux::FakeKernel kernel_{world_};
  const std::unique_ptr<pollux::Reactor> reactor_ =
      *pollux::Reactor::Create(kernel_);
  std::vector<std::string> runs_;
};

TEST_F(AlignedJobTest, RunsAtEachFullHour) {
  ASSERT_EQ(Clock(), "01:46:40");
  RunFor(absl::Hours(3));
  EXPECT_THAT(runs_, ElementsAre("02:00:00", "03:00:00", "04:00:00"));
}

TEST_F(AlignedJobTest, RunsAtTheFullHourOfAClockThatWasSetForward) {
  // From 02:01:40 to 04:31:40.
  SetClockAfter(absl::Minutes(15), absl::Minutes(150));
  RunFor(absl::Hours(1));
  EXPECT_THAT(runs_, ElementsAre("02:00:00", "05:00:00"));
}

TEST_F(AlignedJobTest, RunsAtTheFullHourOfAClockThatWasSetBack) {
  // From 02:01:40 to 00:31:40.
  SetClockAfter(absl::Minutes(15), -absl::Minutes(90));
  RunFor(absl::Hours(2));
  EXPECT_THAT(runs_, ElementsAre("02:00:00", "01:00:00", "02:00:00"));
}

TEST(AlignedJobSweepTest, WithstandsEveryFault) {
  const auto scenario = [](pollux::Simulation& simulation) {
    const auto reactor = pollux::Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    int runs = 0;
    AlignedJob job(**reactor, absl::Hours(1), [&] {
      if (++runs == 3) (*reactor)->Stop();
    });
    if (!job.Start().ok()) return;
    simulation.world().time().After(absl::Minutes(90), [&] {
      simulation.world().time().StepWallClock(absl::Minutes(30));
    });
    simulation.Run(**reactor);
    simulation.Expect(runs == 3, "the job did not run");
  };
  const pollux::SweepOutcome sweep =
      pollux::Sweep(pollux::Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 30u);
}

}  // namespace
