#include "testing/fake/open_file.h"

#include <algorithm>
#include <cstddef>

namespace pollux {

OpenFile::~OpenFile() { ForgetWatchers(); }

void OpenFile::ForgetWatchers() {
  for (Sharing sharing : {Sharing::kShared, Sharing::kExclusive}) {
    std::vector<FileWatcher*>& watchers = Watchers(sharing);
    while (!watchers.empty()) {
      FileWatcher* watcher = watchers.back();
      watchers.pop_back();
      watcher->OnFileGone(*this);
    }
  }
}

void OpenFile::Describe(struct stat& status) const {
  constexpr blksize_t kBlockBytes = 4096;
  status = {};
  status.st_mode = S_IRUSR | S_IWUSR;
  status.st_nlink = 1;
  status.st_blksize = kBlockBytes;
}

void OpenFile::AddWatcher(FileWatcher& watcher, Sharing sharing) {
  Watchers(sharing).push_back(&watcher);
}

void OpenFile::RemoveWatcher(FileWatcher& watcher, Sharing sharing) {
  std::vector<FileWatcher*>& watchers = Watchers(sharing);
  const auto found = std::find(watchers.begin(), watchers.end(), &watcher);
  if (found != watchers.end()) watchers.erase(found);
}

void OpenFile::Notify(uint32_t events) {
  // By index: watchers only take note, and so change nothing here.
  for (size_t i = 0; i < watchers_.size(); ++i) {
    (void)watchers_[i]->OnFileEvent(*this, events);
  }
  for (size_t i = 0; i < exclusive_watchers_.size(); ++i) {
    if (!exclusive_watchers_[i]->OnFileEvent(*this, events)) continue;
    const auto woken = exclusive_watchers_.begin() + static_cast<ptrdiff_t>(i);
    std::rotate(woken, woken + 1, exclusive_watchers_.end());
    return;
  }
}

}  // namespace pollux
