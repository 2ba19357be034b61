// Deadlines in order.
#ifndef POLLUX_REACTOR_TIMER_HEAP_H_
#define POLLUX_REACTOR_TIMER_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/monotonic_time.h"

namespace pollux {

// A node of the heap: a base of classes that have a deadline, pinned in memory
// while it is in a heap.
class TimerNode {
 public:
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;

  bool armed() const { return index_ != kNotInHeap; }

  // Only if armed().
  MonotonicTime deadline() const { return deadline_; }

  // The deadline has passed; the node is no longer armed.
  virtual void OnDeadline() = 0;

 protected:
  TimerNode() = default;
  ~TimerNode() = default;

 private:
  friend class TimerHeap;
  static constexpr uint32_t kNotInHeap = UINT32_MAX;

  MonotonicTime deadline_;
  // Breaks ties: what was armed first fires first.
  uint64_t sequence_ = 0;
  uint32_t index_ = kNotInHeap;
};

// An intrusive 4-ary heap of TimerNodes, earliest first, in arming order where
// equal. Owns no node; one thread. Memory is taken only while it grows.
//
// A deadline that moves later, the usual case for timeouts, costs two stores:
// the heap keeps the old one as a lower bound, and puts the node in its place
// when it comes to the top.
class TimerHeap {
 public:
  // Gives `node` a deadline, in place of an earlier one.
  void Arm(TimerNode& node, MonotonicTime deadline);

  // Nothing if it is not armed.
  void Disarm(TimerNode& node);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }

  // Of the earliest node; Infinite() if there is none.
  MonotonicTime NextDeadline();

  // What separates nodes that are armed by now from those armed later.
  uint64_t armings() const { return next_sequence_; }

  // Takes out the earliest node that is due at `now` and was armed before
  // `armings`; null if there is none. What a callback arms while due nodes
  // fire thus waits for the next pass, provided that its deadline is not before
  // `now`.
  TimerNode* PopDue(MonotonicTime now, uint64_t armings);

 private:
  struct Entry {
    MonotonicTime deadline;
    uint64_t sequence;
    TimerNode* node;
  };

  static bool Before(const Entry& a, const Entry& b) {
    if (a.deadline != b.deadline) return a.deadline < b.deadline;
    return a.sequence < b.sequence;
  }
  void Place(size_t index, const Entry& entry);
  void SiftUp(size_t index, Entry entry);
  void SiftDown(size_t index, Entry entry);
  void Remove(size_t index);
  // Until the top entry says its node's true deadline.
  void RefreshTop();

  std::vector<Entry> entries_;
  uint64_t next_sequence_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_TIMER_HEAP_H_
