#include "httpd/http/reference_parser.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/http/head_limits.h"

namespace pollux::http {
namespace {

using Kind = ReferenceVerdict::Kind;

// --- Sets of bytes, as the RFCs list them.

bool IsOneOf(char byte, const char* set) {
  return byte != '\0' && std::string(set).find(byte) != std::string::npos;
}
bool IsAlpha(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}
bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }
bool IsHexDigit(char byte) {
  return IsDigit(byte) || IsOneOf(byte, "abcdefABCDEF");
}
bool IsTchar(char byte) {
  return IsAlpha(byte) || IsDigit(byte) || IsOneOf(byte, "!#$%&'*+-.^_`|~");
}
bool IsUnreserved(char byte) {
  return IsAlpha(byte) || IsDigit(byte) || IsOneOf(byte, "-._~");
}
bool IsSubDelim(char byte) { return IsOneOf(byte, "!$&'()*+,;="); }
bool IsPcharButPercent(char byte) {
  return IsUnreserved(byte) || IsSubDelim(byte) || IsOneOf(byte, ":@");
}
bool IsVchar(char byte) { return byte >= 0x21 && byte <= 0x7e; }
bool IsObsText(char byte) { return static_cast<unsigned char>(byte) >= 0x80; }
bool IsFieldByte(char byte) {
  return IsVchar(byte) || IsObsText(byte) || byte == ' ' || byte == '\t';
}

std::string Lower(std::string text) {
  for (char& byte : text) {
    if (IsAlpha(byte)) byte = static_cast<char>(byte | 0x20);
  }
  return text;
}

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char byte : text) {
    if (byte == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(byte);
    }
  }
  for (std::string& part : parts) part = Trim(part);
  return parts;
}

bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTchar);
}

// --- Reading.

// Thrown to nobody: every rule returns whether to go on, and the first that
// does not has set the verdict.
class Reader {
 public:
  Reader(absl::string_view bytes, size_t limit, int limit_status)
      : bytes_(bytes), limit_(limit), limit_status_(limit_status) {}

  size_t position() const { return position_; }
  const ReferenceVerdict& verdict() const { return verdict_; }

  bool Refuse(int status) {
    verdict_ = {Kind::kRefused, status, 0};
    return false;
  }

  // There is a byte to look at.
  bool HasByte() {
    if (position_ >= limit_ && position_ < bytes_.size()) {
      return Refuse(limit_status_);
    }
    if (position_ >= bytes_.size()) {
      verdict_ = {Kind::kNeedsMore, 0, 0};
      return false;
    }
    return true;
  }
  char byte() const { return bytes_[position_]; }
  void Skip() { ++position_; }

  // The byte is not allowed. Of a CR that is said when the next byte is there.
  bool RefuseByte(int status = 400) {
    if (byte() == '\r') {
      Skip();
      if (!HasByte()) return false;
    }
    return Refuse(status);
  }

  bool CrLf() {
    for (const char expected : {'\r', '\n'}) {
      if (!HasByte()) return false;
      if (byte() != expected) {
        return expected == '\r' ? RefuseByte() : Refuse(400);
      }
      Skip();
    }
    return true;
  }

  bool Literal(char expected) {
    if (!HasByte()) return false;
    if (byte() != expected) return RefuseByte();
    Skip();
    return true;
  }

 private:
  absl::string_view bytes_;
  size_t limit_;
  int limit_status_;
  size_t position_ = 0;
  ReferenceVerdict verdict_ = {Kind::kNeedsMore, 0, 0};
};

class HeadReader {
 public:
  HeadReader(absl::string_view message, const HeadLimits& limits,
             ReferenceHead& head)
      : limits_(limits),
        head_(head),
        // The empty line that may be there does not count.
        start_(!message.empty() && message[0] == '\r' ? 2 : 0),
        reader_(message, start_ + limits.max_head_bytes, 431) {}

  ReferenceVerdict Read() {
    if (!Message()) return reader_.verdict();
    return {Kind::kAccepted, 0, reader_.position()};
  }

