// How serving ends (R26).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/router.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::SizeIs;

class DrainTest : public ServerTest {
 protected:
  // Most clients here stay, though they are told that it is over.
  DrainTest() { options_.stream.linger_timeout = absl::Milliseconds(20); }

  void Drain() {
    server().Drain([this] { ++times_drained_; });
  }
  bool RunUntilDrained() {
    return RunUntil([this] { return times_drained_ > 0; });
  }

  int times_drained_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Kernels, DrainTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(DrainTest, AServerWithoutConnectionsIsDrainedAtOnce) {
  Drain();
  EXPECT_EQ(times_drained_, 0) << "not inline";
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, OnlyTheFirstCallCounts) {
  Drain();
  Drain();
  EXPECT_TRUE(RunUntilDrained());
  Drain();
  LetServerWork();
  EXPECT_EQ(times_drained_, 1);
}

TEST_P(DrainTest, IdleConnectionsEnd) {
  TestClient silent = Connect();
  TestClient served = Connect();
  served.Write(Get("/1"));
  served.ReadResponse();
  Drain();
  EXPECT_EQ(silent.ReadToEnd(), "");
  EXPECT_EQ(served.ReadToEnd(), "");
  EXPECT_EQ(silent.error(), 0);
  EXPECT_EQ(served.error(), 0);
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, ALateAnswerStillArrivesAndSaysThatItIsTheLast) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  Drain();
  LetServerWork();
  EXPECT_EQ(times_drained_, 0);
  AnswerLate();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].body, "late\n");
  EXPECT_EQ(responses[0].Field("Connection"), "close");
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, ARequestThatHasBegunIsAnswered) {
  TestClient head = Connect();
  TestClient body = Connect();
  head.Write("GET /1 HT");
  body.Write("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na");
  LetServerWork();
  Drain();
  LetServerWork();
  head.Write("TP/1.1\r\nHost: a\r\n\r\n");
  body.Write("=b");
  const std::vector<ReceivedResponse> to_head =
      ParseResponses(head.ReadToEnd());
  const std::vector<ReceivedResponse> to_body =
      ParseResponses(body.ReadToEnd());
  ASSERT_THAT(to_head, SizeIs(1));
  ASSERT_THAT(to_body, SizeIs(1));
  EXPECT_EQ(to_head[0].Field("Connection"), "close");
  EXPECT_EQ(to_body[0].Field("Connection"), "close");
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, AnswersThatAreOnTheirWayArrive) {
  std::string requests;
  for (int i = 0; i < 5000; ++i) requests += Get("/10");
  TestClient client = Connect();
  client.Write(requests);
  LetServerWork();
  Drain();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  // Those that had to wait, too; and only the last one ends the connection.
  ASSERT_THAT(responses, SizeIs(5000));
  EXPECT_EQ(responses[4998].Field("Connection"), "");
  EXPECT_EQ(responses[4999].Field("Connection"), "close");
  EXPECT_EQ(client.error(), 0);
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, ARequestThatCrossesItIsAnswered) {
  TestClient silent = Connect();
  TestClient served = Connect();
  served.Write(Get("/1"));
  served.ReadResponse();
  Drain();
  LetServerWork();
  silent.Write(Get("/2"));
  served.Write(Get("/3") + Get("/4"));
  const std::vector<ReceivedResponse> to_silent =
      ParseResponses(silent.ReadToEnd());
  const std::vector<ReceivedResponse> to_served =
      ParseResponses(served.ReadToEnd());
  ASSERT_THAT(to_silent, SizeIs(1));
  EXPECT_EQ(to_silent[0].Field("Connection"), "close");
  ASSERT_THAT(to_served, SizeIs(2));
  EXPECT_EQ(to_served[0].Field("Connection"), "");
  EXPECT_EQ(to_served[1].Field("Connection"), "close");
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, AnEmptyLineIsNotWaitedBehind) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  Drain();
  client.Write("\r\n");
  LetServerWork();
  AnswerLate();
  EXPECT_THAT(ParseResponses(client.ReadToEnd()), SizeIs(1));
  client.Close();
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, WhoWaitsToBeAcceptedIsAnswered) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(StartToConnectTcp());
    clients.back().Write(Get("/1"));
  }
  Drain();
  for (TestClient& client : clients) {
    const std::vector<ReceivedResponse> responses =
        ParseResponses(client.ReadToEnd());
    ASSERT_THAT(responses, SizeIs(1));
    EXPECT_EQ(responses[0].Field("Connection"), "close");
    client.Close();
  }
  EXPECT_TRUE(RunUntilDrained());
}

