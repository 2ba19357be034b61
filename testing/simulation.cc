#include "testing/simulation.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "testing/allocation_counter.h"
#include "testing/fault_menu.h"

namespace pollux {
namespace {

// Failures that are described in full; more would only bury them.
constexpr size_t kDescribedFailures = 5;
// Virtual time by which a late wait is late.
constexpr uint64_t kLateNanos = 20'000'000;

FakeWorld::Options WorldOptions(const Simulation::Options& options) {
  FakeWorld::Options world;
  world.seed = options.seed;
  return world;
}

// To what a transfer of `full` bytes is cut: every length of what a head or a
// small body has; the first and last, and some between, of what is larger.
std::vector<int64_t> ShortLengths(int64_t full) {
  constexpr int64_t kEvery = 512;
  constexpr int64_t kLast = 16;
  constexpr int64_t kBetween = 32;
  std::vector<int64_t> lengths;
  for (int64_t i = 1; i < std::min(full, kEvery); ++i) lengths.push_back(i);
  if (full <= kEvery) return lengths;
  for (int64_t i = 0; i < kBetween; ++i) {
    lengths.push_back(kEvery + (full - kEvery) * i / kBetween);
  }
  for (int64_t i = full - kLast; i < full; ++i) lengths.push_back(i);
  return lengths;
}

// The plans with one fault that a call, the `number`th, could have.
std::vector<FaultPlan> PlansFor(const SyscallRecord& record, uint64_t number) {
  std::vector<FaultPlan> plans;
  const auto add = [&]() -> Fault& {
    Fault& fault = *plans.emplace_back().add_fault();
    fault.set_call(number);
    return fault;
  };
  for (int error : PossibleErrors(record)) add().set_error(ErrorName(error));
  if (IsTransfer(record.kind)) {
    for (int64_t bytes : ShortLengths(record.result.value())) {
      add().set_at_most_bytes(static_cast<uint64_t>(bytes));
    }
  }
  if (record.kind == SyscallKind::kEpollPwait2) {
    add().set_late_nanos(kLateNanos);
    // As many as a small scenario ever watches.
    for (uint64_t which = 0; which < 4; ++which) add().set_spurious(which);
  }
  return plans;
}

}  // namespace

Simulation::Simulation(const Options& options)
    : options_(options),
      world_(WorldOptions(options)),
      host_(world_, options.host),
      faulty_(host_, world_, options.plan),
      transcript_(world_.time(), options.transcript_lines),
      kernel_(faulty_, transcript_) {
  world_.set_on_stuck(
      [this](const std::string& reason) { failures_.push_back(reason); });
}

void Simulation::Watch(Reactor& reactor) {
  world_.set_on_stuck([this, &reactor](const std::string& reason) {
    failures_.push_back(reason);
    reactor.Stop();
  });
}

void Simulation::Run(Reactor& reactor) {
  Watch(reactor);
  reactor.Run();
}

void Simulation::Expect(bool holds, absl::string_view what) {
  if (!holds) failures_.emplace_back(what);
}

std::string Outcome::Describe(const Simulation::Options& options) const {
  return absl::StrCat(absl::StrJoin(failures, "\n"),
                      "\nrun again with --seed=", options.seed, " --plan='",
                      options.plan.ShortDebugString(), "'\nthe last calls:\n",
                      transcript);
}

Outcome RunScenario(const Simulation::Options& options, Scenario scenario) {
  Outcome outcome;
  const int64_t live_before = CountAllocations().live();
  int64_t kept_on_purpose = 0;
  {
    Simulation simulation(options);
    scenario(simulation);
    simulation.Expect(simulation.host().open_descriptors() == 0,
                      absl::StrCat(simulation.host().open_descriptors(),
                                   " descriptors were left open"));
    simulation.Expect(simulation.host().bad_descriptor_calls() == 0,
                      "a call was made on a descriptor that was not open");
    const int64_t live = CountAllocations().live();
    outcome.failures = simulation.failures();
    outcome.fingerprint = simulation.transcript().fingerprint();
    outcome.calls = simulation.transcript().calls();
    outcome.faults = simulation.faulty_kernel().faults();
    if (!outcome.ok()) outcome.transcript = simulation.transcript().ToString();
    kept_on_purpose = CountAllocations().live() - live;
  }
  const int64_t kept =
      CountAllocations().live() - live_before - kept_on_purpose;
  if (kept != 0) {
    outcome.failures.push_back(
        absl::StrCat(kept, " pieces of heap memory were kept"));
  }
  return outcome;
}

SweepOutcome Sweep(const Simulation::Options& options, Scenario scenario) {
  SweepOutcome sweep;
  const auto run = [&](const Simulation::Options& run_options) {
    ++sweep.runs;
    Outcome outcome = RunScenario(run_options, scenario);
    // What a library allocates once, at the first error of a kind say, it
    // keeps: only what is kept again counts.
    if (!outcome.ok()) outcome = RunScenario(run_options, scenario);
    if (!outcome.ok() && sweep.failures.size() < kDescribedFailures) {
      sweep.failures.push_back(outcome.Describe(run_options));
    }
  };

  std::vector<SyscallRecord> calls;
  (void)RunScenario(options, [&](Simulation& simulation) {
    simulation.LogCalls(&calls);
    scenario(simulation);
    simulation.LogCalls(nullptr);
  });
  run(options);

  uint64_t number = 0;
  for (const SyscallRecord& record : calls) {
    ++number;
    for (const FaultPlan& plan : PlansFor(record, number)) {
      Simulation::Options faulty = options;
      *faulty.plan.add_fault() = plan.fault(0);
      run(faulty);
    }
  }
  return sweep;
}

}  // namespace pollux
