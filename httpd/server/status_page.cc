#include "httpd/server/status_page.h"

#include <string>
#include <vector>

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "httpd/http/accept.h"
#include "httpd/http/field_name.h"
#include "httpd/http/reason_phrase.h"
#include "httpd/http/status_body.h"

namespace pollux {
namespace {

http::PreparedResponse Prepare(int status, std::vector<http::Field> fields,
                               absl::string_view type, absl::string_view body) {
  const bool has_body = !http::ForbidsBody(status);
  if (has_body) {
    fields.push_back({"Content-Type", type});
    // Caches may keep some of these pages (RFC 9110 §15.1).
    fields.push_back({"Vary", "Accept"});
  }
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
  if (!head.fields.Has(http::FieldName::kAccept)) return PageFormat::kText;
  const http::MediaPreference html = http::PreferenceFor(head, "text", "html");
  if (html.match != http::MediaMatch::kExact || html.weight == 0) {
    return PageFormat::kText;
  }
  return html.weight >= http::PreferenceFor(head, "text", "plain").weight
             ? PageFormat::kHtml
             : PageFormat::kText;
}

StatusPage::StatusPage(int status, absl::string_view detail,
                       std::initializer_list<http::Field> fields)
    : text_(Prepare(status, fields, "text/plain",
                    absl::StrCat(Sentence(status, detail), "\n"))),
      html_(Prepare(status, fields, "text/html; charset=utf-8",
                    Html(Sentence(status, detail)))) {}

}  // namespace pollux
