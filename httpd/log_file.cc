#include "httpd/log_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

constexpr mode_t kMode = 0640;

// What is no regular file would make us wait for its reader.
constexpr int kFlags =
    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

}  // namespace

absl::StatusOr<std::unique_ptr<LogFile>> LogFile::Open(Kernel& kernel,
                                                       std::string path) {
  std::unique_ptr<LogFile> file(new LogFile(kernel, std::move(path)));
  if (absl::Status opened = file->Reopen(); !opened.ok()) return opened;
  return file;
}

absl::Status LogFile::Reopen() {
  const absl::MutexLock lock(&mutex_);
  if (path_ != "-") return OpenPath();
  // It has no other place to go to.
  if (number_ < 0) OpenStandardOutput();
  return absl::OkStatus();
}

absl::Status LogFile::OpenPath() {
  const SysResult opened =
      kernel_.OpenAt(AT_FDCWD, path_.c_str(), kFlags, kMode);
  if (!opened.ok()) return opened.ToStatus(absl::StrCat("access log ", path_));
  file_ = Descriptor(kernel_, opened.descriptor());
  number_ = file_.number();
  // It belonged to a line of the old one.
  unfinished_.clear();
  return absl::OkStatus();
}

// O_NONBLOCK belongs to the open file, which others have as well: the shell
// that started us, say. So it is opened once more; a socket cannot be, and has
// a flag for each call.
void LogFile::OpenStandardOutput() {
  number_ = STDOUT_FILENO;
  struct stat status = {};
  if (!kernel_.Fstat(STDOUT_FILENO, status).ok()) return;
  is_socket_ = S_ISSOCK(status.st_mode);
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  const SysResult opened =
      kernel_.OpenAt(AT_FDCWD, "/proc/self/fd/1", kFlags & ~O_CREAT, 0);
  // As without /proc: then it is waited for.
  if (!opened.ok()) return;
  file_ = Descriptor(kernel_, opened.descriptor());
  number_ = file_.number();
}

SysResult LogFile::Write(std::string& lines) {
  const absl::MutexLock lock(&mutex_);
  bool is_torn = false;
  const SysResult finished = WriteFront(unfinished_, is_torn);
  if (!finished.ok()) return finished;
  const SysResult result = WriteFront(lines, is_torn);
  if (is_torn) {
    const size_t end = lines.find('\n') + 1;
    unfinished_ = lines.substr(0, end);
    lines.erase(0, end);
  }
  return result;
}

// `is_torn`: the last byte written does not end a line.
SysResult LogFile::WriteFront(std::string& bytes, bool& is_torn) {
  absl::string_view rest = bytes;
  SysResult result = SysResult::Ok();
  while (!rest.empty()) {
    result = WriteSome(rest);
    if (!result.ok()) break;
    rest.remove_prefix(static_cast<size_t>(result.value()));
  }
  const size_t written = bytes.size() - rest.size();
  is_torn = written > 0 && bytes[written - 1] != '\n';
  bytes.erase(0, written);
  return result;
}

SysResult LogFile::WriteSome(absl::string_view bytes) {
  return RetryOnSignal([&] {
    return is_socket_
               ? kernel_.Send(number_, bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
               : kernel_.Write(number_, {bytes.data(), bytes.size()});
  });
}

}  // namespace pollux
