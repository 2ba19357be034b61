#include "httpd/http/prepared_response.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/field_check.h"
#include "httpd/http/http_date.h"
#include "httpd/http/reason_phrase.h"

namespace pollux::http {
namespace {

// RFC 9110 §15.3.5, §15.3.6, §15.4.5.
bool ForbidsBody(int status) {
  return status == 204 || status == 205 || status == 304;
}

// 304 would have to repeat the length of the 200 that it stands for, which
// nobody knows here.
bool HasContentLength(int status) { return status != 204 && status != 304; }

absl::string_view ConnectionLine(ConnectionOption connection) {
  switch (connection) {
    case ConnectionOption::kNone:
      return "";
    case ConnectionOption::kKeepAlive:
      return "Connection: keep-alive\r\n";
    case ConnectionOption::kClose:
      return "Connection: close\r\n";
  }
  return "";
}

}  // namespace

absl::StatusOr<PreparedResponse> PreparedResponse::Create(
    int status, absl::Span<const Field> fields, absl::string_view body) {
  if (status < 200 || status > 599) {
    return absl::InvalidArgumentError(
        absl::StrCat("status ", status, " is not from 200 to 599"));
  }
  if (ForbidsBody(status) && !body.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a response with status ", status, " has no body"));
  }
  if (absl::Status checked = CheckFields(fields); !checked.ok()) return checked;

  PreparedResponse response;
  response.status_ = status;
  response.body_bytes_ = body.size();
  const std::string before_date = absl::StrCat(
      "HTTP/1.1 ", status, " ", ReasonPhrase(status), "\r\nDate: ");
  response.date_offset_ = before_date.size();
  std::string after_connection;
  for (const Field& field : fields) {
    AppendField(after_connection, field);
  }
  if (HasContentLength(status)) {
    absl::StrAppend(&after_connection, "Content-Length: ", body.size(), "\r\n");
  }
  const std::string date_to_come(kHttpDateBytes, ' ');
  for (size_t i = 0; i < response.bytes_.size(); ++i) {
    response.bytes_[i] =
        absl::StrCat(before_date, date_to_come, "\r\n",
                     ConnectionLine(static_cast<ConnectionOption>(i)),
                     after_connection, "\r\n", body);
  }
  return response;
}

void PreparedResponse::AppendTo(std::string& out, const HttpDate& date,
                                ConnectionOption connection,
                                BodyPresence presence) const {
  const std::string& bytes = bytes_[static_cast<size_t>(connection)];
  const size_t unsent = presence == BodyPresence::kHeadOnly ? body_bytes_ : 0;
  const size_t start = out.size();
  out.append(bytes.data(), bytes.size() - unsent);
  std::copy(date.begin(), date.end(), out.begin() + start + date_offset_);
}

}  // namespace pollux::http
