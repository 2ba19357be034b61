#include "reactor/reactor.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "reactor/timer.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Calls back when it is destroyed.
class Mortal {
 public:
  explicit Mortal(absl::AnyInvocable<void()> last_words)
      : last_words_(std::move(last_words)) {}
  ~Mortal() { last_words_(); }

 private:
  absl::AnyInvocable<void()> last_words_;
};

class ReactorTest : public ReactorFixture {
 protected:
  // A pair whose near end is readable.
  Pair MakeReadablePair() {
    Pair pair = MakePair();
    pair.far.Write("x");
    return pair;
  }

  void Note(const char* what) { notes_.emplace_back(what); }

  // What happened, in order.
  std::vector<std::string> notes_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Readiness.

TEST_P(ReactorTest, TellsWhenReadable) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);

  pair.far.Write("x");
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_FALSE(watcher.last().writable);
  EXPECT_FALSE(watcher.last().broken);
}

TEST_P(ReactorTest, TellsWhenWritable) {
  Pair pair = MakePair();
  pair.near.Fill();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kWrite);
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);

  pair.far.Read();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().writable);
  EXPECT_FALSE(watcher.last().readable);
}

TEST_P(ReactorTest, TellsOfBothAtOnce) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kReadWrite);
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_TRUE(watcher.last().writable);
}

TEST_P(ReactorTest, TellsWhenBrokenThoughNothingIsWanted) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kNone);
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);

  pair.far.Close();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().broken);
}

TEST_P(ReactorTest, TellsOfAFinAsReadable) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  pair.far.ShutdownWrite();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_FALSE(watcher.last().broken);
}

TEST_P(ReactorTest, RepeatsWhatHolds) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  for (int calls = 1; calls <= 3; ++calls) {
    Iterate();
    EXPECT_EQ(watcher.calls(), calls);
  }
  pair.near.Read();
  Iterate();
  EXPECT_EQ(watcher.calls(), 3);
}

TEST_P(ReactorTest, TellsOfWhatWasReadyBeforeItWasWatched) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, SetInterestChangesWhatIsTold) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kNone);
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);

  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kWrite).ok());
  Iterate();
  EXPECT_TRUE(watcher.last().writable);
  EXPECT_FALSE(watcher.last().readable);

  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  Iterate();
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_FALSE(watcher.last().writable);

  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
}

TEST_P(ReactorTest, SetInterestMakesNoCallWhenNothingChanges) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  calls_.Clear();
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kWrite).ok());
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kWrite).ok());
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 1);
}

TEST_P(ReactorTest, SetInterestThatFailsKeepsTheOldOne) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM);
  EXPECT_EQ(watcher.registration.SetInterest(Interest::kNone).message(),
            "epoll_ctl: Cannot allocate memory");
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);

  // The failed one is not taken for the one in force.
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, RegisterFailsAsEpollDoesAndCanBeTriedAgain) {
  Pair pair = MakeReadablePair();
  class Silent final : public IoHandler {
    void OnReady(Readiness) override { ADD_FAILURE(); }
  } handler;
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  const absl::StatusOr<Registration> failed =
      reactor_->Register(pair.near.descriptor(), Interest::kRead, handler);
  EXPECT_EQ(failed.status().message(), "epoll_ctl: No space left on device");
  Iterate();

  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, TakesABoundedNumberOfEventsPerIteration) {
  reactor_ = *Reactor::Create(kernel_, {.max_events_per_iteration = 2});
  std::vector<Pair> pairs;
  std::vector<std::unique_ptr<Watcher>> watchers;
  int calls = 0;
  for (int i = 0; i < 5; ++i) {
    pairs.push_back(MakeReadablePair());
    watchers.push_back(std::make_unique<Watcher>(
        *reactor_, pairs.back().near.descriptor(), Interest::kRead,
        [&](Readiness) { ++calls; }));
  }
  // The kernel goes round, so that nobody starves.
  for (int expected : {2, 4, 6}) {
    Iterate();
    EXPECT_EQ(calls, expected);
  }
  for (const auto& watcher : watchers) EXPECT_GE(watcher->calls(), 1);
}

// Registrations.

TEST_P(ReactorTest, NothingIsToldAfterReset) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  watcher.registration.Reset();
  EXPECT_FALSE(watcher.registration.active());
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);
}

TEST_P(ReactorTest, ResetTwiceIsNothing) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  calls_.Clear();
  watcher.registration.Reset();
  watcher.registration.Reset();
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 1);
}

TEST_P(ReactorTest, AMovedRegistrationGoesOnWatching) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  Registration moved = std::move(watcher.registration);
  EXPECT_FALSE(
      watcher.registration.active());  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(moved.active());
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, MoveAssignmentEndsTheRegistrationInPlace) {
  Pair a = MakeReadablePair();
  Pair b = MakeReadablePair();
  Watcher first(*reactor_, a.near.descriptor(), Interest::kRead);
  Watcher second(*reactor_, b.near.descriptor(), Interest::kRead);
  first.registration = std::move(second.registration);
  Iterate();
  EXPECT_EQ(first.calls(), 0);
  EXPECT_EQ(second.calls(), 1);
}