 private:
  // [ CRLF ] request-line CRLF *( field-line CRLF ) CRLF
  bool Message() {
    if (!reader_.HasByte()) return false;
    if (reader_.byte() == '\r' && !reader_.CrLf()) return false;
    if (!Method() || !Target() || !Version()) return false;
    while (true) {
      if (!reader_.HasByte()) return false;
      if (reader_.byte() == '\r') break;
      if (!FieldLine()) return false;
    }
    return reader_.CrLf() && Meaning();
  }

  bool Method() {
    while (true) {
      if (!reader_.HasByte()) return false;
      if (!IsTchar(reader_.byte())) break;
      if (head_.method.size() == kMaxMethodBytes) return reader_.Refuse(501);
      head_.method.push_back(reader_.byte());
      reader_.Skip();
    }
    if (head_.method.empty()) return reader_.RefuseByte();
    if (!reader_.Literal(' ')) return false;
    return head_.method != "CONNECT" || reader_.Refuse(501);
  }

  // A byte that the target may hold here.
  bool TakeTargetByte() {
    const size_t line_bytes =
        reader_.position() - start_ + std::string(" HTTP/1.1").size();
    if (line_bytes >= limits_.max_request_line_bytes) {
      return reader_.Refuse(414);
    }
    head_.target.push_back(reader_.byte());
    reader_.Skip();
    return true;
  }

  bool Target() {
    if (!reader_.HasByte()) return false;
    const char first = reader_.byte();
    if (first != '/' && first != '*' && !IsAlpha(first)) {
      return reader_.RefuseByte();
    }
    if (!TakeTargetByte()) return false;
    while (true) {
      if (!reader_.HasByte()) return false;
      const char byte = reader_.byte();
      if (byte == ' ') {
        reader_.Skip();
        return true;
      }
      if (first == '*') return reader_.RefuseByte();
      if (byte == '%') {
        if (!PctEncoded()) return false;
      } else if (IsPcharButPercent(byte) || IsOneOf(byte, "/?") ||
                 (first != '/' && IsOneOf(byte, "[]"))) {
        if (!TakeTargetByte()) return false;
      } else {
        return reader_.RefuseByte();
      }
    }
  }

  // "%" HEXDIG HEXDIG, not %00
  bool PctEncoded() {
    if (!TakeTargetByte()) return false;
    for (int i = 0; i < 2; ++i) {
      if (!reader_.HasByte()) return false;
      if (!IsHexDigit(reader_.byte())) return reader_.RefuseByte();
      if (!TakeTargetByte()) return false;
    }
    return head_.target.substr(head_.target.size() - 3) != "%00" ||
           reader_.Refuse(400);
  }

  // "HTTP/" DIGIT "." DIGIT CRLF
  bool Version() {
    for (const char expected : {'H', 'T', 'T', 'P', '/'}) {
      if (!reader_.Literal(expected)) return false;
    }
    char major;
    char minor;
    if (!Digit(major) || !reader_.Literal('.') || !Digit(minor) ||
        !reader_.CrLf()) {
      return false;
    }
    head_.minor_version = minor == '0' ? 0 : 1;
    return major == '1' || reader_.Refuse(505);
  }

  bool Digit(char& digit) {
    if (!reader_.HasByte()) return false;
    if (!IsDigit(reader_.byte())) return reader_.RefuseByte();
    digit = reader_.byte();
    reader_.Skip();
    return true;
  }

  // token ":" OWS field-value OWS CRLF
  bool FieldLine() {
    if (!IsTchar(reader_.byte())) return reader_.RefuseByte();
    if (head_.fields.size() == limits_.max_fields) return reader_.Refuse(431);
    std::string name;
    std::string value;
    while (true) {
      if (!reader_.HasByte()) return false;
      if (!IsTchar(reader_.byte())) break;
      name.push_back(reader_.byte());
      reader_.Skip();
    }
    if (!reader_.Literal(':')) return false;
    while (true) {
      if (!reader_.HasByte()) return false;
      if (!IsFieldByte(reader_.byte())) break;
      value.push_back(reader_.byte());
      reader_.Skip();
    }
    head_.fields.emplace_back(name, Trim(value));
    return reader_.CrLf();
  }

