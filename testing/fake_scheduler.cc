#include "testing/fake_scheduler.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"

namespace pollux {

bool FakeScheduler::RunUntil(absl::FunctionRef<bool()> done) {
  world_.set_waits_return(true);
  const auto restore =
      absl::MakeCleanup([this] { world_.set_waits_return(false); });
  while (!done()) {
    Shuffle();
    world_.ForgetWaits();
    // By index: a callback may add a reactor.
    for (size_t i = 0; i < reactors_.size(); ++i) {
      reactors_[i]->RunOnce(absl::InfiniteDuration());
      if (done()) return true;
    }
    // Every one of them would have waited.
    if (world_.waits() == reactors_.size() &&
        !world_.Pass(world_.earliest_wait())) {
      return false;
    }
    if (world_.is_stuck()) return false;
  }
  return true;
}

void FakeScheduler::Shuffle() {
  for (size_t i = reactors_.size(); i > 1; --i) {
    std::swap(reactors_[i - 1], reactors_[world_.random().Below(i)]);
  }
}

}  // namespace pollux