TEST_P(ReactorTest, UnregistersItselfFromItsCallback) {
  Pair pair = MakeReadablePair();
  std::optional<Watcher> watcher;
  watcher.emplace(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness) { watcher->registration.Reset(); });
  Iterate();
  Iterate();
  EXPECT_EQ(watcher->calls(), 1);
}

// Two descriptors that are ready in the same batch. Which handler is called
// first is the kernel's affair, so both do the same to the other one.
class ReactorBatchTest : public ReactorTest {
 protected:
  // `first` gets which of the two was called first, once.
  void Watch(const std::function<void(int)>& first) {
    for (int i : {0, 1}) {
      watchers_[i].emplace(*reactor_, pairs_[i].near.descriptor(),
                           Interest::kRead, [this, i, first](Readiness) {
                             if (std::exchange(called_, true)) return;
                             first(i);
                           });
    }
  }

  int calls() const { return watchers_[0]->calls() + watchers_[1]->calls(); }

  void TearDown() override {
    for (auto& watcher : watchers_) watcher.reset();
    for (Pair& pair : pairs_) pair = Pair();
    ReactorTest::TearDown();
  }

  bool called_ = false;
  Pair pairs_[2] = {MakeReadablePair(), MakeReadablePair()};
  std::optional<Watcher> watchers_[2];
};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorBatchTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ReactorBatchTest, BothAreTold) {
  Watch([](int) {});
  Iterate();
  EXPECT_EQ(calls(), 2);
}

TEST_P(ReactorBatchTest, UnregistersItsPeer) {
  Watch([this](int me) { watchers_[1 - me]->registration.Reset(); });
  Iterate();
  EXPECT_EQ(calls(), 1);
}

TEST_P(ReactorBatchTest, UnregistersBoth) {
  Watch([this](int) {
    for (auto& watcher : watchers_) watcher->registration.Reset();
  });
  Iterate();
  EXPECT_EQ(calls(), 1);
  Iterate();
  EXPECT_EQ(calls(), 1);
}

TEST_P(ReactorBatchTest, DestroysItsPeer) {
  Watch([this](int me) {
    watchers_[1 - me].reset();
    pairs_[1 - me].near.Close();
  });
  Iterate();
  EXPECT_TRUE(called_);
}

TEST_P(ReactorBatchTest, AnEventDoesNotReachTheDescriptorsNextRegistration) {
  std::optional<Watcher> next;
  Watch([&](int me) {
    const int peer = 1 - me;
    watchers_[peer].reset();
    next.emplace(*reactor_, pairs_[peer].near.descriptor(), Interest::kRead);
  });
  Iterate();
  EXPECT_EQ(next->calls(), 0);
  // It hears of its own readiness, though.
  Iterate();
  EXPECT_EQ(next->calls(), 1);
}

TEST_P(ReactorBatchTest, AnEventDoesNotReachTheNextOwnerOfTheNumber) {
  Pair new_pair;
  std::optional<Watcher> next;
  Watch([&](int me) {
    const int peer = 1 - me;
    const int number = pairs_[peer].near.descriptor();
    watchers_[peer].reset();
    pairs_[peer].near.Close();
    new_pair = MakePair();
    ASSERT_EQ(new_pair.near.descriptor(), number);
    next.emplace(*reactor_, number, Interest::kRead);
  });
  Iterate();
  Iterate();
  EXPECT_EQ(next->calls(), 0);
  new_pair.far.Write("x");
  Iterate();
  EXPECT_EQ(next->calls(), 1);
}

TEST_P(ReactorBatchTest, AnEventDoesNotReachItsOwnDescriptorsNextRegistration) {
  std::optional<Watcher> next;
  Watch([&](int me) {
    watchers_[me]->registration.Reset();
    next.emplace(*reactor_, pairs_[me].near.descriptor(), Interest::kRead);
  });
  Iterate();
  EXPECT_EQ(next->calls(), 0);
  Iterate();
  EXPECT_EQ(next->calls(), 1);
}

TEST_P(ReactorTest, AnEventOfAFailedUnregistrationIsDropped) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM);
  watcher.registration.Reset();
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);
}

TEST_P(ReactorTest, RegistersFromACallback) {
  Pair a = MakeReadablePair();
  Pair b = MakeReadablePair();
  std::optional<Watcher> second;
  Watcher first(
      *reactor_, a.near.descriptor(), Interest::kRead, [&](Readiness) {
        if (second.has_value()) return;
        second.emplace(*reactor_, b.near.descriptor(), Interest::kRead);
      });
  Iterate();
  EXPECT_EQ(second->calls(), 0);
  Iterate();
  EXPECT_EQ(second->calls(), 1);
}

TEST_P(ReactorTest, RegistersManyFromACallback) {
  Pair first = MakeReadablePair();
  std::vector<Pair> pairs;
  for (int i = 0; i < 100; ++i) pairs.push_back(MakeReadablePair());
  std::vector<std::unique_ptr<Watcher>> watchers;
  // The table of registrations grows under the feet of the running handler.
  Watcher watcher(*reactor_, first.near.descriptor(), Interest::kRead,
                  [&](Readiness) {
                    for (Pair& pair : pairs) {
                      watchers.push_back(std::make_unique<Watcher>(
                          *reactor_, pair.near.descriptor(), Interest::kRead));
                    }
                    watcher.registration.Reset();
                  });
  Iterate();
  Iterate();
  for (const auto& each : watchers) EXPECT_EQ(each->calls(), 1);
}

