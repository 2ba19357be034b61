#include "testing/fake/process_table.h"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace pollux {
namespace {

constexpr int kLastSignal = 64;

// What a signal does that has no handler: signal(7).
bool IsIgnored(int signal) {
  return signal == SIGCHLD || signal == SIGCONT || signal == SIGURG ||
         signal == SIGWINCH;
}

}  // namespace

FakeProcess::~FakeProcess() { time_.Cancel(exit_plan_); }

void FakeProcess::ExitAfter(absl::Duration delay, int status) {
  time_.Cancel(exit_plan_);
  exit_plan_ = time_.After(delay, [this, status] { Exit(status); });
}

SysResult FakeProcess::Kill(int signal) {
  if (signal < 0 || signal > kLastSignal) return SysResult::Error(EINVAL);
  if (was_reaped_) return SysResult::Error(ESRCH);
  if (signal != 0) Signal(signal);
  return SysResult::Ok();
}

void FakeProcess::Signal(int signal) {
  if (!is_running()) return;
  const auto handler = handlers_.find(signal);
  if (signal != SIGKILL && handler != handlers_.end()) {
    // Not in the map while it runs: it may set another.
    SignalHandler running = std::move(handler->second);
    running(*this);
    const auto after = handlers_.find(signal);
    if (after->second == nullptr) after->second = std::move(running);
  } else if (!IsIgnored(signal)) {
    End(CLD_KILLED, signal);
  }
}

void FakeProcess::End(int code, int status) {
  if (!is_running()) return;
  time_.Cancel(exit_plan_);
  code_ = code;
  status_ = status;
  for (ProcessFile* file : files_) file->Notify(EPOLLIN);
  // Nobody minds one that is not blocked.
  if (parent_.IsBlocked(SIGCHLD)) parent_.Raise(SIGCHLD);
}

void FakeProcess::BecomeReaped() {
  was_reaped_ = true;
  for (ProcessFile* file : files_) file->Notify(EPOLLHUP);
}

ProcessFile::ProcessFile(std::shared_ptr<FakeProcess> process)
    : process_(std::move(process)) {
  process_->files_.push_back(this);
}

ProcessFile::~ProcessFile() {
  std::vector<ProcessFile*>& files = process_->files_;
  files.erase(std::find(files.begin(), files.end(), this));
}

uint32_t ProcessFile::Poll() {
  if (process_->is_running()) return 0;
  // Linux 6.9 and newer tell that it is no zombie any more.
  return process_->was_reaped_ ? uint32_t{EPOLLIN | EPOLLHUP}
                               : uint32_t{EPOLLIN};
}

SysResult ProcessTable::Spawn(const std::string& path,
                              std::vector<std::string> arguments) {
  const auto program = programs_.find(path);
  if (program == programs_.end()) return SysResult::Error(ENOENT);
  const pid_t pid = next_pid_++;
  std::shared_ptr<FakeProcess> process(
      new FakeProcess(time_, parent_, pid, std::move(arguments)));
  children_[pid] = process;
  program->second(*process);
  return SysResult::Ok(pid);
}

std::shared_ptr<FakeProcess> ProcessTable::Find(pid_t pid) const {
  const auto found = children_.find(pid);
  return found == children_.end() ? nullptr : found->second;
}

SysResult ProcessTable::Wait(idtype_t type, id_t id, siginfo_t& info,
                             int options) {
  info.si_pid = 0;
  info.si_signo = 0;
  bool has_candidate = false;
  for (const auto& [pid, process] : children_) {
    if (type == P_PID && static_cast<id_t>(pid) != id) continue;
    has_candidate = true;
    // Stopped ones there are none.
    if (process->is_running() || (options & WEXITED) == 0) continue;
    info.si_signo = SIGCHLD;
    info.si_code = process->code_;
    info.si_status = process->status_;
    info.si_pid = pid;
    info.si_uid = 0;
    if ((options & WNOWAIT) == 0) {
      const std::shared_ptr<FakeProcess> reaped = process;
      children_.erase(pid);
      reaped->BecomeReaped();
    }
    return SysResult::Ok();
  }
  if (!has_candidate) return SysResult::Error(ECHILD);
  return (options & WNOHANG) != 0 ? SysResult::Ok() : SysResult::Error(EAGAIN);
}

}  // namespace pollux
