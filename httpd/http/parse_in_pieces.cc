#include "httpd/http/parse_in_pieces.h"

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {

std::string Describe(const RequestHead& head) {
  std::string text = absl::StrCat(
      "method ", MethodName(head.method), " ", head.method_token,  //
      "\nversion ", static_cast<int>(head.version),                //
      "\ntarget ", static_cast<int>(head.target_form), " ", head.target,
      "\npath ", head.path, "\nquery ", head.query,    //
      "\nauthority ", head.authority,                  //
      "\nbody ", static_cast<int>(head.body_framing),  //
      "\nlength ", head.content_length,                //
      "\nclose ", static_cast<int>(head.persistence),  //
      "\ncontinue ", head.expects_continue ? 1 : 0, "\n");
  for (const Field& field : head.fields) {
    absl::StrAppend(&text, "field <", field.name, "> <", field.value, ">\n");
  }
  return text;
}

std::string Describe(const ParseOutcome& outcome) {
  switch (outcome.kind) {
    case ParseOutcome::Kind::kComplete:
      return absl::StrCat("complete after ", outcome.bytes);
    case ParseOutcome::Kind::kNeedMore:
      return "need more";
    case ParseOutcome::Kind::kError:
      return absl::StrCat("error ", static_cast<int>(outcome.error), " at ",
                          outcome.bytes);
  }
  return "";
}

Parsed ParseInPieces(absl::string_view message, absl::Span<const size_t> cuts,
                     const HeadLimits& limits, GuardedBuffer& buffer) {
  RequestParser parser;
  RequestHead head;
  for (size_t i = 0;; ++i) {
    const size_t shown = i < cuts.size() ? cuts[i] : message.size();
    const ParseOutcome outcome =
        parser.Parse(buffer.Show(message.substr(0, shown)), limits, head);
    const bool is_complete = outcome.kind == ParseOutcome::Kind::kComplete;
    if (outcome.kind != ParseOutcome::Kind::kNeedMore || i >= cuts.size()) {
      return {.outcome = outcome,
              .shown_bytes = shown,
              .head = is_complete ? Describe(head) : ""};
    }
  }
}

Parsed ParseByteByByte(absl::string_view message, const HeadLimits& limits,
                       GuardedBuffer& buffer) {
  std::vector<size_t> cuts(message.size());
  std::iota(cuts.begin(), cuts.end(), size_t{1});
  return ParseInPieces(message, cuts, limits, buffer);
}

}  // namespace pollux::http
