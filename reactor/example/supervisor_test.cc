#include "reactor/example/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "reactor/signals.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/simulation.h"

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SupervisorTest : public testing::Test {
 protected:
  // The program that is supervised, as its `run`th process.
  using Program = void (*)(pollux::FakeProcess& process, size_t run);

  void AddProgram(Program program) {
    kernel_.processes().AddProgram(
        "/bin/worker", [this, program](auto& worker) {
          starts_.push_back(world_.time().Now() - begin_);
          program(worker, starts_.size());
        });
  }
  void SendSigtermAfter(absl::Duration delay) {
    world_.time().After(delay, [this] { kernel_.RaiseSignal(SIGTERM); });
  }
  // How long it took to stop.
  absl::Duration Supervise() {
    Supervisor supervisor(*reactor_, *signals_, {{.path = "/bin/worker"}});
    reactor_->Run();
    EXPECT_EQ(kernel_.processes().size(), 0u);
    return world_.time().Now() - begin_;
  }

  pollux::FakeWorld world_;
  pollux::FakeKernel kernel_{world_};
  const std::unique_ptr<pollux::Reactor> reactor_ =
      *pollux::Reactor::Create(kernel_);
  const std::unique_ptr<pollux::Signals> signals_ =
      *pollux::Signals::Create(*reactor_, {SIGTERM});
  const pollux::MonotonicTime begin_ = world_.time().Now();
  // When the program was started.
  std::vector<absl::Duration> starts_;
};

TEST_F(SupervisorTest, WaitsLongerEachTimeThatAProgramEndsAtOnce) {
  AddProgram([](auto& process, size_t) { process.Exit(1); });
  SendSigtermAfter(absl::Seconds(2));
  EXPECT_EQ(Supervise(), absl::Seconds(2));
  EXPECT_THAT(starts_,
              ElementsAre(absl::ZeroDuration(), absl::Milliseconds(100),
                          absl::Milliseconds(300), absl::Milliseconds(700),
                          absl::Milliseconds(1500)));
}

TEST_F(SupervisorTest, NeverWaitsLongerThanTenSeconds) {
  AddProgram([](auto& process, size_t) { process.Exit(1); });
  SendSigtermAfter(absl::Minutes(10));
  Supervise();
  EXPECT_EQ(starts_.end()[-1] - starts_.end()[-2], absl::Seconds(10));
}

TEST_F(SupervisorTest, AProgramThatRanWellIsStartedSoonAgain) {
  AddProgram([](auto& process, size_t run) {
    process.ExitAfter(run == 3 ? absl::Minutes(1) : absl::ZeroDuration(), 1);
  });
  SendSigtermAfter(absl::Seconds(61));
  Supervise();
  ASSERT_GT(starts_.size(), 3u);
  EXPECT_EQ(starts_[2], absl::Milliseconds(300));
  EXPECT_EQ(starts_[3], absl::Milliseconds(60'400));
}

TEST_F(SupervisorTest, StopsAtSigtermWhenItsProgramsHaveStopped) {
  AddProgram([](auto& process, size_t) {
    process.OnSignal(SIGTERM,
                     [](auto& told) { told.ExitAfter(absl::Seconds(1), 0); });
  });
  SendSigtermAfter(absl::Seconds(3));
  // Impatience changes nothing.
  SendSigtermAfter(absl::Milliseconds(3500));
  EXPECT_EQ(Supervise(), absl::Seconds(4));
  EXPECT_EQ(starts_.size(), 1u);
}

TEST_F(SupervisorTest, KillsWhatDoesNotStopInFiveSeconds) {
  AddProgram(
      [](auto& process, size_t) { process.OnSignal(SIGTERM, [](auto&) {}); });
  SendSigtermAfter(absl::Seconds(3));
  SendSigtermAfter(absl::Seconds(6));
  EXPECT_EQ(Supervise(), absl::Seconds(8));
}

TEST_F(SupervisorTest, TriesAgainWhatCannotBeStarted) {
  // The program is installed after a second.
  world_.time().After(absl::Seconds(1),
                      [this] { AddProgram([](auto&, size_t) {}); });
  SendSigtermAfter(absl::Seconds(3));
  EXPECT_EQ(Supervise(), absl::Seconds(3));
  EXPECT_THAT(starts_, ElementsAre(absl::Milliseconds(1500)));
}

TEST(SupervisorSweepTest, WithstandsEveryFault) {
  const auto scenario = [](pollux::Simulation& simulation) {
    int starts = 0;
    simulation.host().processes().AddProgram("/bin/worker", [&](auto& worker) {
      ++starts;
      worker.ExitAfter(absl::Seconds(3), 1);
    });
    const auto reactor = pollux::Reactor::Create(simulation.kernel());
    if (!reactor.ok()) return;
    const auto signals = pollux::Signals::Create(**reactor, {SIGTERM});
    if (!signals.ok()) return;
    Supervisor supervisor(**reactor, **signals,
                          {{.path = "/bin/worker"}, {.path = "/bin/none"}});
    simulation.world().time().After(
        absl::Seconds(7), [&] { simulation.host().RaiseSignal(SIGTERM); });
    simulation.Run(**reactor);
    simulation.Expect(starts >= 2, "it was not started again");
  };
  const pollux::SweepOutcome sweep =
      pollux::Sweep(pollux::Simulation::Options(), scenario);
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_GT(sweep.runs, 100u);
}

}  // namespace
