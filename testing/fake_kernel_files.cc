// FakeKernel's calls on files and directories.
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/sys_result.h"
#include "testing/fake/inode.h"
#include "testing/fake/open_file.h"
#include "testing/fake/open_inode.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

constexpr uint64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;
// What Linux 6.18 knows: VALID_OPEN_FLAGS. O_LARGEFILE is 0 for programs.
constexpr uint64_t kLargeFile = 0100000;
constexpr uint64_t kOpenFlags =
    O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
    O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | kLargeFile | O_DIRECTORY |
    O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | kTemporary;
constexpr uint64_t kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr uint64_t kResolveFlags = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
                                   RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
                                   RESOLVE_IN_ROOT | RESOLVE_CACHED;
constexpr uint64_t kModeBits = S_ISUID | S_ISGID | S_ISVTX | ACCESSPERMS;
// What sendfile(2) has on the way at a time: pipe(7).
constexpr size_t kPipeBytes = 16 * size_t{4096};

bool Creates(uint64_t flags) { return (flags & (O_CREAT | kTemporary)) != 0; }

// What openat2(2) looks at before all else.
bool IsValid(const open_how& how) {
  const auto has = [&](uint64_t flag) { return (how.flags & flag) != 0; };
  const auto all = [](uint64_t value, uint64_t bits) {
    return (value & bits) == bits;
  };
  if ((how.flags & ~kOpenFlags) != 0) return false;
  if ((how.resolve & ~kResolveFlags) != 0) return false;
  if (all(how.resolve, RESOLVE_BENEATH | RESOLVE_IN_ROOT)) return false;
  if ((how.mode & (Creates(how.flags) ? ~kModeBits : ~uint64_t{0})) != 0) {
    return false;
  }
  if (all(how.flags, O_CREAT | O_DIRECTORY)) return false;
  if (has(kTemporary) &&
      (!has(O_DIRECTORY) || (how.flags & O_ACCMODE) == O_RDONLY)) {
    return false;
  }
  return !has(O_PATH) || (how.flags & ~kPathFlags) == 0;
}

// The errors of a path that nobody has begun to walk.
SysResult CheckPath(const char* path) {
  if (path == nullptr) return SysResult::Error(EFAULT);
  const absl::string_view text = path;
  if (text.empty()) return SysResult::Error(ENOENT);
  return text.size() < PATH_MAX ? SysResult::Ok()
                                : SysResult::Error(ENAMETOOLONG);
}

}  // namespace

std::shared_ptr<Inode> FakeKernel::StartOf(int directory,
                                           absl::string_view path,
                                           uint64_t resolve, SysResult& error) {
  // Not even looked at when it is not needed.
  const bool absolute = path.front() == '/' && (resolve & RESOLVE_IN_ROOT) == 0;
  if (absolute || directory == AT_FDCWD) return files_.root();
  OpenFile* file = FindAny(directory);
  if (file == nullptr) {
    error = SysResult::Error(EBADF);
    return nullptr;
  }
  const auto* open = dynamic_cast<const OpenInode*>(file);
  if (open == nullptr || !open->inode()->is_directory()) {
    error = SysResult::Error(ENOTDIR);
    return nullptr;
  }
  return open->inode();
}

SysResult FakeKernel::OpenAt2(int directory, const char* path,
                              const open_how& how) {
  return IsValid(how) ? Open(directory, path, how) : SysResult::Error(EINVAL);
}

SysResult FakeKernel::OpenAt(int directory, const char* path, int flags,
                             mode_t mode) {
  // What it does not know it ignores, as openat(2) always has.
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags) & kOpenFlags;
  if ((how.flags & O_PATH) != 0) how.flags &= kPathFlags;
  if (Creates(how.flags)) how.mode = mode & kModeBits;
  return OpenAt2(directory, path, how);
}

SysResult FakeKernel::Open(int directory, const char* path,
                           const open_how& how) {
  if (const SysResult check = CheckPath(path); !check.ok()) return check;
  // Linux takes the number first: without one, nothing is made.
  if (!HasFreeDescriptor()) return SysResult::Error(EMFILE);
  SysResult result = SysResult::Ok();
  const std::shared_ptr<Inode> start =
      StartOf(directory, path, how.resolve, result);
  if (start == nullptr) return result;
  std::shared_ptr<OpenInode> opened;
  result = files_.Open(start, path, how, opened);
  if (!result.ok()) return result;
  return InstallWithFlags(std::move(opened), static_cast<int>(how.flags));
}

