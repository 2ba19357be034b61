#include "httpd/http/head_meaning.h"

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/base/attributes.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/field_table.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/letter_case.h"
#include "httpd/http/list_reader.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_target.h"

namespace pollux::http {
namespace {

// Below 2^63, so that it fits wherever a file's size does. One spelling for one
// number: whoever reads "010" as octal would see another body.
bool ParseContentLength(absl::string_view text, uint64_t& length) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (text.empty() || (text.front() == '0' && text.size() > 1)) return false;
  length = 0;
  for (const char byte : text) {
    if (!absl::ascii_isdigit(byte)) return false;
    const uint64_t digit = byte - '0';
    if (length > (kMax - digit) / 10) return false;
    length = length * 10 + digit;
  }
  return true;
}

struct TransferCodings {
  bool has_chunked = false;
  bool has_other = false;
};

// Adds one line's elements to those of the lines before it. False if one is no
// coding, or follows "chunked": that would make the body's end a matter of
// opinion (RFC 9112 §6.3).
bool ReadCodings(absl::string_view value, TransferCodings& codings) {
  ListReader list(value);
  absl::string_view coding;
  while (list.Next(coding)) {
    if (codings.has_chunked || !IsToken(coding)) return false;
    const bool is_chunked = EqualsSmall(coding, "chunked");
    (is_chunked ? codings.has_chunked : codings.has_other) = true;
  }
  return true;
}

// The error that stands first among those that were found, in any order.
class FirstError {
 public:
  void Add(ParseError error, const Field& field) {
    if (error == ParseError::kNone) return;
    // All fields stand in one array.
    if (field_ != nullptr && field_ <= &field) return;
    error_ = error;
    field_ = &field;
  }

  bool has_error() const { return field_ != nullptr; }

  HeadVerdict verdict() const {
    return {.error = error_, .where = field_->name};
  }

 private:
  ParseError error_ = ParseError::kNone;
  const Field* field_ = nullptr;
};

// Each of these reads the fields of one name, which are there. All but Host's
// are functions of their own: a request without them should not pay for
// entering them.

void ReadHost(FieldsRead read, RequestHead& head, FirstError& first) {
  const Field* const host = head.fields.Find(FieldName::kHost);
  if (read == FieldsRead::kNone && !IsHostAndPort(host->value)) {
    first.Add(ParseError::kBadHost, *host);
  } else if (const Field* const again =
                 head.fields.FindNext(FieldName::kHost, host)) {
    first.Add(ParseError::kRepeatedHost, *again);
  }
}

ABSL_ATTRIBUTE_NOINLINE void ReadContentLength(RequestHead& head,
                                               FirstError& first) {
  const Field* const length = head.fields.Find(FieldName::kContentLength);
  head.body_framing = BodyFraming::kContentLength;
  if (!ParseContentLength(length->value, head.content_length)) {
    first.Add(ParseError::kBadContentLength, *length);
  } else if (const Field* const again =
                 head.fields.FindNext(FieldName::kContentLength, length)) {
    first.Add(ParseError::kRepeatedContentLength, *again);
  }
}

// All Transfer-Encoding fields are one list, and stand where the first does.
ParseError JudgeTransferEncoding(const RequestHead& head) {
  if (head.version == Version::kHttp10) {
    return ParseError::kTransferEncodingInHttp10;
  }
  if (head.fields.Has(FieldName::kContentLength)) {
    return ParseError::kTransferEncodingWithContentLength;
  }
  constexpr FieldName kName = FieldName::kTransferEncoding;
  TransferCodings codings;
  for (const Field* field = head.fields.Find(kName); field != nullptr;
       field = head.fields.FindNext(kName, field)) {
    if (!ReadCodings(field->value, codings)) {
      return ParseError::kBadTransferEncoding;
    }
  }
  return codings.has_other ? ParseError::kUnknownTransferCoding
                           : ParseError::kNone;
}

ABSL_ATTRIBUTE_NOINLINE void ReadTransferEncoding(RequestHead& head,
                                                  FirstError& first) {
  head.body_framing = BodyFraming::kChunked;
  first.Add(JudgeTransferEncoding(head),
            *head.fields.Find(FieldName::kTransferEncoding));
}

ABSL_ATTRIBUTE_NOINLINE void ReadExpect(RequestHead& head, FirstError& first) {
  constexpr FieldName kName = FieldName::kExpect;
  for (const Field* field = head.fields.Find(kName); field != nullptr;
       field = head.fields.FindNext(kName, field)) {
    ListReader list(field->value);
    absl::string_view expectation;
    while (list.Next(expectation)) {
      if (expectation.empty()) continue;
      if (!EqualsSmall(expectation, "100-continue")) {
        return first.Add(ParseError::kUnknownExpectation, *field);
      }
      // A client of HTTP/1.0 cannot take an interim response.
      head.expects_continue = head.version != Version::kHttp10;
    }
  }
}

// Whether `option` ends the matter.
bool ReadConnectionOption(absl::string_view option, RequestHead& head) {
  if (EqualsSmall(option, "keep-alive")) {
    head.persistence = Persistence::kKeepAlive;
  }
  if (!EqualsSmall(option, "close")) return false;
  head.persistence = Persistence::kClose;
  return true;
}

// Options that are no tokens are no options; they harm nobody.
ABSL_ATTRIBUTE_NOINLINE void ReadConnection(RequestHead& head) {
  constexpr FieldName kName = FieldName::kConnection;
  for (const Field* field = head.fields.Find(kName); field != nullptr;
       field = head.fields.FindNext(kName, field)) {
    // Nearly always it is that alone.
    if (EqualsSmall(field->value, "keep-alive")) {
      head.persistence = Persistence::kKeepAlive;
      continue;
    }
    ListReader list(field->value);
    absl::string_view option;
    while (list.Next(option)) {
      if (ReadConnectionOption(option, head)) return;
    }
  }
}

}  // namespace

HeadVerdict InterpretTarget(RequestHead& head) {
  RequestTarget target;
  ParseError error = ReadTarget(head.target, target);
  if (target.form == TargetForm::kAsterisk && head.method != Method::kOptions) {
    error = ParseError::kBadTarget;
  }
  if (error != ParseError::kNone) return {.error = error, .where = head.target};
  head.target_form = target.form;
  head.path = target.path;
  head.query = target.query;
  head.authority = target.authority;
  return {};
}

HeadVerdict InterpretFields(FieldsRead read, RequestHead& head) {
  const FieldTable& fields = head.fields;
  // An absolute target's authority wins (RFC 9112 §3.2.2).
  if (read == FieldsRead::kNone && head.target_form != TargetForm::kAbsolute) {
    const Field* const host = fields.Find(FieldName::kHost);
    head.authority = host == nullptr ? absl::string_view() : host->value;
  }
  SetDefaultMeaning(head);

  FirstError first;
  if (fields.Has(FieldName::kHost)) ReadHost(read, head, first);
  if (fields.Has(FieldName::kConnection)) ReadConnection(head);
  if (fields.Has(FieldName::kContentLength)) ReadContentLength(head, first);
  if (fields.Has(FieldName::kTransferEncoding)) {
    ReadTransferEncoding(head, first);
  }
  if (fields.Has(FieldName::kExpect)) ReadExpect(head, first);
  if (first.has_error()) return first.verdict();
  if (head.version != Version::kHttp10 && !fields.Has(FieldName::kHost)) {
    return {.error = ParseError::kMissingHost, .where = absl::string_view()};
  }
  return {};
}

}  // namespace pollux::http
