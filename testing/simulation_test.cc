// What a simulation must find: each oracle is shown a program that breaks it.
#include "testing/simulation.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/log/log.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/run_request.h"

namespace pollux {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The second run counts: libraries have then allocated what they keep.
Outcome RunAgain(Scenario scenario,
                 const Simulation::Options& options = Simulation::Options()) {
  (void)RunScenario(options, scenario);
  return RunScenario(options, scenario);
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
  EXPECT_THAT(outcome.failures,
              ElementsAre("descriptor 3 was left open; it came from call 1: "
                          "epoll_create1(0) = 3"));
  EXPECT_THAT(outcome.transcript, HasSubstr("epoll_create1(0) = 3"));
}

TEST(SimulationTest, ASecondCloseIsFound) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    Kernel& kernel = simulation.kernel();
    const int epoll = kernel.EpollCreate1(0).descriptor();
    (void)kernel.Close(epoll);
    (void)kernel.Close(epoll);
    (void)kernel.Close(-1);
  });
  EXPECT_THAT(outcome.failures,
              ElementsAre("call 3 was made on a descriptor that was not open: "
                          "close(3) = -1 EBADF (Bad file descriptor)"));
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

TEST(SimulationTest, WhatGoesOnAndOnIsToldOnce) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    const int event = simulation.kernel().EventFd(0, 0).descriptor();
    std::array<char, 8> bytes;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(simulation.kernel().Read(event, absl::MakeSpan(bytes)).error(),
                EINTR);
    }
    (void)simulation.kernel().Close(event);
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
  // None; epoll_create1 3, eventfd 4, epoll_ctl 2, the wait 3 errors, a late
  // return and 4 spurious events, each close 4.
  EXPECT_EQ(sweep.runs, 1u + 3 + 4 + 2 + 3 + 1 + 4 + 4 + 4);
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

TEST(SweepTest, ReportsAScenarioThatFailsWithoutAFaultAndStops) {
  int runs = 0;
  const SweepOutcome sweep =
      Sweep(Simulation::Options(), [&](Simulation& simulation) {
        ++runs;
        Tidy(simulation);
        simulation.Expect(false, "it is Monday");
      });
  EXPECT_THAT(sweep.failures, ElementsAre(HasSubstr("it is Monday")));
  // Counts the calls, fails, and fails again.
  EXPECT_EQ(runs, 3);
}

TEST(SweepTest, StopsAfterFiveFailures) {
  const SweepOutcome sweep =
      Sweep(Simulation::Options(), [&](Simulation& simulation) {
        Tidy(simulation);
        simulation.Expect(simulation.faulty_kernel().faults() == 0, "a fault");
      });
  EXPECT_THAT(sweep.failures,
              ElementsAre(HasSubstr("a fault"), HasSubstr("a fault"),
                          HasSubstr("a fault"), HasSubstr("a fault"),
                          HasSubstr("a fault"),
                          "stopped after 5 failures: 20 of 26 runs were left"));
  EXPECT_EQ(sweep.runs, 26u);
}

TEST(SimulationTest, ATimerThatTicksForEverIsFound) {
  Simulation::Options options;
  options.max_time = absl::Minutes(1);
  const Outcome outcome = RunAgain(
      [](Simulation& simulation) {
        auto reactor = *Reactor::Create(simulation.kernel());
        Timer tick(*reactor, [&] { tick.ArmAfter(absl::Seconds(1)); });
        tick.ArmAfter(absl::Seconds(1));
        simulation.Run(*reactor);
      },
      options);
  EXPECT_THAT(outcome.failures,
              ElementsAre("the run took more than 1m of virtual time"));
  EXPECT_THAT(outcome.transcript, HasSubstr("59.000000 epoll_pwait2"));
}

TEST(FakeWorldTest, WaitsHaveABoundWithoutASimulationToo) {
  FakeWorld::Options options;
  options.max_waits = 1000;
  FakeWorld world(options);
  FakeKernel kernel(world);
  auto reactor = *Reactor::Create(kernel);
  Timer tick(*reactor, [&] { tick.ArmAfter(absl::Seconds(1)); });
  tick.ArmAfter(absl::Seconds(1));
  std::string why;
  world.set_on_stuck([&](const std::string& reason) {
    why = reason;
    reactor->Stop();
  });
  reactor->Run();
  EXPECT_EQ(why, "the run waited more than 1000 times");
}

