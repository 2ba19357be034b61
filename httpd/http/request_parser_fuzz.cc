// Fuzzes the request parser: whatever the bytes, their outcome does not depend
// on how they were cut nor on the kernel, it is that of the reference, and
// every view stays inside of them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/http/field.h"
#include "httpd/http/fuzz_check.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/parse_in_pieces.h"
#include "httpd/http/reference_parser.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxInputBytes = 256 * 1024;
// Feeding bytes one at a time copies the square of their number.
constexpr size_t kMaxDribbledBytes = 2048;

void CheckHead(const RequestHead& head, size_t consumed,
               absl::string_view shown) {
  const absl::string_view message = shown.substr(0, consumed);
  Check(message.substr(consumed - 4) == "\r\n\r\n", "ends elsewhere", shown);
  Check(head.method != Method::kConnect, "CONNECT", shown);
  Check(IsInside(head.method_token, message), "method outside", shown);
  Check(IsInside(head.target, message), "target outside", shown);
  Check(IsInside(head.path, message) || head.path == "/", "path outside",
        shown);
  Check(IsInside(head.query, message), "query outside", shown);
  Check(IsInside(head.authority, message), "authority outside", shown);
  Check(head.path.substr(0, 1) == "/" || head.path == "*", "bad path", shown);
  Check(!head.authority.empty() || head.version == Version::kHttp10,
        "no authority", shown);
  Check(head.body_framing == BodyFraming::kContentLength ||
            head.content_length == 0,
        "length without Content-Length", shown);
  Check(head.body_framing != BodyFraming::kChunked ||
            head.version == Version::kHttp11,
        "chunked in HTTP/1.0", shown);
  for (const Field& field : head.fields) {
    Check(!field.name.empty() && IsInside(field.name, message),
          "field name outside", shown);
    Check(IsInside(field.value, message), "field value outside", shown);
    Check(field.value.find_first_of("\r\n") == field.value.npos,
          "line end in a value", shown);
  }
}

void CheckWhole(absl::string_view shown, const HeadLimits& limits) {
  RequestParser parser;
  RequestHead head;
  const ParseOutcome outcome = parser.Parse(shown, limits, head);
  switch (outcome.kind) {
    case ParseOutcome::Kind::kComplete:
      Check(outcome.bytes <= shown.size(), "consumed too much", shown);
      Check(outcome.bytes <= size_t{limits.max_head_bytes} + 2,
            "head over its limit", shown);
      Check(head.fields.size() <= limits.max_fields, "too many fields", shown);
      Check(head.method_token.size() + head.target.size() + 10 <=
                limits.max_request_line_bytes,
            "request line too long", shown);
      Check(!parser.in_progress(), "in progress", shown);
      CheckHead(head, outcome.bytes, shown);
      break;
    case ParseOutcome::Kind::kNeedMore:
      Check(shown.size() <= size_t{limits.max_head_bytes} + 2,
            "waits beyond the limit", shown);
      break;
    case ParseOutcome::Kind::kError:
      Check(outcome.error != ParseError::kNone, "error without reason", shown);
      Check(outcome.bytes < shown.size(), "error outside", shown);
      break;
  }
}

void CheckReference(absl::string_view message, const HeadLimits& limits) {
  if (message.size() > kMaxDribbledBytes) return;
  RequestParser parser;
  RequestHead head;
  ReferenceHead reference;
  const ParseOutcome outcome = parser.Parse(message, limits, head);
  const ReferenceVerdict verdict =
      ReferenceParseHead(message, limits, reference);
  switch (outcome.kind) {
    case ParseOutcome::Kind::kComplete:
      Check(verdict.kind == ReferenceVerdict::Kind::kAccepted &&
                verdict.bytes == outcome.bytes,
            "the reference does not accept it so", message);
      Check(reference.is_chunked ==
                    (head.body_framing == BodyFraming::kChunked) &&
                reference.content_length == head.content_length &&
                reference.path == head.path &&
                reference.authority == head.authority &&
                reference.fields.size() == head.fields.size(),
            "the reference reads it otherwise", message);
      break;
    case ParseOutcome::Kind::kNeedMore:
      Check(verdict.kind == ReferenceVerdict::Kind::kNeedsMore,
            "the reference needs no more", message);
      break;
    case ParseOutcome::Kind::kError:
      Check(verdict.kind == ReferenceVerdict::Kind::kRefused &&
                verdict.status == StatusOf(outcome.error),
            "the reference does not refuse it so", message);
      break;
  }
}

void CheckCuts(absl::string_view message, const std::vector<size_t>& cuts,
               const Parsed& whole, const HeadLimits& limits,
               GuardedBuffer& buffer) {
  const Parsed cut = ParseInPieces(message, cuts, limits, buffer);
  Check(Describe(cut.outcome) == Describe(whole.outcome) &&
            cut.head == whole.head,
        "depends on its cuts", message);
}

void CheckMessage(absl::string_view message, const HeadLimits& limits,
                  std::minstd_rand& random, GuardedBuffer& buffer) {
  CheckWhole(buffer.Show(message), limits);
  CheckReference(message, limits);
  const Parsed whole = ParseInPieces(message, {}, limits, buffer);
  for (const int count : {1, 2, 8}) {
    std::vector<size_t> cuts(count);
    for (size_t& cut : cuts) cut = random() % (message.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    CheckCuts(message, cuts, whole, limits, buffer);
  }
  if (message.size() > kMaxDribbledBytes) return;
  const Parsed dribbled = ParseByteByByte(message, limits, buffer);
  Check(Describe(dribbled.outcome) == Describe(whole.outcome) &&
            dribbled.head == whole.head,
        "depends on dribbling", message);
}

}  // namespace
}  // namespace pollux::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::http::GuardedBuffer;
  using pollux::http::HeadLimits;
  if (size > pollux::http::kMaxInputBytes) return 0;
  const absl::string_view message(reinterpret_cast<const char*>(data), size);
  // Mapping memory for each input would take most of the time.
  static GuardedBuffer& buffer =
      *new GuardedBuffer(pollux::http::kMaxInputBytes);

  std::minstd_rand random(pollux::http::HashOf(message));
  pollux::http::CheckMessage(message, HeadLimits{}, random, buffer);
  const HeadLimits small = {
      .max_head_bytes = static_cast<uint32_t>(1 + random() % (size + 2)),
      .max_request_line_bytes = static_cast<uint32_t>(1 + random() % 48),
      .max_fields = static_cast<uint32_t>(1 + random() % 4)};
  pollux::http::CheckMessage(message, small, random, buffer);
  return 0;
}