SysResult FakeKernel::Fstat(int descriptor, struct stat& status) {
  const OpenFile* file = FindAny(descriptor);
  if (file == nullptr) return SysResult::Error(EBADF);
  file->Describe(status);
  return SysResult::Ok();
}

SysResult FakeKernel::Pread(int file, absl::Span<char> buffer, off_t offset) {
  if (offset < 0) return SysResult::Error(EINVAL);
  OpenFile* open = Find(file);
  return open == nullptr ? SysResult::Error(EBADF)
                         : open->Pread(buffer, offset);
}

SysResult FakeKernel::GetDents64(int directory, absl::Span<char> buffer) {
  SysResult error = SysResult::Ok();
  auto* open = FindAs<OpenDirectory>(directory, ENOTDIR, error);
  return open == nullptr ? error : open->GetDents(buffer);
}

SysResult FakeKernel::UnlinkAt(int directory, const char* path, int flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return SysResult::Error(EINVAL);
  if (const SysResult check = CheckPath(path); !check.ok()) return check;
  SysResult result = SysResult::Ok();
  const std::shared_ptr<Inode> start = StartOf(directory, path, 0, result);
  if (start == nullptr) return result;
  result = files_.Unlink(start, path, flags);
  if (result.error() != ENOENT) return result;
  // Sockets are found in the network, and not in the tree.
  const std::string whole =
      path[0] == '/' ? path : absl::StrCat(files_.PathOf(start), "/", path);
  if (!world_.network().HasSocket(whole)) return result;
  if ((flags & AT_REMOVEDIR) != 0) return SysResult::Error(ENOTDIR);
  world_.network().Unlink(whole);
  return SysResult::Ok();
}

SysResult FakeKernel::SendFile(int socket, int file, off_t& offset,
                               size_t count) {
  world_.BeginCall();
  OpenFile* in = Find(file);
  if (in == nullptr || !in->is_readable()) return SysResult::Error(EBADF);
  const auto* open = dynamic_cast<const OpenInode*>(in);
  if (open == nullptr) return SysResult::Error(ESPIPE);
  constexpr size_t kMax = std::numeric_limits<off_t>::max();
  if (offset < 0 || count > kMax - static_cast<size_t>(offset)) {
    return SysResult::Error(EINVAL);
  }
  OpenFile* out = Find(socket);
  if (out == nullptr || !out->is_writable()) return SysResult::Error(EBADF);
  const auto* appended = dynamic_cast<const OpenRegularFile*>(out);
  if (appended != nullptr && appended->appends()) {
    return SysResult::Error(EINVAL);
  }
  if (count == 0) return SysResult::Ok(0);
  if (open->inode()->is_directory()) return SysResult::Error(EINVAL);

  // Peers act while this waits, and may close the file.
  const std::shared_ptr<Inode> inode = open->inode();
  struct stat status;
  out->Describe(status);
  const bool takes_bytes = S_ISSOCK(status.st_mode) || S_ISREG(status.st_mode);
  size_t sent = 0;
  const bool is_stream = IsStream(*out);
  const SysResult last = Blocking(*out, 0, [&] {
    while (sent < count) {
      // Looked at each time: the file may change while a socket is waited for.
      const absl::string_view contents = inode->contents();
      const size_t at = static_cast<size_t>(offset) + sent;
      if (at >= contents.size()) break;
      // A copy, since it may be sent into itself.
      const std::string piece(
          contents.substr(at, std::min(count - sent, kPipeBytes)));
      if (!takes_bytes) return SysResult::Error(EINVAL);
      const SysResult result = out->Write(piece);
      if (!result.ok()) return result;
      sent += static_cast<size_t>(result.value());
    }
    return SysResult::Ok();
  });
  // Also if something was sent before.
  (void)AfterSend(is_stream, /*flags=*/0, last);
  offset += static_cast<off_t>(sent);
  return last.ok() || sent > 0 ? SysResult::Ok(static_cast<int64_t>(sent))
                               : last;
}

}  // namespace pollux
