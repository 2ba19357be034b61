// How descriptors are watched: triggers, priority data, half-close, and what is
// not told any more.

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/edge_drain.h"
#include "reactor/io_handler.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

constexpr WatchOptions kEdge = {.trigger = Trigger::kEdge};
constexpr WatchOptions kOneShot = {.trigger = Trigger::kOneShot};
constexpr WatchOptions kExclusive = {.trigger = Trigger::kExclusive};

class ReactorModesTest : public ReactorFixture {};

INSTANTIATE_TEST_SUITE_P(Kernels, ReactorModesTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Edge-triggered.

TEST_P(ReactorModesTest, AnEdgeIsToldOnce) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kEdge);
  pair.far.Write("x");
  Iterate();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  pair.far.Write("y");
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
}

TEST_P(ReactorModesTest, SettingTheInterestOfAnEdgeTellsWhatHolds) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kEdge);
  pair.far.Write("x");
  Iterate();
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
}

// Reads a byte at a time.
class ByteReader {
 public:
  ByteReader(Kernel& kernel, int descriptor, int budget)
      : kernel_(kernel), descriptor_(descriptor), budget_(budget) {}

  DrainEnd Read(Registration& registration) {
    return DrainWithin(registration, {.readable = true}, budget_, [this] {
      std::array<char, 1> byte;
      const SysResult result =
          kernel_.Recv(descriptor_, absl::MakeSpan(byte), 0);
      if (result.would_block()) return DrainStep::kWouldBlock;
      if (result.value() <= 0) return DrainStep::kStop;
      read_ += byte[0];
      return DrainStep::kMore;
    });
  }
  const std::string& bytes() const { return read_; }

 private:
  Kernel& kernel_;
  const int descriptor_;
  const int budget_;
  std::string read_;
};

TEST_P(ReactorModesTest, ADrainGoesOnUntilItWouldBlock) {
  Pair pair = MakePair();
  ByteReader reader(kernel_, pair.near.descriptor(), /*budget=*/10);
  DrainEnd end = DrainEnd::kStopped;
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kEdge,
                  [&](Readiness) { end = reader.Read(watcher.registration); });
  pair.far.Write("abc");
  Iterate();
  EXPECT_EQ(reader.bytes(), "abc");
  EXPECT_EQ(end, DrainEnd::kWouldBlock);
  EXPECT_TRUE(IsIdle());
}

TEST_P(ReactorModesTest, ADrainPutsOffWhatItsBudgetDoesNotCover) {
  Pair pair = MakePair();
  Pair other = MakePair();
  ByteReader reader(kernel_, pair.near.descriptor(), /*budget=*/2);
  std::vector<DrainEnd> ends;
  Watcher watcher(
      *reactor_, pair.near.descriptor(), Interest::kRead, kEdge,
      [&](Readiness) { ends.push_back(reader.Read(watcher.registration)); });
  Watcher quiet(*reactor_, other.near.descriptor(), Interest::kRead);
  pair.far.Write("abcde");
  other.far.Write("x");
  Iterate();
  EXPECT_EQ(reader.bytes(), "ab");
  EXPECT_EQ(quiet.calls(), 1);
  Iterate();
  Iterate();
  EXPECT_EQ(reader.bytes(), "abcde");
  EXPECT_THAT(
      ends, testing::ElementsAre(DrainEnd::kBudgetSpent, DrainEnd::kBudgetSpent,
                                 DrainEnd::kWouldBlock));
}

TEST_P(ReactorModesTest, ADrainStopsAtTheEndOfTheStream) {
  Pair pair = MakePair();
  ByteReader reader(kernel_, pair.near.descriptor(), /*budget=*/10);
  DrainEnd end = DrainEnd::kWouldBlock;
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kEdge,
                  [&](Readiness) { end = reader.Read(watcher.registration); });
  pair.far.Write("a");
  pair.far.Close();
  Iterate();
  EXPECT_EQ(reader.bytes(), "a");
  EXPECT_EQ(end, DrainEnd::kStopped);
}

TEST_P(ReactorModesTest, AStepMayEndItsRegistration) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kEdge,
                  [&](Readiness) {
                    DrainWithin(watcher.registration, {.readable = true}, 5,
                                [&] {
                                  watcher.registration.Reset();
                                  return DrainStep::kStop;
                                });
                  });
  pair.far.Write("x");
  Iterate();
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

// One-shot.

