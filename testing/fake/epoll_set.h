// An epoll set.
#ifndef POLLUX_TESTING_FAKE_EPOLL_SET_H_
#define POLLUX_TESTING_FAKE_EPOLL_SET_H_

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "absl/types/span.h"
#include "testing/fake/open_file.h"

namespace pollux {

// epoll(7), with its memory: an item is known by its descriptor and the open
// file behind it, is put on the ready list by a change of the file, and is
// taken off it when a wait finds that nothing holds any more. So a dup'ed file
// is still told under the number that was added, level-triggered items take
// turns, and edges are what the kernel wakes for, no more and no less.
//
// Of several sets that watch a file exclusively, an event goes to one that
// somebody waits on, and besides to those before it that nobody waits on; they
// take turns, where Linux has an order of its own.
//
// As an OpenFile: shared by its descriptors, one thread.
class EpollSet final : public OpenFile, private FileWatcher {
 public:
  EpollSet() = default;
  ~EpollSet() override;

  // epoll_ctl(2).
  SysResult Add(int descriptor, OpenFile& file, const epoll_event& event);
  SysResult Modify(int descriptor, OpenFile& file, const epoll_event& event);
  SysResult Remove(int descriptor, OpenFile& file);

  // What epoll_wait(2) would return without waiting: fills `events` from the
  // front and returns how many.
  size_t Collect(absl::Span<epoll_event> events);

  // Somebody waits in epoll_wait(2), until something wakes him or he is called
  // back: who of several exclusive sets takes an event (EPOLLEXCLUSIVE).
  void set_is_waited_on(bool on) { is_waited_on_ = on; }

  // Whether Collect() would find something.
  bool IsReady();

  // Whether `other` is this set, or watched by it through others.
  bool Watches(const OpenFile& other) const;

  uint32_t Poll() override {
    return IsReady() ? uint32_t{EPOLLIN | EPOLLRDNORM} : 0;
  }

  // How many sets are in each other below this one.
  int Depth() const;

  size_t size() const { return items_.size(); }

 private:
  using Key = std::pair<OpenFile*, int>;
  struct Item {
    epoll_event event = {};
    bool on_ready_list = false;
    // After an EPOLLONESHOT event, until it is modified.
    bool silent = false;

    Sharing sharing() const {
      return (event.events & EPOLLEXCLUSIVE) != 0 ? Sharing::kExclusive
                                                  : Sharing::kShared;
    }
  };

  bool OnFileEvent(OpenFile& file, uint32_t events) override;
  void OnFileGone(OpenFile& file) override;

  static uint32_t Ready(const Key& key, const Item& item);
  void MakeReady(const Key& key, Item& item);
  void Forget(std::map<Key, Item>::iterator found);

  std::map<Key, Item> items_;
  std::deque<Key> ready_;
  bool is_waited_on_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_EPOLL_SET_H_
