// System calls, printed as they happen.
#ifndef POLLUX_REACTOR_SYSCALL_PRINTER_H_
#define POLLUX_REACTOR_SYSCALL_PRINTER_H_

#include <cstdio>

#include "reactor/syscall_record.h"

namespace pollux {

// Writes each call as a line, but not clock_gettime, which the vDSO answers
// without a switch into the kernel: strace does not show it either. Owned by
// whoever traces, with a file that outlives it. Any thread: a line is one
// write. What cannot be written is lost.
class SyscallPrinter final : public SyscallObserver {
 public:
  explicit SyscallPrinter(std::FILE* file) : file_(file) {}

  void OnSyscall(const SyscallRecord& record) override {
    if (record.kind == SyscallKind::kClockGetTime) return;
    std::fputs((ToString(record) + "\n").c_str(), file_);
  }

 private:
  std::FILE* const file_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_SYSCALL_PRINTER_H_