  // --- What it means.

  std::vector<std::string> ValuesOf(const std::string& name) const {
    std::vector<std::string> values;
    for (const auto& [field, value] : head_.fields) {
      if (Lower(field) == name) values.push_back(value);
    }
    return values;
  }

  bool Meaning() {
    return TargetMeaning() && FieldsMeaning() && HostIsThere() && Connection();
  }

  bool TargetMeaning() {
    const std::string& target = head_.target;
    std::string rest = target;
    if (target == "*") {
      head_.path = target;
      return head_.method == "OPTIONS" || reader_.Refuse(400);
    }
    if (target[0] != '/') {
      if (Lower(target.substr(0, 8)) == "https://") return reader_.Refuse(421);
      if (Lower(target.substr(0, 7)) != "http://") return reader_.Refuse(400);
      rest = target.substr(7);
      const size_t end = std::min(rest.find_first_of("/?"), rest.size());
      head_.authority = rest.substr(0, end);
      rest = rest.substr(end);
      if (!ReferenceIsHostAndPort(head_.authority)) return reader_.Refuse(400);
      if (rest.find_first_of("[]") != std::string::npos) {
        return reader_.Refuse(400);
      }
      if (rest.empty() || rest[0] == '?') rest.insert(0, 1, '/');
    }
    const size_t mark = rest.find('?');
    head_.path = rest.substr(0, mark);
    head_.query = mark == std::string::npos ? "" : rest.substr(mark + 1);
    return true;
  }

  // Each field in order, so that the first wrong one decides.
  bool FieldsMeaning() {
    bool has_host = false;
    for (const auto& [name, value] : head_.fields) {
      const std::string field = Lower(name);
      if (field == "host") {
        if (has_host || !ReferenceIsHostAndPort(value)) {
          return reader_.Refuse(400);
        }
        has_host = true;
        if (head_.target[0] == '/' || head_.target[0] == '*') {
          head_.authority = value;
        }
      }
      if (field == "content-length" && !ContentLength(value)) return false;
      if (field == "transfer-encoding" && !TransferEncoding()) return false;
      if (field == "expect" && !Expect(value)) return false;
    }
    return true;
  }

  bool HostIsThere() {
    return head_.minor_version == 0 || !ValuesOf("host").empty() ||
           reader_.Refuse(400);
  }

  bool ContentLength(const std::string& value) {
    if (head_.has_content_length) return reader_.Refuse(400);
    if (value.empty() || !std::all_of(value.begin(), value.end(), IsDigit) ||
        (value.size() > 1 && value[0] == '0')) {
      return reader_.Refuse(400);
    }
    // 2^63 - 1 has 19 digits, and texts of one length compare as numbers do.
    const std::string max = "9223372036854775807";
    if (value.size() > max.size() ||
        (value.size() == max.size() && value > max)) {
      return reader_.Refuse(400);
    }
    head_.has_content_length = true;
    head_.content_length = strtoull(value.c_str(), nullptr, 10);
    return true;
  }

  bool TransferEncoding() {
    if (head_.minor_version == 0) return reader_.Refuse(400);
    if (!ValuesOf("content-length").empty()) return reader_.Refuse(400);
    std::vector<std::string> codings;
    for (const std::string& value : ValuesOf("transfer-encoding")) {
      for (const std::string& coding : SplitAtCommas(value)) {
        if (!IsToken(coding)) return reader_.Refuse(400);
        codings.push_back(Lower(coding));
      }
    }
    const auto chunked = std::count(codings.begin(), codings.end(), "chunked");
    if (chunked > 1 || (chunked == 1 && codings.back() != "chunked")) {
      return reader_.Refuse(400);
    }
    if (codings.size() > 1 || chunked == 0) return reader_.Refuse(501);
    head_.is_chunked = true;
    return true;
  }

