// Tells one state of a file from another.
#ifndef POLLUX_HTTPD_HANDLERS_FILE_VERSION_H_
#define POLLUX_HTTPD_HANDLERS_FILE_VERSION_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace pollux {

// What changes when a file does: inode(7). A plain value.
//
// The kernel takes the times from a clock that ticks every few milliseconds. So
// two changes within a tick cannot be told apart, and a version that is as
// young as that says nothing of what comes next: see IsSettled().
struct FileVersion {
  // "2f-5d0-18c2...-18c2...": inode, size and both times, which a program could
  // only all bring back by setting the machine's clock. The time of the last
  // change of any kind is in it because the other one can be set at will, and
  // some deployments set it to the same for all files.
  std::string Name() const;

  // Whether, at `wall_nanos` since 1970, the last change was so long ago that
  // another one shows: 0.1 s, or 2 s in file systems that keep whole seconds,
  // as some do only the even ones.
  bool IsSettled(int64_t wall_nanos) const;

  friend bool operator==(const FileVersion&, const FileVersion&) = default;

  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  // Since 1970-01-01 UTC: of the contents, which programs can set to anything,
  // and of anything, which they cannot.
  int64_t modified_nanos = 0;
  int64_t changed_nanos = 0;
};

FileVersion VersionOf(const struct stat& status);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILE_VERSION_H_
