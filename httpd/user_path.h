// Paths as the user means them.
#ifndef POLLUX_HTTPD_USER_PATH_H_
#define POLLUX_HTTPD_USER_PATH_H_

#include <cstdlib>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "httpd/config/settings.h"
#include "reactor/net/address.h"

namespace pollux {

// `bazel run` starts programs in a folder of its own, and says in
// BUILD_WORKING_DIRECTORY where the user stands: a relative path starts there.
// Without that variable, and for an absolute path, it is `path` itself.
inline std::string FromWhereTheUserStands(const std::string& path) {
  const char* directory = std::getenv("BUILD_WORKING_DIRECTORY");
  const bool is_relative = !absl::StartsWith(path, "/");
  return is_relative && directory ? absl::StrCat(directory, "/", path) : path;
}

// The same of a unix address with a path. Fails if that is too long then.
inline absl::Status StandWhereTheUserStands(Address& address) {
  const std::string path(address.unix_path());
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<Address> moved =
      Address::Parse(absl::StrCat("unix:", FromWhereTheUserStands(path)));
  if (!moved.ok()) return moved.status();
  address = *moved;
  return absl::OkStatus();
}

// The paths in a configuration, likewise.
inline absl::Status StandWhereTheUserStands(httpd::Settings& settings) {
  for (httpd::RouteSettings& route : settings.routes) {
    if (auto* files = std::get_if<httpd::FilesSettings>(&route.handler)) {
      files->root = FromWhereTheUserStands(files->root);
    }
  }
  if (settings.access_log.has_value() && settings.access_log->path != "-") {
    settings.access_log->path =
        FromWhereTheUserStands(settings.access_log->path);
  }
  absl::Status status;
  for (httpd::ListenerSettings& listener : settings.listeners) {
    status.Update(StandWhereTheUserStands(listener.address));
  }
  if (settings.admin.has_value()) {
    status.Update(StandWhereTheUserStands(settings.admin->address));
  }
  return status;
}

}  // namespace pollux

#endif  // POLLUX_HTTPD_USER_PATH_H_
