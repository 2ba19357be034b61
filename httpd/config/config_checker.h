// What a Config must fulfil beyond its form.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_

#include <vector>

#include "httpd/config/config_parser.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {

// Everything that is wrong with what the fields of `parsed` say, unsorted.
// Empty together with parsed.problems: the daemon can serve parsed.config, if
// the kernel lets it have the addresses.
std::vector<Problem> CheckConfig(const ParsedConfig& parsed);

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_CHECKER_H_
