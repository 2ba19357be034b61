#include "testing/fake/epoll_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pollux {
namespace {

constexpr uint32_t kModes =
    uint32_t{EPOLLET} | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
// Told whether asked for or not.
constexpr uint32_t kAlways = EPOLLERR | EPOLLHUP;
constexpr uint32_t kAllowedWithExclusive = EPOLLIN | EPOLLOUT | kAlways |
                                           uint32_t{EPOLLET} | EPOLLEXCLUSIVE |
                                           EPOLLWAKEUP;
// EP_MAX_NESTS: sets in sets in sets.
constexpr int kMaxNests = 4;

}  // namespace

EpollSet::~EpollSet() {
  for (auto& [key, item] : items_) {
    key.first->RemoveWatcher(*this, item.sharing());
  }
}

SysResult EpollSet::Add(int descriptor, OpenFile& file,
                        const epoll_event& event) {
  if (!file.can_be_watched()) return SysResult::Error(EPERM);
  const bool exclusive = (event.events & EPOLLEXCLUSIVE) != 0;
  if (exclusive && (event.events & ~kAllowedWithExclusive) != 0) {
    return SysResult::Error(EINVAL);
  }
  if (const auto* set = dynamic_cast<const EpollSet*>(&file)) {
    if (exclusive) return SysResult::Error(EINVAL);
    if (set->Watches(*this) || set->Depth() >= kMaxNests) {
      return SysResult::Error(ELOOP);
    }
  }
  const Key key = {&file, descriptor};
  const auto [found, added] = items_.try_emplace(key);
  if (!added) return SysResult::Error(EEXIST);
  found->second.event = event;
  file.AddWatcher(*this, found->second.sharing());
  if (Ready(key, found->second) != 0) MakeReady(key, found->second);
  return SysResult::Ok();
}

SysResult EpollSet::Modify(int descriptor, OpenFile& file,
                           const epoll_event& event) {
  // Neither to it nor from it.
  if ((event.events & EPOLLEXCLUSIVE) != 0) return SysResult::Error(EINVAL);
  const Key key = {&file, descriptor};
  const auto found = items_.find(key);
  if (found == items_.end()) return SysResult::Error(ENOENT);
  if ((found->second.event.events & EPOLLEXCLUSIVE) != 0) {
    return SysResult::Error(EINVAL);
  }
  found->second.event = event;
  found->second.silent = false;
  if (Ready(key, found->second) != 0) MakeReady(key, found->second);
  return SysResult::Ok();
}

SysResult EpollSet::Remove(int descriptor, OpenFile& file) {
  const auto found = items_.find({&file, descriptor});
  if (found == items_.end()) return SysResult::Error(ENOENT);
  file.RemoveWatcher(*this, found->second.sharing());
  Forget(found);
  return SysResult::Ok();
}

size_t EpollSet::Collect(absl::Span<epoll_event> events) {
  size_t count = 0;
  // Items that are put back wait for the next call.
  for (size_t left = ready_.size(); left > 0 && count < events.size(); --left) {
    const Key key = ready_.front();
    ready_.pop_front();
    Item& item = items_.at(key);
    item.on_ready_list = false;
    const uint32_t ready = Ready(key, item);
    if (ready == 0) continue;
    events[count++] = {.events = ready, .data = item.event.data};
    if ((item.event.events & EPOLLONESHOT) != 0) {
      item.silent = true;
    } else if ((item.event.events & EPOLLET) == 0) {
      // Level-triggered: looked at again by the next wait.
      item.on_ready_list = true;
      ready_.push_back(key);
    }
  }
  return count;
}

bool EpollSet::IsReady() {
  return std::any_of(ready_.begin(), ready_.end(), [this](const Key& key) {
    return Ready(key, items_.at(key)) != 0;
  });
}

bool EpollSet::Watches(const OpenFile& other) const {
  if (&other == this) return true;
  return std::any_of(items_.begin(), items_.end(), [&](const auto& entry) {
    const auto* set = dynamic_cast<const EpollSet*>(entry.first.first);
    return set != nullptr && set->Watches(other);
  });
}

int EpollSet::Depth() const {
  int deepest = 0;
  for (const auto& entry : items_) {
    const auto* set = dynamic_cast<const EpollSet*>(entry.first.first);
    if (set != nullptr) deepest = std::max(deepest, set->Depth() + 1);
  }
  return deepest;
}

bool EpollSet::OnFileEvent(OpenFile& file, uint32_t events) {
  bool has_more = false;
  bool wakes = false;
  for (auto entry = items_.lower_bound({&file, 0});
       entry != items_.end() && entry->first.first == &file; ++entry) {
    Item& item = entry->second;
    if (item.silent) continue;
    if (events != 0 && (events & (item.event.events | kAlways)) == 0) continue;
    if (!item.on_ready_list) {
      item.on_ready_list = true;
      ready_.push_back(entry->first);
    }
    has_more = true;
    // ep_poll_callback() in fs/eventpoll.c: an error, say, is for all of them.
    const uint32_t direction = events & (EPOLLIN | EPOLLOUT);
    wakes |= direction == 0 || (direction & item.event.events) == direction;
  }
  if (!has_more) return false;
  Notify(EPOLLIN);
  return std::exchange(is_waited_on_, false) && wakes;
}

void EpollSet::OnFileGone(OpenFile& file) {
  while (true) {
    const auto found = items_.lower_bound({&file, 0});
    if (found == items_.end() || found->first.first != &file) return;
    Forget(found);
  }
}

uint32_t EpollSet::Ready(const Key& key, const Item& item) {
  if (item.silent) return 0;
  return key.first->Poll() & ((item.event.events & ~kModes) | kAlways);
}

void EpollSet::MakeReady(const Key& key, Item& item) {
  is_waited_on_ = false;
  if (item.on_ready_list) return;
  item.on_ready_list = true;
  ready_.push_back(key);
  Notify(EPOLLIN);
}

void EpollSet::Forget(std::map<Key, Item>::iterator found) {
  if (found->second.on_ready_list) {
    ready_.erase(std::find(ready_.begin(), ready_.end(), found->first));
  }
  items_.erase(found);
}

}  // namespace pollux