// Injected readiness.

TEST_P(ReactorTest, InjectedReadinessIsToldAsItIsInTheNextIteration) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kNone);
  watcher.registration.Inject({.writable = true});
  EXPECT_EQ(watcher.calls(), 0);
  // Does not wait.
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_FALSE(watcher.last().readable);
  EXPECT_TRUE(watcher.last().writable);
  EXPECT_FALSE(watcher.last().broken);
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, InjectedReadinessIsToldInOrderBeforeEvents) {
  Pair a = MakeReadablePair();
  Pair b = MakePair();
  Pair c = MakePair();
  Watcher wa(*reactor_, a.near.descriptor(), Interest::kRead,
             [&](Readiness) { Note("event"); });
  Watcher wb(*reactor_, b.near.descriptor(), Interest::kRead,
             [&](Readiness) { Note("second"); });
  Watcher wc(*reactor_, c.near.descriptor(), Interest::kRead,
             [&](Readiness) { Note("first"); });
  wc.registration.Inject({});
  wb.registration.Inject({});
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("first", "second", "event"));
}

TEST_P(ReactorTest, ResetCancelsInjectedReadiness) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  watcher.registration.Inject({.readable = true});
  watcher.registration.Reset();
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);
}

TEST_P(ReactorTest, InjectedReadinessDoesNotReachTheNextRegistration) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  watcher.registration.Inject({.readable = true});
  watcher.registration.Reset();
  Watcher next(*reactor_, pair.near.descriptor(), Interest::kRead);
  Iterate();
  EXPECT_EQ(next.calls(), 0);
}

TEST_P(ReactorTest, ResetFromAnInjectedCallbackCancelsTheOthers) {
  Pair a = MakePair();
  Pair b = MakePair();
  Watcher second(*reactor_, b.near.descriptor(), Interest::kRead);
  Watcher first(*reactor_, a.near.descriptor(), Interest::kRead,
                [&](Readiness) { second.registration.Reset(); });
  first.registration.Inject({});
  second.registration.Inject({});
  Iterate();
  EXPECT_EQ(first.calls(), 1);
  EXPECT_EQ(second.calls(), 0);
}

TEST_P(ReactorTest, WhatIsInjectedFromACallbackComesInTheNextIteration) {
  Pair pair = MakePair();
  std::optional<Watcher> watcher;
  watcher.emplace(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness) { watcher->registration.Inject({}); });
  watcher->registration.Inject({});
  for (int calls = 1; calls <= 3; ++calls) {
    reactor_->RunOnce(absl::InfiniteDuration());
    EXPECT_EQ(watcher->calls(), calls);
  }
}

// The order of an iteration.

TEST_P(ReactorTest, AnIterationHasItsOrder) {
  Pair a = MakePair();
  Pair b = MakeReadablePair();
  reactor_->DeleteSoon(std::make_unique<Mortal>([&] { Note("deletion"); }));
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  Timer timer(*reactor_, [&] { Note("timer"); });
  timer.ArmAfter(absl::ZeroDuration());
  Watcher event(*reactor_, b.near.descriptor(), Interest::kRead,
                [&](Readiness) { Note("event"); });
  Watcher injected(*reactor_, a.near.descriptor(), Interest::kRead,
                   [&](Readiness) { Note("injected"); });
  injected.registration.Inject({});
  Iterate();
  EXPECT_THAT(notes_,
              ElementsAre("injected", "event", "timer", "task", "deletion"));
}

TEST_P(ReactorTest, WhatAnEventAsksForComesInTheSameIteration) {
  Pair pair = MakeReadablePair();
  Timer timer(*reactor_, [&] { Note("timer"); });
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness) {
                    reactor_->DeleteSoon(
                        std::make_unique<Mortal>([&] { Note("deletion"); }));
                    ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
                    timer.ArmAfter(absl::ZeroDuration());
                  });
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("timer", "task", "deletion"));
}

TEST_P(ReactorTest, NowStaysTheSameWithinAnIteration) {
  Pair pair = MakeReadablePair();
  std::vector<MonotonicTime> times;
  const auto look = [&] { times.push_back(reactor_->Now()); };
  reactor_->DeleteSoon(std::make_unique<Mortal>(look));
  ASSERT_TRUE(reactor_->Post(look).ok());
  Timer timer(*reactor_, look);
  timer.ArmAfter(absl::ZeroDuration());
  Watcher event(*reactor_, pair.near.descriptor(), Interest::kRead,
                [&](Readiness) { look(); });
  Iterate();
  EXPECT_THAT(times, ElementsAre(times[0], times[0], times[0], times[0]));
}

TEST_P(ReactorTest, NowIsReadAfterTheWait) {
  const MonotonicTime before = reactor_->Now();
  reactor_->RunOnce(absl::Milliseconds(1));
  EXPECT_GE(reactor_->Now() - before, absl::Milliseconds(1));
}

TEST_P(ReactorTest, AnIterationWaitsOnceAndLooksAtTheClockTwice) {
  calls_.Clear();
  Iterate();
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollPwait2), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kClockGetTime), 2);
  EXPECT_EQ(calls_.Total(), 3);
}