TEST_P(DrainTest, NobodyIsAcceptedAnyMore) {
  TestClient client = ConnectTcp();
  Drain();
  EXPECT_TRUE(RunUntilDrained());
  TestClient late_comer = StartToConnectTcp();
  EXPECT_EQ(late_comer.ReadToEnd(), "");
  EXPECT_NE(late_comer.error(), 0);
}

TEST_P(DrainTest, WhoWaitsToBeAcceptedDoesNotHoldItUp) {
  TestClient busy = ConnectTcp();
  busy.Write(Get("/late"));
  ASSERT_TRUE(RunUntil([this] { return !late_->waiting.empty(); }));
  TestClient waiting = StartToConnectTcp();
  Drain();
  LetServerWork();
  AnswerLate();
  EXPECT_EQ(busy.ReadResponse().body, "late\n");
  EXPECT_TRUE(RunUntilDrained());
  EXPECT_EQ(waiting.ReadToEnd(), "");
}

TEST_P(DrainTest, WhatIsStillOpenAtTheDeadlineIsClosed) {
  options_.drain_timeout = absl::Milliseconds(5);
  TestClient late = Connect();
  TestClient partial = Connect();
  late.Write(Get("/late"));
  partial.Write("GET / HT");
  LetServerWork();
  Drain();
  EXPECT_TRUE(RunUntilDrained());
  EXPECT_EQ(late.ReadToEnd(), "");
  EXPECT_EQ(partial.ReadToEnd(), "");
  EXPECT_EQ(server().connection_count(), 0u);
  EXPECT_TRUE(late_->waiting[0].abandoned());
}

// Streams "hello", when the test wants it.
class StreamingHandler final : public Handler,
                               private ResponseStream::Producer {
 public:
  void Handle(const Request&, Responder responder) override {
    stream.emplace(std::move(responder).Stream(ResponseHead(), *this, 5));
  }

  std::optional<ResponseStream> stream;

 private:
  void OnWritable() override {}
  void OnAbandoned() override {}
};

// Its head, which was sent before, did not announce the end.
TEST_P(DrainTest, Regression_AStreamThatEndsMeanwhileEndsItsConnection) {
  auto handler = std::make_unique<StreamingHandler>();
  StreamingHandler& streaming = *handler;
  AddRoute({.path = "/stream",
            .methods = {http::Method::kGet},
            .handler = std::move(handler)});
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  Drain();
  LetServerWork();
  EXPECT_EQ(times_drained_, 0);
  streaming.stream->Write("hello");
  std::move(*streaming.stream).Finish();
  LetServerWork();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].body, "hello");
  EXPECT_EQ(client.error(), 0);
  EXPECT_TRUE(RunUntilDrained());
}

// Of two requests that came together, the second one says that it is the last.
TEST_P(DrainTest, Regression_WhatWaitsBehindAStreamIsAnswered) {
  auto handler = std::make_unique<StreamingHandler>();
  StreamingHandler& streaming = *handler;
  AddRoute({.path = "/stream",
            .methods = {http::Method::kGet},
            .handler = std::move(handler)});
  TestClient client = Connect();
  client.Write(Get("/stream") + Get("/1"));
  LetServerWork();
  Drain();
  LetServerWork();
  streaming.stream->Write("hello");
  std::move(*streaming.stream).Finish();
  LetServerWork();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(2));
  EXPECT_EQ(responses[1].Field("Connection"), "close");
  EXPECT_TRUE(RunUntilDrained());
}

class DrainOnFakeTest : public DrainTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, DrainOnFakeTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

// Both timers in one iteration: the connection's, and the drain's before it.
TEST_P(DrainOnFakeTest,
       Regression_AConnectionWhoseTimeIsUpWithTheDrainsEndsOnce) {
  options_.drain_timeout = absl::Milliseconds(10);
  options_.write_timeout = absl::Milliseconds(20);
  TestClient client = Connect();
  client.Write(Get("/big", "Connection: close\r\n"));
  LetServerWork();
  Drain();
  VirtualTime& time = static_cast<FakeKernel&>(*kernel_).world().time();
  time.AdvanceTo(time.Now() + absl::Milliseconds(30));
  EXPECT_TRUE(RunUntilDrained());
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(DrainTest, TheServerMayGoBeforeItIsDrained) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  Drain();
  DestroyServer();
  LetServerWork();
  EXPECT_EQ(times_drained_, 0);
}

}  // namespace
}  // namespace pollux
