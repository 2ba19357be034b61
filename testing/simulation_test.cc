// What a simulation must find: each oracle is shown a program that breaks it.
#include "testing/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The second run counts: libraries have then allocated what they keep.
Outcome RunAgain(Scenario scenario) {
  (void)RunScenario(Simulation::Options(), scenario);
  return RunScenario(Simulation::Options(), scenario);
}

// An epoll set with an eventfd in it, used and closed.
void Tidy(Simulation& simulation) {
  Kernel& kernel = simulation.kernel();
  const SysResult epoll = kernel.EpollCreate1(0);
  if (!epoll.ok()) return;
  const SysResult wake = kernel.EventFd(1, EFD_NONBLOCK);
  if (wake.ok()) {
    epoll_event event = {.events = EPOLLIN, .data = {}};
    (void)kernel.EpollCtl(epoll.descriptor(), EPOLL_CTL_ADD, wake.descriptor(),
                          &event);
    (void)kernel.EpollPwait2(epoll.descriptor(), {&event, 1}, absl::Seconds(1));
    (void)kernel.Close(wake.descriptor());
  }
  (void)kernel.Close(epoll.descriptor());
}

TEST(SimulationTest, ATidyProgramHasNoFailures) {
  const Outcome outcome = RunAgain(Tidy);
  EXPECT_THAT(outcome.failures, IsEmpty());
  EXPECT_EQ(outcome.calls, 6u);
  EXPECT_EQ(outcome.faults, 0u);
}

TEST(SimulationTest, ADescriptorThatIsLeftOpenIsFound) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    (void)simulation.kernel().EpollCreate1(0);
  });
  EXPECT_THAT(outcome.failures, ElementsAre("1 descriptors were left open"));
  EXPECT_THAT(outcome.transcript, HasSubstr("epoll_create1(0) = 3"));
}

TEST(SimulationTest, ASecondCloseIsFound) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    Kernel& kernel = simulation.kernel();
    const int epoll = kernel.EpollCreate1(0).descriptor();
    (void)kernel.Close(epoll);
    (void)kernel.Close(epoll);
  });
  EXPECT_THAT(outcome.failures,
              ElementsAre("a call was made on a descriptor that was not open"));
}

TEST(SimulationTest, MemoryThatIsKeptIsFound) {
  std::string* kept = nullptr;
  const Outcome outcome = RunScenario(Simulation::Options(), [&](Simulation&) {
    kept = new std::string("kept");
  });
  delete kept;
  EXPECT_THAT(outcome.failures,
              ElementsAre("1 pieces of heap memory were kept"));
}

TEST(SimulationTest, AWaitForEverIsFound) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    auto reactor = *Reactor::Create(simulation.kernel());
    simulation.Run(*reactor);
  });
  EXPECT_THAT(outcome.failures,
              ElementsAre("a wait for ever, and nothing is left to happen"));
}

TEST(SimulationTest, ABusyLoopIsFound) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    auto reactor = *Reactor::Create(simulation.kernel());
    Timer timer(*reactor, [&] { timer.ArmAfter(absl::ZeroDuration()); });
    timer.ArmAfter(absl::ZeroDuration());
    simulation.Run(*reactor);
  });
  EXPECT_THAT(outcome.failures, ElementsAre(HasSubstr("a busy loop")));
}

TEST(SimulationTest, AFailureSaysHowToRunItAgain) {
  Simulation::Options options;
  options.seed = 7;
  options.plan.add_fault()->set_kind("close");
  options.plan.mutable_fault(0)->set_error("EIO");
  const Outcome outcome = RunScenario(options, [](Simulation& simulation) {
    simulation.Expect(false, "it is Monday");
  });
  EXPECT_THAT(outcome.Describe(options), HasSubstr("it is Monday"));
  EXPECT_THAT(outcome.Describe(options),
              HasSubstr("--seed=7 --plan='fault { kind: \"close\" error: "
                        "\"EIO\" }'"));
}

TEST(SweepTest, EveryCallFailsInEveryWay) {
  const SweepOutcome sweep = Sweep(Simulation::Options(), Tidy);
  EXPECT_THAT(sweep.failures, IsEmpty());
  // None; epoll_create1 3, eventfd 4, epoll_ctl 2, the wait 2 errors, a late
  // return and 4 spurious events, each close 4.
  EXPECT_EQ(sweep.runs, 1u + 3 + 4 + 2 + 2 + 1 + 4 + 4 + 4);
}

TEST(SweepTest, AFaultThatIsNotHandledIsFound) {
  const SweepOutcome sweep =
      Sweep(Simulation::Options(), [](Simulation& simulation) {
        Kernel& kernel = simulation.kernel();
        const SysResult epoll = kernel.EpollCreate1(0);
        const SysResult wake = kernel.EventFd(0, 0);
        // Forgets the first if the second fails.
        if (!epoll.ok() || !wake.ok()) return;
        (void)kernel.Close(epoll.descriptor());
        (void)kernel.Close(wake.descriptor());
      });
  EXPECT_THAT(sweep.failures, SizeIs(testing::Ge(4)));
  EXPECT_THAT(sweep.failures, Contains(HasSubstr("error: \"EMFILE\"")));
}

}  // namespace
}  // namespace pollux
