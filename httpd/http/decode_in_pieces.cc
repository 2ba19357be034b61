#include "httpd/http/decode_in_pieces.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {

std::string Describe(const Decoded& decoded) {
  constexpr absl::string_view kKinds[] = {"data", "need more", "complete",
                                          "error"};
  return absl::StrCat(kKinds[static_cast<size_t>(decoded.kind)], " (",
                      Explain(decoded.error), ") after ", decoded.bytes, ": ",
                      absl::CHexEscape(decoded.content));
}

Decoded DecodeInPieces(absl::string_view body, absl::Span<const size_t> cuts,
                       uint64_t max_body_bytes, GuardedBuffer& buffer) {
  ChunkedDecoder decoder(max_body_bytes);
  Decoded decoded = {BodyOutcome::Kind::kNeedMore, ParseError::kNone, 0, ""};
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : body.size();
    while (true) {
      const BodyOutcome outcome = decoder.Decode(
          buffer.Show(body.substr(decoded.bytes, end - decoded.bytes)));
      decoded.bytes += outcome.bytes;
      decoded.kind = outcome.kind;
      decoded.error = outcome.error;
      if (outcome.kind == BodyOutcome::Kind::kNeedMore) break;
      if (outcome.kind != BodyOutcome::Kind::kData) return decoded;
      decoded.content.append(outcome.data.data(), outcome.data.size());
    }
  }
  return decoded;
}

Decoded DecodeByteByByte(absl::string_view body, uint64_t max_body_bytes,
                         GuardedBuffer& buffer) {
  std::vector<size_t> cuts(body.size());
  std::iota(cuts.begin(), cuts.end(), size_t{1});
  return DecodeInPieces(body, cuts, max_body_bytes, buffer);
}

}  // namespace pollux::http
