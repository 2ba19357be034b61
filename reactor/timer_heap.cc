#include "reactor/timer_heap.h"

#include <algorithm>

namespace pollux {
namespace {

constexpr size_t kChildren = 4;

}  // namespace

void TimerHeap::Arm(TimerNode& node, MonotonicTime deadline) {
  node.deadline_ = deadline;
  node.sequence_ = next_sequence_++;
  if (!node.armed()) {
    entries_.emplace_back();
    SiftUp(entries_.size() - 1, {deadline, node.sequence_, &node});
  } else if (deadline < entries_[node.index_].deadline) {
    SiftUp(node.index_, {deadline, node.sequence_, &node});
  }
}

void TimerHeap::Disarm(TimerNode& node) {
  if (node.armed()) Remove(node.index_);
}

MonotonicTime TimerHeap::NextDeadline() {
  RefreshTop();
  return entries_.empty() ? MonotonicTime::Infinite()
                          : entries_.front().deadline;
}

TimerNode* TimerHeap::PopDue(MonotonicTime now, uint64_t armings) {
  RefreshTop();
  if (entries_.empty()) return nullptr;
  const Entry top = entries_.front();
  if (top.deadline > now || top.sequence >= armings) return nullptr;
  Remove(0);
  return top.node;
}

void TimerHeap::Place(size_t index, const Entry& entry) {
  entries_[index] = entry;
  entry.node->index_ = static_cast<uint32_t>(index);
}

void TimerHeap::SiftUp(size_t index, Entry entry) {
  while (index > 0) {
    const size_t parent = (index - 1) / kChildren;
    if (!Before(entry, entries_[parent])) break;
    Place(index, entries_[parent]);
    index = parent;
  }
  Place(index, entry);
}

void TimerHeap::SiftDown(size_t index, Entry entry) {
  while (true) {
    const size_t first = index * kChildren + 1;
    if (first >= entries_.size()) break;
    const size_t end = std::min(first + kChildren, entries_.size());
    size_t earliest = first;
    for (size_t child = first + 1; child < end; ++child) {
      if (Before(entries_[child], entries_[earliest])) earliest = child;
    }
    if (!Before(entries_[earliest], entry)) break;
    Place(index, entries_[earliest]);
    index = earliest;
  }
  Place(index, entry);
}

void TimerHeap::Remove(size_t index) {
  entries_[index].node->index_ = TimerNode::kNotInHeap;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (index == entries_.size()) return;
  if (index > 0 && Before(last, entries_[(index - 1) / kChildren])) {
    SiftUp(index, last);
  } else {
    SiftDown(index, last);
  }
}

void TimerHeap::RefreshTop() {
  while (!entries_.empty()) {
    const Entry& top = entries_.front();
    const TimerNode& node = *top.node;
    if (top.sequence == node.sequence_) return;
    SiftDown(0, {node.deadline_, node.sequence_, top.node});
  }
}

}  // namespace pollux
