// From the path of a request to the name of a file.
#ifndef POLLUX_HTTPD_HANDLERS_FILE_PATH_H_
#define POLLUX_HTTPD_HANDLERS_FILE_PATH_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace pollux {

// What a path asks for.
enum class PathForm : uint8_t {
  kFile,
  // It ends in a slash, or is empty.
  kDirectory,
  // It cannot name anything that is to be served.
  kForbidden,
};

// Reads `encoded`, the path of a request below a folder, into `path`: names
// with one "/" between them, and one behind the last if it is a directory.
//
// It is cut at its slashes first and each piece decoded once after that, so
// "%2F" separates nothing and "%252e" is no dot. Forbidden, with `path`
// unspecified, is a piece that is empty (but the last), ".", "..", begins with
// a dot, or holds "/", "\" or NUL. So nothing that `path` can be leads out of
// the folder by its letters; links in it are RootDirectory's to judge.
//
// A pure function for any thread; allocates only if `path` must grow.
PathForm ReadFilePath(absl::string_view encoded, std::string& path);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILE_PATH_H_
