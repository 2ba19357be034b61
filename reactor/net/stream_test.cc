#include "reactor/net/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/net/stream_fixture.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

INSTANTIATE_TEST_SUITE_P(Kernels, StreamTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Input.

TEST_P(StreamTest, PresentsWhatHasCome) {
  Iterate();
  EXPECT_THAT(server_.inputs, IsEmpty());
  client_.Write("hello");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("hello"));
}

TEST_P(StreamTest, WhatIsConsumedIsGone) {
  client_.Write("one");
  Iterate();
  client_.Write("two");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("one", "two"));
}

TEST_P(StreamTest, WhatIsKeptIsPresentedAgainWithMoreBehindIt) {
  server_.on_input = [](absl::string_view) { return 0; };
  for (const char* piece : {"a", "bc", "d"}) {
    client_.Write(piece);
    Iterate();
  }
  EXPECT_THAT(server_.inputs, ElementsAre("a", "abc", "abcd"));
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, WhatIsConsumedInPartKeepsItsRest) {
  server_.on_input = [](absl::string_view) { return 2; };
  for (const char* piece : {"abc", "d", "e", "f"}) {
    client_.Write(piece);
    Iterate();
  }
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "cd", "e", "f"));
}

// Terminators, cut by the boundaries of reads in every way.
TEST_P(StreamTest, ItDoesNotMatterHowTheInputWasCut) {
  const std::string message = "GET / HTTP/1.1\r\n\r\n";
  for (size_t cut = 1; cut < message.size(); ++cut) {
    int complete = 0;
    server_.on_input = [&](absl::string_view input) -> size_t {
      if (input.find("\r\n\r\n") == absl::string_view::npos) return 0;
      EXPECT_EQ(input, message);
      ++complete;
      return kAll;
    };
    client_.Write(message.substr(0, cut));
    Iterate();
    client_.Write(message.substr(cut));
    Iterate();
    EXPECT_EQ(complete, 1) << cut;
  }
}

TEST_P(StreamTest, BytesAreBytes) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  client_.Write(bytes);
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre(bytes));
}

TEST_P(StreamTest, ReadsOncePerEvent) {
  OpenWithReceiveBuffer(4);
  client_.Write("0123456789");
  for (int reads : {1, 2, 3}) {
    Iterate();
    EXPECT_EQ(receives(), reads);
  }
  EXPECT_THAT(server_.inputs, ElementsAre("0123", "4567", "89"));
}

TEST_P(StreamTest, AFullBufferStopsReadingUntilItIsConsumed) {
  OpenWithReceiveBuffer(4);
  server_.on_input = [](absl::string_view) { return 0; };
  client_.Write("0123456789");
  Iterate();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("0123"));

  server_.on_input = [](absl::string_view) { return kAll; };
  stream().ResumeInput();
  ASSERT_TRUE(RunUntil([&] { return server_.inputs.size() == 4; }));
  EXPECT_THAT(server_.inputs, ElementsAre("0123", "0123", "4567", "89"));
}

TEST_P(StreamTest, AFullBufferStillTellsThatThePeerHasGone) {
  OpenWithReceiveBuffer(4);
  server_.on_input = [](absl::string_view) { return 0; };
  client_.Write("0123456789");
  Iterate();
  client_.Close();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, StreamsThatShareBuffersDoNotMixTheirInput) {
  Server other;
  End other_client;
  Open(MakePair(), other, other_client);
  server_.on_input = other.on_input = [](absl::string_view) { return 0; };
  client_.Write("a");
  other_client.Write("1");
  Iterate();
  client_.Write("b");
  other_client.Write("2");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("a", "ab"));
  EXPECT_THAT(other.inputs, ElementsAre("1", "12"));
}

TEST_P(StreamTest, TellsTheEndOfInputOnceAndDoesNotSpin) {
  client_.Write("last");
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.ends_of_input > 0; }));
  EXPECT_THAT(server_.inputs, ElementsAre("last"));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.ends_of_input, 1);
  EXPECT_THAT(server_.closes, IsEmpty());
}

