// Files of a directory.
#ifndef POLLUX_HTTPD_HANDLERS_FILES_H_
#define POLLUX_HTTPD_HANDLERS_FILES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httpd/handlers/directory_listing.h"
#include "httpd/handlers/file_cache.h"
#include "httpd/handlers/file_variant.h"
#include "httpd/handlers/root_directory.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"

namespace pollux {

// Serves the directory tree below `root`: for a route with a prefix, whose
// methods are GET and HEAD. Request::below_prefix() names the file.
//
// - Files come with a strong entity tag (a weak one of a large file that was
//   just written), Last-Modified, the media type of the name, and, as asked, as
//   304, 412, 206 or 416, or compressed: RFC 9110 §8, §13, §14, §12.5.3.
// - A directory is asked for with "/" at the end, else 308 to that; it is the
//   index file in it, else a listing, if that is wanted.
// - All else is 404: what is not there, may not be read, is hidden, is no
//   regular file or is not beneath the root, whatever the path or links say.
//   503 for want of descriptors or memory, 500 if the disk fails.
//
// A file that is replaced or removed is served so within a second: see
// FileCache. One that is kept in memory and asked for again costs no system
// call and no heap allocation. A file that shrinks while it is sent ends its
// connection.
//
// Owned by its router; one reactor's thread. Must not outlive the reactor; what
// is still being sent may outlive it, as long as the kernel is there. Reads
// from the disk when it must, which the loop waits for. The program must ignore
// SIGPIPE, for sendfile(2) raises it: see Kernel::SendFile().
class FilesHandler final : public Handler {
 public:
  enum class Listing : uint8_t { kNone, kPage };

  struct Options {
    // Relative to the working directory, if it does not begin with "/".
    std::string root = "";
    // The file that stands for its directory: a name; empty: there is none.
    std::string index = "index.html";
    // Of directories without an index file.
    Listing listing = Listing::kNone;
    // Names that one listing shows.
    size_t max_listed_names = 10'000;
    // Compressed siblings, Cache-Control, and what is kept.
    FileCache::Options cache = {};
  };

  // InvalidArgument, naming the option, if one is not usable; else fails as
  // RootDirectory::Open().
  static absl::StatusOr<std::unique_ptr<FilesHandler>> Create(
      Reactor& reactor, const Options& options);
  ~FilesHandler() override;
  FilesHandler(const FilesHandler&) = delete;
  FilesHandler& operator=(const FilesHandler&) = delete;

  void Handle(const Request& request, Responder responder) override;

  const FileCache& cache() const { return cache_; }

 private:
  // A listing that takes more than one iteration.
  class ListingTask;

  FilesHandler(Reactor& reactor, RootDirectory root, const Options& options);

  void HandleDirectory(const Request& request, Responder responder);
  void List(const Request& request, Responder responder);
  void Serve(const Request& request, const FileCache::Variants& variants,
             Responder responder);
  int64_t WallSeconds();

  Reactor& reactor_;
  const Options options_;
  RootDirectory root_;
  FileCache cache_;

  // Of the request that is being handled, to save an allocation for each.
  std::string path_;

  // The wall clock, as it was read in the last second.
  int64_t wall_seconds_ = 0;
  MonotonicTime reread_wall_at_;

  std::unordered_map<ListingTask*, std::unique_ptr<ListingTask>> listings_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FILES_H_
