#include "testing/fake/path_walk.h"

#include <limits.h>
#include <linux/openat2.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

using LastLink = WalkOptions::LastLink;

// path_resolution(7).
constexpr int kMaxLinks = 40;

void SkipSlashes(absl::string_view& path) {
  while (absl::ConsumePrefix(&path, "/")) continue;
}

class Walk {
 public:
  Walk(std::shared_ptr<Inode> root, std::shared_ptr<Inode> start,
       const WalkOptions& options)
      : options_(options),
        // openat2(2): the directory is the root for what may not leave it.
        root_(is_scoped() ? start : std::move(root)),
        at_(std::move(start)) {}

  SysResult Run(absl::string_view path, PathEnd& end) {
    std::string whole(path);
    absl::string_view rest = whole;
    if (rest.front() == '/') {
      if (const SysResult jump = JumpToRoot(); !jump.ok()) return jump;
    }
    while (true) {
      SkipSlashes(rest);
      if (rest.empty()) {
        return Ends(PathEnd::Last::kRoot, end);
      }
      if (options_.walker == WalkOptions::Walker::kOwner &&
          !at_->Permits(X_OK)) {
        return SysResult::Error(EACCES);
      }
      const absl::string_view name = rest.substr(0, rest.find('/'));
      rest.remove_prefix(name.size());
      const bool slash = !rest.empty();
      SkipSlashes(rest);
      const bool is_last = rest.empty();

      if (name == "." || name == "..") {
        if (name == "..") {
          if (const SysResult up = GoUp(); !up.ok()) return up;
        }
        if (!is_last) continue;
        return Ends(name == "." ? PathEnd::Last::kDot : PathEnd::Last::kDotDot,
                    end);
      }

      if (is_last && slash && options_.creates) {
        return SysResult::Error(EISDIR);
      }
      if (at_->is_removed()) return SysResult::Error(ENOENT);
      if (name.size() > NAME_MAX) return SysResult::Error(ENAMETOOLONG);
      std::shared_ptr<Inode> inode = at_->Find(name);
      if (inode != nullptr && inode->is_symlink() &&
          (!is_last || Follows(slash))) {
        if (links_++ == kMaxLinks) return SysResult::Error(ELOOP);
        if ((options_.resolve & RESOLVE_NO_SYMLINKS) != 0) {
          return SysResult::Error(ELOOP);
        }
        const absl::string_view target = inode->contents();
        if (target.front() == '/') {
          if (const SysResult jump = JumpToRoot(); !jump.ok()) return jump;
        }
        whole = absl::StrCat(target, slash ? "/" : "", rest);
        rest = whole;
        continue;
      }
      if (is_last) {
        end = {.last = PathEnd::Last::kName,
               .directory = at_,
               .name = std::string(name),
               .has_trailing_slash = slash,
               .inode = std::move(inode)};
        return SysResult::Ok();
      }
      if (inode == nullptr) return SysResult::Error(ENOENT);
      if (!inode->is_directory()) return SysResult::Error(ENOTDIR);
      at_ = std::move(inode);
    }
  }

 private:
  bool is_scoped() const {
    return (options_.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) != 0;
  }
  bool Follows(bool slash_behind) const {
    return options_.last_link == LastLink::kFollow ||
           (options_.last_link == LastLink::kKeep && slash_behind);
  }

  SysResult Ends(PathEnd::Last last, PathEnd& end) {
    end.last = last;
    end.inode = at_;
    return SysResult::Ok();
  }

  SysResult JumpToRoot() {
    if ((options_.resolve & RESOLVE_BENEATH) != 0) {
      return SysResult::Error(EXDEV);
    }
    at_ = root_;
    return SysResult::Ok();
  }

  SysResult GoUp() {
    if (at_ == root_) {
      return (options_.resolve & RESOLVE_BENEATH) != 0 ? SysResult::Error(EXDEV)
                                                       : SysResult::Ok();
    }
    at_ = at_->Parent();
    return SysResult::Ok();
  }

  const WalkOptions options_;
  const std::shared_ptr<Inode> root_;
  std::shared_ptr<Inode> at_;
  int links_ = 0;
};

}  // namespace

SysResult WalkPath(const std::shared_ptr<Inode>& root,
                   const std::shared_ptr<Inode>& start, absl::string_view path,
                   const WalkOptions& options, PathEnd& end) {
  return Walk(root, start, options).Run(path, end);
}

}  // namespace pollux
