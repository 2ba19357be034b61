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
#include "httpd/http/status_body.h"

namespace pollux::http {
namespace {

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
  response.bytes_ = absl::StrCat("HTTP/1.1 ", status, " ", ReasonPhrase(status),
                                 "\r\nDate: ");
  response.date_offset_ = response.bytes_.size();
  response.bytes_.append(kHttpDateBytes, ' ');
  response.bytes_.append("\r\n");
  for (const Field& field : fields) AppendField(response.bytes_, field);
  if (HasContentLength(status)) {
    absl::StrAppend(&response.bytes_, "Content-Length: ", body.size(), "\r\n");
  }
  absl::StrAppend(&response.bytes_, "\r\n", body);
  return response;
}

void PreparedResponse::AppendTo(std::string& out, const HttpDate& date,
                                ConnectionOption connection,
                                BodyPresence presence,
                                absl::string_view more_lines) const {
  absl::string_view bytes = bytes_;
  if (presence == BodyPresence::kHeadOnly) bytes.remove_suffix(body_bytes_);
  const size_t start = out.size();
  if (connection == ConnectionOption::kNone && more_lines.empty()) {
    out.append(bytes.data(), bytes.size());
  } else {
    const size_t behind_date = date_offset_ + kHttpDateBytes + 2;
    absl::StrAppend(&out, bytes.substr(0, behind_date),
                    ConnectionLine(connection), more_lines,
                    bytes.substr(behind_date));
  }
  std::copy(date.begin(), date.end(), out.begin() + start + date_offset_);
}

}  // namespace pollux::http
