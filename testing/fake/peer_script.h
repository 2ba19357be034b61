// The steps of somebody who follows a script.
#ifndef POLLUX_TESTING_FAKE_PEER_SCRIPT_H_
#define POLLUX_TESTING_FAKE_PEER_SCRIPT_H_

#include <deque>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "testing/fake/open_file.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// Runs steps one after another, between the calls of the program under test and
// never inside of one: a step is tried when something happened, until it is
// done. The script may grow while it runs.
//
// Owned by a peer, whose files it is to watch; the time must outlive it; one
// thread. A step may not destroy it, which is checked.
class PeerScript final : public FileWatcher {
 public:
  // Returns whether it is done.
  using Step = absl::AnyInvocable<bool()>;

  // `before_turn` runs before steps are tried.
  PeerScript(VirtualTime& time, absl::AnyInvocable<void()> before_turn)
      : time_(time), before_turn_(std::move(before_turn)) {}
  ~PeerScript();
  PeerScript(const PeerScript&) = delete;
  PeerScript& operator=(const PeerScript&) = delete;

  void Then(Step step);
  void Do(absl::AnyInvocable<void()> action);
  void Wait(absl::Duration time);

  bool done() const { return steps_.empty(); }

  // Something happened: takes a turn soon.
  void Schedule();

 private:
  bool OnFileEvent(OpenFile& file, uint32_t events) override;
  void OnFileGone(OpenFile&) override {}

  void TakeTurn();
  void TakeSteps();

  VirtualTime& time_;
  absl::AnyInvocable<void()> before_turn_;
  std::deque<Step> steps_;
  // 0 if none is planned.
  VirtualTime::PlanId turn_ = 0;
  VirtualTime::PlanId pause_ = 0;
  bool pause_is_over_ = false;
  bool is_in_turn_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_PEER_SCRIPT_H_