TEST_P(StreamTest, AtTheEndOfInputWhatWasKeptIsNotPresentedAgain) {
  server_.on_input = [](absl::string_view) { return 0; };
  client_.Write("part");
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.ends_of_input > 0; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("part"));
}

TEST_P(StreamTest, AnswersAfterTheEndOfInput) {
  server_.on_end_of_input = [&] { stream().output() += "answer"; };
  client_.ShutdownWrite();
  EXPECT_EQ(ReadUntil(client_, 6), "answer");
}

TEST_P(StreamTest, SpuriousReadinessIsNothing) {
  faults_.FailNext(SyscallKind::kRecv, EAGAIN);
  client_.Write("x");
  Iterate();
  EXPECT_THAT(server_.inputs, IsEmpty());
  EXPECT_EQ(server_.ends_of_input, 0);
  EXPECT_THAT(server_.closes, IsEmpty());
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("x"));
}

TEST_P(StreamTest, AReadThatASignalInterruptsIsRepeated) {
  faults_.FailNext(SyscallKind::kRecv, EINTR, 2);
  client_.Write("x");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("x"));
  EXPECT_EQ(receives(), 3);
}

TEST_P(StreamTest, AReadThatFailsClosesTheStreamOnce) {
  faults_.FailNext(SyscallKind::kRecv, ECONNRESET);
  client_.Write("x");
  Iterate();
  EXPECT_THAT(server_.closes, ElementsAre(Broken(ECONNRESET)));
  EXPECT_FALSE(stream().is_open());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
  EXPECT_EQ(server_.ends_of_input, 0);
}

// Output.

TEST_P(StreamTest, SendsWhatACallbackWroteInOneCall) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "one ";
    stream().output().append("two");
    EXPECT_EQ(stream().unsent_bytes(), 7u);
    EXPECT_EQ(sends(), 0);
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(client_.Read(), "one two");
  EXPECT_EQ(sends(), 1);
  EXPECT_EQ(stream().unsent_bytes(), 0u);
}

TEST_P(StreamTest, ARequestAndItsAnswerCostOneReadAndOneSend) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "answer";
    return kAll;
  };
  for (int request = 0; request < 3; ++request) {
    client_.Write("request");
    calls_.Clear();
    Iterate();
    EXPECT_EQ(calls_.Count(SyscallKind::kEpollPwait2), 1);
    EXPECT_EQ(calls_.Count(SyscallKind::kClockGetTime), 2);
    EXPECT_EQ(receives(), 1);
    EXPECT_EQ(sends(), 1);
    EXPECT_EQ(calls_.Total(), 5);
  }
}

TEST_P(StreamTest, WithoutOutputNothingIsSent) {
  client_.Write("x");
  Iterate();
  stream().Flush();
  Iterate();
  EXPECT_EQ(sends(), 0);
}

TEST_P(StreamTest, SendsWhatWasWrittenOutsideOfCallbacksInTheNextIteration) {
  stream().output() += "one ";
  stream().Flush();
  stream().output() += "two";
  stream().Flush();
  EXPECT_EQ(sends(), 0);
  EXPECT_EQ(stream().unsent_bytes(), 7u);
  // Does not wait.
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(client_.Read(), "one two");
  EXPECT_EQ(sends(), 1);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, WhatWasWrittenOutsideGoesBeforeWhatTheNextCallbackWrites) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "second";
    return kAll;
  };
  stream().output() += "first ";
  client_.Write("x");
  Iterate();
  EXPECT_EQ(client_.Read(), "first second");
}

TEST_P(StreamTest, WritesToAnotherStreamFromItsCallback) {
  Server other;
  End other_client;
  Open(MakePair(), other, other_client);
  server_.on_input = [&](absl::string_view input) {
    stream().output() += "mine";
    other.stream->output() += input;
    other.stream->Flush();
    EXPECT_EQ(stream().unsent_bytes(), 4u);
    EXPECT_EQ(other.stream->unsent_bytes(), input.size());
    stream().output() += " too";
    return kAll;
  };
  client_.Write("yours");
  Iterate();
  EXPECT_EQ(client_.Read(), "mine too");
  EXPECT_EQ(other_client.Read(), "");
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_EQ(other_client.Read(), "yours");
}

