// Several loops on one thread.
#ifndef POLLUX_TESTING_FAKE_SCHEDULER_H_
#define POLLUX_TESTING_FAKE_SCHEDULER_H_

#include <vector>

#include "absl/functional/function_ref.h"
#include "reactor/reactor.h"
#include "testing/fake_world.h"

namespace pollux {

// Runs the reactors of several hosts of one world, iteration by iteration, in
// an order that the world's seed picks; time moves when none of them has
// anything to do. So a client and a server, each a program on its own
// FakeKernel, meet in one test.
//
// Owned by the test; must not outlive world or reactors; one thread. From
// inside of the reactors' callbacks reactors may be added.
class FakeScheduler {
 public:
  explicit FakeScheduler(FakeWorld& world) : world_(world) {}

  void Add(Reactor& reactor) { reactors_.push_back(&reactor); }

  // Until `done`, asked after each iteration, says so. False if the world got
  // stuck before, which its hook was told.
  bool RunUntil(absl::FunctionRef<bool()> done);

 private:
  void Shuffle();

  FakeWorld& world_;
  std::vector<Reactor*> reactors_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_SCHEDULER_H_
