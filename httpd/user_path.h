// Paths as the user means them.
#ifndef POLLUX_HTTPD_USER_PATH_H_
#define POLLUX_HTTPD_USER_PATH_H_

#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace pollux {

// `bazel run` starts programs in a folder of its own, and says in
// BUILD_WORKING_DIRECTORY where the user stands: a relative path starts there.
// Without that variable, and for an absolute path, it is `path` itself.
inline std::string FromWhereTheUserStands(const std::string& path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  const bool is_relative = !absl::StartsWith(path, "/");
  return is_relative && directory ? absl::StrCat(directory, "/", path) : path;
}

}  // namespace pollux

#endif  // POLLUX_HTTPD_USER_PATH_H_
