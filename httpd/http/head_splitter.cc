#include "httpd/http/head_splitter.h"

#include <cstddef>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/head_splitter_inline.h"
#include "httpd/http/request_head.h"

namespace pollux::http {

void SplitCheckedLines(absl::string_view lines, RequestHead& head) {
  namespace internal = head_splitter_internal;
  const size_t method_end = lines.find(' ');
  const size_t target_end = lines.find(' ', method_end + 1);
  const size_t version_end = target_end + 1 + internal::kVersionShape.size();
  head.method_token = lines.substr(0, method_end);
  head.method = MethodFromToken(head.method_token);
  head.target = lines.substr(method_end + 1, target_end - method_end - 1);
  head.version = internal::VersionOfDigit(lines[version_end - 1]);

  size_t fields = 0;
  size_t line = version_end + 2;
  while (line < lines.size()) {
    const size_t colon = lines.find(':', line);
    const size_t line_end = lines.find('\r', colon);
    if (fields == head.fields.room().size()) head.fields.GrowRoom();
    head.fields.room()[fields++] = {
        .name = lines.substr(line, colon - line),
        .value = TrimOws(lines.substr(colon + 1, line_end - colon - 1))};
    line = line_end + 2;
  }
  head.fields.Assign(fields);
}

}  // namespace pollux::http
