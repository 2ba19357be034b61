#include "httpd/http/chunked_encoder.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/field_check.h"

namespace pollux::http {

void AppendChunk(std::string& out, absl::string_view data) {
  if (data.empty()) return;
  AppendChunkStart(out, data.size());
  out.append(data.data(), data.size());
  AppendChunkEnd(out);
}

void AppendChunkStart(std::string& out, uint64_t bytes) {
  absl::StrAppend(&out, absl::Hex(bytes), "\r\n");
}

void AppendChunkEnd(std::string& out) { out.append("\r\n"); }

absl::Status AppendLastChunk(std::string& out,
                             absl::Span<const Field> trailers) {
  for (const Field& field : trailers) {
    if (absl::Status checked = CheckTrailer(field); !checked.ok()) {
      return checked;
    }
  }
  out.append("0\r\n");
  for (const Field& field : trailers) AppendField(out, field);
  out.append("\r\n");
  return absl::OkStatus();
}

}  // namespace pollux::http
