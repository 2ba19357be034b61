// Requests for a part of a representation.
#ifndef POLLUX_HTTPD_HTTP_BYTE_RANGE_H_
#define POLLUX_HTTPD_HTTP_BYTE_RANGE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

// Bytes of a representation; there is at least one.
struct ByteRange {
  uint64_t first = 0;
  // The last of them, not the one behind it.
  uint64_t last = 0;

  uint64_t bytes() const { return last - first + 1; }
};

enum class RangeVerdict : uint8_t {
  // 200, as if nothing had been asked: there is no Range, or it is malformed,
  // of
  // another unit, or of several ranges.
  kWhole,
  // 206 with one range.
  kPart,
  // 416: what is asked for begins behind the end.
  kUnsatisfiable,
};

// Pure functions; they never allocate but where `out` must grow; any thread.

// Reads the value of a Range field (RFC 9110 §14.1.2, §14.2) for a
// representation of `size_bytes`: "bytes=0-4", "bytes=5-", "bytes=-6". Sets
// `range` if kPart. Several ranges are kWhole, whatever they are: to answer
// them costs more than they are worth, and a client must be ready for it
// (§15.3.7).
RangeVerdict ReadByteRange(absl::string_view value, uint64_t size_bytes,
                           ByteRange& range);

// The same for a whole request: only GET has ranges (§14.2), a repeated Range
// is ignored, and so is one whose If-Range does not hold. To be asked only
// after JudgePreconditions() held.
RangeVerdict JudgeRange(const RequestHead& head, const Validators& validators,
                        uint64_t size_bytes, int64_t now_unix_seconds,
                        ByteRange& range);

// Append the value of a Content-Range field (§14.4): "bytes 0-4/10" with a 206,
// "bytes */10" with a 416.
void AppendContentRange(std::string& out, const ByteRange& range,
                        uint64_t size_bytes);
void AppendUnsatisfiedRange(std::string& out, uint64_t size_bytes);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_BYTE_RANGE_H_
