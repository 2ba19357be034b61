// Runs of a scenario in a fake world, and what must hold after each.
#ifndef POLLUX_TESTING_SIMULATION_H_
#define POLLUX_TESTING_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/syscall_record.h"
#include "reactor/tracing_kernel.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/fault_plan.pb.h"
#include "testing/faulty_kernel.h"
#include "testing/run_report.h"
#include "testing/transcript.h"

namespace pollux {

// One run: a world, a host in it whose kernel fails as planned and is watched,
// and the failures that were found. Everything in it follows from the seed and
// the plan.
//
// Made by RunScenario(); a scenario uses it and leaves nothing behind in it. If
// the process crashes meanwhile, fails a CHECK or a GoogleTest assertion, seed,
// plan and the last calls are printed; such an assertion is a failure of the
// run, too.
class Simulation final : private SyscallObserver {
 public:
  struct Options {
    uint64_t seed = 1;
    FaultPlan plan;
    FakeKernel::Options host;
    // Calls whose lines a failure shows.
    size_t transcript_lines = 100;
    // The bounds of a run. A run that exceeds one has failed.
    absl::Duration max_time = absl::Hours(24);
    uint64_t max_calls = 1'000'000;
  };

  explicit Simulation(const Options& options);
  ~Simulation();
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
  void LogCalls(std::vector<LoggedCall>* log) { faulty_.set_log(log); }

  // Notes that descriptors are open, if any are, and which calls opened them.
  void ExpectNoOpenDescriptors();
  // Notes that a call was made on a descriptor that was not open, if one was.
  void ExpectNoBadDescriptors();

  // Notes a failure if `holds` is false.
  void Expect(bool holds, absl::string_view what);
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  // A call that is remembered, and its number.
  struct Call {
    uint64_t number = 0;
    SyscallRecord record;
  };

  void OnSyscall(const SyscallRecord& record) override;
  void NoteDescriptors(const SyscallRecord& record);
  void NoteStuck(const std::string& reason);

  const Options options_;
  FakeWorld world_;
  FakeKernel host_;
  FaultyKernel faulty_;
  Transcript transcript_;
  TracingKernel kernel_;
  // By descriptor, the call that opened it; number 0 where none is known.
  std::vector<Call> opened_by_;
  // The first on a descriptor that was not open.
  Call bad_call_;
  std::vector<std::string> failures_;
  RunReport report_;
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

// Runs `scenario` once. The seed and the plan of the command line (--seed=,
// --plan=) or the environment (POLLUX_SEED, POLLUX_PLAN), where given, come
// before those of `options`: so any run can be had again, in any test.
//
// Heap memory must be back to its start, so a first run,
// in which libraries allocate what they keep for good, fails: run it again.
Outcome RunScenario(const Simulation::Options& options, Scenario scenario);

// What a sweep came to.
struct SweepOutcome {
  // One without a fault and one for each call and fault. 1 if the first failed.
  uint64_t runs = 0;
  // Each run that failed, described; at the end, whether some runs were left.
  std::vector<std::string> failures;
};

// Runs `scenario` without a fault to count its calls; then once for every call
// and every errno that its man page lists, for every transfer and every length
// that it could be cut to (up to 512 bytes; of larger ones for the ends and
// some between), and for every wait with spurious events and a late return.
//
// Stops at once if the scenario fails without a fault, which a fault would not
// explain, and after five failures: more would only bury them. Where a plan was
// asked for, runs only that.
SweepOutcome Sweep(const Simulation::Options& options, Scenario scenario);

}  // namespace pollux

#endif  // POLLUX_TESTING_SIMULATION_H_
