// What streams send: pieces, files, what is lent; and the account of it all.
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/net/stream_fixture.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// An idle connection is little more than this.
static_assert(sizeof(Stream) <= 80);

struct CountingLender final : Lender {
  void OnReturned() override { ++returned; }
  int returned = 0;
};

class StreamOutputTest : public StreamTest {
 protected:
  int gathers() const { return calls_.Count(SyscallKind::kSendMsg); }

  CountingLender lender_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, StreamOutputTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(StreamOutputTest, SeveralPiecesAreOneCall) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "head ";
    stream().WriteShared("shared ", Lease(lender_));
    stream().output() += "tail";
    EXPECT_EQ(stream().unsent_bytes(), 16u);
    EXPECT_EQ(stream().buffered_bytes(), 9u);
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(client_.Read(), "head shared tail");
  EXPECT_EQ(gathers(), 1);
  EXPECT_EQ(sends(), 0);
  EXPECT_EQ(lender_.returned, 1);
  EXPECT_TRUE(IsIdle());
}

TEST_P(StreamOutputTest, ASharedPieceAloneIsOneSend) {
  stream().WriteShared("constant", Lease());
  stream().Flush();
  Iterate();
  EXPECT_EQ(client_.Read(), "constant");
  EXPECT_EQ(sends(), 1);
  EXPECT_EQ(gathers(), 0);
}

