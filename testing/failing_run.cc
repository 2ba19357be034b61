// A test that fails on purpose, so that run_report_test.sh can check the
// output.
#include <gtest/gtest.h>

#include <iostream>

#include "absl/strings/str_join.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

TEST(FailingRun, FailsAnAssertion) {
  const Outcome outcome =
      RunScenario(Simulation::Options(), [](Simulation& simulation) {
        (void)simulation.kernel().Close(99);
        EXPECT_EQ(simulation.world().seed(), 0u) << "seeds begin at 1";
      });
  std::cout << "failures: " << absl::StrJoin(outcome.failures, "; ")
            << std::endl;
}

}  // namespace
}  // namespace pollux
