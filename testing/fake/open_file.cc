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
