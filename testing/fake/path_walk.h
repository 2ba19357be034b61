// From a path to a file.
#ifndef POLLUX_TESTING_FAKE_PATH_WALK_H_
#define POLLUX_TESTING_FAKE_PATH_WALK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "reactor/sys_result.h"
#include "testing/fake/inode.h"

namespace pollux {

// How to walk.
struct WalkOptions {
  // What becomes of a path that ends in a symbolic link.
  enum class LastLink : uint8_t {
    kFollow,
    // O_NOFOLLOW: still followed if a slash comes behind.
    kKeep,
    // Never followed: what removes or renames means the link.
    kIsTheName,
  };
  // Who walks.
  enum class Walker : uint8_t {
    // Needs the permission to search each directory.
    kOwner,
    kRoot,
  };

  // RESOLVE_*: openat2(2).
  uint64_t resolve = 0;
  LastLink last_link = LastLink::kFollow;
  // O_CREAT: a name that ends in a slash is EISDIR, whatever it stands for.
  bool creates = false;
  Walker walker = Walker::kOwner;
};

// Where a path ends.
struct PathEnd {
  enum class Last : uint8_t { kName, kRoot, kDot, kDotDot };

  // What the last segment is. Only kName has a directory and a name.
  Last last = Last::kRoot;
  std::shared_ptr<Inode> directory;
  std::string name;
  bool has_trailing_slash = false;
  // Null if there is no such name in the directory.
  std::shared_ptr<Inode> inode;
};

// Walks `path`, which is not empty, from the directory `start`, or from `root`
// if it begins with a slash: path_resolution(7). A missing last name is no
// error. Errors are those of path_resolution(7) and openat2(2).
SysResult WalkPath(const std::shared_ptr<Inode>& root,
                   const std::shared_ptr<Inode>& start, absl::string_view path,
                   const WalkOptions& options, PathEnd& end);

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_PATH_WALK_H_