TEST_P(ReactorModesTest, AOneShotIsSilentUntilItIsRearmed) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kOneShot);
  pair.far.Write("x");
  Iterate();
  pair.far.Write("y");
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  ASSERT_TRUE(watcher.registration.Rearm().ok());
  Iterate();
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
}

TEST_P(ReactorModesTest, TheSameInterestDoesNotRearm) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kOneShot);
  pair.far.Write("x");
  Iterate();
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

TEST_P(ReactorModesTest, AOneShotIsRearmedInItsCallback) {
  Pair pair = MakePair();
  Watcher watcher(
      *reactor_, pair.near.descriptor(), Interest::kRead, kOneShot,
      [&](Readiness) { ASSERT_TRUE(watcher.registration.Rearm().ok()); });
  pair.far.Write("x");
  Iterate();
  Iterate();
  EXPECT_EQ(watcher.calls(), 2);
}

TEST_P(ReactorModesTest, RearmingTellsWhatFails) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead, kOneShot);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM);
  EXPECT_EQ(watcher.registration.Rearm().message(),
            "epoll_ctl: Cannot allocate memory");
  EXPECT_TRUE(watcher.registration.Rearm().ok());
}

// Exclusive.

TEST_P(ReactorModesTest, AnExclusiveOneIsToldToSomebody) {
  const Address anywhere = *Address::Parse("127.0.0.1:0");
  Socket listener = *Socket::Listen(kernel_, anywhere, {.backlog = 16});
  std::unique_ptr<Reactor> second = *Reactor::Create(kernel_);
  int told = 0;
  Watcher a(*reactor_, listener.descriptor(), Interest::kRead, kExclusive,
            [&](Readiness) { ++told; });
  Watcher b(*second, listener.descriptor(), Interest::kRead, kExclusive,
            [&](Readiness) { ++told; });
  const Address address = *listener.LocalAddress();
  Socket client(kernel_, kernel_.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  ASSERT_TRUE(
      kernel_.Connect(client.descriptor(), address.data(), address.length())
          .ok());
  Iterate();
  second->RunOnce(absl::ZeroDuration());
  EXPECT_GE(told, 1);
  a.registration.Reset();
  b.registration.Reset();
}

TEST_P(ReactorModesTest, AnExclusiveOneLeavesAndComesBack) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  kExclusive);
  calls_.Clear();
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  pair.far.Write("x");
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
  const std::vector<SyscallRecord> changes = calls_.Of(SyscallKind::kEpollCtl);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].numbers[1], EPOLL_CTL_DEL);
  EXPECT_EQ(changes[1].numbers[1], EPOLL_CTL_ADD);
}

TEST_P(ReactorModesTest, AnExclusiveOneThatLeftEndsWithoutACall) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  kExclusive);
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  calls_.Clear();
  watcher.registration.Reset();
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
}

TEST_P(ReactorModesTest, AnExclusiveOneThatCannotComeBackSaysSo) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  kExclusive);
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  EXPECT_FALSE(watcher.registration.SetInterest(Interest::kRead).ok());
  EXPECT_TRUE(watcher.registration.SetInterest(Interest::kRead).ok());
  pair.far.Write("x");
  Iterate();
  EXPECT_EQ(watcher.calls(), 1);
}

// Half-close.

TEST_P(ReactorModesTest, TellsThatThePeerSendsNoMore) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  {.peer_half_close = true});
  pair.far.Write("x");
  Iterate();
  EXPECT_FALSE(watcher.last().peer_closed);
  ASSERT_TRUE(kernel_.Shutdown(pair.far.descriptor(), SHUT_WR).ok());
  Iterate();
  EXPECT_TRUE(watcher.last().peer_closed);
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_FALSE(watcher.last().broken);
}

TEST_P(ReactorModesTest, AHalfCloseIsNotToldWhileNothingIsRead) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead,
                  {.peer_half_close = true});
  ASSERT_TRUE(watcher.registration.SetInterest(Interest::kNone).ok());
  ASSERT_TRUE(kernel_.Shutdown(pair.far.descriptor(), SHUT_WR).ok());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(watcher.calls(), 0);
}

TEST_P(ReactorModesTest, WithoutAskingAHalfCloseIsReadableOnly) {
  Pair pair = MakePair();
  Watcher watcher(*reactor_, pair.near.descriptor(), Interest::kRead);
  ASSERT_TRUE(kernel_.Shutdown(pair.far.descriptor(), SHUT_WR).ok());
  Iterate();
  EXPECT_TRUE(watcher.last().readable);
  EXPECT_FALSE(watcher.last().peer_closed);
}

