// FakeKernel's calls on processes.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "reactor/sys_result.h"
#include "testing/fake/process_table.h"
#include "testing/fake_kernel.h"

namespace pollux {

SysResult FakeKernel::PosixSpawn(const char* path,
                                 const posix_spawn_file_actions_t*,
                                 const posix_spawnattr_t*, char* const argv[],
                                 char* const[]) {
  std::vector<std::string> arguments;
  for (; argv != nullptr && *argv != nullptr; ++argv) {
    arguments.emplace_back(*argv);
  }
  return processes_.Spawn(path, std::move(arguments));
}

SysResult FakeKernel::PidFdOpen(pid_t process, unsigned int flags) {
  if (process <= 0 || (flags & ~unsigned{O_NONBLOCK}) != 0) {
    return SysResult::Error(EINVAL);
  }
  std::shared_ptr<FakeProcess> found = processes_.Find(process);
  if (found == nullptr) return SysResult::Error(ESRCH);
  // Always close-on-exec.
  return InstallWithFlags(std::make_shared<ProcessFile>(std::move(found)),
                          static_cast<int>(flags) | O_CLOEXEC);
}

SysResult FakeKernel::PidFdSendSignal(int process, int signal) {
  SysResult error = SysResult::Ok();
  auto* file = FindAs<ProcessFile>(process, EBADF, error);
  return file == nullptr ? error : file->process().Kill(signal);
}

SysResult FakeKernel::Kill(pid_t process, int signal) {
  // There are no process groups.
  const std::shared_ptr<FakeProcess> found = processes_.Find(process);
  return found == nullptr ? SysResult::Error(ESRCH) : found->Kill(signal);
}

SysResult FakeKernel::WaitId(idtype_t type, id_t id, siginfo_t& info,
                             int options) {
  constexpr int kWhat = WEXITED | WSTOPPED | WCONTINUED;
  if ((options & kWhat) == 0 || (options & ~(kWhat | WNOHANG | WNOWAIT)) != 0) {
    return SysResult::Error(EINVAL);
  }
  world_.BeginCall();
  if (type == P_PID || type == P_ALL) {
    while (true) {
      const SysResult result = processes_.Wait(type, id, info, options);
      if (!result.would_block()) return result;
      if (!world_.Pass(MonotonicTime::Infinite())) {
        return SysResult::Error(EINTR);
      }
    }
  }
  if (type != P_PIDFD) return SysResult::Error(EINVAL);
  SysResult error = SysResult::Ok();
  auto* file = FindAs<ProcessFile>(static_cast<int>(id), EBADF, error);
  if (file == nullptr) return error;
  const auto pid = static_cast<id_t>(file->process().pid());
  return Blocking(*file, 0,
                  [&] { return processes_.Wait(P_PID, pid, info, options); });
}

SysResult FakeKernel::SchedGetAffinity(pid_t thread, cpu_set_t& cpus) {
  if (thread < 0) return SysResult::Error(ESRCH);
  CPU_ZERO(&cpus);
  for (size_t cpu : cpus_) CPU_SET(cpu, &cpus);
  return SysResult::Ok();
}

SysResult FakeKernel::GetRLimit(int resource, rlimit& limit) {
  if (resource < 0 || resource >= RLIM_NLIMITS) {
    return SysResult::Error(EINVAL);
  }
  limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  if (resource == RLIMIT_NOFILE) {
    limit = {.rlim_cur = options_.descriptor_limit,
             .rlim_max = options_.descriptor_limit};
  }
  return SysResult::Ok();
}

SysResult FakeKernel::SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) {
  constexpr size_t kCpus = 2;
  if (thread < 0) return SysResult::Error(ESRCH);
  std::set<size_t> chosen;
  for (size_t cpu = 0; cpu < kCpus; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) chosen.insert(cpu);
  }
  if (chosen.empty()) return SysResult::Error(EINVAL);
  cpus_ = chosen;
  return SysResult::Ok();
}

}  // namespace pollux
