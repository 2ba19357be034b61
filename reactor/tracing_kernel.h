// A kernel that shows what passes through it.
#ifndef POLLUX_REACTOR_TRACING_KERNEL_H_
#define POLLUX_REACTOR_TRACING_KERNEL_H_

#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {

// Makes each call on another kernel, and then tells an observer. Owns neither;
// both must outlive it. Any thread, if the observer is thread-safe. Adds a copy
// of some sixty bytes to each call; fails only as the other kernel does.
class TracingKernel final : public InterceptingKernel {
 public:
  TracingKernel(Kernel& kernel, SyscallObserver& observer)
      : InterceptingKernel(kernel), observer_(observer) {}

 private:
  SysResult Intercept(SyscallRecord& call, Proceed proceed) override {
    const SysResult result = proceed(SIZE_MAX);
    observer_.OnSyscall(call);
    return result;
  }

  SyscallObserver& observer_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_TRACING_KERNEL_H_
