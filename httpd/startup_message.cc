#include "httpd/startup_message.h"

#include <sys/socket.h>

#include <variant>

#include "absl/functional/overload.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

// A body longer than this is shown by its size.
constexpr size_t kShownBytes = 40;

std::string DescribeFixed(const httpd::FixedSettings& fixed) {
  const std::string what =
      fixed.body.size() > kShownBytes
          ? absl::StrCat(fixed.body.size(), " bytes")
          : absl::StrCat("\"", absl::CHexEscape(fixed.body), "\"");
  return absl::StrCat(fixed.status, " ", fixed.content_type, " ", what);
}

std::string DescribeHandler(const httpd::HandlerSettings& handler) {
  return std::visit(
      absl::Overload{
          [](const httpd::FixedSettings& fixed) {
            return DescribeFixed(fixed);
          },
          [](const httpd::RedirectSettings& redirect) {
            return absl::StrCat(redirect.status, " to ", redirect.location);
          },
          [](const httpd::EchoSettings&) { return std::string("echo"); },
          [](const httpd::FilesSettings& files) {
            return absl::StrCat("files of ", files.root);
          },
          [](const httpd::HealthSettings&) { return std::string("health"); },
      },
      handler);
}

std::string DescribeRoute(const httpd::RouteSettings& route) {
  std::string hosts;
  for (const std::string& host : route.hosts) {
    absl::StrAppend(&hosts, host, route.path, route.prefix, "  ");
  }
  if (hosts.empty()) hosts = absl::StrCat(route.path, route.prefix, "  ");
  return absl::StrCat("  ", hosts, route.methods.ToString(), "  ",
                      DescribeHandler(route.handler), "\n");
}

std::string Url(const Address& address, absl::string_view path) {
  return address.family() == AF_UNIX
             ? absl::StrCat(address.ToString(), "\n")
             : absl::StrCat("http://", address.ToString(), path, "\n");
}

}  // namespace

std::string StartupMessage(const httpd::Settings& settings,
                           const std::vector<Address>& addresses,
                           const std::optional<Address>& admin) {
  std::string message;
  for (const Address& address : addresses) message += Url(address, "/");
  for (const httpd::RouteSettings& route : settings.routes) {
    message += DescribeRoute(route);
  }
  if (admin.has_value()) {
    absl::StrAppend(&message, "admin: ", Url(*admin, "/metrics"));
  }
  return message;
}

}  // namespace pollux
