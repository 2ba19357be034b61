#include "testing/fake/socket_message.h"

#include <algorithm>
#include <cstring>

namespace pollux {

size_t BytesIn(absl::Span<const iovec> pieces) {
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  return bytes;
}

void Gather(absl::Span<const iovec> pieces, size_t count, std::string& bytes) {
  for (const iovec& piece : pieces) {
    const size_t part = std::min(count, piece.iov_len);
    if (part > 0) bytes.append(static_cast<const char*>(piece.iov_base), part);
    count -= part;
  }
}

void Scatter(absl::string_view bytes, absl::Span<const iovec> pieces,
             size_t offset) {
  for (const iovec& piece : pieces) {
    if (offset >= piece.iov_len) {
      offset -= piece.iov_len;
      continue;
    }
    const size_t part = std::min(bytes.size(), piece.iov_len - offset);
    if (part == 0) return;
    std::memcpy(static_cast<char*>(piece.iov_base) + offset, bytes.data(),
                part);
    bytes.remove_prefix(part);
    offset = 0;
  }
}

}  // namespace pollux
