#include "testing/fake/file_tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

using LastLink = WalkOptions::LastLink;
using Last = PathEnd::Last;

constexpr mode_t kUmask = 022;
constexpr mode_t kFilePermissions = 0644;
constexpr mode_t kDirectoryPermissions = 0755;

// A removed directory is still somebody's current one: nothing must stay in it.
void RemoveAllIn(Inode& directory) {
  while (!directory.entries().empty()) {
    const auto& [name, inode] = *directory.entries().begin();
    if (inode->is_directory()) RemoveAllIn(*inode);
    directory.Unlink(std::string(name));
  }
}

// What opening with these flags may do: R_OK and W_OK. O_TRUNC needs W_OK even
// with O_RDONLY; the access mode 3 checks for both, and gives neither.
int WantedAccess(uint64_t flags) {
  const uint64_t mode = flags & O_ACCMODE;
  int wanted = 0;
  if (mode != O_WRONLY) wanted |= R_OK;
  if (mode != O_RDONLY || (flags & O_TRUNC) != 0) wanted |= W_OK;
  return wanted;
}

std::shared_ptr<OpenInode> OpenAs(const std::shared_ptr<Inode>& inode,
                                  uint64_t flags) {
  if ((flags & O_PATH) != 0) return std::make_shared<OpenPath>(inode);
  if (inode->is_directory()) return std::make_shared<OpenDirectory>(inode);
  return std::make_shared<OpenRegularFile>(
      inode, static_cast<int>(flags & O_ACCMODE),
      (flags & O_APPEND) != 0 ? OpenRegularFile::Writes::kAppend
                              : OpenRegularFile::Writes::kAtOffset);
}

}  // namespace

FileTree::FileTree(VirtualTime& time)
    : time_(time), root_(Make(S_IFDIR | kDirectoryPermissions)) {}

std::shared_ptr<Inode> FileTree::Make(mode_t mode) {
  return std::make_shared<Inode>(time_, ++last_number_, mode);
}

// What tests ask for.

PathEnd FileTree::Find(absl::string_view path, LastLink last_link) const {
  CHECK(!path.empty()) << "an empty path";
  PathEnd end;
  const SysResult result = WalkPath(
      root_, root_, path,
      {.last_link = last_link, .walker = WalkOptions::Walker::kRoot}, end);
  CHECK(result.ok()) << path << ": " << ::strerrordesc_np(result.error());
  return end;
}

std::shared_ptr<Inode> FileTree::Get(absl::string_view path) const {
  std::shared_ptr<Inode> inode = Find(path, LastLink::kFollow).inode;
  CHECK(inode != nullptr) << path << ": there is no such file";
  return inode;
}

void FileTree::MakeParents(absl::string_view path) {
  for (size_t slash = path.find('/', 1); slash != absl::string_view::npos;
       slash = path.find('/', slash + 1)) {
    const PathEnd end = Find(path.substr(0, slash), LastLink::kFollow);
    if (end.inode != nullptr) continue;
    end.directory->Link(end.name, Make(S_IFDIR | kDirectoryPermissions));
  }
}

PathEnd FileTree::FindName(absl::string_view path, LastLink last_link) const {
  PathEnd end = Find(path, last_link);
  CHECK(end.last == Last::kName) << path << ": is no name";
  return end;
}

void FileTree::WriteFile(absl::string_view path, absl::string_view contents) {
  MakeParents(path);
  const PathEnd end = FindName(path, LastLink::kFollow);
  std::shared_ptr<Inode> inode = end.inode;
  if (inode == nullptr) {
    inode = Make(S_IFREG | kFilePermissions);
    end.directory->Link(end.name, inode);
  }
  CHECK(inode->is_regular()) << path << ": is no regular file";
  inode->Truncate(0);
  inode->Write(0, contents);
}

std::string FileTree::ReadFile(absl::string_view path) const {
  const std::shared_ptr<Inode> inode = Get(path);
  CHECK(inode->is_regular()) << path << ": is no regular file";
  return std::string(inode->contents());
}

bool FileTree::Exists(absl::string_view path) const {
  PathEnd end;
  return WalkPath(root_, root_, path, {.walker = WalkOptions::Walker::kRoot},
                  end)
             .ok() &&
         end.inode != nullptr;
}

void FileTree::MakeDirectory(absl::string_view path) {
  MakeParents(absl::StrCat(path, "/"));
  CHECK(Get(path)->is_directory()) << path << ": is no directory";
}

void FileTree::MakeSymlink(absl::string_view path, absl::string_view target) {
  CHECK(!target.empty()) << path << ": to an empty path";
  MakeParents(path);
  const PathEnd end = FindName(path, LastLink::kIsTheName);
  CHECK(end.inode == nullptr) << path << ": is there already";
  const std::shared_ptr<Inode> link = Make(S_IFLNK | ACCESSPERMS);
  link->Write(0, target);
  end.directory->Link(end.name, link);
}

void FileTree::Remove(absl::string_view path) {
  const PathEnd end = FindName(path, LastLink::kIsTheName);
  CHECK(end.inode != nullptr) << path << ": there is no such file";
  if (end.inode->is_directory()) RemoveAllIn(*end.inode);
  end.directory->Unlink(end.name);
}