TEST_P(StreamTest, ContinuesShortWrites) {
  faults_.set_max_send_bytes(3);
  server_.on_input = [&](absl::string_view) {
    stream().output() += "0123456789";
    return kAll;
  };
  client_.Write("x");
  EXPECT_EQ(ReadUntil(client_, 10), "0123456789");
  EXPECT_EQ(sends(), 4);
  // EPOLLOUT is asked for once, and then no more.
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 2);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, SendsOncePerEventWhenThePeerIsSlow) {
  faults_.set_max_send_bytes(1);
  stream().output() += "abc";
  stream().Flush();
  for (int expected : {1, 2, 3, 3}) {
    Iterate();
    EXPECT_EQ(sends(), expected);
  }
}

TEST_P(StreamTest, WaitsForRoomWhenTheKernelTakesNothing) {
  faults_.FailNext(SyscallKind::kSend, EAGAIN);
  stream().output() += "x";
  stream().Flush();
  Iterate();
  EXPECT_EQ(stream().unsent_bytes(), 1u);
  EXPECT_EQ(ReadUntil(client_, 1), "x");
}

TEST_P(StreamTest, ABlockedStreamIsIdleAndLosesNothing) {
  const std::string bytes = Block();
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, ABlockedStreamStillReads) {
  const std::string bytes = Block();
  client_.Write("hello");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("hello"));
}

TEST_P(StreamTest, WhatIsWrittenWhileBlockedGoesBehind) {
  std::string bytes = Block();
  server_.on_input = [&](absl::string_view) {
    stream().output() += "from a callback";
    return kAll;
  };
  client_.Write("x");
  const int before = sends();
  Iterate();
  // The kernel has said that it takes no more: it is not asked again.
  EXPECT_EQ(sends(), before);
  stream().output() += " and from outside";
  stream().Flush();
  Iterate();
  EXPECT_EQ(sends(), before);
  bytes += "from a callback and from outside";
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
}

TEST_P(StreamTest, AStreamThatNeverDrainsHoldsNoMoreThanIsUnsent) {
  constexpr size_t kChunk = 1'000;
  faults_.set_max_send_bytes(kChunk);
  stream().output().append(2 * kChunk, 'x');
  stream().Flush();
  for (int i = 0; i < 1'000; ++i) {
    Iterate();
    client_.Read();
    stream().output().append(kChunk, 'x');
  }
  EXPECT_GT(stream().unsent_bytes(), 0u);
  EXPECT_LE(stream().unsent_bytes(), 3 * kChunk);
  EXPECT_LE(stream().output().capacity(), 20 * kChunk);
}

TEST_P(StreamTest, ASendThatASignalInterruptsIsRepeated) {
  faults_.FailNext(SyscallKind::kSend, EINTR, 2);
  stream().output() += "x";
  stream().Flush();
  Iterate();
  EXPECT_EQ(client_.Read(), "x");
  EXPECT_EQ(sends(), 3);
}

TEST_P(StreamTest, ASendThatFailsClosesTheStreamOnce) {
  for (int error : {EPIPE, ECONNRESET}) {
    server_.closes.clear();
    Open();
    faults_.FailNext(SyscallKind::kSend, error);
    stream().output() += "x";
    stream().Flush();
    Iterate();
    EXPECT_THAT(server_.closes, ElementsAre(Broken(error)));
    EXPECT_TRUE(IsIdle());
    EXPECT_EQ(server_.closes.size(), 1u);
  }
}

TEST_P(StreamTest, ASendToAPeerThatHasGoneClosesTheStreamOnce) {
  client_.Close();
  stream().output() += "x";
  stream().Flush();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(Broken(EPIPE)));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, SendsNeverRaiseASignal) {
  stream().output() += "x";
  stream().Flush();
  Iterate();
  EXPECT_EQ(calls_.Of(SyscallKind::kSend)[0].numbers[2], MSG_NOSIGNAL);
}

