#include "httpd/handlers/redirect.h"

#include <algorithm>
#include <string>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "httpd/http/reason_phrase.h"

namespace pollux {
namespace {

bool IsRedirection(int status) {
  switch (status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return true;
    default:
      return false;
  }
}

// The characters of RFC 3986 §2, "%" among them.
bool IsUriCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) ||
         absl::StrContains("-._~:/?#[]@!$&'()*+,;=%", c);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedirectHandler>> RedirectHandler::Create(
    int status, absl::string_view location) {
  if (!IsRedirection(status)) {
    return absl::InvalidArgumentError(absl::StrCat(
        status, " is no redirection: 301, 302, 303, 307 or 308 is"));
  }
  if (location.empty() ||
      !std::all_of(location.begin(), location.end(), IsUriCharacter)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "location \"", absl::CEscape(location), "\" is no URI reference"));
  }
  const std::string text =
      absl::StrCat(status, " ", http::ReasonPhrase(status), "\n");
  absl::StatusOr<http::PreparedResponse> response =
      http::PreparedResponse::Create(
          status, {{"Location", location}, {"Content-Type", "text/plain"}},
          text);
  if (!response.ok()) return response.status();
  return absl::WrapUnique(new RedirectHandler(*std::move(response)));
}

}  // namespace pollux
