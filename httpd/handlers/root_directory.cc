#include "httpd/handlers/root_directory.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

// A rename anywhere on the machine may be the reason for EAGAIN, so it passes.
constexpr int kMostAttempts = 32;

// O_NONBLOCK: opening a FIFO must not wait for who writes to it.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
constexpr int kDescribeFlags = O_PATH | O_CLOEXEC;

// What kernels before 5.6 say, what sandboxes say, and what a kernel says that
// knows less of the call than we do.
bool IsMissing(int error) {
  return error == ENOSYS || error == EPERM || error == E2BIG;
}

}  // namespace

absl::StatusOr<RootDirectory> RootDirectory::Open(Kernel& kernel,
                                                  const std::string& path) {
  const SysResult opened = RetryOnSignal([&] {
    return kernel.OpenAt(AT_FDCWD, path.c_str(),
                         O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  });
  if (!opened.ok()) return opened.ToStatus(absl::StrCat("open ", path));
  return RootDirectory(Descriptor(kernel, opened.descriptor()));
}

SysResult RootDirectory::Open(const std::string& path, Access access,
                              Opened& opened) {
  const SysResult result = OpenDescriptor(path, access);
  if (!result.ok()) return result;
  opened.descriptor = Descriptor(kernel(), result.descriptor());
  return RetryOnSignal([&] {
    return kernel().Fstat(opened.descriptor.number(), opened.status);
  });
}

SysResult RootDirectory::OpenDescriptor(const std::string& path,
                                        Access access) {
  const int flags = access == Access::kRead ? kReadFlags : kDescribeFlags;
  if (has_openat2_) {
    const SysResult result = OpenWhole(path, flags);
    if (!IsMissing(result.error())) return result;
    // A kernel does not learn it; the other two may be about this file.
    has_openat2_ = result.error() != ENOSYS;
  }
  return OpenByName(path, flags);
}

SysResult RootDirectory::OpenWhole(const std::string& path, int flags) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  SysResult result = SysResult::Error(EAGAIN);
  for (int i = 0; i < kMostAttempts && result.would_block(); ++i) {
    result = RetryOnSignal([&] {
      return kernel().OpenAt2(directory_.number(),
                              path.empty() ? "." : path.c_str(), how);
    });
  }
  return result;
}

SysResult RootDirectory::OpenByName(const std::string& path, int flags) {
  // As openat2 would say, before as many calls as it has names.
  if (path.size() >= PATH_MAX) return SysResult::Error(ENAMETOOLONG);
  Descriptor above;
  int directory = directory_.number();
  size_t start = 0;
  std::string name;
  while (true) {
    const size_t slash = path.find('/', start);
    const bool is_last = slash == std::string::npos;
    name.assign(path, start, is_last ? slash : slash - start);
    // Behind a slash at the end is the directory before it.
    const SysResult result = RetryOnSignal([&] {
      return kernel().OpenAt(
          directory, name.empty() ? "." : name.c_str(),
          O_NOFOLLOW | (is_last ? flags : O_PATH | O_DIRECTORY | O_CLOEXEC), 0);
    });
    if (is_last || !result.ok()) return result;
    above = Descriptor(kernel(), result.descriptor());
    directory = above.number();
    start = slash + 1;
  }
}

}  // namespace pollux
