#include "httpd/handlers/file_path.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/path_segments.h"
#include "httpd/http/percent_encoding.h"

namespace pollux {

PathForm ReadFilePath(absl::string_view encoded, std::string& path) {
  path.clear();
  while (!encoded.empty()) {
    const size_t slash = encoded.find('/');
    const size_t start = path.size();
    if (!http::PercentDecode(encoded.substr(0, slash), http::PlusSign::kItself,
                             path) ||
        http::KindOf(absl::string_view(path).substr(start)) !=
            http::SegmentKind::kName) {
      return PathForm::kForbidden;
    }
    if (slash == encoded.npos) return PathForm::kFile;
    path.push_back('/');
    encoded.remove_prefix(slash + 1);
  }
  return PathForm::kDirectory;
}

}  // namespace pollux
