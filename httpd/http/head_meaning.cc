#include "httpd/http/head_meaning.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/field_table.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/letter_case.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

// The elements of a comma-separated list, without the white space around them;
// empty ones included. Of an empty list that is one.
class ListReader {
 public:
  explicit ListReader(absl::string_view list) : rest_(list) {}

  // Whether there was another element; it is in `element` then.
  bool Next(absl::string_view& element) {
    if (at_end_) return false;
    // Most lists have one element, so short that a call costs more than a loop.
    size_t comma = 0;
    while (comma < rest_.size() && rest_[comma] != ',') ++comma;
    element = TrimOws(rest_.substr(0, comma));
    at_end_ = comma == rest_.size();
    if (!at_end_) rest_.remove_prefix(comma + 1);
    return true;
  }

 private:
  absl::string_view rest_;
  bool at_end_ = false;
};

// `origin` is a path and perhaps a query, as in an origin-form target.
void SplitPathAndQuery(absl::string_view origin, RequestHead& head) {
  const size_t mark = origin.find('?');
  head.path = origin.substr(0, mark);
  head.query =
      mark == origin.npos ? absl::string_view() : origin.substr(mark + 1);
}

ParseError ReadAbsoluteTarget(RequestHead& head) {
  constexpr absl::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(head.target, "https://")) {
    return ParseError::kHttpsTarget;
  }
  if (!absl::StartsWithIgnoreCase(head.target, kScheme)) {
    return ParseError::kBadTarget;
  }
  const absl::string_view rest = head.target.substr(kScheme.size());
  const size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  const absl::string_view origin = rest.substr(authority_end);
  head.authority = rest.substr(0, authority_end);
  if (!IsHostAndPort(head.authority)) return ParseError::kBadTarget;
  // The grammar lets brackets pass anywhere, for the sake of IPv6 addresses.
  if (origin.find_first_of("[]") != origin.npos) return ParseError::kBadTarget;
  SplitPathAndQuery(origin, head);
  if (head.path.empty()) head.path = "/";
  return ParseError::kNone;
}

ParseError JudgeTarget(RequestHead& head) {
  switch (head.target.front()) {
    case '/':
      head.target_form = TargetForm::kOrigin;
      SplitPathAndQuery(head.target, head);
      return ParseError::kNone;
    case '*':
      head.target_form = TargetForm::kAsterisk;
      head.path = head.target;
      return head.method == Method::kOptions ? ParseError::kNone
                                             : ParseError::kBadTarget;
    default:
      head.target_form = TargetForm::kAbsolute;
      return ReadAbsoluteTarget(head);
  }
}

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

// Each of these reads the fields of one name, which are there.

void ReadHost(RequestHead& head, FirstError& first) {
  const Field* const host = head.fields.Find(FieldName::kHost);
  // An absolute target's authority wins (RFC 9112 §3.2.2).
  if (head.target_form != TargetForm::kAbsolute) head.authority = host->value;
  if (!IsHostAndPort(host->value)) {
    first.Add(ParseError::kBadHost, *host);
  } else if (const Field* const again =
                 head.fields.FindNext(FieldName::kHost, host)) {
    first.Add(ParseError::kRepeatedHost, *again);
  }
}

void ReadContentLength(RequestHead& head, FirstError& first) {
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

void ReadTransferEncoding(RequestHead& head, FirstError& first) {
  head.body_framing = BodyFraming::kChunked;
  first.Add(JudgeTransferEncoding(head),
            *head.fields.Find(FieldName::kTransferEncoding));
}

void ReadExpect(RequestHead& head, FirstError& first) {
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
void ReadConnection(RequestHead& head) {
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
  const ParseError error = JudgeTarget(head);
  if (error == ParseError::kNone) return {};
  return {.error = error, .where = head.target};
}

HeadVerdict InterpretFields(RequestHead& head) {
  const bool is_http10 = head.version == Version::kHttp10;
  const FieldTable& fields = head.fields;
  if (head.target_form != TargetForm::kAbsolute) {
    head.authority = absl::string_view();
  }
  head.body_framing = BodyFraming::kNone;
  head.content_length = 0;
  head.expects_continue = false;
  head.persistence = is_http10 ? Persistence::kClose : Persistence::kKeepAlive;

  FirstError first;
  if (fields.Has(FieldName::kHost)) ReadHost(head, first);
  if (fields.Has(FieldName::kConnection)) ReadConnection(head);
  if (fields.Has(FieldName::kContentLength)) ReadContentLength(head, first);
  if (fields.Has(FieldName::kTransferEncoding)) {
    ReadTransferEncoding(head, first);
  }
  if (fields.Has(FieldName::kExpect)) ReadExpect(head, first);
  if (first.has_error()) return first.verdict();
  if (!is_http10 && !fields.Has(FieldName::kHost)) {
    return {.error = ParseError::kMissingHost, .where = absl::string_view()};
  }
  return {};
}

}  // namespace pollux::http