// Backpressure.

TEST_P(StreamTest, SaysWhenItsOutputIsHigh) {
  options_.high_watermark_bytes = 4;
  Reopen();
  stream().output() += "abc";
  EXPECT_FALSE(stream().is_output_high());
  stream().output() += "d";
  EXPECT_TRUE(stream().is_output_high());
  stream().Flush();
  Iterate();
  EXPECT_FALSE(stream().is_output_high());
}

TEST_P(StreamTest, TellsOnceWhenHighOutputHasDrained) {
  options_.high_watermark_bytes = 4;
  Reopen();
  faults_.set_max_send_bytes(3);
  stream().output() += "0123456789";
  stream().Flush();
  ASSERT_TRUE(RunUntil([&] {
    EXPECT_EQ(server_.drains > 0, stream().unsent_bytes() == 0);
    return server_.drains > 0;
  }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.drains, 1);
}

TEST_P(StreamTest, TellsNothingWhenLowOutputHasDrained) {
  options_.high_watermark_bytes = 4;
  Reopen();
  faults_.set_max_send_bytes(1);
  stream().output() += "abc";
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, 3), "abc");
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.drains, 0);
}

TEST_P(StreamTest, AProducerThatWaitsForTheDrainSendsEverything) {
  options_.high_watermark_bytes = 1'000;
  Reopen();
  const std::string bytes = Pattern(100'000);
  size_t produced = 0;
  const auto produce = [&] {
    while (produced < bytes.size() && !stream().is_output_high()) {
      stream().output() += bytes.substr(produced, 300);
      produced = std::min(produced + 300, bytes.size());
    }
    EXPECT_LE(stream().unsent_bytes(), 1'300u);
  };
  server_.on_output_drained = produce;
  server_.on_input = [&](absl::string_view) {
    produce();
    return kAll;
  };
  client_.Write("go");
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
}

TEST_P(StreamTest, WhatADrainWritesWaitsForItsTurn) {
  options_.high_watermark_bytes = 1;
  Reopen();
  server_.on_output_drained = [&] { stream().output() += "more"; };
  stream().output() += "first";
  stream().Flush();
  for (int expected : {1, 2, 3}) {
    Iterate();
    EXPECT_EQ(sends(), expected);
  }
}

// Closing.

TEST_P(StreamTest, ClosesWhenItsOutputIsSent) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "bye";
    stream().CloseWhenSent();
    EXPECT_TRUE(stream().is_open());
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(client_.Read(), "bye");
  EXPECT_TRUE(client_.at_end());
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
  EXPECT_FALSE(stream().is_open());
}

TEST_P(StreamTest, ClosesInTheNextIterationFromOutside) {
  stream().CloseWhenSent();
  EXPECT_TRUE(stream().is_open());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
  client_.Read();
  EXPECT_TRUE(client_.at_end());
}

TEST_P(StreamTest, ClosesOnlyAfterTheLastShortWrite) {
  const std::string bytes = Block();
  stream().CloseWhenSent();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.closes, IsEmpty());
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
}

TEST_P(StreamTest, WhileClosingInputIsNotPresented) {
  const std::string bytes = Block();
  stream().CloseWhenSent();
  client_.Write("too late");
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, IsEmpty());
}

TEST_P(StreamTest, WhileClosingAPeerThatGoesIsTold) {
  Block();
  stream().CloseWhenSent();
  Iterate();
  client_.Close();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(Broken(EPIPE)));
}

TEST_P(StreamTest, ShutsDownWhenItsOutputIsSent) {
  faults_.set_max_send_bytes(2);
  stream().output() += "bye";
  stream().ShutdownWhenSent();
  EXPECT_EQ(ReadUntil(client_, 3), "bye");
  ASSERT_TRUE(RunUntil([&] {
    client_.Read();
    return client_.at_end();
  }));
  EXPECT_TRUE(stream().is_open());
  // The other direction is as it was.
  client_.Write("still here");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("still here"));
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamTest, ShutsDownOnce) {
  stream().ShutdownWhenSent();
  Iterate();
  stream().ShutdownWhenSent();
  Iterate();
  EXPECT_EQ(calls_.Count(SyscallKind::kShutdown), 1);
}

