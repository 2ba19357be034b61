#include "httpd/http/media_type.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

struct Entry {
  absl::string_view extension;
  absl::string_view media_type;
};

// Ascending, in small letters. tools/media_types writes the file.
constexpr Entry kEntries[] = {
#include "httpd/http/media_types.inc"
};

constexpr size_t kMaxExtensionBytes = 16;

static_assert([] {
  for (size_t i = 0; i < std::size(kEntries); ++i) {
    if (kEntries[i].extension.size() > kMaxExtensionBytes) return false;
    if (i > 0 && kEntries[i - 1].extension >= kEntries[i].extension) {
      return false;
    }
  }
  return true;
}());

}  // namespace

absl::string_view MediaTypeOfFile(absl::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  if (dot == file_name.npos) return kUnknownMediaType;
  const absl::string_view extension = file_name.substr(dot + 1);
  std::array<char, kMaxExtensionBytes> small;
  if (extension.size() > small.size()) return kUnknownMediaType;
  std::transform(extension.begin(), extension.end(), small.begin(),
                 absl::ascii_tolower);
  const absl::string_view wanted(small.data(), extension.size());
  const Entry* const found =
      std::lower_bound(std::begin(kEntries), std::end(kEntries), wanted,
                       [](const Entry& entry, absl::string_view text) {
                         return entry.extension < text;
                       });
  return found != std::end(kEntries) && found->extension == wanted
             ? found->media_type
             : kUnknownMediaType;
}

}  // namespace pollux::http
