#include "testing/fake/peer_script.h"

#include <utility>

#include "absl/log/check.h"

namespace pollux {

PeerScript::~PeerScript() {
  CHECK(!is_in_turn_) << "a peer was destroyed by a step of its own script";
  for (VirtualTime::PlanId plan : {turn_, pause_}) {
    if (plan != 0) time_.Cancel(plan);
  }
}

void PeerScript::Then(Step step) {
  steps_.push_back(std::move(step));
  Schedule();
}

void PeerScript::Do(absl::AnyInvocable<void()> action) {
  Then([action = std::move(action)]() mutable {
    action();
    return true;
  });
}

void PeerScript::Wait(absl::Duration time) {
  Then([this, time] {
    if (std::exchange(pause_is_over_, false)) return true;
    if (pause_ == 0) {
      pause_ = time_.After(time, [this] {
        pause_ = 0;
        pause_is_over_ = true;
        TakeTurn();
      });
    }
    return false;
  });
}

bool PeerScript::OnFileEvent(OpenFile&, uint32_t) {
  Schedule();
  return true;
}

void PeerScript::Schedule() {
  if (turn_ != 0) return;
  turn_ = time_.After(absl::ZeroDuration(), [this] {
    turn_ = 0;
    TakeTurn();
  });
}

void PeerScript::TakeTurn() {
  // A step that waits lets time pass, but the next step waits for it.
  if (is_in_turn_) return;
  is_in_turn_ = true;
  TakeSteps();
  is_in_turn_ = false;
}

void PeerScript::TakeSteps() {
  before_turn_();
  while (!steps_.empty()) {
    // Not in the queue while it runs: it may add to it.
    Step step = std::move(steps_.front());
    steps_.pop_front();
    if (step()) continue;
    steps_.push_front(std::move(step));
    return;
  }
}

}  // namespace pollux