// Timers.

TEST_P(ReactorTest, TimersFireInTheOrderOfTheirDeadlines) {
  Timer a(*reactor_, [&] { Note("a"); });
  Timer b(*reactor_, [&] { Note("b"); });
  Timer c(*reactor_, [&] { Note("c"); });
  b.ArmAfter(absl::Microseconds(200));
  c.ArmAfter(absl::Microseconds(300));
  a.ArmAfter(absl::Microseconds(100));
  ASSERT_TRUE(RunUntil([&] { return notes_.size() == 3; }));
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
}

TEST_P(ReactorTest, TimersOfOneDeadlineFireInArmingOrder) {
  Timer a(*reactor_, [&] { Note("a"); });
  Timer b(*reactor_, [&] { Note("b"); });
  Timer c(*reactor_, [&] { Note("c"); });
  for (Timer* timer : {&c, &a, &b}) timer->ArmAfter(absl::Microseconds(100));
  ASSERT_TRUE(RunUntil([&] { return !notes_.empty(); }));
  EXPECT_THAT(notes_, ElementsAre("c", "a", "b"));
}

TEST_P(ReactorTest, ATimerFiresOnceAndNotBeforeItsDeadline) {
  int fired = 0;
  const MonotonicTime armed = reactor_->Now();
  Timer timer(*reactor_, [&] {
    ++fired;
    EXPECT_GE(reactor_->Now() - armed, absl::Milliseconds(1));
  });
  timer.ArmAfter(absl::Milliseconds(1));
  EXPECT_GE(timer.deadline() - armed, absl::Milliseconds(1));
  ASSERT_TRUE(RunUntil([&] { return fired > 0; }));
  EXPECT_FALSE(timer.armed());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(fired, 1);
}

TEST_P(ReactorTest, OneWaitEndsAtTheDeadline) {
  bool fired = false;
  Timer timer(*reactor_, [&] { fired = true; });
  timer.ArmAfter(absl::Microseconds(1'234));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_TRUE(fired);
}

TEST_P(ReactorTest, ADelayThatIsNotPositiveFiresInTheNextTimerStep) {
  for (absl::Duration delay : {absl::ZeroDuration(), absl::Nanoseconds(-1),
                               absl::Hours(-1), -absl::InfiniteDuration()}) {
    int fired = 0;
    Timer timer(*reactor_, [&] { ++fired; });
    const MonotonicTime before = reactor_->Now();
    timer.ArmAfter(delay);
    EXPECT_EQ(fired, 0) << delay;
    EXPECT_GE(timer.deadline(), before) << delay;
    EXPECT_LE(timer.deadline(), reactor_->Now()) << delay;
    reactor_->RunOnce(absl::InfiniteDuration());
    EXPECT_EQ(fired, 1) << delay;
  }
}

TEST_P(ReactorTest, ATimerArmsItselfAgain) {
  std::vector<MonotonicTime> times;
  std::optional<Timer> timer;
  timer.emplace(*reactor_, [&] {
    times.push_back(reactor_->Now());
    if (times.size() < 3) timer->ArmAfter(absl::Microseconds(100));
  });
  timer->ArmAfter(absl::Microseconds(100));
  ASSERT_TRUE(RunUntil([&] { return times.size() == 3; }));
  EXPECT_GE(times[1] - times[0], absl::Microseconds(100));
  EXPECT_GE(times[2] - times[1], absl::Microseconds(100));
  EXPECT_FALSE(timer->armed());
}

TEST_P(ReactorTest, AZeroDelayFromATimerFiresInTheNextPass) {
  int fired = 0;
  std::optional<Timer> timer;
  timer.emplace(*reactor_, [&] {
    ++fired;
    timer->ArmAfter(absl::ZeroDuration());
  });
  timer->ArmAfter(absl::ZeroDuration());
  for (int expected = 1; expected <= 3; ++expected) {
    Iterate();
    EXPECT_EQ(fired, expected);
  }
}

TEST_P(ReactorTest, ATimerSetInThePastFromATimerKeepsNoOtherWaiting) {
  std::optional<Timer> again;
  again.emplace(*reactor_, [&] {
    Note("again");
    again->ArmAfter(absl::Hours(-1));
  });
  Timer other(*reactor_, [&] { Note("other"); });
  again->ArmAfter(absl::ZeroDuration());
  other.ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("again", "other"));
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("again", "other", "again"));
}

TEST_P(ReactorTest, ATimerDisarmsAnotherThatIsDue) {
  bool fired = false;
  Timer victim(*reactor_, [&] { fired = true; });
  Timer timer(*reactor_, [&] { victim.Disarm(); });
  timer.ArmAfter(absl::ZeroDuration());
  victim.ArmAfter(absl::ZeroDuration());
  Iterate();
  Iterate();
  EXPECT_FALSE(fired);
}

TEST_P(ReactorTest, ATimerPutsOffAnotherThatIsDue) {
  bool fired = false;
  Timer victim(*reactor_, [&] { fired = true; });
  Timer timer(*reactor_, [&] { victim.ArmAfter(absl::Hours(1)); });
  timer.ArmAfter(absl::ZeroDuration());
  victim.ArmAfter(absl::ZeroDuration());
  Iterate();
  Iterate();
  EXPECT_FALSE(fired);
  EXPECT_TRUE(victim.armed());
}