// What was taken from the kernel, and then was not wanted any more.

TEST_P(ReactorModesTest, WhatIsDisabledInTheSameBatchIsNotTold) {
  Pair one = MakePair();
  Pair two = MakePair();
  std::vector<Watcher*> both;
  const auto disable = [&](Readiness) {
    for (Watcher* watcher : both) {
      ASSERT_TRUE(watcher->registration.SetInterest(Interest::kNone).ok());
    }
  };
  Watcher a(*reactor_, one.near.descriptor(), Interest::kRead, disable);
  Watcher b(*reactor_, two.near.descriptor(), Interest::kRead, disable);
  both = {&a, &b};
  one.far.Write("x");
  two.far.Write("x");
  Iterate();
  EXPECT_EQ(a.calls() + b.calls(), 1);
  ASSERT_TRUE(a.registration.SetInterest(Interest::kRead).ok());
  ASSERT_TRUE(b.registration.SetInterest(Interest::kRead).ok());
  Iterate();
  EXPECT_EQ(a.calls() + b.calls(), 2);
}

TEST_P(ReactorModesTest, OfTwoReadinessesOnlyTheWantedOneIsTold) {
  Pair one = MakePair();
  Pair two = MakePair();
  std::vector<Watcher*> both;
  const auto only_write = [&](Readiness) {
    for (Watcher* watcher : both) {
      ASSERT_TRUE(watcher->registration.SetInterest(Interest::kWrite).ok());
    }
  };
  Watcher a(*reactor_, one.near.descriptor(), Interest::kReadWrite, only_write);
  Watcher b(*reactor_, two.near.descriptor(), Interest::kReadWrite, only_write);
  both = {&a, &b};
  one.far.Write("x");
  two.far.Write("x");
  Iterate();
  // The first was told both.
  EXPECT_NE(a.last().readable, b.last().readable);
  EXPECT_TRUE(a.last().writable);
  EXPECT_TRUE(b.last().writable);
}

TEST_P(ReactorModesTest, WhatIsBrokenIsToldThoughItWasDisabled) {
  Pair one = MakePair();
  Pair two = MakePair();
  std::vector<Watcher*> both;
  const auto disable = [&](Readiness) {
    for (Watcher* watcher : both) {
      ASSERT_TRUE(watcher->registration.SetInterest(Interest::kNone).ok());
    }
  };
  Watcher a(*reactor_, one.near.descriptor(), Interest::kRead, disable);
  Watcher b(*reactor_, two.near.descriptor(), Interest::kRead, disable);
  both = {&a, &b};
  one.far.Close();
  two.far.Close();
  Iterate();
  EXPECT_EQ(a.calls(), 1);
  EXPECT_EQ(b.calls(), 1);
  EXPECT_TRUE(a.last().broken);
  EXPECT_TRUE(b.last().broken);
}

// Urgent data, which the fake network does not have.
class PriorityDataTest : public ReactorModesTest {};

INSTANTIATE_TEST_SUITE_P(Kernels, PriorityDataTest,
                         testing::Values(LinuxUnderTest()),
                         KernelUnderTestName);

TEST_P(PriorityDataTest, IsToldIfAskedFor) {
  Socket listener =
      *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:0"), {.backlog = 16});
  const Address address = *listener.LocalAddress();
  Socket client(kernel_, kernel_.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
  ASSERT_TRUE(
      kernel_.Connect(client.descriptor(), address.data(), address.length())
          .ok());
  Socket server(
      kernel_,
      kernel_.Accept4(listener.descriptor(), nullptr, nullptr, 0).descriptor());
  Watcher watcher(*reactor_, server.descriptor(), Interest::kNone,
                  {.priority_data = true});
  Iterate();
  EXPECT_EQ(watcher.calls(), 0);
  ASSERT_TRUE(kernel_.Send(client.descriptor(), {"!", 1}, MSG_OOB).ok());
  ASSERT_TRUE(RunUntil([&] { return watcher.calls() > 0; }));
  EXPECT_TRUE(watcher.last().priority);
  EXPECT_FALSE(watcher.last().readable);
  watcher.registration.Reset();
}

}  // namespace
}  // namespace pollux
