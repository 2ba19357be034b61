// What a descriptor of the fake kernel stands for.
#ifndef POLLUX_TESTING_FAKE_OPEN_FILE_H_
#define POLLUX_TESTING_FAKE_OPEN_FILE_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "reactor/sys_result.h"

namespace pollux {

class OpenFile;

// Told when a file may have become ready. Not owned by the file.
class FileWatcher {
 public:
  // `events` are what changed, in epoll's words; 0 means "look yourself", as a
  // change of state does. Only takes note; must not change the file. Returns
  // whether this woke somebody who waited for it.
  virtual bool OnFileEvent(OpenFile& file, uint32_t events) = 0;

  // The last descriptor was closed; the file is being destroyed.
  virtual void OnFileGone(OpenFile& file) = 0;

 protected:
  ~FileWatcher() = default;
};

// An open file description (open(2)): what dup'ed descriptors share. Kept alive
// by a shared_ptr from each descriptor, as Linux counts references; a file
// that is closed for the last time is destroyed at once. One thread.
class OpenFile : public std::enable_shared_from_this<OpenFile> {
 public:
  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile();

  // The events that hold now, in epoll's words: poll(2). Files that are always
  // ready, and cannot be watched, have none.
  virtual uint32_t Poll() = 0;
  virtual bool can_be_watched() const { return true; }

  // Never block: EAGAIN says that a blocking call would wait.
  virtual SysResult Read(absl::Span<char>) { return SysResult::Error(EINVAL); }
  virtual SysResult Write(absl::Span<const char>) {
    return SysResult::Error(EINVAL);
  }

  // At an offset, which may not be negative: only what has a place for it.
  virtual SysResult Pread(absl::Span<char>, int64_t) {
    return SysResult::Error(ESPIPE);
  }

  // fstat(2). What has no file in a tree has no inode number either; of no kind
  // and 0600 is all that Linux has no better words for.
  virtual void Describe(struct stat& status) const;

  // O_RDONLY, O_WRONLY or O_RDWR; 3 for neither, and O_PATH: open(2).
  virtual int access_mode() const { return O_RDWR; }
  bool is_readable() const {
    return access_mode() == O_RDONLY || access_mode() == O_RDWR;
  }
  bool is_writable() const {
    return access_mode() == O_WRONLY || access_mode() == O_RDWR;
  }

  // O_PATH: most calls answer EBADF.
  virtual bool is_path_only() const { return false; }

  // O_NONBLOCK.
  bool nonblocking() const { return nonblocking_; }
  void set_nonblocking(bool on) { nonblocking_ = on; }

  // An exclusive watcher is told after all others, and only if no exclusive one
  // before it was woken (EPOLLEXCLUSIVE); who was woken is the last of them the
  // next time.
  enum class Sharing : uint8_t { kShared, kExclusive };
  void AddWatcher(FileWatcher& watcher, Sharing sharing = Sharing::kShared);
  // Of several times that it was added so, forgets the first.
  void RemoveWatcher(FileWatcher& watcher, Sharing sharing = Sharing::kShared);

 protected:
  // Before a file that is being destroyed changes for the last time: epoll has
  // forgotten it by then. Done by the destructor for files that do not.
  void ForgetWatchers();

  // Tells the watchers.
  void Notify(uint32_t events);

 private:
  std::vector<FileWatcher*>& Watchers(Sharing sharing) {
    return sharing == Sharing::kShared ? watchers_ : exclusive_watchers_;
  }

  std::vector<FileWatcher*> watchers_;
  std::vector<FileWatcher*> exclusive_watchers_;
  bool nonblocking_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_OPEN_FILE_H_
