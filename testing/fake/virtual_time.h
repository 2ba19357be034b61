// Time that moves only when everybody waits.
#ifndef POLLUX_TESTING_FAKE_VIRTUAL_TIME_H_
#define POLLUX_TESTING_FAKE_VIRTUAL_TIME_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"

namespace pollux {

// The clocks of a world, and what is to happen in it. Owned by a FakeWorld; one
// thread. The monotonic clock only moves in AdvanceTo(); the wall clock moves
// with it, and can be set besides.
class VirtualTime {
 public:
  using Action = absl::AnyInvocable<void()>;
  // Names a planned action; never used twice.
  using PlanId = uint64_t;

  // Neither clock begins at zero, so that code which takes zero for "not set"
  // is found out.
  MonotonicTime Now() const { return now_; }
  int64_t WallNanos() const { return now_.nanos() + wall_offset_nanos_; }

  // As settimeofday(2): only the wall clock jumps. Runs what watches it.
  void StepWallClock(absl::Duration step);
  // Names a watch; never used twice.
  using WatchId = uint64_t;
  // Runs `action` after each step; it may not watch or unwatch.
  WatchId WatchWallClock(Action action);
  void UnwatchWallClock(WatchId id) { wall_watches_.erase(id); }
  // How often the wall clock was stepped.
  uint64_t wall_steps() const { return wall_steps_; }

  // Runs `action` when the clock reaches `time`, in planning order where equal;
  // a past time is now.
  PlanId At(MonotonicTime time, Action action);
  PlanId After(absl::Duration delay, Action action) {
    return At(now_ + delay, std::move(action));
  }
  // Nothing if it has run.
  void Cancel(PlanId id);

  // Runs what is due, and what that plans for now. Returns whether anything
  // was.
  bool RunDue();

  // Whether an action runs now.
  bool is_running() const { return running_ > 0; }

  // When the next action is due; Infinite() if none is planned.
  MonotonicTime NextDue() const {
    return plans_.empty() ? MonotonicTime::Infinite()
                          : plans_.begin()->first.first;
  }

  // Moves the clock; not backwards, and not past NextDue().
  void AdvanceTo(MonotonicTime time);

  size_t planned() const { return plans_.size(); }

 private:
  MonotonicTime now_ = MonotonicTime::FromNanos(1'000'000'000'000);
  // 2001-09-09 01:46:40 UTC at the beginning.
  int64_t wall_offset_nanos_ = 999'999'000'000'000'000;
  uint64_t wall_steps_ = 0;
  WatchId next_watch_ = 1;
  std::map<WatchId, Action> wall_watches_;
  PlanId next_id_ = 1;
  // Actions that run, one inside another.
  int running_ = 0;
  std::map<std::pair<MonotonicTime, PlanId>, Action> plans_;
  // When each plan is due.
  std::map<PlanId, MonotonicTime> due_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_VIRTUAL_TIME_H_
