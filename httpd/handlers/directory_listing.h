// A page that shows what is in a directory.
#ifndef POLLUX_HTTPD_HANDLERS_DIRECTORY_LISTING_H_
#define POLLUX_HTTPD_HANDLERS_DIRECTORY_LISTING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/handlers/root_directory.h"
#include "reactor/descriptor.h"
#include "reactor/sys_result.h"

namespace pollux {

// Makes the page in small steps, so that nobody waits long because a directory
// is large. Directories come first, each kind in the order of the bytes of the
// names. It shows what can be asked for and nothing else: no hidden names, no
// links that lead out of the root, no devices.
//
// Names may hold anything: in the page they are HTML-escaped, in its links
// percent-encoded behind "./", so that none becomes markup, a scheme or a host.
//
// Owned by whoever sends the page; must not outlive the root; one thread. What
// changes in the directory meanwhile is seen or not.
class DirectoryListing {
 public:
  enum class Parent : uint8_t { kNone, kLinked };

  // `directory` is open for reading and called `path`, of ReadFilePath(), which
  // is empty or ends in a slash. `title` is shown. Of more than `max_names`
  // names the first are shown, as the directory has them, and a note.
  DirectoryListing(RootDirectory& root, Descriptor directory, std::string path,
                   std::string title, Parent parent, size_t max_names);

  // Does some of the work, of a few tens of microseconds. Fails as
  // getdents64(2) does, and for want of descriptors or memory; then it is over.
  SysResult Step();
  bool is_done() const { return phase_ == Phase::kDone; }

  // UTF-8, as names are taken to be. Only if it is done; leaves it empty.
  std::string TakePage() { return std::move(page_); }

  // What it has in memory, about.
  size_t held_bytes() const { return name_bytes_ + page_.capacity(); }

 private:
  enum class Phase : uint8_t { kReadNames, kDescribe, kWriteRows, kDone };
  enum class Kind : uint8_t { kDirectory, kFile, kNeither };
  struct Entry {
    std::string name;
    Kind kind = Kind::kNeither;
    uint64_t size_bytes = 0;
    // Since 1970-01-01 UTC.
    int64_t modified_seconds = 0;
  };

  SysResult ReadNames();
  SysResult DescribeSome();
  SysResult Describe(Entry& entry);
  void Sort();
  void WriteHead();
  void WriteSomeRows();
  void WriteRow(const Entry& entry);

  RootDirectory& root_;
  Descriptor directory_;
  // Grows by the name of what is opened.
  std::string path_;
  const size_t path_bytes_;
  const std::string title_;
  const Parent parent_;
  const size_t max_names_;

  Phase phase_ = Phase::kReadNames;
  bool is_cut_short_ = false;
  std::vector<Entry> entries_;
  size_t name_bytes_ = 0;
  // The next to describe or to write.
  size_t next_ = 0;
  std::string page_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_DIRECTORY_LISTING_H_
