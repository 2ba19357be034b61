#include "httpd/http/path_segments.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/percent_encoding.h"

namespace pollux::http {

SegmentKind KindOf(absl::string_view segment) {
  if (segment.empty()) return SegmentKind::kEmpty;
  if (segment == "." || segment == "..") return SegmentKind::kDots;
  if (segment.find_first_of(absl::string_view("/\\\0", 3)) != segment.npos) {
    return SegmentKind::kUnsafe;
  }
  return segment.front() == '.' ? SegmentKind::kHidden : SegmentKind::kName;
}

bool PathSegments::Next(std::string& buffer, absl::string_view& segment) {
  if (rest_.empty() || is_broken_) return false;
  const size_t end = rest_.find('/', 1);
  raw_ = rest_.substr(1, end == rest_.npos ? end : end - 1);
  segment = raw_;
  rest_ = end == rest_.npos ? absl::string_view() : rest_.substr(end);
  if (segment.find('%') == segment.npos) return true;
  buffer.clear();
  is_broken_ = !PercentDecode(segment, PlusSign::kItself, buffer);
  segment = buffer;
  return !is_broken_;
}

}  // namespace pollux::http