TEST_P(StreamTest, ClosesAfterAShutdown) {
  stream().ShutdownWhenSent();
  Iterate();
  stream().CloseWhenSent();
  Iterate();
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
}

TEST_P(StreamTest, AShutdownDoesNotUndoAClose) {
  stream().CloseWhenSent();
  stream().ShutdownWhenSent();
  Iterate();
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
}

TEST_P(StreamTest, EndsWhenBothSidesHaveShutDown) {
  server_.on_end_of_input = [&] {
    stream().output() += "answer";
    stream().ShutdownWhenSent();
  };
  client_.Write("question");
  client_.ShutdownWrite();
  EXPECT_EQ(ReadUntil(client_, 6), "answer");
  EXPECT_THAT(server_.inputs, ElementsAre("question"));
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.ends_of_input, 1);
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, AbortsAtOnceAndWithoutAWord) {
  Block();
  stream().Abort();
  EXPECT_FALSE(stream().is_open());
  EXPECT_EQ(stream().unsent_bytes(), 0u);
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.closes, IsEmpty());
}

TEST_P(StreamTest, AbortsFromItsCallback) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "not sent";
    stream().Abort();
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(client_.Read(), "");
  EXPECT_TRUE(client_.at_end());
  EXPECT_THAT(server_.closes, IsEmpty());
}

TEST_P(StreamTest, WhatAnAbortedStreamWroteDoesNotReachAnother) {
  Server other;
  End other_client;
  Open(MakePair(), other, other_client);
  server_.on_input = [&](absl::string_view) {
    stream().output() += "secret";
    stream().Abort();
    return kAll;
  };
  client_.Write("x");
  Iterate();
  other.on_input = [&](absl::string_view) {
    other.stream->output() += "mine";
    return kAll;
  };
  other_client.Write("x");
  Iterate();
  EXPECT_EQ(other_client.Read(), "mine");
}

TEST_P(StreamTest, AfterItsEndEverythingMayStillBeCalled) {
  const std::function<void()> ends[] = {
      [&] { stream().Abort(); },
      [&] {
        stream().CloseWhenSent();
        Iterate();
      },
  };
  for (const auto& end : ends) {
    Open();
    end();
    stream().output() += "x";
    stream().Flush();
    stream().PauseInput();
    stream().ResumeInput();
    stream().ShutdownWhenSent();
    stream().CloseWhenSent();
    stream().Abort();
    EXPECT_TRUE(IsIdle());
    EXPECT_EQ(sends(), 0);
  }
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, DestroyedWithWorkLeftItTellsNothing) {
  stream().output() += "x";
  stream().Flush();
  stream().CloseWhenSent();
  server_.stream.reset();
  Iterate();
  EXPECT_THAT(server_.closes, IsEmpty());
  EXPECT_EQ(sends(), 0);
}

TEST_P(StreamTest, LeavesEpollBeforeItCloses) {
  calls_.Clear();
  stream().Close();
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kClose), 1);
  EXPECT_EQ(calls_.Total(), 2);
}

TEST_P(StreamTest, AStreamThatCannotBeWatchedIsClosed) {
  Pair pair = MakePair();
  Server server;
  Stream stream(buffers(), Socket(kernel_, pair.near.Release()), server);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  EXPECT_EQ(stream.Start().message(), "epoll_ctl: No space left on device");
  EXPECT_FALSE(stream.is_open());
  EXPECT_THAT(server.closes, IsEmpty());
}

TEST_P(StreamTest, AStreamWhoseInterestCannotBeChangedIsClosed) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM);
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_THAT(server_.closes, ElementsAre(Broken(ENOMEM)));
}

// Pausing.