TEST_P(ReactorTest, ATimerDestroysAnotherThatIsDue) {
  std::optional<Timer> victim;
  victim.emplace(*reactor_, [] { FAIL(); });
  Timer timer(*reactor_, [&] { victim.reset(); });
  timer.ArmAfter(absl::ZeroDuration());
  victim->ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_FALSE(victim.has_value());
}

TEST_P(ReactorTest, ADestroyedTimerDoesNotFire) {
  {
    Timer timer(*reactor_, [] { FAIL(); });
    timer.ArmAfter(absl::ZeroDuration());
  }
  Iterate();
}

TEST_P(ReactorTest, ATimerDeletesItsOwnerSoon) {
  struct Owner {
    Owner(Reactor& reactor, bool& deleted)
        : timer(reactor,
                [&] {
                  reactor.DeleteSoon(std::move(self));
                  EXPECT_FALSE(deleted);
                }),
          mortal([&] { deleted = true; }) {}
    Timer timer;
    Mortal mortal;
    std::unique_ptr<Owner> self;
  };
  bool deleted = false;
  auto owner = std::make_unique<Owner>(*reactor_, deleted);
  Owner& borrowed = *owner;
  borrowed.self = std::move(owner);
  borrowed.timer.ArmAfter(absl::ZeroDuration());
  Iterate();
  EXPECT_TRUE(deleted);
}

TEST_P(ReactorTest, AFarDeadlineIsNeitherDueNorInTheWay) {
  for (absl::Duration delay :
       {absl::Hours(24 * 365), absl::Hours(24 * 365 * 1000),
        absl::InfiniteDuration()}) {
    Timer timer(*reactor_, [] { FAIL(); });
    timer.ArmAfter(delay);
    EXPECT_TRUE(IsIdle()) << delay;
    EXPECT_TRUE(timer.armed());
  }
}

TEST_P(ReactorTest, AnInfiniteDelayIsNever) {
  Timer timer(*reactor_, [] { FAIL(); });
  timer.ArmAfter(absl::InfiniteDuration());
  EXPECT_EQ(timer.deadline(), MonotonicTime::Infinite());
  // Stops the wait, which is for ever.
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  reactor_->RunOnce(absl::InfiniteDuration());
}

TEST_P(ReactorTest, ManyTimersFireInOrder) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> micros(0, 2'000);
  struct Firing {
    MonotonicTime deadline;
    int number;
    bool operator==(const Firing&) const = default;
    bool operator<(const Firing& other) const {
      return std::tie(deadline, number) <
             std::tie(other.deadline, other.number);
    }
  };
  std::vector<Firing> expected;
  std::vector<Firing> fired;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 1'000; ++i) {
    timers.push_back(std::make_unique<Timer>(
        *reactor_, [&, i] { fired.push_back(expected[i]); }));
    timers.back()->ArmAfter(absl::Microseconds(micros(random)));
    expected.push_back({timers.back()->deadline(), i});
  }
  ASSERT_TRUE(RunUntil([&] { return fired.size() == expected.size(); }));
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(fired, expected);
}

// Deletion.

TEST_P(ReactorTest, DeletesInOrderAtTheEndOfTheIteration) {
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    for (const char* name : {"a", "b", "c"}) {
                      reactor_->DeleteSoon(std::make_unique<Mortal>(
                          [this, name] { Note(name); }));
                    }
                    EXPECT_THAT(notes_, IsEmpty());
                  })
                  .ok());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
}

TEST_P(ReactorTest, ADestructorDeletesMore) {
  // Enough of them for the list to move in memory meanwhile.
  std::function<void(int)> doom = [&](int left) {
    reactor_->DeleteSoon(std::make_unique<Mortal>([&, left] {
      Note("deleted");
      if (left > 0) doom(left - 1);
      if (left > 0) doom(0);
    }));
  };
  doom(50);
  Iterate();
  EXPECT_EQ(notes_.size(), 101u);
}

TEST_P(ReactorTest, WhatIsDeletedOutsideOfAnIterationGoesWithTheNext) {
  reactor_->DeleteSoon(std::make_unique<Mortal>([&] { Note("deleted"); }));
  EXPECT_THAT(notes_, IsEmpty());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("deleted"));
}

TEST_P(ReactorTest, DeletingNothingIsNothing) {
  reactor_->DeleteSoon(std::unique_ptr<Mortal>());
  Iterate();
}

TEST_P(ReactorTest, AHandlerDeletesItselfSoonFromItsCallback) {
  Pair pair = MakeReadablePair();
  std::unique_ptr<Watcher> watcher;
  bool called = false;
  watcher = std::make_unique<Watcher>(
      *reactor_, pair.near.descriptor(), Interest::kRead, [&](Readiness) {
        called = true;
        reactor_->DeleteSoon(std::move(watcher));
      });
  Iterate();
  EXPECT_TRUE(called);
  EXPECT_TRUE(IsIdle());
}

TEST_P(ReactorTest, WhatIsLeftIsDeletedWithTheReactor) {
  // reset() forgets the pointer first.
  Reactor& reactor = *reactor_;
  reactor.DeleteSoon(std::make_unique<Mortal>([&] {
    Note("deleted");
    reactor.DeleteSoon(std::make_unique<Mortal>([&] { Note("and more"); }));
  }));
  reactor_.reset();
  EXPECT_THAT(notes_, ElementsAre("deleted", "and more"));
}

