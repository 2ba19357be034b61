// Walks through a path, segment by segment.
#ifndef POLLUX_HTTPD_HTTP_PATH_SEGMENTS_H_
#define POLLUX_HTTPD_HTTP_PATH_SEGMENTS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace pollux::http {

// What a segment, decoded, would do where it names a file.
enum class SegmentKind : uint8_t {
  // Names something in a folder.
  kName,
  // Between two slashes, or behind the last.
  kEmpty,
  // "." or "..": would lead elsewhere.
  kDots,
  // Begins with "." and is neither: by custom not for others to see.
  kHidden,
  // Holds "/", "\" or NUL: means more than one name, or another, to some.
  kUnsafe,
};

SegmentKind KindOf(absl::string_view segment);

// The segments of a path (RFC 3986 §3.3), percent-decoded once and after the
// path was cut at its slashes, so that "%2F" separates nothing and "%252e" is
// no dot. "/a/b" has "a" and "b"; "/a/" has "a" and ""; "/" has "".
//
// A view of the path, which must outlive it; one thread at a time.
class PathSegments {
 public:
  // `path` starts with "/" and has passed the grammar, as RequestHead::path.
  explicit PathSegments(absl::string_view path) : rest_(path) {}

  // Whether there is another segment; it is in `segment` then, which points
  // into the path, or, if it had to be decoded, into `buffer`: until that is
  // changed. Also false if the percent-encoding is broken, which no path of a
  // RequestHead is: is_broken() tells.
  bool Next(std::string& buffer, absl::string_view& segment);

  // The segment as it stands in the path.
  absl::string_view raw() const { return raw_; }

  bool is_broken() const { return is_broken_; }

 private:
  absl::string_view raw_;
  // Begins with the "/" before the next segment.
  absl::string_view rest_;
  bool is_broken_ = false;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PATH_SEGMENTS_H_
