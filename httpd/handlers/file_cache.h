// The files that were asked for last.
#ifndef POLLUX_HTTPD_HANDLERS_FILE_CACHE_H_
#define POLLUX_HTTPD_HANDLERS_FILE_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/file_variant.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/http/accept_encoding.h"
#include "reactor/monotonic_time.h"
#include "reactor/sys_result.h"

namespace pollux {

// Finds regular files beneath a root, and keeps what it found: small ones in
// memory, so that finding them again costs no system call and no allocation,
// others open. What was used longest ago makes room for what is new.
//
// A file is looked at again when it is asked for and that was last done
// kFreshFor ago: what was replaced, changed or removed is found so from then
// on. Replace files by renaming: of one that is written in place while it is
// sent, clients may get something of both.
//
// Owned by a handler; must not outlive the root; one thread. What it lends
// (FileVariant) may outlive it, and is not counted any more once the cache has
// dropped it: there is never more of it than connections.
class FileCache {
 public:
  static constexpr absl::Duration kFreshFor = absl::Milliseconds(500);

  enum class Siblings : uint8_t {
    kIgnored,
    // "a.css.br", "a.css.zst" and "a.css.gz" are the compressed "a.css", if
    // they are not older: the time of the last change of contents decides.
    kServed,
  };

  struct Options {
    // Up to so many bytes a file is kept in memory, else open. From memory, 4
    // KiB cost 0.8 of what they cost by sendfile(2), 12 KiB the same, and 32
    // KiB 1.8 times as much, measured over the loopback interface.
    uint64_t max_file_bytes_in_memory = 8 * 1024;
    // Of all files in memory together, with what is said of each; 0: none is.
    uint64_t max_bytes = 16 * 1024 * 1024;
    // Of both kinds.
    size_t max_files = 10'000;
    size_t max_descriptors = 256;

    Siblings siblings = Siblings::kIgnored;
    // Of all responses; empty: no such field.
    std::string cache_control = "";
  };

  // As it is, and then the compressed ones, the smallest by custom first.
  using Variants = std::vector<FileVariant::Owner>;

  FileCache(RootDirectory& root, const Options& options)
      : root_(root), options_(options) {}
  FileCache(const FileCache&) = delete;
  FileCache& operator=(const FileCache&) = delete;

  // Sets `variants` to those of the file that `path`, of ReadFilePath(), names,
  // until the next call; there is at least one. `now` is the loop's time.
  //
  // EISDIR if it is a directory, ENOENT if it is another kind of file; else
  // fails as RootDirectory::Open() and pread(2) do. For want of descriptors or
  // memory (EMFILE, ENFILE, ENOMEM) only what it does not have: what it has, it
  // then gives as it was.
  SysResult Find(const std::string& path, MonotonicTime now,
                 const Variants*& variants);

  size_t files() const { return files_.size(); }
  uint64_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

 private:
  struct File {
    std::string path;
    MonotonicTime fresh_until;
    Variants variants;
  };
  // The one that was used last comes first.
  using Files = std::list<File>;

  Files::iterator FindKept(const std::string& path);
  SysResult Open(const std::string& path, RootDirectory::Opened& opened);
  SysResult Load(const std::string& path, RootDirectory::Opened opened,
                 int64_t wall_nanos, Variants& old, Variants& loaded);
  SysResult LoadOne(const std::string& path, http::ContentCoding coding,
                    RootDirectory::Opened opened, int64_t wall_nanos,
                    Variants& old, Variants& loaded);

  void Keep(const std::string& path, MonotonicTime now, Variants variants);
  // Out of the cache.
  Variants Take(Files::iterator file);
  bool DropDescriptors();
  bool FitsInMemory(uint64_t file_bytes) const;
  bool IsTooMuch() const;

  RootDirectory& root_;
  const Options options_;
  Files files_;
  // By their own paths. Not flat_hash_map, which gcc 12 cannot compile for
  // UBSan.
  std::unordered_map<absl::string_view, Files::iterator> by_path_;
  // Of all files_.
  uint64_t bytes_ = 0;
  size_t descriptors_ = 0;
  // For names of siblings.
  std::string scratch_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILE_CACHE_H_