// Tasks.

TEST_P(ReactorTest, TasksRunInOrderAndNotInline) {
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(reactor_->Post([this, name] { Note(name); }).ok());
  }
  EXPECT_THAT(notes_, IsEmpty());
  // Does not wait.
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
}

TEST_P(ReactorTest, ATaskRunsOnce) {
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  Iterate();
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(notes_.size(), 1u);
}

TEST_P(ReactorTest, WhatATaskPostsRunsInTheNextIteration) {
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    Note("first");
                    ASSERT_TRUE(reactor_->Post([&] { Note("second"); }).ok());
                  })
                  .ok());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("first"));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("first", "second"));
}

TEST_P(ReactorTest, WhatATasksDestructorPostsRunsInTheNextIteration) {
  auto mortal = std::make_unique<Mortal>([&] {
    Note("destroyed");
    ASSERT_TRUE(reactor_->Post([&] { Note("posted"); }).ok());
  });
  ASSERT_TRUE(
      reactor_->Post([&, mortal = std::move(mortal)] { Note("run"); }).ok());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("run", "destroyed"));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("run", "destroyed", "posted"));
}

TEST_P(ReactorTest, ATaskIsDestroyedBeforeTheNextOneRuns) {
  for (int i = 0; i < 2; ++i) {
    auto mortal = std::make_unique<Mortal>([&] { Note("destroyed"); });
    ASSERT_TRUE(
        reactor_->Post([&, mortal = std::move(mortal)] { Note("run"); }).ok());
  }
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("run", "destroyed", "run", "destroyed"));
}

TEST_P(ReactorTest, WhatADestructorPostsRunsInTheNextIteration) {
  reactor_->DeleteSoon(std::make_unique<Mortal>(
      [&] { ASSERT_TRUE(reactor_->Post([&] { Note("posted"); }).ok()); }));
  Iterate();
  EXPECT_THAT(notes_, IsEmpty());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(notes_, ElementsAre("posted"));
}

TEST_P(ReactorTest, AFullQueueRefusesAndDestroysTheTask) {
  reactor_ = *Reactor::Create(kernel_, {.max_queued_tasks = 2});
  ASSERT_TRUE(reactor_->Post([&] { Note("a"); }).ok());
  ASSERT_TRUE(reactor_->Post([&] { Note("b"); }).ok());
  auto mortal = std::make_unique<Mortal>([&] {
    Note("destroyed");
    // The queue's lock is not held meanwhile.
    EXPECT_FALSE(reactor_->Post([] {}).ok());
  });
  const absl::Status status =
      reactor_->Post([&, mortal = std::move(mortal)] { Note("run"); });
  EXPECT_EQ(status, absl::ResourceExhaustedError(
                        "the reactor's queue is full: 2 tasks"));
  EXPECT_THAT(notes_, ElementsAre("destroyed"));

  Iterate();
  EXPECT_TRUE(reactor_->Post([&] { Note("c"); }).ok());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("destroyed", "a", "b", "c"));
}

TEST_P(ReactorTest, TasksThatAreLeftAreDestroyedUnrunWithTheReactor) {
  for (int i = 0; i < 2; ++i) {
    auto mortal = std::make_unique<Mortal>([&] { Note("destroyed"); });
    ASSERT_TRUE(
        reactor_->Post([&, mortal = std::move(mortal)] { Note("run"); }).ok());
  }
  reactor_.reset();
  EXPECT_THAT(notes_, ElementsAre("destroyed", "destroyed"));
}

TEST_P(ReactorTest, ATasksDestructorPostsAndDeletesWhileTheReactorEnds) {
  Reactor& reactor = *reactor_;
  auto last = std::make_unique<Mortal>([&] { Note("task"); });
  auto mortal = std::make_unique<Mortal>([&, last = std::move(last)]() mutable {
    ASSERT_TRUE(reactor.Post([last = std::move(last)] {}).ok());
    reactor.DeleteSoon(std::make_unique<Mortal>([&] { Note("deletion"); }));
  });
  ASSERT_TRUE(reactor.Post([mortal = std::move(mortal)] {}).ok());
  reactor_.reset();
  EXPECT_THAT(notes_, UnorderedElementsAre("task", "deletion"));
}

TEST_P(ReactorTest, ADeletedObjectPostsWhileTheReactorEnds) {
  Reactor& reactor = *reactor_;
  Pair pair = MakePair();
  // What the task holds goes before the reactor looks for what is left.
  auto watcher = std::make_unique<Watcher>(reactor, pair.near.descriptor(),
                                           Interest::kRead);
  reactor.DeleteSoon(std::make_unique<Mortal>([&] {
    ASSERT_TRUE(reactor.Post([watcher = std::move(watcher)] {}).ok());
  }));
  reactor_.reset();
  EXPECT_EQ(watcher, nullptr);
}

TEST_P(ReactorTest, APostFromInsideOfAnIterationMakesNoCall) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness) { ASSERT_TRUE(reactor_->Post([] {}).ok()); });
  calls_.Clear();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kWrite), 0);
}

