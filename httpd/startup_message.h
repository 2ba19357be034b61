// What the daemon says when it serves.
#ifndef POLLUX_HTTPD_STARTUP_MESSAGE_H_
#define POLLUX_HTTPD_STARTUP_MESSAGE_H_

#include <optional>
#include <string>
#include <vector>

#include "httpd/config/settings.h"
#include "reactor/net/address.h"

namespace pollux {

// A line for each address, as a URL where it has one, and under them a line for
// each route with its methods and what it answers.
std::string StartupMessage(const httpd::Settings& settings,
                           const std::vector<Address>& addresses,
                           const std::optional<Address>& admin);

}  // namespace pollux

#endif  // POLLUX_HTTPD_STARTUP_MESSAGE_H_