TEST_P(StreamTest, PausedFromItsCallbackItReadsNoMore) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    return kAll;
  };
  client_.Write("a");
  Iterate();
  client_.Write("b");
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("a"));
  EXPECT_EQ(receives(), 1);

  stream().ResumeInput();
  ASSERT_TRUE(RunUntil([&] { return server_.inputs.size() == 2; }));
  EXPECT_THAT(server_.inputs, ElementsAre("a", "b"));
}

TEST_P(StreamTest, PausedFromOutsideItReadsNoMore) {
  stream().PauseInput();
  client_.Write("a");
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, IsEmpty());
  stream().ResumeInput();
  ASSERT_TRUE(RunUntil([&] { return !server_.inputs.empty(); }));
  EXPECT_THAT(server_.inputs, ElementsAre("a"));
}

TEST_P(StreamTest, ResumedFromOutsideItPresentsWhatWasKeptInTheNextIteration) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    return 1;
  };
  client_.Write("abc");
  Iterate();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("abc"));

  stream().ResumeInput();
  EXPECT_EQ(server_.inputs.size(), 1u);
  // Does not wait.
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "bc"));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs.size(), 2u);
}

TEST_P(StreamTest, ResumedFromATaskItPresentsWhatWasKept) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    EXPECT_TRUE(reactor_->Post([&] { stream().ResumeInput(); }).ok());
    return 1;
  };
  client_.Write("abc");
  ASSERT_TRUE(RunUntil([&] { return server_.inputs.size() == 3; }));
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "bc", "c"));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs.size(), 3u);
}

TEST_P(StreamTest, ResumedFromItsCallbackItPresentsTheRestInTheNextIteration) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    stream().ResumeInput();
    return 1;
  };
  client_.Write("abc");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("abc"));
  reactor_->RunOnce(absl::InfiniteDuration());
  reactor_->RunOnce(absl::InfiniteDuration());
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "bc", "c"));
  // There is no rest now, so nothing is presented.
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs.size(), 3u);
}

TEST_P(StreamTest, ResumedFromItsCallbackThatConsumesAllItWaitsForMore) {
  server_.on_input = [&](absl::string_view) {
    stream().ResumeInput();
    return kAll;
  };
  client_.Write("abc");
  Iterate();
  EXPECT_TRUE(IsIdle());
  EXPECT_THAT(server_.inputs, ElementsAre("abc"));
  client_.Write("d");
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "d"));
}

TEST_P(StreamTest, ResumedWhileMoreHasComeItPresentsBoth) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    return 0;
  };
  client_.Write("ab");
  Iterate();
  client_.Write("cd");
  server_.on_input = [](absl::string_view) { return 0; };
  stream().ResumeInput();
  ASSERT_TRUE(RunUntil([&] { return server_.inputs.back() == "abcd"; }));
  EXPECT_THAT(server_.inputs, ElementsAre("ab", "ab", "abcd"));
}

TEST_P(StreamTest, PausedAgainBeforeTheNextIterationItPresentsNothing) {
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    return 0;
  };
  client_.Write("ab");
  Iterate();
  stream().ResumeInput();
  stream().PauseInput();
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs.size(), 1u);
  stream().ResumeInput();
  Iterate();
  EXPECT_THAT(server_.inputs, ElementsAre("ab", "ab"));
}

TEST_P(StreamTest, ResumedFromItsDrainItPresentsWhatWasKept) {
  options_.high_watermark_bytes = 1;
  Reopen();
  server_.on_input = [&](absl::string_view) {
    stream().PauseInput();
    stream().output() += "answer";
    return 1;
  };
  server_.on_output_drained = [&] { stream().ResumeInput(); };
  client_.Write("abc");
  ASSERT_TRUE(RunUntil([&] { return server_.inputs.size() == 3; }));
  EXPECT_THAT(server_.inputs, ElementsAre("abc", "bc", "c"));
  EXPECT_EQ(ReadUntil(client_, 18), "answeransweranswer");
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs.size(), 3u);
}

