#include "httpd/http/head_meaning.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/host_and_port.h"
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
    const size_t comma = rest_.find(',');
    element = TrimOws(rest_.substr(0, comma));
    at_end_ = comma == rest_.npos;
    if (!at_end_) rest_.remove_prefix(comma + 1);
    return true;
  }

 private:
  absl::string_view rest_;
  bool at_end_ = false;
};

// The grammar has seen to it that each delimiter is there.
void SplitLines(absl::string_view lines, RequestHead& head) {
  constexpr absl::string_view kVersionShape = "HTTP/1.1";
  const size_t method_end = lines.find(' ');
  const size_t target_end = lines.find(' ', method_end + 1);
  const size_t version_end = target_end + 1 + kVersionShape.size();
  head.method_token = lines.substr(0, method_end);
  head.method = MethodFromToken(head.method_token);
  head.target = lines.substr(method_end + 1, target_end - method_end - 1);
  head.version =
      lines[version_end - 1] == '0' ? Version::kHttp10 : Version::kHttp11;

  // Not clear(): that would give back memory allocated for a longer list.
  head.fields.resize(0);
  size_t line = version_end + 2;
  while (line < lines.size()) {
    const size_t colon = lines.find(':', line);
    const size_t line_end = lines.find('\r', colon);
    head.fields.push_back(
        {.name = lines.substr(line, colon - line),
         .value = TrimOws(lines.substr(colon + 1, line_end - colon - 1))});
    line = line_end + 2;
  }
}

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

ParseError ReadTarget(RequestHead& head) {
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

enum class KnownField : uint8_t {
  kOther,
  kConnection,
  kContentLength,
  kExpect,
  kHost,
  kTransferEncoding,
};

// By length first: most names are none of these.
KnownField Recognise(absl::string_view name) {
  const auto is = [name](absl::string_view known, KnownField field) {
    return absl::EqualsIgnoreCase(name, known) ? field : KnownField::kOther;
  };
  switch (name.size()) {
    case 4:
      return is("Host", KnownField::kHost);
    case 6:
      return is("Expect", KnownField::kExpect);
    case 10:
      return is("Connection", KnownField::kConnection);
    case 14:
      return is("Content-Length", KnownField::kContentLength);
    case 17:
      return is("Transfer-Encoding", KnownField::kTransferEncoding);
    default:
      return KnownField::kOther;
  }
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
    const bool is_chunked = absl::EqualsIgnoreCase(coding, "chunked");
    (is_chunked ? codings.has_chunked : codings.has_other) = true;
  }
  return true;
}

// Reads the fields that decide how the message is framed, whom it is for and
// what becomes of its connection; one object for one head, whose other members
// are set.
class FieldReader {
 public:
  explicit FieldReader(RequestHead& head) : head_(head) {}

  // For each field in order.
  ParseError Read(const Field& field) {
    switch (Recognise(field.name)) {
      case KnownField::kOther:
        return ParseError::kNone;
      case KnownField::kConnection:
        return ReadConnection(field.value);
      case KnownField::kContentLength:
        return ReadContentLength(field.value);
      case KnownField::kExpect:
        return ReadExpect(field.value);
      case KnownField::kHost:
        return ReadHost(field.value);
      case KnownField::kTransferEncoding:
        return ReadTransferEncoding();
    }
    return ParseError::kNone;
  }

  // After the last.
  ParseError Finish() {
    const bool persists = !says_close_ && (!is_http10() || says_keep_alive_);
    head_.persistence =
        persists ? Persistence::kKeepAlive : Persistence::kClose;
    return has_host_ || is_http10() ? ParseError::kNone
                                    : ParseError::kMissingHost;
  }

 private:
  bool is_http10() const { return head_.version == Version::kHttp10; }

  // Options that are no tokens are no options; they harm nobody.
  ParseError ReadConnection(absl::string_view value) {
    ListReader list(value);
    absl::string_view option;
    while (list.Next(option)) {
      if (absl::EqualsIgnoreCase(option, "close")) says_close_ = true;
      if (absl::EqualsIgnoreCase(option, "keep-alive")) says_keep_alive_ = true;
    }
    return ParseError::kNone;
  }

  ParseError ReadContentLength(absl::string_view value) {
    if (has_content_length_) return ParseError::kRepeatedContentLength;
    has_content_length_ = true;
    if (!ParseContentLength(value, head_.content_length)) {
      return ParseError::kBadContentLength;
    }
    head_.body_framing = BodyFraming::kContentLength;
    return ParseError::kNone;
  }

  ParseError ReadExpect(absl::string_view value) {
    ListReader list(value);
    absl::string_view expectation;
    while (list.Next(expectation)) {
      if (expectation.empty()) continue;
      if (!absl::EqualsIgnoreCase(expectation, "100-continue")) {
        return ParseError::kUnknownExpectation;
      }
      // A client of HTTP/1.0 cannot take an interim response.
      head_.expects_continue = !is_http10();
    }
    return ParseError::kNone;
  }

  ParseError ReadHost(absl::string_view value) {
    if (has_host_) return ParseError::kRepeatedHost;
    has_host_ = true;
    if (!IsHostAndPort(value)) return ParseError::kBadHost;
    // An absolute target's authority wins (RFC 9112 §3.2.2).
    if (head_.target_form != TargetForm::kAbsolute) head_.authority = value;
    return ParseError::kNone;
  }

  // Judges all Transfer-Encoding fields, as one list, when the first comes.
  ParseError ReadTransferEncoding() {
    if (head_.body_framing == BodyFraming::kChunked) return ParseError::kNone;
    if (is_http10()) return ParseError::kTransferEncodingInHttp10;
    if (Has(KnownField::kContentLength)) {
      return ParseError::kTransferEncodingWithContentLength;
    }
    TransferCodings codings;
    for (const Field& field : head_.fields) {
      if (Recognise(field.name) != KnownField::kTransferEncoding) continue;
      if (!ReadCodings(field.value, codings)) {
        return ParseError::kBadTransferEncoding;
      }
    }
    if (codings.has_other) return ParseError::kUnknownTransferCoding;
    head_.body_framing = BodyFraming::kChunked;
    return ParseError::kNone;
  }

  bool Has(KnownField known) const {
    return std::any_of(
        head_.fields.begin(), head_.fields.end(),
        [known](const Field& field) { return Recognise(field.name) == known; });
  }

  RequestHead& head_;
  bool has_host_ = false;
  bool has_content_length_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

}  // namespace

HeadVerdict ReadHead(absl::string_view lines, RequestHead& head) {
  const auto refuse = [lines](ParseError error, absl::string_view where) {
    return HeadVerdict{
        .error = error,
        .offset = static_cast<size_t>(where.data() - lines.data())};
  };
  SplitLines(lines, head);
  head.authority = absl::string_view();
  head.query = absl::string_view();
  head.body_framing = BodyFraming::kNone;
  head.content_length = 0;
  head.expects_continue = false;

  ParseError error = ReadTarget(head);
  if (error != ParseError::kNone) return refuse(error, head.target);
  FieldReader reader(head);
  for (const Field& field : head.fields) {
    error = reader.Read(field);
    if (error != ParseError::kNone) return refuse(error, field.name);
  }
  return HeadVerdict{.error = reader.Finish(), .offset = lines.size()};
}

}  // namespace pollux::http
