// What open(2) gives.
#ifndef POLLUX_TESTING_FAKE_OPEN_INODE_H_
#define POLLUX_TESTING_FAKE_OPEN_INODE_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/sys_result.h"
#include "testing/fake/inode.h"
#include "testing/fake/open_file.h"

namespace pollux {

// A file, directory or link of a FileTree that is open. As an OpenFile: shared
// by its descriptors, one thread. Keeps the inode alive, whatever becomes of
// its name.
class OpenInode : public OpenFile {
 public:
  const std::shared_ptr<Inode>& inode() const { return inode_; }

  // Always ready, and so epoll will not have it: EPERM.
  uint32_t Poll() override { return 0; }
  bool can_be_watched() const override { return false; }
  int access_mode() const override { return access_mode_; }
  void Describe(struct stat& status) const override {
    inode_->Describe(status);
  }

 protected:
  OpenInode(std::shared_ptr<Inode> inode, int access_mode)
      : inode_(std::move(inode)), access_mode_(access_mode) {}

 private:
  const std::shared_ptr<Inode> inode_;
  const int access_mode_;
};

// O_PATH: names a file, and gives no access to it.
class OpenPath final : public OpenInode {
 public:
  explicit OpenPath(std::shared_ptr<Inode> inode)
      : OpenInode(std::move(inode), O_PATH) {}

  bool is_path_only() const override { return true; }
};

// A regular file and the place in it where read(2) and write(2) go on.
class OpenRegularFile final : public OpenInode {
 public:
  enum class Writes : uint8_t { kAtOffset, kAppend };

  OpenRegularFile(std::shared_ptr<Inode> inode, int access_mode, Writes writes)
      : OpenInode(std::move(inode), access_mode), writes_(writes) {}

  bool appends() const { return writes_ == Writes::kAppend; }

  SysResult Read(absl::Span<char> buffer) override;
  SysResult Write(absl::Span<const char> bytes) override;
  SysResult Pread(absl::Span<char> buffer, int64_t offset) override;

 private:
  const Writes writes_;
  size_t offset_ = 0;
};

// A directory and the names that are still to be read.
class OpenDirectory final : public OpenInode {
 public:
  explicit OpenDirectory(std::shared_ptr<Inode> inode)
      : OpenInode(std::move(inode), O_RDONLY) {}

  SysResult Read(absl::Span<char> buffer) override;
  SysResult Write(absl::Span<const char> bytes) override;
  SysResult Pread(absl::Span<char> buffer, int64_t offset) override;
  // As linux_dirent64, in the order of the bytes of the names; 0 at the end.
  SysResult GetDents(absl::Span<char> buffer);

 private:
  // One name. Views live until the directory changes.
  struct Entry {
    absl::string_view name;
    const Inode* inode = nullptr;
  };
  // The one behind those that were told; without a name at the end.
  Entry Next() const;

  // How many were told, and the last of them: names that come or go meanwhile
  // do not make it lose its place.
  int64_t told_ = 0;
  std::string last_told_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_OPEN_INODE_H_
