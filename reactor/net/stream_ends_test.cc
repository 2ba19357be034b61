// How streams end: in order, lingering, with a reset; and what is not an end.
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_fixture.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StreamEndsTest : public StreamTest {
 protected:
  [[nodiscard]] bool RunUntilClosed() {
    return RunUntil([&] { return !server_.closes.empty(); });
  }

  // Nothing more happens, and nothing was told twice.
  void ExpectOver(const Close& close) {
    EXPECT_THAT(server_.closes, ElementsAre(close));
    EXPECT_FALSE(stream().is_open());
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(server_.closes, ElementsAre(close));
    EXPECT_EQ(buffers().buffered_bytes(), 0u);
  }

  [[nodiscard]] bool RunUntilClientAtEnd() {
    return RunUntil([&] {
      client_.Read();
      return client_.at_end();
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, StreamEndsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Both directions in order.

TEST_P(StreamEndsTest, FinishesWhenThePeerEndedFirst) {
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    server_.on_end_of_input = [&] {
      stream().output() += "answer";
      stream().ShutdownWhenSent();
    };
    client_.ShutdownWrite();
    EXPECT_EQ(ReadUntil(client_, 6), "answer");
    ASSERT_TRUE(RunUntilClosed());
    ExpectOver(kFinished);
    EXPECT_TRUE(RunUntilClientAtEnd());
  }
}

TEST_P(StreamEndsTest, FinishesWhenItEndedFirst) {
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    server_.ends_of_input = 0;
    stream().ShutdownWhenSent();
    EXPECT_TRUE(RunUntilClientAtEnd());
    EXPECT_THAT(server_.closes, IsEmpty());
    client_.Write("last words");
    client_.Close();
    ASSERT_TRUE(RunUntilClosed());
    ExpectOver(kFinished);
    EXPECT_EQ(server_.inputs.back(), "last words");
    EXPECT_EQ(server_.ends_of_input, 1);
  }
}

TEST_P(StreamEndsTest, FinishesAfterTheLastShortWrite) {
  const std::string bytes = Block();
  stream().ShutdownWhenSent();
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.ends_of_input == 1; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.closes, IsEmpty());
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(kFinished);
}

TEST_P(StreamEndsTest, APeerThatGoesWithoutTheAnswerIsNotInOrder) {
  client_.Close();
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(Broken(EPIPE));
  EXPECT_EQ(server_.ends_of_input, 1);
}

// The hang-up of a peer that has nothing more to get is no reason to lose what
// it sent.
TEST_P(StreamEndsTest, PausedAfterItsOwnEndItKeepsTheInputForLater) {
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    server_.inputs.clear();
    stream().ShutdownWhenSent();
    stream().PauseInput();
    EXPECT_TRUE(RunUntilClientAtEnd());
    client_.Write("all of it");
    client_.Close();
    EXPECT_TRUE(RunUntil([&] { return IsIdle(); }));
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(server_.closes, IsEmpty());
    EXPECT_THAT(server_.inputs, IsEmpty());

    stream().ResumeInput();
    ASSERT_TRUE(RunUntilClosed());
    ExpectOver(kFinished);
    EXPECT_THAT(server_.inputs, ElementsAre("all of it"));
  }
}

TEST_P(StreamEndsTest, PausedAfterItsOwnEndAResetIsStillTold) {
  OpenTcp();
  stream().ShutdownWhenSent();
  stream().PauseInput();
  EXPECT_TRUE(RunUntilClientAtEnd());
  client_.CloseWithReset();
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(Broken(ECONNRESET));
}

TEST_P(StreamEndsTest, ClosesWhilePausedAfterItsOwnEnd) {
  stream().ShutdownWhenSent();
  stream().PauseInput();
  Iterate();
  client_.Close();
  EXPECT_TRUE(RunUntil([&] { return IsIdle(); }));
  stream().CloseWhenSent();
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(kSent);
}

// Lingering.

TEST_P(StreamEndsTest, LingersUntilThePeerEnds) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "refused";
    stream().LingerWhenSent();
    return kAll;
  };
  for (const bool is_tcp : {false, true}) {
    is_tcp ? OpenTcp() : Open();
    server_.closes.clear();
    server_.inputs.clear();
    client_.Write("x");
    EXPECT_EQ(ReadUntil(client_, 7), "refused");
    EXPECT_TRUE(RunUntilClientAtEnd());
    client_.Write(std::string(10'000, 'y'));
    Iterate();
    client_.Write("z");
    EXPECT_TRUE(IsIdle());
    EXPECT_THAT(server_.closes, IsEmpty());
    // Nothing was left unread that would have made the kernel reset it.
    EXPECT_EQ(client_.last_error(), 0);
    client_.Close();
    ASSERT_TRUE(RunUntilClosed());
    ExpectOver(kFinished);
    EXPECT_THAT(server_.inputs, ElementsAre("x"));
    EXPECT_EQ(server_.ends_of_input, 0);
  }
}

TEST_P(StreamEndsTest, LingersNoLongerThanItsTimeout) {
  options_.linger_timeout = absl::Milliseconds(20);
  Reopen();
  stream().output() += "refused";
  stream().LingerWhenSent();
  const auto begin = reactor_->Now();
  Iterate();
  ASSERT_TRUE(RunUntil([&] {
    // What dribbles in does not prolong it.
    if (server_.closes.empty()) client_.Write("y");
    Iterate();
    return !server_.closes.empty();
  }));
  EXPECT_GE(reactor_->Now() - begin, absl::Milliseconds(20));
  ExpectOver(kLingered);
}

TEST_P(StreamEndsTest, LingersForNoMoreThanItsBytes) {
  options_.max_linger_bytes = 1'000;
  Reopen();
  stream().LingerWhenSent();
  Iterate();
  client_.Write(std::string(999, 'y'));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.closes, IsEmpty());
  client_.Write("z");
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(kLingered);
}

