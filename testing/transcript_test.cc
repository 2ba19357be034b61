#include "testing/transcript.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "reactor/tracing_kernel.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/transcript_matcher.h"

namespace pollux {
namespace {

using ::testing::Not;
using ::testing::StartsWith;

class TranscriptTest : public testing::Test {
 protected:
  // Makes a socketpair's conversation of six calls, one of them a wait.
  void Talk(Kernel& kernel) {
    std::array<int, 2> pair;
    EXPECT_TRUE(
        kernel.SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair).ok());
    const int epoll = kernel.EpollCreate1(0).descriptor();
    epoll_event event[1];
    EXPECT_EQ(
        kernel.EpollPwait2(epoll, event, absl::Milliseconds(1500)).value(), 0);
    EXPECT_EQ(kernel.Send(pair[0], "hello", MSG_NOSIGNAL).value(), 6);
    char bytes[8];
    EXPECT_EQ(kernel.Recv(pair[1], absl::MakeSpan(bytes), 0).value(), 6);
    for (int descriptor : {pair[0], pair[1], epoll}) {
      EXPECT_TRUE(kernel.Close(descriptor).ok());
    }
  }

  FakeWorld world_;
  FakeKernel fake_{world_};
};

TEST_F(TranscriptTest, HasALineForEachCallWithItsTime) {
  Transcript transcript(world_.time());
  TracingKernel kernel(fake_, transcript);
  Talk(kernel);
  EXPECT_THAT(transcript.ToString(),
              StartsWith("0.000000 socketpair(AF_UNIX, "));
  EXPECT_THAT(transcript.ToString(), testing::HasSubstr("\n1.500000 send(3, "));
  EXPECT_EQ(transcript.calls(), 8u);
  EXPECT_EQ(transcript.calls(SyscallKind::kClose), 3u);
}

TEST_F(TranscriptTest, KeepsTheLastCalls) {
  Transcript transcript(world_.time(), /*kept=*/2);
  TracingKernel kernel(fake_, transcript);
  Talk(kernel);
  EXPECT_THAT(transcript.ToString(),
              IsTranscript("close(4) = 0\nclose(5) = 0"));
  EXPECT_EQ(transcript.calls(), 8u);
}

TEST_F(TranscriptTest, FingerprintsTellRunsApart) {
  const auto fingerprint = [this](bool with_more) {
    FakeWorld world;
    FakeKernel fake(world);
    Transcript transcript(world.time());
    TracingKernel kernel(fake, transcript);
    Talk(kernel);
    if (with_more) (void)kernel.Close(17);
    return transcript.fingerprint();
  };
  EXPECT_EQ(fingerprint(false), fingerprint(false));
  EXPECT_NE(fingerprint(false), fingerprint(true));
}

TEST_F(TranscriptTest, AGoldenOneIsATest) {
  Transcript transcript(world_.time());
  TracingKernel kernel(fake_, transcript);
  Talk(kernel);
  EXPECT_THAT(transcript.ToString(), IsTranscript(R"(
    socketpair(AF_UNIX, SOCK_STREAM|NONBLOCK, 0, [3, 4]) = 0
    epoll_create1(0) = 5
    epoll_pwait2(5, [], ..., 1.5s) = 0     # nothing comes
    send(3, "hello...", 6, MSG_NOSIGNAL) = 6
    recv(4, ...) = 6

    close(3) = 0
    close(4) = 0
    close(5) = 0
  )"));
  EXPECT_THAT(transcript.ToString(), Not(IsTranscript("close(3) = 0")));
  EXPECT_THAT(transcript.ToString(),
              Not(IsTranscript(transcript.ToString() + "\nclose(6) = 0")));
}

TEST(MatchesWithGapsTest, GapsStandForAnything) {
  EXPECT_TRUE(MatchesWithGaps("abc", "abc"));
  EXPECT_TRUE(MatchesWithGaps("abc", "..."));
  EXPECT_TRUE(MatchesWithGaps("abc", "a...c"));
  EXPECT_TRUE(MatchesWithGaps("ac", "a...c"));
  EXPECT_TRUE(MatchesWithGaps("a1b2c", "a...b...c"));
  EXPECT_FALSE(MatchesWithGaps("abcd", "a...c"));
  EXPECT_FALSE(MatchesWithGaps("xabc", "a...c"));
  EXPECT_FALSE(MatchesWithGaps("", "a"));
}

}  // namespace
}  // namespace pollux