TEST(SimulationTest, ARunHasABoundOfVirtualTimeByDefault) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    auto reactor = *Reactor::Create(simulation.kernel());
    Timer tick(*reactor, [&] { tick.ArmAfter(absl::Seconds(10)); });
    tick.ArmAfter(absl::Seconds(10));
    simulation.Run(*reactor);
  });
  EXPECT_THAT(outcome.failures,
              ElementsAre("the run took more than 24h of virtual time"));
}

TEST(SimulationTest, ATimeBoundEndsALoopThatNobodyStops) {
  Simulation::Options options;
  options.max_time = absl::Minutes(1);
  // Nobody watches its reactor.
  EXPECT_DEATH(
      (void)RunScenario(options,
                        [](Simulation& simulation) {
                          auto reactor = *Reactor::Create(simulation.kernel());
                          Timer tick(*reactor,
                                     [&] { tick.ArmAfter(absl::Seconds(1)); });
                          tick.ArmAfter(absl::Seconds(1));
                          reactor->Run();
                        }),
      "nobody ends the run: the run took more than 1m of virtual time");
}

TEST(SimulationTest, ARunHasABoundOfCalls) {
  Simulation::Options options;
  options.max_calls = 1000;
  const Outcome outcome = RunAgain(
      [](Simulation& simulation) {
        auto reactor = *Reactor::Create(simulation.kernel());
        Timer tick(*reactor, [&] { tick.ArmAfter(absl::Milliseconds(1)); });
        tick.ArmAfter(absl::Milliseconds(1));
        simulation.Run(*reactor);
      },
      options);
  EXPECT_THAT(outcome.failures,
              ElementsAre("the run made more than 1000 system calls"));
  EXPECT_LT(outcome.calls, 1100u);
  EXPECT_THAT(outcome.transcript, HasSubstr("epoll_pwait2"));
}

TEST(SimulationTest, ALoopThatOnlyMakesCallsEnds) {
  Simulation::Options options;
  options.max_calls = 1000;
  EXPECT_DEATH((void)RunScenario(options,
                                 [](Simulation& simulation) {
                                   Kernel& kernel = simulation.kernel();
                                   while (true) (void)kernel.Close(-1);
                                 }),
               "nobody ends the run: the run made more than 1000 system calls");
}

TEST(SimulationTest, EachLeakedDescriptorIsNamedWithItsCall) {
  const Outcome outcome = RunAgain([](Simulation& simulation) {
    Kernel& kernel = simulation.kernel();
    std::array<int, 2> pair;
    (void)kernel.SocketPair(AF_UNIX, SOCK_STREAM, 0, pair);
    (void)kernel.Fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    (void)kernel.Close(pair[0]);
    (void)simulation.host().EpollCreate1(0);
  });
  EXPECT_THAT(outcome.failures,
              ElementsAre("descriptor 3 was left open; it came with a message, "
                          "or from the test itself",
                          HasSubstr("descriptor 4 was left open; it came from "
                                    "call 1: socketpair("),
                          HasSubstr("descriptor 5 was left open; it came from "
                                    "call 2: fcntl(3, F_DUPFD_CLOEXEC")));
}

// A run with a seed and a plan of its own, which makes one call and then `end`.
void RunTo(absl::FunctionRef<void()> end) {
  Simulation::Options options;
  options.seed = 7;
  options.plan.add_fault()->set_kind("eventfd");
  options.plan.mutable_fault(0)->set_error("EMFILE");
  (void)RunScenario(options, [&](Simulation& simulation) {
    (void)simulation.kernel().EventFd(1, 0);
    end();
  });
}

// What is printed of it.
auto ItsReport() {
  return AllOf(HasSubstr("run again with --seed=7 --plan='fault { kind: "
                         "\"eventfd\" error: \"EMFILE\" }'"),
               HasSubstr("eventfd(1, 0) = -1 EMFILE"));
}

