#include "testing/simulation.h"

#include <fcntl.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "testing/allocation_counter.h"
#include "testing/fault_menu.h"
#include "testing/run_request.h"

namespace pollux {
namespace {

// A sweep stops after so many failures.
constexpr size_t kMaxFailures = 5;
// Virtual time by which a late wait is late.
constexpr uint64_t kLateNanos = 20'000'000;

FakeWorld::Options WorldOptions(const Simulation::Options& options) {
  FakeWorld::Options world;
  world.seed = options.seed;
  world.max_time = options.max_time;
  return world;
}

// Returns `options` with the seed and the plan that this process was asked for.
Simulation::Options Requested(Simulation::Options options) {
  options.seed = RequestedSeed().value_or(options.seed);
  const std::optional<std::string> plan = RequestedPlan();
  if (plan.has_value() &&
      !google::protobuf::TextFormat::ParseFromString(*plan, &options.plan)) {
    LOG(FATAL) << "not a FaultPlan: \"" << *plan << "\"";
  }
  return options;
}

// How to have a run again.
std::string Repro(const Simulation::Options& options) {
  return absl::StrCat("run again with --seed=", options.seed, " --plan='",
                      options.plan.ShortDebugString(), "'");
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
std::vector<FaultPlan> PlansFor(const LoggedCall& call, uint64_t number) {
  const SyscallRecord& record = call.record;
  std::vector<FaultPlan> plans;
  const auto add = [&]() -> Fault& {
    Fault& fault = *plans.emplace_back().add_fault();
    fault.set_call(number);
    return fault;
  };
  for (int error : PossibleErrors(record, call.descriptor))
    add().set_error(ErrorName(error));
  if (IsTransfer(record.kind, call.descriptor)) {
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

Simulation::~Simulation() = default;

Simulation::Simulation(const Options& options)
    : options_(options),
      world_(WorldOptions(options)),
      host_(world_, options.host),
      faulty_(host_, world_, options.plan),
      transcript_(world_.time(), options.transcript_lines),
      kernel_(faulty_, *this),
      report_(
          Repro(options), [this] { return transcript_.ToString(); },
          [this](std::string assertion) {
            failures_.push_back(std::move(assertion));
          }) {
  constexpr size_t kUsualDescriptors = 64;
  opened_by_.resize(kUsualDescriptors);
  world_.set_on_stuck([this](const std::string& reason) { NoteStuck(reason); });
  world_.set_on_failure(
      [this](const std::string& what) { failures_.push_back(what); });
}

void Simulation::OnSyscall(const SyscallRecord& record) {
  transcript_.OnSyscall(record);
  const uint64_t calls = transcript_.calls();
  NoteDescriptors(record);
  if (record.kind == SyscallKind::kClockGetTime) return;
  const auto reason = [&] {
    return absl::StrCat("the run made more than ", options_.max_calls,
                        " system calls");
  };
  // Once only: a program that stops makes some more, until its reactor is gone.
  if (calls == options_.max_calls + 1) world_.GetStuck(reason());
  if (calls > 2 * options_.max_calls) {
    LOG(FATAL) << "nobody ends the run: " << reason();
  }
}

void Simulation::NoteDescriptors(const SyscallRecord& record) {
  const auto opened = [&](int64_t descriptor, uint64_t number) {
    const auto index = static_cast<size_t>(descriptor);
    if (index >= opened_by_.size()) opened_by_.resize(2 * index);
    opened_by_[index] = {.number = number, .record = record};
  };
  const uint64_t number = transcript_.calls();
  if (record.result.error() == EBADF && bad_call_.number == 0) {
    bad_call_ = {.number = number, .record = record};
  }
  if (record.kind == SyscallKind::kClose && record.numbers[0] >= 0) {
    return opened(record.numbers[0], /*number=*/0);
  }
  if (!record.result.ok()) return;
  switch (record.kind) {
    case SyscallKind::kSocketPair:
      opened(record.numbers[2], number);
      return opened(record.numbers[3], number);
    case SyscallKind::kFcntl:
      if (record.numbers[1] != F_DUPFD_CLOEXEC &&
          record.numbers[1] != F_DUPFD) {
        return;
      }
      return opened(record.result.value(), number);
    case SyscallKind::kSocket:
    case SyscallKind::kAccept4:
    case SyscallKind::kOpenAt2:
    case SyscallKind::kOpenAt:
    case SyscallKind::kEpollCreate1:
    case SyscallKind::kEventFd:
    case SyscallKind::kTimerFdCreate:
    case SyscallKind::kSignalFd:
    case SyscallKind::kPidFdOpen:
      return opened(record.result.value(), number);
    default:
      return;
  }
}

void Simulation::ExpectNoOpenDescriptors() {
  for (int descriptor : host_.OpenDescriptorNumbers()) {
    const auto index = static_cast<size_t>(descriptor);
    const Call call = index < opened_by_.size() ? opened_by_[index] : Call();
    failures_.push_back(
        call.number == 0
            ? absl::StrCat("descriptor ", descriptor,
                           " was left open; it came with a message, or from "
                           "the test itself")
            : absl::StrCat("descriptor ", descriptor,
                           " was left open; it came from call ", call.number,
                           ": ", ToString(call.record)));
  }
}

void Simulation::ExpectNoBadDescriptors() {
  if (host_.bad_descriptor_calls() == 0) return;
  failures_.push_back(
      bad_call_.number == 0
          ? "a call was made on a descriptor that was not open"
          : absl::StrCat("call ", bad_call_.number,
                         " was made on a descriptor that was not open: ",
                         ToString(bad_call_.record)));
}

void Simulation::NoteStuck(const std::string& reason) {
  // It comes again until the program has ended.
  if (std::find(failures_.begin(), failures_.end(), reason) !=
      failures_.end()) {
    return;
  }
  failures_.push_back(reason);
}

void Simulation::Watch(Reactor& reactor) {
  world_.set_on_stuck([this, &reactor](const std::string& reason) {
    NoteStuck(reason);
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
  return absl::StrCat(absl::StrJoin(failures, "\n"), "\n",
                      Repro(Requested(options)), "\nthe last calls:\n",
                      transcript);
}

Outcome RunScenario(const Simulation::Options& options, Scenario scenario) {
  Outcome outcome;
  const int64_t live_before = CountAllocations().live();
  int64_t kept_on_purpose = 0;
  {
    Simulation simulation(Requested(options));
    scenario(simulation);
    simulation.ExpectNoOpenDescriptors();
    simulation.ExpectNoBadDescriptors();
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
  // Returns whether the run held.
  const auto run = [&](const Simulation::Options& run_options) {
    Outcome outcome = RunScenario(run_options, scenario);
    // What a library allocates once, at the first error of a kind say, it
    // keeps: only what is kept again counts.
    if (!outcome.ok()) outcome = RunScenario(run_options, scenario);
    if (!outcome.ok()) sweep.failures.push_back(outcome.Describe(run_options));
    return outcome.ok();
  };

  std::vector<LoggedCall> calls;
  (void)RunScenario(options, [&](Simulation& simulation) {
    simulation.LogCalls(&calls);
    scenario(simulation);
    simulation.LogCalls(nullptr);
  });
  sweep.runs = 1;
  if (!run(options)) return sweep;
  const bool one_plan = RequestedPlan().has_value();

  uint64_t number = 0;
  uint64_t left = 0;
  for (const LoggedCall& call : calls) {
    ++number;
    for (const FaultPlan& plan : PlansFor(call, number)) {
      ++sweep.runs;
      if (one_plan) continue;
      if (sweep.failures.size() == kMaxFailures) {
        ++left;
        continue;
      }
      Simulation::Options faulty = options;
      *faulty.plan.add_fault() = plan.fault(0);
      (void)run(faulty);
    }
  }
  if (left > 0) {
    sweep.failures.push_back(absl::StrCat("stopped after ", kMaxFailures,
                                          " failures: ", left, " of ",
                                          sweep.runs, " runs were left"));
  }
  return sweep;
}

}  // namespace pollux
