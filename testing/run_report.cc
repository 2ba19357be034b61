#include "testing/run_report.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Only there in builds with a sanitizer.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(
    void (*callback)());

namespace pollux {
namespace {

constexpr std::array<int, 6> kSignals = {SIGSEGV, SIGABRT, SIGBUS,
                                         SIGFPE,  SIGILL,  SIGTERM};

// A signal handler finds its data nowhere else.
std::atomic<RunReport*> current_report{nullptr};
std::array<struct sigaction, kSignals.size()> former_actions;

void Write(absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void OnSignal(int signal, siginfo_t* info, void*) {
  // Another fault while this prints ends the process, and so does a lock that
  // the crash left locked.
  constexpr unsigned kMostSeconds = 10;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &former_actions[i], nullptr);
  }
  ::alarm(kMostSeconds);
  if (RunReport* report = current_report.load()) report->Print();
  ::alarm(0);
  // A fault happens again, for its instruction is repeated. A signal that was
  // sent does not.
  if (info->si_code <= 0) ::raise(signal);
}

// A sanitizer ends the process without a signal.
void OnSanitizerDeath() {
  if (RunReport* report = current_report.load()) report->Print();
}

// For the rest of the process's life. Returns true.
bool InstallHandlers() {
  // Where a stack has overflowed there is no room for a handler.
  constexpr size_t kStackBytes = 256 * 1024;
  static char stack[kStackBytes];
  stack_t former = {};
  if (::sigaltstack(nullptr, &former) == 0 &&
      (former.ss_flags & SS_DISABLE) != 0) {
    const stack_t own = {.ss_sp = stack, .ss_flags = 0, .ss_size = kStackBytes};
    ::sigaltstack(&own, nullptr);
  }
  struct sigaction action = {};
  action.sa_sigaction = OnSignal;
  action.sa_flags = SA_ONSTACK | SA_SIGINFO;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &action, &former_actions[i]);
  }
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(OnSanitizerDeath);
  }
  return true;
}

}  // namespace

RunReport::RunReport(std::string repro,
                     absl::AnyInvocable<std::string()> last_calls,
                     absl::AnyInvocable<void(std::string)> on_assertion)
    : repro_(std::move(repro)),
      last_calls_(std::move(last_calls)),
      on_assertion_(std::move(on_assertion)),
      outer_(current_report.load()) {
  [[maybe_unused]] static const bool installed = InstallHandlers();
  current_report.store(this);
  testing::UnitTest::GetInstance()->listeners().Append(this);
}

RunReport::~RunReport() {
  testing::UnitTest::GetInstance()->listeners().Release(this);
  current_report.store(outer_);
}

void RunReport::Print() {
  Write(repro_);
  Write("\nthe last calls:\n");
  Write(last_calls_());
}

void RunReport::OnTestPartResult(const testing::TestPartResult& result) {
  if (!result.failed()) return;
  on_assertion_(
      absl::StrCat(result.file_name() == nullptr ? "" : result.file_name(), ":",
                   result.line_number(), ": ", result.message()));
  if (!std::exchange(was_printed_, true)) Print();
}

}  // namespace pollux