TEST(RunReportTest, ACrashPrintsHowToRunAgain) {
  EXPECT_DEATH(RunTo([] {
                 // Unlike a null pointer, nothing that a sanitizer finds first.
                 void* page = ::mmap(nullptr, /*length=*/1, PROT_NONE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                 *static_cast<volatile char*>(page) = 1;
               }),
               ItsReport());
}

TEST(RunReportTest, ASignalThatIsSentEndsTheProcessAllTheSame) {
  for (int signal : {SIGSEGV, SIGABRT}) {
    EXPECT_DEATH(RunTo([signal] { ::raise(signal); }), ItsReport());
  }
}

TEST(RunReportTest, AFailedCheckPrintsHowToRunAgain) {
  EXPECT_DEATH(RunTo([] { LOG(FATAL) << "it is Monday"; }), ItsReport());
}

TEST(RunReportTest, ATestThatTakesTooLongPrintsHowToRunAgain) {
  EXPECT_EXIT(RunTo([] { ::raise(SIGTERM); }), testing::KilledBySignal(SIGTERM),
              ItsReport());
}

void DestroyATimerInItsOwnCallback() {
  FakeKernel kernel;
  auto reactor = *Reactor::Create(kernel);
  int fired = 0;
  std::unique_ptr<Timer> timer;
  // The allocator's own notes would overwrite what comes first.
  const std::array<int64_t, 4> first = {};
  timer = std::make_unique<Timer>(*reactor,
                                  [&timer, first, &fired, &reactor = *reactor] {
                                    timer.reset();
                                    // The captured references went with the
                                    // timer.
                                    fired += 1 + static_cast<int>(first[0]);
                                    reactor.Stop();
                                  });
  timer->ArmAfter(absl::Seconds(1));
  reactor->Run();
}

TEST(RunReportTest, AnObjectThatItsOwnCallbackDestroysIsCaught) {
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer keeps freed memory as it was, reports its use, and goes on.
  EXPECT_EXIT(
      {
        RunTo(DestroyATimerInItsOwnCallback);
        std::exit(1);
      },
      [](int) { return true; }, "heap-use-after-free");
#else
  EXPECT_DEATH(RunTo(DestroyATimerInItsOwnCallback), ItsReport());
#endif
}

TEST(RunReportTest, ARunThatIsOverIsNotPrinted) {
  EXPECT_DEATH(
      {
        RunTo([] {});
        ::abort();
      },
      testing::Not(HasSubstr("run again")));
}

class RunRequestTest : public testing::Test {
 protected:
  ~RunRequestTest() override {
    ::unsetenv("POLLUX_SEED");
    ::unsetenv("POLLUX_PLAN");
  }
};

TEST_F(RunRequestTest, TheEnvironmentHasTheSeedAndThePlanOfEachRun) {
  ::setenv("POLLUX_SEED", "7", 1);
  ::setenv("POLLUX_PLAN", "fault { call: 1 error: \"ENFILE\" }", 1);
  uint64_t seed = 0;
  int error = 0;
  const Simulation::Options options;
  const Outcome outcome = RunAgain([&](Simulation& simulation) {
    seed = simulation.world().seed();
    error = simulation.kernel().EpollCreate1(0).error();
  });
  EXPECT_EQ(seed, 7u);
  EXPECT_EQ(error, ENFILE);
  EXPECT_THAT(outcome.Describe(options), HasSubstr("--seed=7 --plan='fault {"));
  EXPECT_EQ(FakeWorld().seed(), 7u);
}

TEST_F(RunRequestTest, ASweepRunsOnlyThePlanThatIsAskedFor) {
  ::setenv("POLLUX_PLAN", "fault { call: 1 error: \"ENFILE\" }", 1);
  uint64_t runs = 0;
  uint64_t faults = 0;
  const SweepOutcome sweep =
      Sweep(Simulation::Options(), [&](Simulation& simulation) {
        Tidy(simulation);
        ++runs;
        faults += simulation.faulty_kernel().faults();
      });
  EXPECT_THAT(sweep.failures, IsEmpty());
  EXPECT_EQ(faults, runs);
  EXPECT_LE(runs, 3u);
}

TEST_F(RunRequestTest, APlanThatIsNoneEndsTheTest) {
  ::setenv("POLLUX_PLAN", "fault", 1);
  EXPECT_DEATH((void)RunScenario(Simulation::Options(), Tidy),
               "not a FaultPlan: \"fault\"");
  ::unsetenv("POLLUX_PLAN");
  ::setenv("POLLUX_SEED", "seven", 1);
  EXPECT_DEATH((void)RunScenario(Simulation::Options(), Tidy),
               "the seed is no number: \"seven\"");
}

TEST_F(RunRequestTest, FlagsAreFoundAsTheyAreWritten) {
  EXPECT_EQ(FindFlag({"test", "--seed=7"}, "seed"), "7");
  EXPECT_EQ(FindFlag({"test", "-seed=7"}, "seed"), "7");
  EXPECT_EQ(FindFlag({"test", "--seed", "7", "--x"}, "seed"), "7");
  EXPECT_EQ(FindFlag({"test", "--seed=7", "--seed=8"}, "seed"), "8");
  EXPECT_EQ(FindFlag({"test", "--plan=fault { }"}, "plan"), "fault { }");
  EXPECT_EQ(FindFlag({"test", "--seed"}, "seed"), std::nullopt);
  EXPECT_EQ(FindFlag({"test", "--seeds=7", "seed=7"}, "seed"), std::nullopt);
}

}  // namespace
}  // namespace pollux