TEST_P(StreamEndsTest, LingersAfterTheLastShortWrite) {
  options_.linger_timeout = absl::Milliseconds(1);
  options_.max_linger_bytes = 10;
  Reopen();
  const std::string bytes = Block();
  stream().LingerWhenSent();
  client_.Write(std::string(100, 'y'));
  // The bytes are used up, and the time has not begun.
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.closes, IsEmpty());
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(kLingered);
}

TEST_P(StreamEndsTest, LingersThoughInputIsPaused) {
  stream().PauseInput();
  Iterate();
  client_.Write("unread");
  stream().LingerWhenSent();
  EXPECT_TRUE(RunUntilClientAtEnd());
  client_.Close();
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(kFinished);
  EXPECT_THAT(server_.inputs, IsEmpty());
}

TEST_P(StreamEndsTest, WhatWasKeptIsGoneWhenItLingers) {
  server_.on_input = [&](absl::string_view) { return 0; };
  client_.Write("kept");
  Iterate();
  EXPECT_EQ(stream().buffered_bytes(), 4u);
  stream().LingerWhenSent();
  Iterate();
  EXPECT_EQ(stream().buffered_bytes(), 0u);
  stream().ResumeInput();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("kept"));
}

TEST_P(StreamEndsTest, ClosesWhileItLingers) {
  stream().LingerWhenSent();
  Iterate();
  stream().CloseWhenSent();
  Iterate();
  ExpectOver(kSent);
}

TEST_P(StreamEndsTest, LingersOnce) {
  stream().LingerWhenSent();
  stream().LingerWhenSent();
  Iterate();
  stream().LingerWhenSent();
  Iterate();
  EXPECT_EQ(calls_.Count(SyscallKind::kShutdown), 1);
}

TEST_P(StreamEndsTest, APeerThatResetsWhileItLingersIsTold) {
  OpenTcp();
  stream().LingerWhenSent();
  Iterate();
  client_.CloseWithReset();
  ASSERT_TRUE(RunUntilClosed());
  ExpectOver(Broken(ECONNRESET));
}

// At once.

TEST_P(StreamEndsTest, AnAbortIsAReset) {
  OpenTcp();
  stream().output() += "not sent";
  stream().Abort();
  EXPECT_TRUE(RunUntil([&] {
    client_.Read();
    return client_.last_error() == ECONNRESET;
  }));
  EXPECT_FALSE(client_.at_end());
  EXPECT_THAT(server_.closes, IsEmpty());
}

TEST_P(StreamEndsTest, ACloseIsNoReset) {
  OpenTcp();
  stream().output() += "sent";
  stream().Flush();
  Iterate();
  stream().Close();
  EXPECT_EQ(ReadUntil(client_, 4), "sent");
  EXPECT_TRUE(RunUntilClientAtEnd());
  EXPECT_THAT(server_.closes, IsEmpty());
}

TEST_P(StreamEndsTest, AbortsThoughTheKernelRefusesTheReset) {
  faults_.FailNext(SyscallKind::kSetSockOpt, ENOMEM);
  stream().Abort();
  EXPECT_FALSE(stream().is_open());
}

// A connection whose first bytes came with it.

TEST_P(StreamEndsTest, ReadAtOnceARequestCostsExactlyItsCalls) {
  Drop();
  Pair pair = MakePair();
  pair.far.Write("request");
  server_.on_input = [&](absl::string_view) {
    stream().output() += "answer";
    stream().CloseWhenSent();
    return kAll;
  };
  server_.stream = std::make_unique<Stream>(
      buffers(), Socket(kernel_, pair.near.Release()), server_);
  calls_.Clear();
  stream().StartReading();
  EXPECT_EQ(calls_.Count(SyscallKind::kRecv), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kSend), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kClose), 1);
  EXPECT_EQ(calls_.Total(), 3);
  EXPECT_EQ(pair.far.Read(), "answer");
  ExpectOver(kSent);
}

TEST_P(StreamEndsTest, ReadAtOnceItWaitsForWhatDidNotCome) {
  Drop();
  Pair pair = MakePair();
  server_.stream = std::make_unique<Stream>(
      buffers(), Socket(kernel_, pair.near.Release()), server_);
  stream().StartReading();
  EXPECT_THAT(server_.inputs, IsEmpty());
  pair.far.Write("late");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("late"));
}

TEST_P(StreamEndsTest, ReadAtOnceItTellsThatItCannotBeWatched) {
  Drop();
  Pair pair = MakePair();
  server_.stream = std::make_unique<Stream>(
      buffers(), Socket(kernel_, pair.near.Release()), server_);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  stream().StartReading();
  ExpectOver(Broken(ENOMEM));
}

}  // namespace
}  // namespace pollux