TEST_P(StreamOutputTest, ALongStringIsSentWithoutACopy) {
  const std::string bytes = Pattern(50'000);
  std::string given = bytes;
  stream().output() += "<";
  stream().Write(std::move(given));
  stream().output() += ">";
  stream().Flush();
  EXPECT_EQ(stream().buffered_bytes(), 50'002u);
  EXPECT_TRUE(ReadUntil(client_, 50'002) == absl::StrCat("<", bytes, ">"));
}

TEST_P(StreamOutputTest, MorePiecesThanACallTakesFollow) {
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    absl::StrAppend(&stream().output(), i);
    stream().WriteShared("+", Lease(lender_));
    absl::StrAppend(&expected, i, "+");
  }
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, expected.size()), expected);
  EXPECT_EQ(lender_.returned, 500);
  // It did not need to ask for EPOLLOUT.
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
}

TEST_P(StreamOutputTest, ContinuesShortWritesOfPieces) {
  faults_.set_max_send_bytes(3);
  server_.on_input = [&](absl::string_view) {
    stream().output() += "head ";
    stream().WriteShared("shared ", Lease(lender_));
    stream().output() += "tail";
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(lender_.returned, 0);
  stream().output() += " and more";
  EXPECT_EQ(ReadUntil(client_, 25), "head shared tail and more");
  EXPECT_EQ(lender_.returned, 1);
  EXPECT_TRUE(IsIdle());
  // EPOLLOUT is asked for once, and then no more.
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 2);
}

TEST_P(StreamOutputTest, WhatIsLentIsReturnedHoweverItEnds) {
  stream().WriteShared("one", Lease(lender_));
  stream().Close();
  EXPECT_EQ(lender_.returned, 1);
  stream().WriteShared("to a closed one", Lease(lender_));
  EXPECT_EQ(lender_.returned, 2);

  Open();
  server_.on_input = [&](absl::string_view) {
    stream().WriteShared("in a callback", Lease(lender_));
    stream().Abort();
    EXPECT_EQ(lender_.returned, 3);
    return kAll;
  };
  client_.Write("x");
  Iterate();

  Open();
  Block();
  stream().WriteShared("behind", Lease(lender_));
  server_.stream.reset();
  EXPECT_EQ(lender_.returned, 4);
}

TEST_P(StreamOutputTest, AHighWatermarkCountsWhatIsLent) {
  options_.high_watermark_bytes = 4;
  Reopen();
  stream().WriteShared("abcd", Lease());
  EXPECT_TRUE(stream().is_output_high());
  stream().Flush();
  Iterate();
  EXPECT_EQ(server_.drains, 1);
}

TEST_P(StreamOutputTest, TellsTheDrainAtTheLowWatermark) {
  options_.high_watermark_bytes = 8;
  options_.low_watermark_bytes = 4;
  Reopen();
  faults_.set_max_send_bytes(3);
  stream().output() += "0123456789";
  stream().Flush();
  ASSERT_TRUE(RunUntil([&] {
    EXPECT_EQ(server_.drains > 0, stream().unsent_bytes() <= 4);
    return server_.drains > 0;
  }));
  EXPECT_EQ(stream().unsent_bytes(), 4u);
  EXPECT_TRUE(RunUntil([&] { return stream().unsent_bytes() == 0; }));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(server_.drains, 1);
}

TEST_P(StreamOutputTest, RefilledAtTheLowWatermarkItLosesNothing) {
  options_.high_watermark_bytes = 1'000;
  options_.low_watermark_bytes = 500;
  Reopen();
  faults_.set_max_send_bytes(700);
  const std::string bytes = Pattern(50'000);
  size_t produced = 0;
  server_.on_output_drained = [&] {
    while (produced < bytes.size() && !stream().is_output_high()) {
      stream().output() += bytes.substr(produced, 300);
      produced = std::min(produced + 300, bytes.size());
    }
  };
  server_.on_input = [&](absl::string_view) {
    server_.on_output_drained();
    return kAll;
  };
  client_.Write("x");
  EXPECT_EQ(ReadUntil(client_, bytes.size()), bytes);
}

TEST_P(StreamOutputTest, WhenTheOutputHasDrainedKeptInputIsNotForgotten) {
  options_.high_watermark_bytes = 4;
  Reopen();
  std::vector<bool> unread;
  server_.on_input = [&](absl::string_view) {
    unread.push_back(stream().HasUnreadInput());
    stream().output() += "answer";
    stream().PauseInput();
    return 3;
  };
  server_.on_output_drained = [&] {
    unread.push_back(stream().HasUnreadInput());
  };
  client_.Write("onetwo");
  ASSERT_TRUE(RunUntil([&] { return server_.drains == 1; }));
  // From within OnInput() what that was given does not count.
  EXPECT_THAT(unread, ElementsAre(false, true));
  EXPECT_TRUE(stream().HasUnreadInput());
}

// EPOLLOUT is for short writes only: a producer that fills the output when it
// has drained costs no epoll_ctl.
TEST_P(StreamOutputTest, WhatTheDrainWritesNeedsNoEpollOut) {
  options_.high_watermark_bytes = 1;
  Reopen();
  int left = 5;
  server_.on_output_drained = [&] {
    if (left-- > 0) stream().output() += "more";
  };
  stream().output() += "first";
  stream().Flush();
  EXPECT_EQ(ReadUntil(client_, 25), "firstmoremoremoremoremore");
  EXPECT_EQ(calls_.Count(SyscallKind::kEpollCtl), 0);
}

// The account.

TEST_P(StreamOutputTest, TheAccountIsExactAtAllTimes) {
  Server other;
  End other_client;
  Open(MakePair(), other, other_client);
  const auto expect = [&](size_t bytes) {
    EXPECT_EQ(buffers().buffered_bytes(), bytes);
    EXPECT_EQ(stream().buffered_bytes() + other.stream->buffered_bytes(),
              bytes);
  };
  expect(0);
  // Kept input.
  server_.on_input = [](absl::string_view) { return 1; };
  client_.Write("abcd");
  Iterate();
  expect(3);
  other.on_input = [&](absl::string_view) {
    other.stream->output() += "12345";
    expect(8);
    faults_.FailNext(SyscallKind::kSend, EAGAIN);
    return 0;
  };
  other_client.Write("xy");
  Iterate();
  expect(3 + 5 + 2);
  EXPECT_EQ(ReadUntil(other_client, 5), "12345");
  expect(3 + 2);
  // From outside.
  faults_.set_max_send_bytes(2);
  stream().output() += "123";
  stream().Flush();
  expect(3 + 2 + 3);
  Iterate();
  expect(3 + 2 + 1);
  EXPECT_EQ(buffers().peak_buffered_bytes(), 10u);
  other.stream->Close();
  expect(3 + 1);
  server_.stream.reset();
  EXPECT_EQ(buffers().buffered_bytes(), 0u);
  EXPECT_EQ(buffers().peak_buffered_bytes(), 10u);
}

TEST_P(StreamOutputTest, WhatIsSentAtOnceShowsInThePeakOnly) {
  server_.on_input = [&](absl::string_view) {
    stream().output() += "0123456789";
    return kAll;
  };
  client_.Write("x");
  Iterate();
  EXPECT_EQ(buffers().buffered_bytes(), 0u);
  EXPECT_EQ(buffers().peak_buffered_bytes(), 10u);
}

}  // namespace
}  // namespace pollux
