#include "testing/fake_world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "testing/run_request.h"

namespace pollux {

FakeWorld::FakeWorld()
    : FakeWorld([] {
        Options options;
        options.seed = RequestedSeed().value_or(options.seed);
        return options;
      }()) {}

bool FakeWorld::Pass(MonotonicTime deadline) {
  const MonotonicTime next = std::min(deadline, time_.NextDue());
  if (next == MonotonicTime::Infinite()) {
    GetStuck("a wait for ever, and nothing is left to happen");
    return false;
  }
  if (++waits_in_all_ > options_.max_waits) {
    GetStuck(absl::StrCat("the run waited more than ", options_.max_waits,
                          " times"));
    return false;
  }
  if (next > end_) {
    GetStuck(absl::StrCat("the run took more than ",
                          absl::FormatDuration(options_.max_time),
                          " of virtual time"));
    return false;
  }
  time_.AdvanceTo(next);
  time_.RunDue();
  return true;
}

void FakeWorld::PassAll(absl::Duration limit) {
  const MonotonicTime end = time_.Now() + limit;
  // Its own limit is bound enough; and the program that a hook would stop may
  // be gone.
  while (time_.NextDue() <= end) {
    time_.AdvanceTo(time_.NextDue());
    time_.RunDue();
  }
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

void FakeWorld::ReportFailure(const std::string& what) {
  if (on_failure_) return on_failure_(what);
  ADD_FAILURE() << what << " (seed " << seed() << ")";
}

void FakeWorld::GetStuck(const std::string& reason) {
  // A program that was asked to stop may need a few more calls.
  constexpr int kMaxReports = 1000;
  is_stuck_ = true;
  if (!on_stuck_) LOG(FATAL) << reason << " (seed " << seed() << ")";
  if (++stuck_reports_ > kMaxReports) {
    LOG(FATAL) << "nobody ends the run: " << reason;
  }
  on_stuck_(reason);
}

}  // namespace pollux