  bool Expect(const std::string& value) {
    for (const std::string& element : SplitAtCommas(value)) {
      if (element.empty()) continue;
      if (Lower(element) != "100-continue") return reader_.Refuse(417);
      head_.expects_continue = head_.minor_version == 1;
    }
    return true;
  }

  bool Connection() {
    bool keeps_alive = head_.minor_version == 1;
    bool closes = false;
    for (const std::string& value : ValuesOf("connection")) {
      for (const std::string& option : SplitAtCommas(value)) {
        keeps_alive |= Lower(option) == "keep-alive";
        closes |= Lower(option) == "close";
      }
    }
    head_.closes = closes || !keeps_alive;
    return true;
  }

  const HeadLimits& limits_;
  ReferenceHead& head_;
  const size_t start_;
  Reader reader_;
};

class ChunkReader {
 public:
  ChunkReader(absl::string_view body, uint64_t max_body_bytes,
              std::string& content)
      : max_body_bytes_(max_body_bytes),
        content_(content),
        reader_(body, body.size(), 0) {}

  ReferenceVerdict Read() {
    if (!Body()) return reader_.verdict();
    return {Kind::kAccepted, 0, reader_.position()};
  }

 private:
  // *chunk last-chunk trailer-section CRLF
  bool Body() {
    while (true) {
      uint64_t size;
      if (!ChunkLine(size)) return false;
      if (size == 0) break;
      for (uint64_t i = 0; i < size; ++i) {
        if (!reader_.HasByte()) return false;
        content_.push_back(reader_.byte());
        reader_.Skip();
      }
      if (!ChunkCrLf()) return false;
    }
    trailer_start_ = reader_.position();
    while (true) {
      if (!reader_.HasByte()) return false;
      if (reader_.byte() == '\r') break;
      if (!Trailer()) return false;
    }
    return reader_.CrLf();
  }

  // CRs of a body are judged at once where none is allowed.
  bool ChunkCrLf() {
    if (!reader_.HasByte()) return false;
    if (reader_.byte() != '\r') return reader_.Refuse(400);
    return reader_.CrLf();
  }

  // Takes a byte of a chunk line.
  bool Take() {
    if (reader_.position() - line_start_ == 4096) return reader_.Refuse(400);
    reader_.Skip();
    return true;
  }

  // 1*16HEXDIG [ chunk-ext ] CRLF
  bool ChunkLine(uint64_t& size) {
    line_start_ = reader_.position();
    size = 0;
    int digits = 0;
    while (true) {
      if (!reader_.HasByte()) return false;
      const char byte = reader_.byte();
      if (!IsHexDigit(byte)) break;
      if (++digits > 16) return reader_.Refuse(400);
      const std::string digit(1, byte);
      size = size * 16 + strtoull(digit.c_str(), nullptr, 16);
      if (!Take()) return false;
    }
    if (digits == 0) return reader_.Refuse(400);
    if (size > max_body_bytes_ - announced_) return reader_.Refuse(413);
    announced_ += size;
    return ChunkExt() && ChunkCrLf();
  }

  bool Bws() {
    while (true) {
      if (!reader_.HasByte()) return false;
      if (reader_.byte() != ' ' && reader_.byte() != '\t') return true;
      if (!Take()) return false;
    }
  }

  bool ChunkToken() {
    bool is_empty = true;
    while (true) {
      if (!reader_.HasByte()) return false;
      if (!IsTchar(reader_.byte())) break;
      if (!Take()) return false;
      is_empty = false;
    }
    return !is_empty || reader_.Refuse(400);
  }

  bool QuotedString() {
    if (!Take()) return false;
    while (true) {
      if (!reader_.HasByte()) return false;
      const char byte = reader_.byte();
      if (byte == '"') return Take();
      if (byte == '\\') {
        if (!Take() || !reader_.HasByte()) return false;
      }
      if (!IsFieldByte(reader_.byte())) return reader_.Refuse(400);
      if (!Take()) return false;
    }
  }

