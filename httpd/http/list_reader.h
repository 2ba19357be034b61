// Walks through comma-separated field values.
#ifndef POLLUX_HTTPD_HTTP_LIST_READER_H_
#define POLLUX_HTTPD_HTTP_LIST_READER_H_

#include <cstddef>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"

namespace pollux::http {

// The elements of a comma-separated list that has no quoted strings, without
// the white space around them; empty ones included (RFC 9110 §5.6.1). Of an
// empty list that is one. A view of the list; one thread at a time.
class ListReader {
 public:
  explicit ListReader(absl::string_view list) : rest_(list) {}

  // Whether there was another element; it is in `element` then.
  bool Next(absl::string_view& element) {
    if (at_end_) return false;
    // Most lists have one element, so short that a call costs more than a loop.
    size_t comma = 0;
    while (comma < rest_.size() && rest_[comma] != ',') ++comma;
    element = TrimOws(rest_.substr(0, comma));
    at_end_ = comma == rest_.size();
    if (!at_end_) rest_.remove_prefix(comma + 1);
    return true;
  }

 private:
  absl::string_view rest_;
  bool at_end_ = false;
};

// The same of a list cut at `separator`, whose elements may hold quoted strings
// (RFC 9110 §5.6.4): a separator in one of those is none.
class QuotedListReader {
 public:
  QuotedListReader(absl::string_view list, char separator)
      : rest_(list), separator_(separator) {}

  bool Next(absl::string_view& element) {
    if (at_end_) return false;
    const size_t end = NextSeparator();
    element = TrimOws(rest_.substr(0, end));
    at_end_ = end == rest_.size();
    if (!at_end_) rest_.remove_prefix(end + 1);
    return true;
  }

 private:
  size_t NextSeparator() const {
    bool is_quoted = false;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') is_quoted = !is_quoted;
      if (is_quoted && rest_[i] == '\\') ++i;
      if (!is_quoted && rest_[i] == separator_) return i;
    }
    return rest_.size();
  }

  absl::string_view rest_;
  char separator_;
  bool at_end_ = false;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_LIST_READER_H_
