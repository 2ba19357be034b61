#include "testing/fake_world.h"

#include <algorithm>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"

namespace pollux {

bool FakeWorld::Pass(MonotonicTime deadline) {
  const MonotonicTime next = std::min(deadline, time_.NextDue());
  if (next == MonotonicTime::Infinite()) {
    GetStuck("a wait for ever, and nothing is left to happen");
    return false;
  }
  time_.AdvanceTo(next);
  time_.RunDue();
  return true;
}

void FakeWorld::PassAll(absl::Duration limit) {
  const MonotonicTime end = time_.Now() + limit;
  while (time_.NextDue() <= end) (void)Pass(end);
}

void FakeWorld::NoteWaitReturns() {
  if (time_.Now() != last_wait_) {
    last_wait_ = time_.Now();
    waits_in_place_ = 0;
  } else if (++waits_in_place_ == options_.max_waits_in_place) {
    GetStuck(absl::StrCat("a busy loop: ", waits_in_place_,
                          " waits came back and no time passed"));
  }
}

void FakeWorld::GetStuck(const std::string& reason) {
  is_stuck_ = true;
  if (!on_stuck_) LOG(FATAL) << reason << " (seed " << seed() << ")";
  on_stuck_(reason);
}

}  // namespace pollux
