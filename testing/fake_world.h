// The world that fake kernels and their peers live in.
#ifndef POLLUX_TESTING_FAKE_WORLD_H_
#define POLLUX_TESTING_FAKE_WORLD_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reactor/monotonic_time.h"
#include "testing/fake/network.h"
#include "testing/fake/random.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// One network, one time and one source of chance, shared by any number of
// FakeKernels (hosts) and Peers. The same seed and the same program give the
// same run, to the byte.
//
// Owned by the test; must outlive the kernels and peers made in it; one thread.
class FakeWorld {
 public:
  struct Options {
    uint64_t seed = 1;
    Network::Options network;

    // Waits that return, one after another, without any time passing: more is
    // taken for a busy loop.
    uint64_t max_waits_in_place = 10'000;

    // How much virtual time may pass in all, and how often something waits for
    // it. Without a bound, a periodic timer would hide that nothing else
    // happens any more.
    absl::Duration max_time = absl::InfiniteDuration();
    uint64_t max_waits = 10'000'000;
  };

  // With the seed that was asked for by --seed or POLLUX_SEED, or 1.
  FakeWorld();
  explicit FakeWorld(const Options& options)
      : options_(options),
        network_(time_, options.network),
        random_(options.seed) {}
  FakeWorld(const FakeWorld&) = delete;
  FakeWorld& operator=(const FakeWorld&) = delete;

  VirtualTime& time() { return time_; }
  Network& network() { return network_; }
  Random& random() { return random_; }
  uint64_t seed() const { return options_.seed; }

  // Called, with the reason, when the run cannot go on: the program waits for
  // ever and nothing is left to happen, waits return and no time passes, or a
  // bound is exceeded. The hook reports it and stops the test's reactors. It is
  // called again if they go on, and at last the program ends, as it does at
  // once without a hook: better than to hang.
  void set_on_stuck(absl::AnyInvocable<void(const std::string&)> on_stuck) {
    on_stuck_ = std::move(on_stuck);
  }

  // Called with each expectation of a peer that was not met (see
  // Peer::ExpectText()). Without a hook the running GoogleTest test fails.
  void set_on_failure(absl::AnyInvocable<void(const std::string&)> on_failure) {
    on_failure_ = std::move(on_failure);
  }
  void ReportFailure(const std::string& what);

  // Whether the run cannot go on.
  bool is_stuck() const { return is_stuck_; }

  // Several loops on one thread: while true, a wait that finds nothing returns
  // at once instead of moving time, and whoever steps the loops moves it. See
  // FakeScheduler.
  bool waits_return() const { return waits_return_; }
  void set_waits_return(bool on) { waits_return_ = on; }
  // Waits that came back like that since the last ForgetWaits(), and the
  // earliest deadline among them.
  size_t waits() const { return waits_; }
  MonotonicTime earliest_wait() const { return earliest_wait_; }
  void ForgetWaits() {
    waits_ = 0;
    earliest_wait_ = MonotonicTime::Infinite();
  }

  // Lets everything happen that is planned within `limit`, with nobody waiting:
  // what clients still do after the program under test has ended.
  void PassAll(absl::Duration limit);

  // For FakeKernel: a system call begins. Peers act now, before the call looks
  // at anything, and then only while it waits. A call that a peer makes itself
  // is part of that peer's turn, so no other peer acts before it.
  void BeginCall() {
    if (!time_.is_running()) time_.RunDue();
  }

  // For FakeKernel: time passes until `deadline` or the next thing that
  // happens, whichever is first. False if neither comes, or the time that a run
  // may take is over.
  bool Pass(MonotonicTime deadline);
  void NoteWait(MonotonicTime deadline) {
    ++waits_;
    earliest_wait_ = std::min(earliest_wait_, deadline);
  }
  // For FakeKernel: a wait is about to return.
  void NoteWaitReturns();

  // For observers of the program's calls: the run cannot go on.
  void GetStuck(const std::string& reason);

 private:
  const Options options_;
  VirtualTime time_;
  const MonotonicTime end_ = time_.Now() + options_.max_time;
  Network network_;
  Random random_;
  absl::AnyInvocable<void(const std::string&)> on_stuck_;
  absl::AnyInvocable<void(const std::string&)> on_failure_;
  bool is_stuck_ = false;
  int stuck_reports_ = 0;
  bool waits_return_ = false;
  size_t waits_ = 0;
  MonotonicTime earliest_wait_ = MonotonicTime::Infinite();
  MonotonicTime last_wait_;
  uint64_t waits_in_place_ = 0;
  uint64_t waits_in_all_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_WORLD_H_
