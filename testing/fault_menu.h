// What can go wrong with each system call.
#ifndef POLLUX_TESTING_FAULT_MENU_H_
#define POLLUX_TESTING_FAULT_MENU_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "reactor/syscall_record.h"

namespace pollux {

// The kinds of descriptors whose calls fail in different ways.
enum class DescriptorKind : uint8_t {
  // Not known, or none of the others.
  kOther,
  kStream,
  // Sends and receives whole messages.
  kDatagram,
  kFile,
  // An eventfd, timerfd or signalfd: reads and writes whole values.
  kValues,
};

// The errnos that the man page of the call lists, but for those that only a
// bug of the caller can bring about (EBADF, EFAULT, EINVAL, ENOTSOCK ...), and
// a few that Linux returns besides; fault_menu_test has the lists and the
// reasons. The arguments count: epoll_ctl fails in other ways when it adds than
// when it removes. So does the kind of the descriptor.
std::vector<int> PossibleErrors(const SyscallRecord& record,
                                DescriptorKind descriptor);

// Whether the call moves bytes, and may move fewer than asked for.
bool IsTransfer(SyscallKind kind, DescriptorKind descriptor);

// "EMFILE"; the number where it has no name.
std::string ErrorName(int error);

// The errno called `name`; 0 if there is none.
int ErrorFromName(absl::string_view name);

// The kind called `name` ("accept4"); false if there is none.
bool KindFromName(absl::string_view name, SyscallKind& kind);

}  // namespace pollux

#endif  // POLLUX_TESTING_FAULT_MENU_H_