void FileTree::Rename(absl::string_view from, absl::string_view to) {
  const PathEnd source = FindName(from, LastLink::kIsTheName);
  CHECK(source.inode != nullptr) << from << ": there is no such file";
  const PathEnd target = FindName(to, LastLink::kIsTheName);
  if (target.inode == source.inode) return;
  for (std::shared_ptr<Inode> above = target.directory; above != root_;
       above = above->Parent()) {
    CHECK(above != source.inode) << to << ": is below " << from;
  }
  if (target.inode != nullptr) {
    CHECK_EQ(target.inode->is_directory(), source.inode->is_directory())
        << to << ": only one is a directory";
    CHECK(target.inode->entries().empty()) << to << ": is not empty";
    target.directory->Unlink(target.name);
  }
  source.directory->Unlink(source.name);
  target.directory->Link(target.name, source.inode);
}

void FileTree::Truncate(absl::string_view path, size_t bytes) {
  const std::shared_ptr<Inode> inode = Get(path);
  CHECK(inode->is_regular()) << path << ": is no regular file";
  inode->Truncate(bytes);
}

void FileTree::SetPermissions(absl::string_view path, mode_t permissions) {
  Get(path)->SetPermissions(permissions);
}

void FileTree::SetModified(absl::string_view path, absl::Time time) {
  Get(path)->SetModified(time);
}

// What the kernel asks for.

SysResult FileTree::Open(const std::shared_ptr<Inode>& start,
                         absl::string_view path, const open_how& how,
                         std::shared_ptr<OpenInode>& opened) {
  constexpr uint64_t kTemporary = O_TMPFILE & ~O_DIRECTORY;
  const uint64_t flags = how.flags;
  const auto has = [&](uint64_t flag) { return (flags & flag) != 0; };
  const bool creates = has(O_CREAT);
  const bool exclusive = creates && has(O_EXCL);
  PathEnd end;
  if (const SysResult walked = WalkPath(
          root_, start, path,
          {.resolve = how.resolve,
           // What is not to be there may not be a link either.
           .last_link = has(O_NOFOLLOW) || exclusive ? LastLink::kKeep
                                                     : LastLink::kFollow,
           .creates = creates},
          end);
      !walked.ok()) {
    return walked;
  }
  std::shared_ptr<Inode> inode = std::move(end.inode);
  const mode_t new_mode = S_IFREG | (static_cast<mode_t>(how.mode) & ~kUmask);
  bool is_new = false;
  if (inode == nullptr) {
    if (!creates) return SysResult::Error(ENOENT);
    if (!end.directory->Permits(W_OK)) return SysResult::Error(EACCES);
    inode = Make(new_mode);
    end.directory->Link(end.name, inode);
    is_new = true;
  } else if (exclusive) {
    return SysResult::Error(EEXIST);
  } else if (creates && inode->is_directory()) {
    return SysResult::Error(EISDIR);
  }
  if ((end.has_trailing_slash || has(O_DIRECTORY)) && !inode->is_directory()) {
    return SysResult::Error(ENOTDIR);
  }
  if (has(kTemporary)) {
    if (!inode->Permits(W_OK | X_OK)) return SysResult::Error(EACCES);
    inode = Make(new_mode);
    is_new = true;
  }
  if (!is_new && !has(O_PATH)) {
    const int wanted = WantedAccess(flags);
    if (inode->is_symlink()) return SysResult::Error(ELOOP);
    if (inode->is_directory() && (wanted & W_OK) != 0) {
      return SysResult::Error(EISDIR);
    }
    if (!inode->Permits(wanted)) return SysResult::Error(EACCES);
    if (has(O_TRUNC)) inode->Truncate(0);
  }
  opened = OpenAs(inode, flags);
  return SysResult::Ok();
}

SysResult FileTree::Unlink(const std::shared_ptr<Inode>& start,
                           absl::string_view path, int flags) {
  const bool is_rmdir = (flags & AT_REMOVEDIR) != 0;
  PathEnd end;
  if (const SysResult walked = WalkPath(
          root_, start, path, {.last_link = LastLink::kIsTheName}, end);
      !walked.ok()) {
    return walked;
  }
  switch (end.last) {
    case Last::kName:
      break;
    case Last::kRoot:
      return SysResult::Error(is_rmdir ? EBUSY : EISDIR);
    case Last::kDot:
      return SysResult::Error(is_rmdir ? EINVAL : EISDIR);
    case Last::kDotDot:
      return SysResult::Error(is_rmdir ? ENOTEMPTY : EISDIR);
  }
  if (end.inode == nullptr) return SysResult::Error(ENOENT);
  const bool is_directory = end.inode->is_directory();
  if (!is_rmdir && end.has_trailing_slash) {
    return SysResult::Error(is_directory ? EISDIR : ENOTDIR);
  }
  if (!end.directory->Permits(W_OK)) return SysResult::Error(EACCES);
  if (is_rmdir != is_directory) {
    return SysResult::Error(is_directory ? EISDIR : ENOTDIR);
  }
  if (!end.inode->entries().empty()) return SysResult::Error(ENOTEMPTY);
  end.directory->Unlink(end.name);
  return SysResult::Ok();
}

std::string FileTree::PathOf(std::shared_ptr<Inode> directory) const {
  std::string path;
  // Nothing is above a root, not even above another host's.
  for (std::shared_ptr<Inode> parent; directory->Parent() != directory;
       directory = parent) {
    parent = directory->Parent();
    for (const auto& [name, inode] : parent->entries()) {
      if (inode == directory) path = absl::StrCat("/", name, path);
    }
  }
  return path;
}

}  // namespace pollux
