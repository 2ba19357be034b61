#include "httpd/startup_message.h"

#include <sys/socket.h>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pollux {
namespace {

// A body longer than this is shown by its size.
constexpr size_t kShownBytes = 40;

std::string DescribeFixed(const httpd::Fixed& fixed) {
  const std::string what =
      fixed.body().size() > kShownBytes
          ? absl::StrCat(fixed.body().size(), " bytes")
          : absl::StrCat("\"", absl::CHexEscape(fixed.body()), "\"");
  return absl::StrCat(fixed.status(), " ", fixed.content_type(), " ", what);
}

std::string DescribeMethods(const httpd::Route& route) {
  std::vector<std::string> methods(route.methods().begin(),
                                   route.methods().end());
  if (methods.empty()) methods = {"GET"};
  if (absl::c_linear_search(methods, "GET") &&
      !absl::c_linear_search(methods, "HEAD")) {
    methods.push_back("HEAD");
  }
  return absl::StrJoin(methods, ", ");
}

std::string DescribeHandler(const httpd::Route& route) {
  switch (route.handler_case()) {
    case httpd::Route::kFixed:
      return DescribeFixed(route.fixed());
    case httpd::Route::kRedirect:
      return absl::StrCat("redirect to ", route.redirect().location());
    case httpd::Route::kEcho:
      return "echo";
    case httpd::Route::kFiles:
      return absl::StrCat("files of ", route.files().root());
    case httpd::Route::kHealth:
      return "health";
    case httpd::Route::HANDLER_NOT_SET:
      break;
  }
  return "";
}

std::string DescribeRoute(const httpd::Route& route) {
  return absl::StrCat("  ", route.path(), route.prefix(), "  ",
                      DescribeMethods(route), "  ", DescribeHandler(route),
                      "\n");
}

}  // namespace

std::string StartupMessage(const httpd::Config& config,
                           const std::vector<Address>& addresses) {
  std::string message;
  for (const Address& address : addresses) {
    if (address.family() == AF_UNIX) {
      absl::StrAppend(&message, address.ToString(), "\n");
    } else {
      absl::StrAppend(&message, "http://", address.ToString(), "/\n");
    }
  }
  for (const httpd::Route& route : config.route()) {
    message += DescribeRoute(route);
  }
  return message;
}

}  // namespace pollux
