// FakeKernel's calls on processes.
#include <cerrno>

#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"

namespace pollux {

SysResult FakeKernel::PosixSpawn(const char* path,
                                 const posix_spawn_file_actions_t* actions,
                                 const posix_spawnattr_t* attributes,
                                 char* const argv[], char* const envp[]) {
  (void)path, (void)actions, (void)attributes, (void)argv, (void)envp;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::PidFdOpen(pid_t process, unsigned int flags) {
  (void)process, (void)flags;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::PidFdSendSignal(int process, int signal) {
  (void)process, (void)signal;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::WaitId(idtype_t type, id_t id, siginfo_t& info,
                             int options) {
  (void)type, (void)id, (void)info, (void)options;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) {
  // Every CPU is the same here.
  if (thread < 0) return SysResult::Error(EINVAL);
  return CPU_COUNT(&cpus) > 0 ? SysResult::Ok() : SysResult::Error(EINVAL);
}

}  // namespace pollux
