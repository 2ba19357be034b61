// From the text of a configuration to a checked Config.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_LOADER_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_LOADER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/config/config.pb.h"

namespace pollux::httpd {

// One thing that is wrong with a configuration. `line` and `column` count from
// 1, columns in bytes; both are 0 if it is about the file as a whole. Plain
// value.
struct ConfigError {
  std::string file;
  int line = 0;
  int column = 0;
  // One line; says what would be right, where that can be known.
  std::string message;

  // "www.textproto:3:12: port 99999 is out of range: ports go from 0 to 65535",
  // or "www.textproto: no such file".
  std::string ToString() const;
};

// What came of loading: a config that is complete and consistent, or at least
// one error, in the order of the text, those about the whole file first. With
// errors `config` holds what could be read. Plain value.
struct LoadedConfig {
  Config config;
  std::vector<ConfigError> errors;

  bool ok() const { return errors.empty(); }
};

// Parses and checks `text`, and reports everything that is wrong with it in one
// run; only behind brackets or punctuation that fit nothing it cannot look.
// `file` is only a name for the messages. Any thread; blocks on nothing.
LoadedConfig LoadConfigText(absl::string_view text, absl::string_view file);

// The same for the file at `path`; a file that cannot be read, or is a
// directory, is an error of its own. Blocks on the file system.
LoadedConfig LoadConfigFile(const std::string& path);

// What the daemon serves when it is given no configuration: the file
// default.textproto. Constant for the program's life.
absl::string_view DefaultConfigText();

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_LOADER_H_