  // *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
  bool ChunkExt() {
    while (true) {
      if (!reader_.HasByte()) return false;
      const bool has_space = reader_.byte() == ' ' || reader_.byte() == '\t';
      if (!Bws()) return false;
      if (reader_.byte() != ';') {
        return !has_space || reader_.Refuse(400);
      }
      if (!Take() || !Bws() || !ChunkToken()) return false;
      if (!ExtValue()) return false;
    }
  }

  // [ BWS "=" BWS ( token / quoted-string ) ], the white space in front of a
  // ";" being that of the next extension.
  bool ExtValue() {
    const bool has_space = reader_.byte() == ' ' || reader_.byte() == '\t';
    if (!Bws()) return false;
    if (reader_.byte() != '=') {
      if (reader_.byte() == ';') return true;
      return !has_space || reader_.Refuse(400);
    }
    if (!Take() || !Bws()) return false;
    return reader_.byte() == '"' ? QuotedString() : ChunkToken();
  }

  bool TakeTrailer() {
    if (reader_.position() - trailer_start_ == 8192) return reader_.Refuse(400);
    reader_.Skip();
    return true;
  }

  bool Trailer() {
    bool is_empty = true;
    while (true) {
      if (!reader_.HasByte()) return false;
      if (!IsTchar(reader_.byte())) break;
      if (!TakeTrailer()) return false;
      is_empty = false;
    }
    if (is_empty || reader_.byte() != ':') return reader_.Refuse(400);
    do {
      if (!TakeTrailer() || !reader_.HasByte()) return false;
    } while (IsFieldByte(reader_.byte()));
    for (const char expected : {'\r', '\n'}) {
      if (!reader_.HasByte()) return false;
      if (reader_.byte() != expected) return reader_.Refuse(400);
      if (!TakeTrailer()) return false;
    }
    return true;
  }

  const uint64_t max_body_bytes_;
  std::string& content_;
  Reader reader_;
  uint64_t announced_ = 0;
  size_t line_start_ = 0;
  size_t trailer_start_ = 0;
};

}  // namespace

ReferenceVerdict ReferenceParseHead(absl::string_view message,
                                    const HeadLimits& limits,
                                    ReferenceHead& head) {
  head = ReferenceHead();
  return HeadReader(message, limits, head).Read();
}

ReferenceVerdict ReferenceDecodeChunks(absl::string_view body,
                                       uint64_t max_body_bytes,
                                       std::string& content) {
  content.clear();
  return ChunkReader(body, max_body_bytes, content).Read();
}

bool ReferenceIsHostAndPort(absl::string_view text) {
  std::string host(text);
  std::string port;
  const size_t colon = host.rfind(':');
  if (colon != std::string::npos &&
      host.find(']', colon) == std::string::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty() || !std::all_of(port.begin(), port.end(), IsDigit)) {
      return false;
    }
    // Leading zeros are no other number.
    port.erase(0, port.find_first_not_of('0'));
    if (port.size() > 5 || (port.size() == 5 && port > "65535")) return false;
  }
  if (!host.empty() && host[0] == '[') {
    if (host.back() != ']') return false;
    const std::string address = host.substr(1, host.size() - 2);
    in6_addr parsed;
    return address.find('\0') == std::string::npos &&
           inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
  }
  for (size_t i = 0; i < host.size(); ++i) {
    if (host[i] == '%') {
      if (i + 2 >= host.size() || !IsHexDigit(host[i + 1]) ||
          !IsHexDigit(host[i + 2]) || host.substr(i, 3) == "%00") {
        return false;
      }
      i += 2;
    } else if (!IsUnreserved(host[i]) && !IsSubDelim(host[i])) {
      return false;
    }
  }
  return !host.empty();
}

}  // namespace pollux::http
