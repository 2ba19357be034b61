#include "httpd/http/parse_in_pieces.h"

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
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
  for (size_t i = 1; i < kFieldNames; ++i) {
    const FieldName name = static_cast<FieldName>(i);
    for (const Field* field = head.fields.Find(name); field != nullptr;
         field = head.fields.FindNext(name, field)) {
      absl::StrAppend(&text, "known ", TextOf(name), " is field ",
                      field - head.fields.begin(), "\n");
    }
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

namespace {

Parsed ParseInPiecesWith(ScanKernel kernel, absl::string_view message,
                         absl::Span<const size_t> cuts,
                         const HeadLimits& limits, GuardedBuffer& buffer) {
  RequestParser parser(kernel);
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

}  // namespace

Parsed ParseInPieces(absl::string_view message, absl::Span<const size_t> cuts,
                     const HeadLimits& limits, GuardedBuffer& buffer) {
  if (cuts.size() > 1) {
    return ParseInPiecesWith(BestScanKernel(), message, cuts, limits, buffer);
  }
  const Parsed portable =
      ParseInPiecesWith(ScanKernel::kPortable, message, cuts, limits, buffer);
  for (const ScanKernel kernel : {ScanKernel::kSse42, ScanKernel::kAvx2}) {
    if (!IsSupported(kernel)) continue;
    const Parsed other =
        ParseInPiecesWith(kernel, message, cuts, limits, buffer);
    if (Describe(other.outcome) == Describe(portable.outcome) &&
        other.shown_bytes == portable.shown_bytes &&
        other.head == portable.head) {
      continue;
    }
    std::cerr << "kernel " << static_cast<int>(kernel) << " says "
              << Describe(other.outcome) << "\n"
              << other.head << "and the portable one "
              << Describe(portable.outcome) << "\n"
              << portable.head << "of \"" << absl::CHexEscape(message)
              << "\"\n";
    abort();
  }
  return portable;
}

Parsed ParseByteByByte(absl::string_view message, const HeadLimits& limits,
                       GuardedBuffer& buffer) {
  std::vector<size_t> cuts(message.size());
  std::iota(cuts.begin(), cuts.end(), size_t{1});
  return ParseInPieces(message, cuts, limits, buffer);
}

}  // namespace pollux::http
