#include "testing/fake/virtual_time.h"

#include <algorithm>

#include "absl/log/check.h"

namespace pollux {

void VirtualTime::StepWallClock(absl::Duration step) {
  wall_offset_nanos_ += absl::ToInt64Nanoseconds(step);
  ++wall_steps_;
  for (auto& [id, action] : wall_watches_) action();
}

VirtualTime::WatchId VirtualTime::WatchWallClock(Action action) {
  const WatchId id = next_watch_++;
  wall_watches_.emplace(id, std::move(action));
  return id;
}

VirtualTime::PlanId VirtualTime::At(MonotonicTime time, Action action) {
  const PlanId id = next_id_++;
  const MonotonicTime due = std::max(time, now_);
  plans_.emplace(std::make_pair(due, id), std::move(action));
  due_.emplace(id, due);
  return id;
}

void VirtualTime::Cancel(PlanId id) {
  const auto found = due_.find(id);
  if (found == due_.end()) return;
  plans_.erase({found->second, id});
  due_.erase(found);
}

bool VirtualTime::RunDue() {
  bool ran = false;
  while (!plans_.empty() && plans_.begin()->first.first <= now_) {
    Action action = std::move(plans_.begin()->second);
    due_.erase(plans_.begin()->first.second);
    plans_.erase(plans_.begin());
    ++running_;
    action();
    --running_;
    ran = true;
  }
  return ran;
}

void VirtualTime::AdvanceTo(MonotonicTime time) {
  CHECK(time >= now_);
  CHECK(time <= NextDue());
  now_ = time;
}

}  // namespace pollux