TEST_P(StreamTest, PausedItStillSends) {
  stream().PauseInput();
  const std::string bytes = Block();
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
}

TEST_P(StreamTest, PausedItTellsAHangUpOnceAndDoesNotSpin) {
  stream().PauseInput();
  Iterate();
  client_.Close();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(Broken(EPIPE)));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
  EXPECT_EQ(server_.ends_of_input, 0);
}

TEST_P(StreamTest, PausedItReportsThatThePeerHasFinished) {
  stream().PauseInput();
  client_.Write("last");
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.peer_finishes > 0; }));
  // Only once, although the condition persists.
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.peer_finishes, 1);
  EXPECT_EQ(server_.ends_of_input, 0);
  stream().ResumeInput();
  ASSERT_TRUE(RunUntil([&] { return server_.ends_of_input > 0; }));
  EXPECT_THAT(server_.inputs, ElementsAre("last"));
}

// TCP.

TEST_P(StreamTest, TcpPausedItTellsAResetOnceAndDoesNotSpin) {
  OpenTcp();
  stream().PauseInput();
  Iterate();
  client_.CloseWithReset();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(Broken(ECONNRESET)));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, TcpAResetClosesTheStreamOnce) {
  OpenTcp();
  client_.CloseWithReset();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(Broken(ECONNRESET)));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
  EXPECT_EQ(server_.ends_of_input, 0);
}

TEST_P(StreamTest, TcpAResetWhileBlockedClosesTheStreamOnce) {
  OpenTcp();
  BlockTcp();
  client_.CloseWithReset();
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_EQ(server_.closes.size(), 1u);
  EXPECT_EQ(server_.closes[0].reason, Stream::CloseReason::kBroken);
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, TcpABlockedStreamIsIdleAndLosesNothing) {
  OpenTcp();
  const std::string bytes = BlockTcp();
  EXPECT_TRUE(RunUntil([&] { return IsIdle(); }));
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
}

TEST_P(StreamTest, TcpEndsWhenBothSidesHaveShutDown) {
  OpenTcp();
  server_.on_end_of_input = [&] {
    stream().output() += "answer";
    stream().ShutdownWhenSent();
  };
  client_.Write("question");
  client_.ShutdownWrite();
  EXPECT_EQ(ReadUntil(client_, 6), "answer");
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.inputs, std::vector<std::string>{"question"});
  EXPECT_EQ(server_.ends_of_input, 1);
  EXPECT_EQ(server_.closes.size(), 1u);
}

TEST_P(StreamTest, TcpAHalfClosedPeerIsStillAnswered) {
  OpenTcp();
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.ends_of_input == 1; }));
  EXPECT_TRUE(IsIdle());
  const std::string bytes = Pattern(100'000);
  stream().output() += bytes;
  stream().CloseWhenSent();
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
  EXPECT_THAT(server_.closes, ElementsAre(kSent));
}

// Its owner may go from inside of every callback.

class StreamOwnerTest : public StreamTest {
 protected:
  // What `callback` then does.
  std::function<void()> Leave() {
    return [&] {
      ++left_;
      stream().output() += "not for nothing";
      reactor_->DeleteSoon(std::move(server_.stream));
    };
  }

  void ExpectGone() {
    ASSERT_TRUE(RunUntil([&] { return left_ > 0; }));
    EXPECT_EQ(server_.stream, nullptr);
    EXPECT_TRUE(IsIdle());
    EXPECT_EQ(left_, 1);
    client_.Read();
    EXPECT_TRUE(client_.at_end() || client_.descriptor() < 0 ||
                client_.last_error() == ECONNRESET);
  }

