// Which Pollux this is.
#ifndef POLLUX_HTTPD_VERSION_H_
#define POLLUX_HTTPD_VERSION_H_

namespace pollux {

// As in CHANGELOG.md. Never sent to clients.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace pollux

#endif  // POLLUX_HTTPD_VERSION_H_
