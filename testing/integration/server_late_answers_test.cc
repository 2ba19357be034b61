// Handlers that answer later, or never.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "httpd/server/responder.h"
#include "reactor/syscall_record.h"
#include "reactor/timer.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::StartsWith;

class LateAnswersTest : public ServerTest {};

INSTANTIATE_TEST_SUITE_P(Kernels, LateAnswersTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(LateAnswersTest, ComeFromATask) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  ASSERT_TRUE(reactor_->Post([this] { AnswerLate(); }).ok());
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

TEST_P(LateAnswersTest, ComeFromATimer) {
  TestClient client = Connect();
  Timer timer(*reactor_, [this] { AnswerLate(); });
  client.Write(Get("/late"));
  LetServerWork();
  timer.ArmAfter(absl::Milliseconds(1));
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

TEST_P(LateAnswersTest, AreFollowedByTheNextRequest) {
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Write(Get("/late"));
    LetServerWork();
    AnswerLate();
    EXPECT_EQ(client.ReadResponse().body, "late\n");
    client.Write(Get("/1"));
    EXPECT_EQ(client.ReadResponse().body, "1");
  }
}

TEST_P(LateAnswersTest, KeepPipelinedRequestsWaiting) {
  TestClient client = Connect();
  client.Write(Get("/1") + Get("/late") + Get("/2") + Get("/3"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  AnswerLate();
  const std::vector<ReceivedResponse> responses = client.ReadResponses(3);
  EXPECT_EQ(responses[0].body, "late\n");
  EXPECT_EQ(responses[1].body, "2");
  EXPECT_EQ(responses[2].body, "3");
}

TEST_P(LateAnswersTest, AreAskedForOneByOne) {
  TestClient client = Connect();
  client.Write(Get("/late") + Get("/late") + Get("/late"));
  for (int i = 0; i < 3; ++i) {
    LetServerWork();
    EXPECT_EQ(late_->waiting.size(), 1u);
    AnswerLate();
    EXPECT_EQ(client.ReadResponse().body, "late\n");
  }
  EXPECT_TRUE(late_->waiting.empty());
}

TEST_P(LateAnswersTest, AreGivenToTheirOwnConnection) {
  TestClient a = Connect();
  TestClient b = Connect();
  a.Write(Get("/late"));
  LetServerWork();
  b.Write(Get("/late"));
  LetServerWork();
  ASSERT_EQ(late_->waiting.size(), 2u);
  std::swap(late_->waiting[0], late_->waiting[1]);
  AnswerLate();
  EXPECT_EQ(b.ReadResponse().body, "late\n");
  EXPECT_EQ(a.ReadAvailable(), "");
  AnswerLate();
  EXPECT_EQ(a.ReadResponse().body, "late\n");
}

TEST_P(LateAnswersTest, R16NothingIsReadWhileTheyAreAwaited) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  calls_.Reset();
  std::string more;
  for (int i = 0; i < 1000; ++i) more += Get("/1");
  const size_t written = client.WriteSome(more);
  LetServerWork();
  EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 0);
  AnswerLate();
  EXPECT_EQ(client.ReadResponse().body, "late\n");
  client.ReadResponses(written / Get("/1").size());
}

TEST_P(LateAnswersTest, R17ReachAClientThatSendsNoMore) {
  TestClient client = Connect();
  client.Write(Get("/late") + Get("/1"));
  client.FinishWriting();
  LetServerWork();
  AnswerLate();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].body, "late\n");
  EXPECT_EQ(responses[1].body, "1");
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(LateAnswersTest, EndAConnectionThatIsToBeClosed) {
  TestClient client = Connect();
  client.Write(Get("/late", "Connection: close\r\n"));
  LetServerWork();
  AnswerLate();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].Field("Connection"), "close");
}

// With a body.

TEST_P(LateAnswersTest, WaitForTheBody) {
  const std::string request = Post("/late", "body");
  TestClient client = Connect();
  client.Write(request.substr(0, request.size() - 1));
  LetServerWork();
  AnswerLate();
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  client.Write("y");
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

TEST_P(LateAnswersTest, ComeAfterTheBody) {
  TestClient client = Connect();
  client.Write(Post("/late", "body") + Get("/1"));
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  AnswerLate();
  EXPECT_EQ(client.ReadResponses(2)[1].body, "1");
}

TEST_P(LateAnswersTest, AreNotSentBehindARefusal) {
  options_.body_timeout = absl::Milliseconds(5);
  TestClient client = Connect();
  client.Write("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 408);
  AnswerLate();
  LetServerWork();
  // The connection still waits for the client to have read the refusal.
  EXPECT_EQ(server().connection_count(), 1u);
  client.FinishWriting();
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

TEST_P(LateAnswersTest, R17AreNotSentForABodyThatEndedTooSoon) {
  TestClient client = Connect();
  client.Write("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  LetServerWork();
  client.FinishWriting();
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_TRUE(late_->waiting[0].abandoned());
}

// Without an answer.

TEST_P(LateAnswersTest, DroppedAtOnceAre500) {
  TestClient client = Connect();
  client.Write(Get("/dropped") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 500);
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(LateAnswersTest, DroppedLaterAre500) {
  TestClient client = Connect();
  client.Write(Get("/late") + Get("/1"));
  LetServerWork();
  late_->waiting.clear();
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 500);
  EXPECT_EQ(responses[1].body, "1");
}

// To nobody.

TEST_P(LateAnswersTest, ToAConnectionThatHasGoneAreANoOp) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  EXPECT_FALSE(late_->waiting[0].abandoned());
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_TRUE(late_->waiting[0].abandoned());
  calls_.Reset();
  AnswerLate();
  LetServerWork();
  EXPECT_EQ(calls_.io_calls(), 0);
}

TEST_P(LateAnswersTest, ToAConnectionThatGoesInTheSameIterationAreANoOp) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  client.Close();
  // Runs after the hang-up was seen, and before the connection is freed.
  ASSERT_TRUE(reactor_->Post([this] { AnswerLate(); }).ok());
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
}

TEST_P(LateAnswersTest, ToAServerThatHasGoneAreANoOp) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  DestroyServer();
  EXPECT_TRUE(late_->waiting[0].abandoned());
  AnswerLate();
  EXPECT_EQ(client.ReadToEnd(), "");
}

}  // namespace
}  // namespace pollux
