#include "httpd/http/prepared_response.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/reason_phrase.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

// The fields that frame the message; a second one, or one that disagrees, would
// desynchronise the connection.
constexpr absl::string_view kFramingFields[] = {"Connection", "Content-Length",
                                                "Date", "Transfer-Encoding"};

bool IsFramingField(absl::string_view name) {
  return std::any_of(std::begin(kFramingFields), std::end(kFramingFields),
                     [name](absl::string_view framing) {
                       return absl::EqualsIgnoreCase(name, framing);
                     });
}

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

absl::Status CheckFields(absl::Span<const Field> fields) {
  for (const Field& field : fields) {
    if (!IsValidField(field)) {
      return absl::InvalidArgumentError(
          absl::StrCat("field \"", absl::CHexEscape(field.name),
                       "\": its name is not a token, or its value holds a "
                       "control character"));
    }
    if (IsFramingField(field.name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "field \"", field.name, "\" is written by the framing itself"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsValidField(const Field& field) {
  return IsToken(field.name) && IsAllIn(field.value, ByteClass::kFieldValue);
}

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
    absl::StrAppend(&after_connection, field.name, ": ", field.value, "\r\n");
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
