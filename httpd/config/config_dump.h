// The configuration in effect, as text.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_DUMP_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_DUMP_H_

#include <string>

#include "absl/strings/string_view.h"
#include "httpd/config/config_parser.h"
#include "httpd/config/settings.h"

namespace pollux::httpd {

// Every field of `parsed` with its value, as protobuf text that can be loaded
// again, and behind it where it comes from: "# default" or "# FILE:LINE". What
// is neither given nor has a default stands there as a comment. `settings` are
// those of `parsed`, which has no errors; `file` has no control characters. A
// pure function.
std::string DumpConfig(const ParsedConfig& parsed, const Settings& settings,
                       absl::string_view file);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_DUMP_H_
