// Thousands of conversations that nobody thought of, half of them with faults.
//
// One run again: --seed=N.
#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>

#include "testing/integration/daemon_scenarios.h"
#include "testing/integration/server_scenarios.h"
#include "testing/simulation.h"

DEFINE_uint64(seed, 0, "Only this seed is run.");
DEFINE_uint64(first_seed, 1, "The first of the seeds.");
DEFINE_uint64(seeds, 10'000, "How many seeds are run.");
DEFINE_bool(print, false, "Print the fingerprint of each run.");

namespace pollux {
namespace {

constexpr uint64_t kParts = 20;

Simulation::Options OptionsFor(uint64_t seed) {
  Simulation::Options options;
  options.seed = seed;
  if (seed % 2 == 0) {
    RandomFaults& random = *options.plan.mutable_random();
    random.set_error_percent(seed % 3);
    random.set_short_transfer_percent(seed % 40);
    random.set_eintr_percent(seed % 5);
    random.set_eagain_percent(seed % 7);
    random.set_spurious_percent(seed % 11);
    random.set_late_percent(seed % 13);
  }
  return options;
}

// With the daemon or with an embedded server: both in each of the parts, with
// faults and without.
void RunConversation(Simulation& simulation) {
  simulation.options().seed % 7 < 4 ? RunRandomConversation(simulation)
                                    : RunRandomServerConversation(simulation);
}

Outcome RunSeed(uint64_t seed) {
  const Simulation::Options options = OptionsFor(seed);
  Outcome outcome = RunScenario(options, RunConversation);
  // Libraries keep what they allocate once; what is kept again counts.
  if (!outcome.ok()) outcome = RunScenario(options, RunConversation);
  EXPECT_TRUE(outcome.ok()) << outcome.Describe(options);
  if (FLAGS_print) std::cout << seed << " " << outcome.fingerprint << "\n";
  return outcome;
}

// In parts, so that they can be sharded.
class DaemonSeedsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(DaemonSeedsTest, WithstandsChance) {
  if (FLAGS_seed != 0) {
    RunSeed(FLAGS_seed);
    return;
  }
  uint64_t faults = 0;
  uint64_t calls = 0;
  for (uint64_t i = GetParam(); i < FLAGS_seeds && !HasFailure(); i += kParts) {
    const Outcome outcome = RunSeed(FLAGS_first_seed + i);
    faults += outcome.faults;
    calls += outcome.calls;
  }
  std::cout << calls << " calls, " << faults << " faults" << std::endl;
}

TEST_P(DaemonSeedsTest, IsDeterministic) {
  for (uint64_t i = 0; i < 20; ++i) {
    const uint64_t seed = FLAGS_first_seed + GetParam() * 1000 + i;
    EXPECT_EQ(RunSeed(seed).fingerprint, RunSeed(seed).fingerprint) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, DaemonSeedsTest,
                         testing::Range(uint64_t{0}, kParts));

}  // namespace
}  // namespace pollux
