// A file of lines.
#ifndef POLLUX_HTTPD_LOG_FILE_H_
#define POLLUX_HTTPD_LOG_FILE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {

// Lines are appended to it, by any number of threads, and none is ever torn:
// what a full disk or pipe takes only a part of is finished before another line
// begins. It does not wait for whoever reads it: a pipe, a terminal or a socket
// that takes no more says so. Only a standard output that cannot be opened anew
// (no /proc, or a terminal of another user's) is waited for.
//
// Owned by whoever owns those who write; any thread. `kernel` must outlive it.
class LogFile final {
 public:
  // Opens it to append to, and makes it if need be (mode 0640); "-" is the
  // standard output. Fails as open(2) does: with ENXIO for a FIFO that nobody
  // reads.
  static absl::StatusOr<std::unique_ptr<LogFile>> Open(Kernel& kernel,
                                                       std::string path);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Writes whole lines, each ended by a newline, from the front of `lines`, and
  // removes those that are written or as good as that. If some stay, says why:
  // would_block() if it is worth trying again. write(2).
  SysResult Write(std::string& lines);

  // Goes on in the file that is now found at its path, for when the old one was
  // moved away. If that cannot be opened, goes on in the old one.
  absl::Status Reopen();

 private:
  LogFile(Kernel& kernel, std::string path)
      : kernel_(kernel), path_(std::move(path)) {}

  absl::Status OpenPath() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenStandardOutput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SysResult WriteFront(std::string& bytes, bool& is_torn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SysResult WriteSome(absl::string_view bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Kernel& kernel_;
  const std::string path_;
  absl::Mutex mutex_;
  // Not open if it is the standard output as we found it.
  Descriptor file_ ABSL_GUARDED_BY(mutex_);
  int number_ ABSL_GUARDED_BY(mutex_) = -1;
  bool is_socket_ ABSL_GUARDED_BY(mutex_) = false;
  // The rest of a line that was written in part.
  std::string unfinished_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_LOG_FILE_H_
