#include "reactor/child_process.h"

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "reactor/kernel.h"

namespace pollux {
namespace {

using ExitStatus = ChildProcess::ExitStatus;

// What the child has otherwise than its parent.
class SpawnSettings {
 public:
  explicit SpawnSettings(const ChildProcess::Command& command) {
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    // Neither these nor the calls below fail but for want of memory.
    CHECK_EQ(posix_spawnattr_init(&attributes_), 0);
    CHECK_EQ(posix_spawn_file_actions_init(&actions_), 0);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    Redirect(command.standard_input, STDIN_FILENO);
    Redirect(command.standard_output, STDOUT_FILENO);
    Redirect(command.standard_error, STDERR_FILENO);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  void Redirect(std::optional<int> from, int to) {
    if (!from.has_value()) return;
    // One of the three could have been replaced before it is copied.
    CHECK_GT(*from, STDERR_FILENO);
    CHECK_EQ(posix_spawn_file_actions_adddup2(&actions_, *from, to), 0);
  }

  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

// For argv and envp, which nobody writes to, though their type says so.
char* Pointer(const std::string& text) {
  return const_cast<char*>(text.c_str());
}

SysResult StartProgram(Kernel& kernel, const ChildProcess::Command& command) {
  std::vector<char*> arguments = {Pointer(command.path)};
  for (const auto& text : command.arguments) arguments.push_back(Pointer(text));
  arguments.push_back(nullptr);

  std::vector<char*> variables;
  if (command.environment.has_value()) {
    for (const auto& text : *command.environment) {
      variables.push_back(Pointer(text));
    }
    variables.push_back(nullptr);
  }

  const SpawnSettings settings(command);
  return kernel.PosixSpawn(
      command.path.c_str(), settings.actions(), settings.attributes(),
      arguments.data(),
      command.environment.has_value() ? variables.data() : environ);
}

ExitStatus ToExitStatus(const siginfo_t& info) {
  return {info.si_code == CLD_EXITED ? ExitStatus::Kind::kExited
                                     : ExitStatus::Kind::kSignalled,
          info.si_status};
}

}  // namespace

std::string ChildProcess::ExitStatus::ToString() const {
  switch (kind) {
    case Kind::kExited:
      return absl::StrCat("exit status ", value);
    case Kind::kSignalled: {
      const char* description = sigdescr_np(value);
      return absl::StrCat("signal ", value, " (",
                          description == nullptr ? "?" : description, ")");
    }
    case Kind::kUnknown:
      break;
  }
  return "unknown exit status";
}

ChildProcess::ChildProcess(Reactor& reactor, pid_t pid, ExitCallback on_exit)
    : reactor_(reactor), pid_(pid), on_exit_(std::move(on_exit)) {}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(
    Reactor& reactor, const Command& command, ExitCallback on_exit) {
  const SysResult pid = StartProgram(reactor.kernel(), command);
  if (!pid.ok()) {
    return pid.ToStatus(absl::StrCat("posix_spawn ", command.path));
  }
  std::unique_ptr<ChildProcess> child(new ChildProcess(
      reactor, static_cast<pid_t>(pid.value()), std::move(on_exit)));
  if (absl::Status status = child->Watch(); !status.ok()) return status;
  return child;
}

absl::Status ChildProcess::Watch() {
  const SysResult result = reactor_.kernel().PidFdOpen(pid_, 0);
  // Then somebody else has waited for it, and the number may be another's.
  if (result.error() == ESRCH) is_running_ = false;
  if (!result.ok()) return result.ToStatus("pidfd_open");
  descriptor_ = result.descriptor();

  absl::StatusOr<Registration> registration =
      reactor_.Register(descriptor_, Interest::kRead, *this);
  if (!registration.ok()) return registration.status();
  registration_ = *std::move(registration);
  return absl::OkStatus();
}

ChildProcess::~ChildProcess() {
  if (is_running_) {
    // What could not be killed may run for ever: it is only looked at.
    const bool ends = SendSignal(SIGKILL).ok();
    siginfo_t info = {};
    (void)Wait(ends ? WEXITED : WEXITED | WNOHANG, info);
  }
  Unwatch();
}

absl::Status ChildProcess::Signal(int signal) {
  const SysResult result =
      is_running_ ? SendSignal(signal) : SysResult::Error(ESRCH);
  return result.ToStatus("pidfd_send_signal");
}

SysResult ChildProcess::SendSignal(int signal) {
  Kernel& kernel = reactor_.kernel();
  // Only while it is being spawned has it no descriptor. Its number is its own
  // until it is waited for.
  return descriptor_ >= 0 ? kernel.PidFdSendSignal(descriptor_, signal)
                          : kernel.Kill(pid_, signal);
}

SysResult ChildProcess::Wait(int options, siginfo_t& info) {
  const bool by_descriptor = descriptor_ >= 0;
  return RetryOnSignal([&] {
    return reactor_.kernel().WaitId(
        by_descriptor ? P_PIDFD : P_PID,
        static_cast<id_t>(by_descriptor ? descriptor_ : pid_), info, options);
  });
}

void ChildProcess::Unwatch() {
  registration_.Reset();
  if (descriptor_ >= 0) {
    (void)reactor_.kernel().Close(std::exchange(descriptor_, -1));
  }
}

void ChildProcess::OnReady(Readiness) {
  siginfo_t info = {};
  const SysResult result = Wait(WEXITED | WNOHANG, info);
  // A spurious event: it still runs.
  if (result.ok() && info.si_pid == 0) return;
  Unwatch();
  is_running_ = false;
  std::move(on_exit_)(result.ok() ? ToExitStatus(info) : ExitStatus());
}

}  // namespace pollux
