// Every system call of the daemon, or of an embedded server, fails in every way
// it can, in each of some conversations; after each run everything must be in
// order.
//
// One run again: --gtest_filter='*Faults/OneGet' --plan='fault { ... }'
// --seed=1.
#include <gflags/gflags.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <string>

#include "absl/strings/str_join.h"
#include "testing/integration/conversation.h"
#include "testing/integration/daemon_scenarios.h"
#include "testing/integration/server_scenarios.h"
#include "testing/simulation.h"

DEFINE_string(plan, "", "A FaultPlan as text: only this one is run.");
DEFINE_uint64(seed, 1, "The seed of the world.");

namespace pollux {
namespace {

class DaemonSweepTest : public testing::TestWithParam<NamedScenario> {
 protected:
  static Simulation::Options Options() {
    Simulation::Options options;
    options.seed = FLAGS_seed;
    return options;
  }
};

TEST_P(DaemonSweepTest, WithstandsEveryFault) {
  Simulation::Options options = Options();
  if (!FLAGS_plan.empty()) {
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(FLAGS_plan,
                                                              &options.plan));
    const Outcome outcome = RunScenario(options, GetParam().run);
    EXPECT_TRUE(outcome.ok()) << outcome.Describe(options);
    return;
  }
  const SweepOutcome sweep = Sweep(options, GetParam().run);
  EXPECT_TRUE(sweep.failures.empty()) << absl::StrJoin(sweep.failures, "\n\n");
  EXPECT_GT(sweep.runs, 100u);
  std::cout << GetParam().name << ": " << sweep.runs
            << " runs, one for each call and fault"
            << (sweep.failures.empty() ? ": all held" : "") << std::endl;
}

TEST_P(DaemonSweepTest, RunsTheSameTwice) {
  const Outcome first = RunScenario(Options(), GetParam().run);
  const Outcome second = RunScenario(Options(), GetParam().run);
  EXPECT_TRUE(second.ok()) << second.Describe(Options());
  EXPECT_GT(first.calls, 10u);
  EXPECT_EQ(first.fingerprint, second.fingerprint);
}

// Of what is too long for that, every call has some chance to fail.
class LargeScenarioTest : public DaemonSweepTest {};

TEST_P(LargeScenarioTest, WithstandsFaultsByChance) {
  constexpr uint64_t kRuns = 100;
  for (uint64_t i = 0; i < kRuns && !HasFailure(); ++i) {
    Simulation::Options options = Options();
    options.seed += i;
    RandomFaults& random = *options.plan.mutable_random();
    random.set_error_percent(i % 2);
    random.set_short_transfer_percent(i % 20);
    random.set_eintr_percent(i % 3);
    random.set_eagain_percent(i % 5);
    random.set_spurious_percent(i % 7);
    random.set_late_percent(i % 11);
    Outcome outcome = RunScenario(options, GetParam().run);
    // As in Sweep().
    if (!outcome.ok()) outcome = RunScenario(options, GetParam().run);
    EXPECT_TRUE(outcome.ok()) << outcome.Describe(options);
  }
}

TEST_P(LargeScenarioTest, HoldsWithoutFaults) {
  (void)RunScenario(Options(), GetParam().run);
  const Outcome outcome = RunScenario(Options(), GetParam().run);
  EXPECT_TRUE(outcome.ok()) << outcome.Describe(Options());
}

std::string ScenarioName(const testing::TestParamInfo<NamedScenario>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, DaemonSweepTest,
                         testing::ValuesIn(DaemonScenarios()), ScenarioName);

INSTANTIATE_TEST_SUITE_P(ServerScenarios, DaemonSweepTest,
                         testing::ValuesIn(ServerScenarios()), ScenarioName);

INSTANTIATE_TEST_SUITE_P(Scenarios, LargeScenarioTest,
                         testing::ValuesIn(LargeDaemonScenarios()),
                         ScenarioName);

}  // namespace
}  // namespace pollux
