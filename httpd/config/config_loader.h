// From the text of a configuration to checked Settings.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_LOADER_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/settings.h"

namespace pollux::httpd {

enum class Severity : uint8_t {
  // The configuration cannot be served.
  kError,
  // It works, but surely is not meant.
  kWarning,
};

// One thing that is wrong with a configuration. `line` and `column` count from
// 1, columns in bytes; both are 0 if it is about the file as a whole. Plain
// value.
struct ConfigProblem {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;
  int column = 0;
  // One line; says what would be right, where that can be known.
  std::string message;

  // "www.textproto:3:12: port 99999 is out of range: ports go from 0 to 65535",
  // "www.textproto:4:9: warning: ...", or "www.textproto: no such file".
  std::string ToString() const;
};

// What came of loading: a configuration that is complete and consistent, or at
// least one error. Errors and warnings are each in the order of the text, those
// about the whole file first. Plain value.
struct LoadedConfig {
  // With errors both hold what could be read.
  Settings settings;
  Config config;

  // If there are no errors: the configuration with each value that is in
  // effect, as protobuf text that loads to the same settings, and behind each
  // where it came from: "# default" or "# www.textproto:12".
  std::string effective_text;

  std::vector<ConfigProblem> errors;
  std::vector<ConfigProblem> warnings;

  // Both, in the order of the text.
  std::vector<ConfigProblem> problems() const;

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
