// Programs that are started and waited for.
#ifndef POLLUX_REACTOR_CHILD_PROCESS_H_
#define POLLUX_REACTOR_CHILD_PROCESS_H_

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"

namespace pollux {

// A program that runs, until it has ended. Its end is an event of the loop
// (pidfd_open(2)): no SIGCHLD, no zombie, no mistaking of a process number that
// is used again. The child gets none of this program's descriptors, unless they
// were opened without O_CLOEXEC; no signal is blocked or ignored in it, though
// the loop's program blocks some.
//
// Owned by whoever asked; reactor's thread only; must not outlive the reactor.
// Destroying it while the child runs kills the child (SIGKILL) and waits for
// it, which blocks until the kernel has ended it: usually at once, later if it
// is stuck in a system call that cannot be interrupted. One that may not be
// killed, because it runs as another user, is left alone.
//
// The program must not ignore SIGCHLD, nor wait for any child (wait(2)): how a
// child has ended is told once, and would be unknown here.
class ChildProcess final : private IoHandler {
 public:
  // What to start.
  struct Command {
    // The program's file. Not looked for in PATH.
    std::string path;
    // What the program gets after its own path.
    std::vector<std::string> arguments = {};
    // "NAME=value" each; without it, this program's.
    std::optional<std::vector<std::string>> environment = std::nullopt;
    // Descriptors of this program, above 2, that the child has as its 0, 1 and
    // 2; without one, this program's. They stay the caller's, who may close
    // them when Spawn() has returned.
    std::optional<int> standard_input = std::nullopt;
    std::optional<int> standard_output = std::nullopt;
    std::optional<int> standard_error = std::nullopt;
  };

  // How a child has ended.
  struct ExitStatus {
    enum class Kind : uint8_t {
      kExited,
      kSignalled,
      // Somebody else has waited for it.
      kUnknown,
    };

    Kind kind = Kind::kUnknown;
    // Its exit status, 0 to 255, or the signal's number; 0 if unknown.
    int value = 0;

    // Whether it exited with 0.
    bool ok() const { return kind == Kind::kExited && value == 0; }
    // "exit status 3", "signal 9 (Killed)".
    std::string ToString() const;

    friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
  };
  // May do anything, but destroy the ChildProcess only through DeleteSoon().
  using ExitCallback = absl::AnyInvocable<void(ExitStatus) &&>;

  // Starts a program. `on_exit` is called once, on the loop and never from
  // here, when it has ended; not at all if this object is destroyed before.
  // Fails as posix_spawn(3), with the path and the errno's text, or if the
  // kernel refuses a descriptor: the child is then killed and waited for.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Spawn(
      Reactor& reactor, const Command& command, ExitCallback on_exit);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The process's number: to show, or for a pid file. Another process may have
  // it once this one has ended.
  pid_t pid() const { return pid_; }

  // Whether on_exit is still to be called.
  bool is_running() const { return is_running_; }

  // Signals the child, 0 to ask only. Fails as pidfd_send_signal(2): NotFound
  // if it has ended, PermissionDenied if it runs as another user.
  absl::Status Signal(int signal);

 private:
  ChildProcess(Reactor& reactor, pid_t pid, ExitCallback on_exit);

  absl::Status Watch();
  void OnReady(Readiness readiness) override;
  SysResult SendSignal(int signal);
  SysResult Wait(int options, siginfo_t& info);
  void Unwatch();

  Reactor& reactor_;
  const pid_t pid_;
  ExitCallback on_exit_;
  bool is_running_ = true;
  int descriptor_ = -1;
  Registration registration_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_CHILD_PROCESS_H_
