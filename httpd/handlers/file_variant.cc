#include "httpd/handlers/file_variant.h"

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/crc/crc32c.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/file_version.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/response.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"

namespace pollux {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Rounded down, before 1970 too. Programs can set it to a time that is still to
// come, which may not be said (RFC 9110 §8.8.2.1).
int64_t LastModifiedSeconds(const FileVariant::Description& file) {
  return absl::ToUnixSeconds(absl::FromUnixNanos(
      std::min(file.version.modified_nanos, file.opened_wall_nanos)));
}

std::string TagInMemory(const FileVariant::Description& file,
                        absl::string_view contents) {
  const auto checksum = static_cast<uint32_t>(absl::ComputeCrc32c(contents));
  return absl::StrCat("\"", file.version.Name(), "-", absl::Hex(checksum),
                      "\"");
}

std::string TagInFile(const FileVariant::Description& file) {
  if (file.is_settled) return absl::StrCat("\"", file.version.Name(), "\"");
  return absl::StrCat("W/\"", file.version.Name(), "-",
                      absl::Hex(file.opened_wall_nanos), "\"");
}

http::PreparedResponse Prepare(int status, const Fields& fields,
                               absl::string_view body) {
  std::vector<http::Field> views;
  for (const auto& [name, value] : fields) views.push_back({name, value});
  return http::PreparedResponse::Create(status, views, body).value();
}

// What RFC 9110 §15.4.5 wants of a 304, and 200 and 206 have too.
Fields SharedFields(const FileVariant::Description& file,
                    absl::string_view entity_tag) {
  const http::HttpDate date = http::FormatHttpDate(LastModifiedSeconds(file));
  Fields fields = {{"ETag", std::string(entity_tag)},
                   {"Last-Modified", std::string(date.begin(), date.end())}};
  if (!file.cache_control.empty()) {
    fields.emplace_back("Cache-Control", file.cache_control);
  }
  if (!file.vary.empty()) fields.emplace_back("Vary", file.vary);
  return fields;
}

Fields AllFields(const FileVariant::Description& file,
                 absl::string_view entity_tag) {
  Fields fields = SharedFields(file, entity_tag);
  fields.emplace_back(
      "Content-Type",
      absl::StrCat(file.media_type, absl::StartsWith(file.media_type, "text/")
                                        ? "; charset=utf-8"
                                        : ""));
  if (file.coding != http::ContentCoding::kIdentity) {
    fields.emplace_back("Content-Encoding",
                        http::ContentCodingName(file.coding));
  }
  fields.emplace_back("Accept-Ranges", "bytes");
  // What it is called is what it is: no browser shall guess (Fetch Standard
  // §3.6).
  fields.emplace_back("X-Content-Type-Options", "nosniff");
  return fields;
}

}  // namespace

FileVariant::FileVariant(const Description& description, std::string entity_tag)
    : version_(description.version),
      is_settled_(description.is_settled),
      coding_(description.coding),
      last_modified_unix_seconds_(LastModifiedSeconds(description)),
      entity_tag_(std::move(entity_tag)),
      fields_(AllFields(description, entity_tag_)),
      not_modified_(Prepare(304, SharedFields(description, entity_tag_), "")) {}

FileVariant::Owner FileVariant::InMemory(const Description& description,
                                         absl::string_view contents) {
  Owner variant(
      new FileVariant(description, TagInMemory(description, contents)));
  variant->whole_ = Prepare(200, variant->fields_, contents);
  return variant;
}

FileVariant::Owner FileVariant::InFile(const Description& description,
                                       Descriptor file) {
  Owner variant(new FileVariant(description, TagInFile(description)));
  variant->file_ = std::move(file);
  return variant;
}

http::Validators FileVariant::validators() const {
  return {.entity_tag = http::ParseEntityTag(entity_tag_),
          .last_modified_unix_seconds = last_modified_unix_seconds_};
}

ResponseHead FileVariant::Head(int status) const {
  return {.status = status, .fields = fields_};
}

ResponseBody FileVariant::Body(uint64_t first, uint64_t bytes) {
  if (whole_.has_value()) {
    return SharedBytes{whole_->body().substr(first, bytes), Lend()};
  }
  return FileRange(file_.number(), static_cast<off_t>(first), bytes, Lend());
}

Lease FileVariant::Lend() {
  ++leases_;
  return Lease(*this);
}

void FileVariant::OnReturned() {
  if (--leases_ == 0 && is_dropped_) delete this;
}

void FileVariant::OnDropped() {
  is_dropped_ = true;
  if (leases_ == 0) delete this;
}

}  // namespace pollux
