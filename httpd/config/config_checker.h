// What a Config must fulfil beyond its form, and what it says then.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_

#include <vector>

#include "httpd/config/config_parser.h"
#include "httpd/config/settings.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {

// What came of checking a ParsedConfig. Plain value.
struct CheckedConfig {
  // Complete and consistent if there are no errors here and no problems in the
  // ParsedConfig; else only what could be understood.
  Settings settings;

  // Unsorted.
  std::vector<Problem> errors;
  // What works, but surely is not meant. Unsorted.
  std::vector<Problem> warnings;
};

// Checks all that the fields of `parsed` say. A pure function.
CheckedConfig CheckConfig(const ParsedConfig& parsed);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_
