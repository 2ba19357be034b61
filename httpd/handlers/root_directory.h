// Opens files that lie beneath one directory, and no others.
#ifndef POLLUX_HTTPD_HANDLERS_ROOT_DIRECTORY_H_
#define POLLUX_HTTPD_HANDLERS_ROOT_DIRECTORY_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {

// A directory out of which no path leads: openat2(2) with RESOLVE_BENEATH.
// Symbolic links are followed as long as they stay beneath it; an absolute one
// never does. Where openat2 is missing, or a sandbox denies it, paths are
// walked name by name, and no link is followed.
//
// The directory itself is found once, when it is opened: it stays the root if
// it is renamed, and a link to it that is changed is not looked at again.
//
// Owned by whoever serves it; the kernel must outlive it; one thread. Opening
// may wait for the disk, but never for another process: a FIFO that nobody
// writes to does not block.
class RootDirectory {
 public:
  // "open /srv/www: No such file or directory" if it cannot be opened.
  static absl::StatusOr<RootDirectory> Open(Kernel& kernel,
                                            const std::string& path);

  enum class Access : uint8_t {
    // Files for reading, directories for their names.
    kRead,
    // For Fstat() only (O_PATH): needs no permission to read.
    kDescribe,
  };
  struct Opened {
    Descriptor descriptor;
    struct stat status = {};
  };

  // Opens what `path`, of ReadFilePath(), names, whatever kind of file it is;
  // "" is the root. Fails as openat2(2) and fstat(2) do; EXDEV says that a link
  // leads out. Interruptions are retried, and so is, for a while, what a rename
  // elsewhere gets in the way of: EAGAIN.
  SysResult Open(const std::string& path, Access access, Opened& opened);

  Kernel& kernel() const { return directory_.kernel(); }

 private:
  explicit RootDirectory(Descriptor directory)
      : directory_(std::move(directory)) {}

  SysResult OpenDescriptor(const std::string& path, Access access);
  SysResult OpenWhole(const std::string& path, int flags);
  SysResult OpenByName(const std::string& path, int flags);

  Descriptor directory_;
  bool has_openat2_ = true;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_ROOT_DIRECTORY_H_
