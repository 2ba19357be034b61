// Runs of a scenario in a fake world, and what must hold after each.
#ifndef POLLUX_TESTING_SIMULATION_H_
#define POLLUX_TESTING_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/syscall_record.h"
#include "reactor/tracing_kernel.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/fault_plan.pb.h"
#include "testing/faulty_kernel.h"
#include "testing/transcript.h"

namespace pollux {

// One run: a world, a host in it whose kernel fails as planned and is watched,
// and the failures that were found. Everything in it follows from the seed and
// the plan.
//
// Made by RunScenario(); a scenario uses it and leaves nothing behind in it.
class Simulation {
 public:
  struct Options {
    uint64_t seed = 1;
    FaultPlan plan;
    FakeKernel::Options host;
    // Calls whose lines a failure shows.
    size_t transcript_lines = 100;
  };

  explicit Simulation(const Options& options);
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  FakeWorld& world() { return world_; }
  // The host's own side: to raise signals, to count descriptors.
  FakeKernel& host() { return host_; }
  // What the program under test runs on.
  Kernel& kernel() { return kernel_; }
  const Options& options() const { return options_; }
  Transcript& transcript() { return transcript_; }
  // The program's calls and the faults among them, so far.
  const FaultyKernel& faulty_kernel() const { return faulty_; }

  // If the world gets stuck, that is a failure, and `reactor` is stopped so
  // that the scenario can end.
  void Watch(Reactor& reactor);

  // Watches `reactor`, and runs it until it is stopped.
  void Run(Reactor& reactor);

  // See FaultyKernel::set_log().
  void LogCalls(std::vector<SyscallRecord>* log) { faulty_.set_log(log); }

  // Notes a failure if `holds` is false.
  void Expect(bool holds, absl::string_view what);
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  const Options options_;
  FakeWorld world_;
  FakeKernel host_;
  FaultyKernel faulty_;
  Transcript transcript_;
  TracingKernel kernel_;
  std::vector<std::string> failures_;
};

// What is run again and again: builds a program on the simulation's kernel,
// lets it run, says what must hold, and destroys what it built.
using Scenario = absl::FunctionRef<void(Simulation&)>;

// What one run came to.
struct Outcome {
  // Everything that did not hold, the oracles' findings included: a descriptor
  // left open, a call on one that was not open, heap memory kept, a busy loop,
  // a wait for ever.
  std::vector<std::string> failures;
  // The last calls, if there were failures.
  std::string transcript;
  uint64_t fingerprint = 0;
  uint64_t calls = 0;
  uint64_t faults = 0;

  bool ok() const { return failures.empty(); }
  // For a test's message: the failures, the seed and plan to run again with,
  // the transcript.
  std::string Describe(const Simulation::Options& options) const;
};

// Runs `scenario` once. Heap memory must be back to its start, so a first run,
// in which libraries allocate what they keep for good, fails: run it again.
Outcome RunScenario(const Simulation::Options& options, Scenario scenario);

// What a sweep came to.
struct SweepOutcome {
  uint64_t runs = 0;
  // Of the first runs that failed.
  std::vector<std::string> failures;
};

// Runs `scenario` without a fault to count its calls; then once for every call
// and every errno that its man page lists, for every transfer and every length
// that it could be cut to (up to 512 bytes; of larger ones for the ends and
// some between), and for every wait with spurious events and a late return.
SweepOutcome Sweep(const Simulation::Options& options, Scenario scenario);

}  // namespace pollux

#endif  // POLLUX_TESTING_SIMULATION_H_
