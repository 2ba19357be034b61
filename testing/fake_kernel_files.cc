// FakeKernel's calls on files and directories.
#include <cerrno>

#include "absl/types/span.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"

namespace pollux {

SysResult FakeKernel::SendFile(int socket, int file, off_t& offset,
                               size_t count) {
  (void)socket, (void)file, (void)offset, (void)count;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::OpenAt2(int directory, const char* path,
                              const open_how& how) {
  (void)directory, (void)path, (void)how;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::OpenAt(int directory, const char* path, int flags,
                             mode_t mode) {
  (void)directory, (void)path, (void)flags, (void)mode;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::Fstat(int descriptor, struct stat& status) {
  (void)descriptor, (void)status;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::Pread(int file, absl::Span<char> buffer, off_t offset) {
  (void)file, (void)buffer, (void)offset;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::GetDents64(int directory, absl::Span<char> buffer) {
  (void)directory, (void)buffer;
  return SysResult::Error(ENOSYS);
}

SysResult FakeKernel::UnlinkAt(int directory, const char* path, int flags) {
  (void)directory, (void)path, (void)flags;
  return SysResult::Error(ENOSYS);
}

}  // namespace pollux
