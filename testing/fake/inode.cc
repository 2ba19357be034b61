#include "testing/fake/inode.h"

#include <algorithm>
#include <utility>

namespace pollux {
namespace {

constexpr mode_t kPermissions = 07777;
constexpr blksize_t kBlockBytes = 4096;
// st_blocks counts these: stat(2).
constexpr blkcnt_t kStatBlockBytes = 512;
// Any, as long as all files of a host have it.
constexpr dev_t kDevice = 0x801;
constexpr uid_t kOwner = 1000;

}  // namespace

Inode::Inode(VirtualTime& time, uint64_t number, mode_t mode)
    : time_(time), number_(number), mode_(mode) {
  NoteModified();
}

bool Inode::Permits(int wanted) const {
  constexpr unsigned int kOwnersShift = 6;
  const mode_t bits = static_cast<mode_t>(wanted) << kOwnersShift;
  return (mode_ & bits) == bits;
}

void Inode::SetPermissions(mode_t permissions) {
  mode_ = (mode_ & ~kPermissions) | (permissions & kPermissions);
  NoteChanged();
}

void Inode::SetModified(absl::Time time) {
  modified_ = time;
  NoteChanged();
}

void Inode::NoteModified() {
  NoteChanged();
  modified_ = changed_;
}

void Inode::NoteChanged() { changed_ = absl::FromUnixNanos(time_.WallNanos()); }

nlink_t Inode::links() const {
  if (!is_directory()) return has_name_ ? 1 : 0;
  if (is_removed()) return 0;
  // Its name and its ".", and the ".." of those in it.
  constexpr nlink_t kOfItself = 2;
  return kOfItself + static_cast<nlink_t>(std::count_if(
                         entries_.begin(), entries_.end(), [](const auto& e) {
                           return e.second->is_directory();
                         }));
}

void Inode::Describe(struct stat& status) const {
  status = {};
  status.st_dev = kDevice;
  status.st_ino = number_;
  status.st_mode = mode_;
  status.st_nlink = links();
  status.st_uid = kOwner;
  status.st_gid = kOwner;
  status.st_size =
      is_directory() ? kBlockBytes : static_cast<off_t>(contents_.size());
  status.st_blksize = kBlockBytes;
  status.st_blocks = (status.st_size + kBlockBytes - 1) / kBlockBytes *
                     (kBlockBytes / kStatBlockBytes);
  // Nothing here looks at when a file was last read.
  status.st_atim = status.st_mtim = absl::ToTimespec(modified_);
  status.st_ctim = absl::ToTimespec(changed_);
}

void Inode::Write(size_t offset, absl::string_view bytes) {
  contents_.resize(std::max(contents_.size(), offset + bytes.size()));
  std::copy(bytes.begin(), bytes.end(),
            contents_.begin() + static_cast<ptrdiff_t>(offset));
  NoteModified();
}

void Inode::Truncate(size_t bytes) {
  contents_.resize(bytes);
  NoteModified();
}

std::shared_ptr<Inode> Inode::Find(absl::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second;
}

void Inode::Link(absl::string_view name, std::shared_ptr<Inode> inode) {
  inode->has_name_ = true;
  inode->parent_ = weak_from_this();
  inode->former_parent_ = nullptr;
  inode->NoteChanged();
  entries_.emplace(name, std::move(inode));
  NoteModified();
}

void Inode::Unlink(absl::string_view name) {
  const auto entry = entries_.find(name);
  const std::shared_ptr<Inode> inode = std::move(entry->second);
  entries_.erase(entry);
  inode->has_name_ = false;
  if (inode->is_directory()) inode->former_parent_ = shared_from_this();
  inode->NoteChanged();
  NoteModified();
}

std::shared_ptr<Inode> Inode::Parent() {
  const std::shared_ptr<Inode> parent = parent_.lock();
  return parent == nullptr ? shared_from_this() : parent;
}

}  // namespace pollux