TEST_P(ReactorTest, PostsFromOutsideShareOneWakeUp) {
  calls_.Clear();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(reactor_->Post([] {}).ok());
  EXPECT_EQ(calls_.Count(SyscallKind::kWrite), 1);
  Iterate();
  ASSERT_TRUE(reactor_->Post([] {}).ok());
  EXPECT_EQ(calls_.Count(SyscallKind::kWrite), 2);
  // The wake-up is edge-triggered: nobody has to read it.
  EXPECT_EQ(calls_.Count(SyscallKind::kRead), 0);
}

TEST_P(ReactorTest, AWakeUpThatASignalInterruptsIsRepeated) {
  faults_.FailNext(SyscallKind::kWrite, EINTR, 2);
  calls_.Clear();
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  EXPECT_EQ(calls_.Count(SyscallKind::kWrite), 3);
}

TEST_P(ReactorTest, AWakeUpThatWouldBlockIsOneOfMany) {
  faults_.FailNext(SyscallKind::kWrite, EAGAIN);
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("task"));
}

// Running and stopping.

TEST_P(ReactorTest, AStopBeforeRunIsHonouredOnce) {
  reactor_->Stop();
  calls_.Clear();
  reactor_->Run();
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollPwait2), 0);

  Timer timer(*reactor_, [&] { reactor_->Stop(); });
  timer.ArmAfter(absl::Microseconds(100));
  reactor_->Run();
  EXPECT_FALSE(timer.armed());
}

TEST_P(ReactorTest, AStopFromACallbackEndsRunWithItsIteration) {
  Pair pair = MakeReadablePair();
  Timer timer(*reactor_, [&] { Note("timer"); });
  timer.ArmAfter(absl::ZeroDuration());
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  [&](Readiness) { reactor_->Stop(); });
  reactor_->Run();
  EXPECT_EQ(watcher.calls(), 1);
  EXPECT_THAT(notes_, ElementsAre("timer", "task"));
}

TEST_P(ReactorTest, AStopFromATaskEndsRun) {
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    reactor_->Stop();
                    ASSERT_TRUE(reactor_->Post([&] { Note("later"); }).ok());
                  })
                  .ok());
  reactor_->Run();
  EXPECT_THAT(notes_, IsEmpty());
  Iterate();
  EXPECT_THAT(notes_, ElementsAre("later"));
}

TEST_P(ReactorTest, AStopFromADestructorEndsRun) {
  reactor_->DeleteSoon(std::make_unique<Mortal>([&] { reactor_->Stop(); }));
  reactor_->Run();
}

TEST_P(ReactorTest, RunsAgainAfterAStop) {
  int fired = 0;
  Timer timer(*reactor_, [&] {
    ++fired;
    reactor_->Stop();
  });
  for (int run = 1; run <= 3; ++run) {
    timer.ArmAfter(absl::Microseconds(100));
    reactor_->Run();
    EXPECT_EQ(fired, run);
  }
}

TEST_P(ReactorTest, RunOnceReturnsAfterTheWait) {
  const int64_t start = kernel_.ClockGetTime(CLOCK_MONOTONIC).value();
  reactor_->RunOnce(absl::Milliseconds(3));
  const int64_t end = kernel_.ClockGetTime(CLOCK_MONOTONIC).value();
  EXPECT_GE(end - start, 3'000'000);
}

TEST_P(ReactorTest, RunOnceWaitsNoLongerThanUntilTheDeadline) {
  bool fired = false;
  Timer timer(*reactor_, [&] { fired = true; });
  timer.ArmAfter(absl::Milliseconds(1));
  reactor_->RunOnce(absl::Hours(1));
  EXPECT_TRUE(fired);
}

