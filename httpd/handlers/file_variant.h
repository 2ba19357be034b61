// The bytes of one file, ready to be sent.
#ifndef POLLUX_HTTPD_HANDLERS_FILE_VARIANT_H_
#define POLLUX_HTTPD_HANDLERS_FILE_VARIANT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/handlers/file_version.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/response.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"

namespace pollux {

// One version of one file, as it is or compressed, with all that is said of it:
// in memory, or as an open file.
//
// Its entity tag is the version's name and, in memory, a checksum, which tells
// bytes apart that change without the version's knowing. It is strong, and
// stays the same for as long as the file does; a copy of the file, as on a
// replica, has another, since inode and time of change are in it: without them
// a file that is replaced by one of the same size and time could keep its tag.
// Of an open file whose version has not settled it is weak, and has the time of
// opening instead, so that it never names what comes to stand there later.
//
// The date of the last change is none that is still to come when it is opened.
//
// Owned by the cache that made it. What is lent outlives that: when the owner
// drops it, it stays until its last lease is over. One thread; the kernel must
// outlive it. Immutable but for the count of leases; views live as long as it.
class FileVariant final : private Lender {
 public:
  // What is known before its bytes are.
  struct Description {
    FileVersion version;
    // Whether the version had settled when the file was opened.
    bool is_settled = true;
    // Since 1970-01-01 UTC.
    int64_t opened_wall_nanos = 0;
    http::ContentCoding coding = http::ContentCoding::kIdentity;
    absl::string_view media_type;
    // The values of Cache-Control and Vary; empty: no such field.
    absl::string_view cache_control;
    absl::string_view vary;
  };

  struct Drop {
    void operator()(FileVariant* variant) const { variant->OnDropped(); }
  };
  using Owner = std::unique_ptr<FileVariant, Drop>;

  // The fields must be valid: nothing fails.
  static Owner InMemory(const Description& description,
                        absl::string_view contents);
  static Owner InFile(const Description& description, Descriptor file);

  const FileVersion& version() const { return version_; }
  bool is_settled() const { return is_settled_; }
  http::ContentCoding coding() const { return coding_; }
  uint64_t size_bytes() const { return version_.size_bytes; }
  http::Validators validators() const;

  // Its 200, if it is in memory; else null. To be sent with Lend().
  const http::PreparedResponse* whole() const {
    return whole_.has_value() ? &*whole_ : nullptr;
  }
  // Its 304; to be sent with Lend().
  const http::PreparedResponse& not_modified() const { return not_modified_; }
  Lease Lend();

  // The same in parts: what 200 and 206 say of it, and its bytes, which carry
  // their lease.
  ResponseHead Head(int status) const;
  ResponseBody Body(uint64_t first, uint64_t bytes);

  // What `size_bytes` of contents occupy in memory, about: with names, fields
  // and heads.
  static constexpr uint64_t MemoryFor(uint64_t size_bytes) {
    return size_bytes + 2048;
  }
  // What it occupies so; 0 if it is in a file.
  uint64_t memory_bytes() const {
    return whole_.has_value() ? MemoryFor(size_bytes()) : 0;
  }
  bool has_descriptor() const { return file_.is_open(); }

 private:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  FileVariant(const Description& description, std::string entity_tag);
  ~FileVariant() = default;
  void OnDropped();
  void OnReturned() override;

  const FileVersion version_;
  const bool is_settled_;
  const http::ContentCoding coding_;
  const int64_t last_modified_unix_seconds_;
  // As fields have it, with its quotes.
  const std::string entity_tag_;
  // Of 200 and 206.
  Fields fields_;
  std::optional<http::PreparedResponse> whole_;
  http::PreparedResponse not_modified_;
  Descriptor file_;

  int leases_ = 0;
  bool is_dropped_ = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILE_VARIANT_H_
