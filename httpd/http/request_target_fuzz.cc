// Fuzzes what reads targets: their forms, hosts, paths and queries.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/fuzz_check.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/host_and_port.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/path_segments.h"
#include "httpd/http/percent_encoding.h"
#include "httpd/http/query_parameters.h"
#include "httpd/http/reference_parser.h"
#include "httpd/http/request_target.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxInputBytes = 4096;

void CheckTarget(absl::string_view text) {
  RequestTarget target;
  const ParseError error = ReadTarget(text, target);
  // In the line of a request that is right but for the target.
  ReferenceHead head;
  const ReferenceVerdict verdict =
      ReferenceParseHead(absl::StrCat(text == "*" ? "OPTIONS " : "GET ", text,
                                      " HTTP/1.1\r\nHost: a\r\n\r\n"),
                         HeadLimits(), head);
  const bool is_accepted =
      verdict.kind == ReferenceVerdict::Kind::kAccepted && head.target == text;
  Check((error == ParseError::kNone) == is_accepted,
        "the reference thinks otherwise", text);
  if (error != ParseError::kNone) return;
  Check(IsInside(target.path, text) || target.path == "/", "path outside",
        text);
  Check(IsInside(target.query, text), "query outside", text);
  Check(IsInside(target.authority, text), "authority outside", text);
  Check(head.path == target.path && head.query == target.query,
        "the reference splits otherwise", text);
  if (target.form == TargetForm::kAsterisk) return;

  PathSegments segments(target.path);
  std::string buffer;
  absl::string_view segment;
  while (segments.Next(buffer, segment)) {
    Check(segment.find('\0') == segment.npos, "NUL in a segment", text);
    Check(KindOf(segment) == SegmentKind::kUnsafe ||
              segment.find('/') == segment.npos,
          "slash in a segment", text);
  }
  Check(!segments.is_broken(), "broken segment", text);
}

void CheckParts(absl::string_view text) {
  RequestTarget target;
  if (ReadConnectTarget(text, target) == ParseError::kNone) {
    Check(IsHostAndPort(text), "authority without host", text);
  }
  HostAndPort parts;
  Check(ReadHostAndPort(text, parts) == ReferenceIsHostAndPort(text),
        "the reference thinks otherwise of the host", text);
  QueryParameters parameters(text);
  QueryParameter parameter;
  std::string decoded;
  while (parameters.Next(parameter)) {
    Check(IsInside(parameter.name, text) && IsInside(parameter.value, text),
          "parameter outside", text);
    decoded.clear();
    if (PercentDecode(parameter.value, PlusSign::kSpace, decoded)) {
      Check(decoded.size() <= parameter.value.size(), "decoded longer", text);
    }
  }
}

}  // namespace
}  // namespace pollux::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::http::GuardedBuffer;
  if (size > pollux::http::kMaxInputBytes) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  static GuardedBuffer& buffer =
      *new GuardedBuffer(pollux::http::kMaxInputBytes);
  pollux::http::CheckTarget(buffer.Show(text));
  pollux::http::CheckParts(buffer.Show(text));
  return 0;
}
