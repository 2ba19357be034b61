// A file, whatever its name is.
#ifndef POLLUX_TESTING_FAKE_INODE_H_
#define POLLUX_TESTING_FAKE_INODE_H_

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// A regular file, a directory or a symbolic link: inode(7). Changes set its
// times by the wall clock.
//
// Shared by the directory that it stands in and by who has it open: what is
// removed or replaced lives until it is closed. One thread; the time must
// outlive it. Nothing here fails: who calls has looked at kind and permissions.
class Inode : public std::enable_shared_from_this<Inode> {
 public:
  // In the order of the bytes, so that two runs are the same.
  using Entries = std::map<std::string, std::shared_ptr<Inode>, std::less<>>;

  // `mode` as in stat(2): the kind and the permissions.
  Inode(VirtualTime& time, uint64_t number, mode_t mode);

  uint64_t number() const { return number_; }
  mode_t mode() const { return mode_; }
  bool is_regular() const { return S_ISREG(mode_); }
  bool is_directory() const { return S_ISDIR(mode_); }
  bool is_symlink() const { return S_ISLNK(mode_); }

  // Whether its owner, which the process is, may do all of `wanted`: R_OK, W_OK
  // and X_OK.
  bool Permits(int wanted) const;
  void SetPermissions(mode_t permissions);
  void SetModified(absl::Time time);
  void Describe(struct stat& status) const;

  // The bytes of a file; what a symbolic link points to. The view lives until
  // the next change.
  absl::string_view contents() const { return contents_; }
  // Fills a gap behind the end with zeros.
  void Write(size_t offset, absl::string_view bytes);
  void Truncate(size_t bytes);

  // A directory's names, without "." and "..".
  const Entries& entries() const { return entries_; }
  // Null if it has no such name.
  std::shared_ptr<Inode> Find(absl::string_view name) const;
  void Link(absl::string_view name, std::shared_ptr<Inode> inode);
  // The name must be there.
  void Unlink(absl::string_view name);
  // "..": the root's is the root. A directory that was removed keeps its own.
  std::shared_ptr<Inode> Parent();
  // A directory in which nothing can stand any more.
  bool is_removed() const { return former_parent_ != nullptr; }

 private:
  nlink_t links() const;
  void NoteModified();
  void NoteChanged();

  VirtualTime& time_;
  const uint64_t number_;
  mode_t mode_;
  bool has_name_ = false;
  absl::Time modified_;
  absl::Time changed_;
  std::string contents_;
  Entries entries_;
  std::weak_ptr<Inode> parent_;
  // Of a directory that was removed: its parent no longer owns it, so this is
  // no cycle.
  std::shared_ptr<Inode> former_parent_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_INODE_H_
