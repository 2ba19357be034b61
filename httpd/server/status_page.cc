#include "httpd/server/status_page.h"

#include <string>
#include <vector>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "httpd/http/field_name.h"
#include "httpd/http/reason_phrase.h"

namespace pollux {
namespace {

http::PreparedResponse Prepare(int status, std::vector<http::Field> fields,
                               absl::string_view type, absl::string_view body) {
  const bool has_body = status != 204 && status != 304;
  if (has_body) fields.push_back({"Content-Type", type});
  absl::StatusOr<http::PreparedResponse> response =
      http::PreparedResponse::Create(status, fields, has_body ? body : "");
  CHECK(response.ok()) << response.status();
  return *std::move(response);
}

std::string Sentence(int status, absl::string_view detail) {
  return absl::StrCat(status, " ", http::ReasonPhrase(status),
                      detail.empty() ? "" : ": ", detail);
}

// `title` holds nothing that HTML reads as its own.
std::string Html(absl::string_view title) {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<title>",
      title, "</title></head>\n<body><h1>", title, "</h1></body>\n</html>\n");
}

}  // namespace

PageFormat PreferredFormat(const http::RequestHead& head) {
  constexpr http::FieldName kAccept = http::FieldName::kAccept;
  for (const http::Field* field = head.fields.Find(kAccept); field != nullptr;
       field = head.fields.FindNext(kAccept, field)) {
    if (absl::StrContainsIgnoreCase(field->value, "text/html")) {
      return PageFormat::kHtml;
    }
  }
  return PageFormat::kText;
}

StatusPage::StatusPage(int status, absl::string_view detail,
                       std::initializer_list<http::Field> fields)
    : text_(Prepare(status, fields, "text/plain",
                    absl::StrCat(Sentence(status, detail), "\n"))),
      html_(Prepare(status, fields, "text/html; charset=utf-8",
                    Html(Sentence(status, detail)))) {}

}  // namespace pollux
