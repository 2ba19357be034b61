#include "testing/fake/open_file.h"

#include <algorithm>

namespace pollux {

OpenFile::~OpenFile() { ForgetWatchers(); }

void OpenFile::ForgetWatchers() {
  while (!watchers_.empty()) {
    FileWatcher* watcher = watchers_.back();
    watchers_.pop_back();
    watcher->OnFileGone(*this);
  }
}

void OpenFile::Describe(struct stat& status) const {
  constexpr blksize_t kBlockBytes = 4096;
  status = {};
  status.st_mode = S_IRUSR | S_IWUSR;
  status.st_nlink = 1;
  status.st_blksize = kBlockBytes;
}

void OpenFile::RemoveWatcher(FileWatcher& watcher) {
  const auto found = std::find(watchers_.begin(), watchers_.end(), &watcher);
  if (found != watchers_.end()) watchers_.erase(found);
}

void OpenFile::Notify(uint32_t events) {
  // By index: watchers only take note, and so change nothing here.
  for (size_t i = 0; i < watchers_.size(); ++i) {
    watchers_[i]->OnFileEvent(*this, events);
  }
}

}  // namespace pollux
