#include "httpd/http/field_check.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"

namespace pollux::http {
namespace {

absl::Status CheckField(const Field& field) {
  if (!IsValidField(field)) {
    return absl::InvalidArgumentError(
        absl::StrCat("field \"", absl::CHexEscape(field.name),
                     "\": its name is not a token, or its value holds a "
                     "control character"));
  }
  switch (FieldNameOf(field.name)) {
    case FieldName::kConnection:
    case FieldName::kContentLength:
    case FieldName::kDate:
    case FieldName::kTransferEncoding:
      return absl::InvalidArgumentError(absl::StrCat(
          "field \"", field.name, "\" is written by the framing itself"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace

bool IsValidField(const Field& field) {
  return IsToken(field.name) && IsAllIn(field.value, ByteClass::kFieldValue);
}

absl::Status CheckFields(absl::Span<const Field> fields) {
  for (const Field& field : fields) {
    if (absl::Status checked = CheckField(field); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status CheckTrailer(const Field& field) {
  if (absl::Status checked = CheckField(field); !checked.ok()) return checked;
  switch (FieldNameOf(field.name)) {
    case FieldName::kContentEncoding:
    case FieldName::kContentRange:
    case FieldName::kContentType:
    case FieldName::kHost:
    case FieldName::kTe:
    case FieldName::kTrailer:
      return absl::InvalidArgumentError(absl::StrCat(
          "field \"", field.name, "\" has no meaning behind a body"));
    default:
      return absl::OkStatus();
  }
}

void AppendField(std::string& out, const Field& field) {
  absl::StrAppend(&out, field.name, ": ", field.value, "\r\n");
}

}  // namespace pollux::http