TEST_P(ReactorTest, TimeThatPassedSinceTheLastIterationIsNotWaitedAgain) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Milliseconds(2));
  // Spends some of the time without the reactor, on an epoll of its own.
  const int epoll = kernel_.EpollCreate1(EPOLL_CLOEXEC).descriptor();
  epoll_event event;
  ASSERT_TRUE(kernel_
                  .EpollPwait2(epoll, absl::MakeSpan(&event, 1),
                               absl::Microseconds(1'500))
                  .ok());
  ASSERT_TRUE(kernel_.Close(epoll).ok());
  calls_.Clear();
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_LE(calls_.Of(SyscallKind::kEpollPwait2)[0].numbers[2], 500'000);
}

TEST_P(ReactorTest, RunOnceWaitsNoLongerThanItMay) {
  Timer timer(*reactor_, [] { FAIL(); });
  timer.ArmAfter(absl::Hours(1));
  reactor_->RunOnce(absl::Milliseconds(1));
}

TEST_P(ReactorTest, ANegativeWaitIsNone) {
  reactor_->RunOnce(absl::Seconds(-1));
  reactor_->RunOnce(-absl::InfiniteDuration());
  Timer timer(*reactor_, [] { FAIL(); });
  timer.ArmAfter(absl::Hours(1));
  reactor_->RunOnce(absl::Seconds(-1));
}

// What the kernel may do.

TEST_P(ReactorTest, ASignalThatEndsTheWaitMakesAnIterationWithoutEvents) {
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  ASSERT_TRUE(reactor_->Post([&] { Note("task"); }).ok());
  faults_.FailNext(SyscallKind::kEpollPwait2, EINTR);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(watcher.calls(), 0);
  EXPECT_THAT(notes_, ElementsAre("task"));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorTest, ASignalDoesNotBringADeadlineForward) {
  Timer timer(*reactor_, [] { FAIL(); });
  timer.ArmAfter(absl::Hours(1));
  faults_.FailNext(SyscallKind::kEpollPwait2, EINTR);
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_TRUE(timer.armed());
}

TEST_P(ReactorTest, WithoutEpollPwait2ItWaitsInWholeMilliseconds) {
  constexpr int kAlways = 1'000'000;
  faults_.FailNext(SyscallKind::kEpollPwait2, ENOSYS, kAlways);
  // Ends the long waits.
  Pair pair = MakeReadablePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);

  constexpr int64_t kMillisecond = 1'000'000;
  const std::pair<absl::Duration, int64_t> waits[] = {
      {absl::ZeroDuration(), 0},
      {absl::Nanoseconds(1), kMillisecond},
      {absl::Milliseconds(1), kMillisecond},
      {absl::Milliseconds(1) + absl::Nanoseconds(1), 2 * kMillisecond},
      {absl::Hours(24 * 365), 24 * 3600 * 1000 * kMillisecond},
      {absl::InfiniteDuration(), -1},
  };
  calls_.Clear();
  for (const auto& [wait, timeout_ns] : waits) {
    reactor_->RunOnce(wait);
    EXPECT_EQ(calls_.Of(SyscallKind::kEpollWait).back().numbers[2], timeout_ns)
        << wait;
  }
  EXPECT_EQ(watcher.calls(), 6);
  // Tried once, not each time.
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollPwait2), 1);
}

TEST_P(ReactorTest, WithoutEpollPwait2ATimerFiresNotBeforeItsDeadline) {
  faults_.FailNext(SyscallKind::kEpollPwait2, ENOSYS);
  int fired = 0;
  const MonotonicTime armed = reactor_->Now();
  Timer timer(*reactor_, [&] {
    ++fired;
    EXPECT_GE(reactor_->Now() - armed, absl::Microseconds(1'500));
  });
  timer.ArmAfter(absl::Microseconds(1'500));
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(fired, 1);
}

TEST_P(ReactorTest, WithoutEpollPwait2ASignalEndsTheWaitToo) {
  faults_.FailNext(SyscallKind::kEpollPwait2, ENOSYS);
  faults_.FailNext(SyscallKind::kEpollWait, EINTR);
  reactor_->RunOnce(absl::InfiniteDuration());
}

TEST_P(ReactorTest, CreateTellsWhatTheKernelRefusesAndLeaksNothing) {
  const std::pair<SyscallKind, std::string> refusals[] = {
      {SyscallKind::kEpollCreate1, "epoll_create1: Too many open files"},
      {SyscallKind::kEventFd, "eventfd: Too many open files"},
      {SyscallKind::kEpollCtl, "epoll_ctl: Too many open files"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, EMFILE);
    EXPECT_EQ(Reactor::Create(kernel_).status().message(), message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

TEST_P(ReactorTest, DescriptorsAreCloseOnExec) {
  calls_.Clear();
  reactor_ = *Reactor::Create(kernel_);
  EXPECT_EQ(calls_.Of(SyscallKind::kEpollCreate1)[0].numbers[0], EPOLL_CLOEXEC);
  EXPECT_EQ(calls_.Of(SyscallKind::kEventFd)[0].numbers[1],
            SOCK_CLOEXEC | SOCK_NONBLOCK);
}

// Bugs of the caller end the program, and say what they are.

class ReactorDeathTest : public ReactorTest {
 protected:
  // A reactor does not survive a fork: the test runs anew.
  ReactorDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ReactorDeathTest, DestroyedWithARegistration) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  EXPECT_DEATH(reactor_.reset(),
               "descriptor [0-9]+ is still registered, for a "
               "pollux::Watcher, with a reactor");
}

TEST_P(ReactorDeathTest, DestroyedWithAnArmedTimer) {
  Timer timer(*reactor_, [] {});
  timer.ArmAfter(absl::Hours(1));
  EXPECT_DEATH(reactor_.reset(), "1 timers are still armed on a reactor");
}

TEST_P(ReactorDeathTest, RegisteredTwice) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  EXPECT_DEATH(
      (void)reactor_->Register(pair.near.descriptor(), Interest::kRead,
                               watcher),
      "descriptor [0-9]+ is already registered, for a pollux::Watcher");
}

TEST_P(ReactorDeathTest, RegisteredWithoutADescriptor) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  EXPECT_DEATH((void)reactor_->Register(-1, Interest::kRead, watcher), "");
}

TEST_P(ReactorDeathTest, ChangedWithoutARegistration) {
  Registration none;
  EXPECT_DEATH((void)none.SetInterest(Interest::kRead), "active");
  EXPECT_DEATH(none.Inject({}), "active");
}

TEST_P(ReactorDeathTest, EpollItselfFails) {
  faults_.FailNext(SyscallKind::kEpollPwait2, EBADF);
  EXPECT_DEATH(Iterate(), "epoll_wait: Bad file descriptor");
}

}  // namespace
}  // namespace pollux
