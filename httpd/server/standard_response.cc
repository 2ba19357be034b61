#include "httpd/server/standard_response.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "httpd/http/reason_phrase.h"

namespace pollux {

http::PreparedResponse StandardResponse(
    int status, absl::string_view detail,
    std::initializer_list<http::Field> fields) {
  std::vector<http::Field> all(fields);
  std::string body;
  if (status != 204 && status != 304) {
    all.push_back({"Content-Type", "text/plain"});
    body = absl::StrCat(status, " ", http::ReasonPhrase(status),
                        detail.empty() ? "" : ": ", detail, "\n");
  }
  absl::StatusOr<http::PreparedResponse> response =
      http::PreparedResponse::Create(status, all, body);
  CHECK(response.ok()) << response.status();
  return *std::move(response);
}

}  // namespace pollux
