#include "reactor/sigpipe.h"

#include <signal.h>

#include "reactor/sys_result.h"

namespace pollux {

absl::Status BlockSigPipe(Kernel& kernel) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  return kernel.SigProcMask(SIG_BLOCK, signals, nullptr)
      .ToStatus("sigprocmask");
}

}  // namespace pollux
