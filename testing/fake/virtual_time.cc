#include "testing/fake/virtual_time.h"

#include <algorithm>

#include "absl/log/check.h"

namespace pollux {

VirtualTime::PlanId VirtualTime::At(MonotonicTime time, Action action) {
  const PlanId id = next_id_++;
  plans_.emplace(std::make_pair(std::max(time, now_), id), std::move(action));
  return id;
}

void VirtualTime::Cancel(PlanId id) {
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    if (plan->first.second != id) continue;
    plans_.erase(plan);
    return;
  }
}

bool VirtualTime::RunDue() {
  bool ran = false;
  while (!plans_.empty() && plans_.begin()->first.first <= now_) {
    Action action = std::move(plans_.begin()->second);
    plans_.erase(plans_.begin());
    action();
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
