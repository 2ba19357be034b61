// The children of a fake process.
#ifndef POLLUX_TESTING_FAKE_PROCESS_TABLE_H_
#define POLLUX_TESTING_FAKE_PROCESS_TABLE_H_

#include <sys/types.h>
#include <sys/wait.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "testing/fake/open_file.h"
#include "testing/fake/signal_queue.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

class ProcessFile;

// A child that does what a test says: it runs until it exits or is killed, and
// stays a zombie until it is waited for. Owned by its FakeKernel's
// ProcessTable, kept by the ProcessFiles that stand for it; one thread.
class FakeProcess final {
 public:
  using SignalHandler = absl::AnyInvocable<void(FakeProcess&)>;

  ~FakeProcess();

  pid_t pid() const { return pid_; }
  const std::vector<std::string>& arguments() const { return arguments_; }
  bool is_running() const { return code_ == 0; }

  // Ends, with a status of 0 to 255. Nothing if it has ended.
  void Exit(int status) { End(CLD_EXITED, status & 0xff); }
  void ExitAfter(absl::Duration delay, int status);

  // kill(2): EINVAL if there is no such signal, ESRCH if it was waited for.
  SysResult Kill(int signal);

  // Instead of what the signal does otherwise, which is to kill or, for SIGCHLD
  // and the like, nothing. SIGKILL cannot be handled.
  void OnSignal(int signal, SignalHandler handler) {
    handlers_[signal] = std::move(handler);
  }

 private:
  friend class ProcessFile;
  friend class ProcessTable;

  FakeProcess(VirtualTime& time, SignalQueue& parent, pid_t pid,
              std::vector<std::string> arguments)
      : time_(time),
        parent_(parent),
        pid_(pid),
        arguments_(std::move(arguments)) {}

  void Signal(int signal);
  void End(int code, int status);
  void BecomeReaped();

  VirtualTime& time_;
  SignalQueue& parent_;
  const pid_t pid_;
  const std::vector<std::string> arguments_;
  std::map<int, SignalHandler> handlers_;
  VirtualTime::PlanId exit_plan_ = 0;
  // CLD_EXITED or CLD_KILLED; 0 while it runs.
  int code_ = 0;
  int status_ = 0;
  bool was_reaped_ = false;
  std::vector<ProcessFile*> files_;
};

// pidfd_open(2): readable when the process has ended. As an OpenFile: shared by
// its descriptors, one thread.
class ProcessFile final : public OpenFile {
 public:
  explicit ProcessFile(std::shared_ptr<FakeProcess> process);
  ~ProcessFile() override;

  FakeProcess& process() { return *process_; }

  uint32_t Poll() override;

 private:
  friend class FakeProcess;

  const std::shared_ptr<FakeProcess> process_;
};

// Which programs there are, and which children run. Owned by its FakeKernel;
// one thread.
class ProcessTable {
 public:
  // Begins the life of a process: says when it exits, and what signals do.
  // Called once for each one that is started.
  using Program = absl::AnyInvocable<void(FakeProcess&)>;

  ProcessTable(VirtualTime& time, SignalQueue& parent)
      : time_(time), parent_(parent) {}

  void AddProgram(std::string path, Program program) {
    programs_[std::move(path)] = std::move(program);
  }

  // posix_spawn(3): the new process's number.
  SysResult Spawn(const std::string& path, std::vector<std::string> arguments);

  // Null unless it is a child that was not waited for.
  std::shared_ptr<FakeProcess> Find(pid_t pid) const;

  // waitid(2) without waiting: EAGAIN if it would.
  SysResult Wait(idtype_t type, id_t id, siginfo_t& info, int options);

  // Children that were not waited for, running or not.
  size_t size() const { return children_.size(); }

 private:
  static constexpr pid_t kFirstPid = 1000;

  VirtualTime& time_;
  SignalQueue& parent_;
  std::map<std::string, Program> programs_;
  std::map<pid_t, std::shared_ptr<FakeProcess>> children_;
  pid_t next_pid_ = kFirstPid;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_PROCESS_TABLE_H_
