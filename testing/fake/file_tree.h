// The files of a host.
#ifndef POLLUX_TESTING_FAKE_FILE_TREE_H_
#define POLLUX_TESTING_FAKE_FILE_TREE_H_

#include <linux/openat2.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/sys_result.h"
#include "testing/fake/inode.h"
#include "testing/fake/open_inode.h"
#include "testing/fake/path_walk.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// Directories, regular files and symbolic links in memory, "/" at first only.
// A test puts files there, and changes them while the program under test has
// them open: all that another process could do.
//
// Owned by a FakeKernel (`files()`); the time must outlive it; one thread.
class FileTree {
 public:
  explicit FileTree(VirtualTime& time);

  // For tests. Paths begin at "/", with or without a slash; links in them are
  // followed; permissions do not matter. A test that asks for what cannot be,
  // such as a file below a file, is ended with the path.

  // Makes the file, and the directories that it needs. One that is there gets
  // new contents in place: who has it open sees them. To replace it at once, as
  // a deployment does, write another and Rename() it.
  void WriteFile(absl::string_view path, absl::string_view contents);
  std::string ReadFile(absl::string_view path) const;
  // False also for a link to nowhere.
  bool Exists(absl::string_view path) const;
  // With the directories that it needs; may be there.
  void MakeDirectory(absl::string_view path);
  // symlink(2), and makes the directories. `target` may be anything.
  void MakeSymlink(absl::string_view path, absl::string_view target);
  // The file or link itself, or a directory with all that is in it. Who has it
  // open keeps it.
  void Remove(absl::string_view path);
  // rename(2): what was at `to` is replaced at once, and who has that open
  // keeps it.
  void Rename(absl::string_view from, absl::string_view to);
  // Cuts it short, or adds zeros: truncate(2).
  void Truncate(absl::string_view path, size_t bytes);
  // chmod(2). The process is the owner of all files, and not root: without
  // 0400 it may not read (EACCES), without 0100 not search a directory.
  void SetPermissions(absl::string_view path, mode_t permissions);
  // utimensat(2).
  void SetModified(absl::string_view path, absl::Time time);

  // For FakeKernel. `start` is where relative paths begin; paths are not empty.

  const std::shared_ptr<Inode>& root() const { return root_; }

  // openat2(2), with flags that have been looked at.
  SysResult Open(const std::shared_ptr<Inode>& start, absl::string_view path,
                 const open_how& how, std::shared_ptr<OpenInode>& opened);
  // unlinkat(2), with flags that have been looked at.
  SysResult Unlink(const std::shared_ptr<Inode>& start, absl::string_view path,
                   int flags);
  // From the root, without a slash at the end: "" is the root.
  std::string PathOf(std::shared_ptr<Inode> directory) const;

 private:
  std::shared_ptr<Inode> Make(mode_t mode);
  // From the root, whatever the permissions.
  PathEnd Find(absl::string_view path, WalkOptions::LastLink last_link) const;
  // The same, and the end is a name.
  PathEnd FindName(absl::string_view path,
                   WalkOptions::LastLink last_link) const;
  // What must be there, links followed.
  std::shared_ptr<Inode> Get(absl::string_view path) const;
  // The directories up to the last slash.
  void MakeParents(absl::string_view path);

  VirtualTime& time_;
  uint64_t last_number_ = 1;
  const std::shared_ptr<Inode> root_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_FILE_TREE_H_
