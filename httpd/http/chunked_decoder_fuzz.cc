// Fuzzes the chunked decoder: whatever the bytes, their outcome does not depend
// on how they were cut, and is that of the reference.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/decode_in_pieces.h"
#include "httpd/http/fuzz_check.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/reference_parser.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxInputBytes = 64 * 1024;
// Feeding bytes one at a time copies the square of their number.
constexpr size_t kMaxDribbledBytes = 2048;

void CheckBody(absl::string_view body, uint64_t max_body_bytes,
               std::minstd_rand& random, GuardedBuffer& buffer) {
  const Decoded whole = DecodeInPieces(body, {}, max_body_bytes, buffer);
  for (const int count : {1, 2, 8}) {
    std::vector<size_t> cuts(count);
    for (size_t& cut : cuts) cut = random() % (body.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    Check(DecodeInPieces(body, cuts, max_body_bytes, buffer) == whole,
          "depends on its cuts", body);
  }
  if (body.size() <= kMaxDribbledBytes) {
    Check(DecodeByteByByte(body, max_body_bytes, buffer) == whole,
          "depends on dribbling", body);
  }
  Check(whole.content.size() <= max_body_bytes, "content over its limit", body);

  std::string content;
  const ReferenceVerdict verdict =
      ReferenceDecodeChunks(body, max_body_bytes, content);
  switch (whole.kind) {
    case BodyOutcome::Kind::kComplete:
      Check(verdict.kind == ReferenceVerdict::Kind::kAccepted &&
                verdict.bytes == whole.bytes && content == whole.content,
            "the reference does not accept it so", body);
      break;
    case BodyOutcome::Kind::kError:
      Check(verdict.kind == ReferenceVerdict::Kind::kRefused &&
                verdict.status == StatusOf(whole.error) &&
                whole.bytes < body.size(),
            "the reference does not refuse it so", body);
      break;
    default:
      Check(verdict.kind == ReferenceVerdict::Kind::kNeedsMore,
            "the reference needs no more", body);
      break;
  }
}

}  // namespace
}  // namespace pollux::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::http::GuardedBuffer;
  if (size > pollux::http::kMaxInputBytes) return 0;
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  // Mapping memory for each input would take most of the time.
  static GuardedBuffer& buffer =
      *new GuardedBuffer(pollux::http::kMaxInputBytes);
  std::minstd_rand random(pollux::http::HashOf(body));
  pollux::http::CheckBody(body, UINT64_MAX, random, buffer);
  pollux::http::CheckBody(body, random() % 64, random, buffer);
  return 0;
}