  int left_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Kernels, StreamOwnerTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(StreamOwnerTest, GoesWithTheInput) {
  server_.on_input = [&, leave = Leave()](absl::string_view) {
    leave();
    return 1;
  };
  client_.Write("abc");
  ExpectGone();
  EXPECT_EQ(server_.inputs.size(), 1u);
}

TEST_P(StreamOwnerTest, GoesWithTheEndOfInput) {
  server_.on_end_of_input = Leave();
  client_.ShutdownWrite();
  ExpectGone();
}

TEST_P(StreamOwnerTest, GoesWithTheDrain) {
  options_.high_watermark_bytes = 1;
  Reopen();
  server_.on_output_drained = Leave();
  stream().output() += "x";
  stream().Flush();
  ExpectGone();
}

TEST_P(StreamOwnerTest, GoesWithTheClose) {
  server_.on_closed = Leave();
  stream().CloseWhenSent();
  ExpectGone();
}

TEST_P(StreamOwnerTest, GoesWithTheBreak) {
  server_.on_closed = Leave();
  faults_.FailNext(SyscallKind::kRecv, ECONNRESET);
  client_.Write("x");
  ExpectGone();
}

TEST_P(StreamTest, DiscardsInputWhileItSends) {
  stream().DiscardInput();
  client_.Write("input that is not read");
  EXPECT_TRUE(IsIdle());
  stream().output() += "output";
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, 6), "output");
  client_.ShutdownWrite();
  ASSERT_TRUE(RunUntil([&] { return server_.peer_finishes > 0; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.peer_finishes, 1);
  EXPECT_THAT(server_.inputs, IsEmpty());
  EXPECT_EQ(server_.ends_of_input, 0);
  stream().output() += " and more";
  stream().LingerWhenSent();
  EXPECT_EQ(ReadUntil(client_, 9), " and more");
  ASSERT_TRUE(RunUntil([&] { return !server_.closes.empty(); }));
  EXPECT_THAT(server_.closes, ElementsAre(kFinished));
}

// Streams within streams.

TEST_P(StreamTest, ReadsLaterIfItIsStartedInsideOfAnotherOnesCallback) {
  Server other;
  other.on_input = [&](absl::string_view) {
    other.stream->output() += "other";
    return kAll;
  };
  Pair pair = MakePair();
  End other_client = std::move(pair.far);
  other_client.Write("other's input");
  other.stream = std::make_unique<Stream>(
      buffers(), Socket(kernel_, pair.near.Release()), other);
  server_.on_input = [&](absl::string_view input) {
    other.stream->StartReading();
    EXPECT_THAT(other.inputs, IsEmpty());
    EXPECT_EQ(input, "input");
    stream().output() += "mine";
    return kAll;
  };
  client_.Write("input");
  EXPECT_EQ(ReadUntil(client_, 4), "mine");
  EXPECT_EQ(ReadUntil(other_client, 5), "other");
  EXPECT_THAT(other.inputs, ElementsAre("other's input"));
  other.stream.reset();
}

TEST_P(StreamTest, StartedInsideOfACallbackItMayFail) {
  Server other;
  Pair pair = MakePair();
  other.stream = std::make_unique<Stream>(
      buffers(), Socket(kernel_, pair.near.Release()), other);
  server_.on_input = [&](absl::string_view) {
    faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM);
    other.stream->StartReading();
    return kAll;
  };
  client_.Write("input");
  Iterate();
  EXPECT_THAT(other.closes, ElementsAre(Broken(ENOMEM)));
  EXPECT_TRUE(server_.stream->is_open());
}

using StreamDeathTest = StreamTest;

INSTANTIATE_TEST_SUITE_P(Kernels, StreamDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(StreamDeathTest, AHandlerThatConsumesMoreThanItGotIsABug) {
  struct Greedy final : Stream::Handler {
    size_t OnInput(absl::string_view input) override {
      return input.size() + 1;
    }
    void OnEndOfInput() override {}
    void OnOutputDrained() override {}
    void OnClosed(Stream::CloseReason, int, uint64_t) override {}
  } greedy;
  Pair pair = MakePair();
  Stream stream(buffers(), Socket(kernel_, pair.near.Release()), greedy);
  ASSERT_TRUE(stream.Start().ok());
  pair.far.Write("x");
  // A reactor does not survive a fork: the test runs anew.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Iterate(), "consumed");
}

}  // namespace
}  // namespace pollux
