// How connections live and die under the server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reactor/syscall_record.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

class ServerConnectionsTest : public ServerTest {};

INSTANTIATE_TEST_SUITE_P(Kernels, ServerConnectionsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string Requests(int count) {
  std::string requests;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&requests, Get(absl::StrCat("/", i % 100)));
  }
  return requests;
}

TEST_P(ServerConnectionsTest, Fault1OneSlowClientStopsNobody) {
  TestClient slow = Connect();
  slow.Write("GET / HT");
  LetServerWork();
  TestClient quick = Connect();
  quick.Write(Get("/1"));
  EXPECT_EQ(quick.ReadResponse().body, "1");
  slow.Write("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(slow.ReadResponse().body, "ha?\n");
}

TEST_P(ServerConnectionsTest, Fault3AClientClosesWithoutAWord) {
  TestClient client = Connect();
  LetServerWork();
  calls_.Reset();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
  EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 1);
  EXPECT_EQ(calls_.calls(SyscallKind::kEpollCtl), 1);
  EXPECT_EQ(calls_.calls(SyscallKind::kClose), 1);
  EXPECT_EQ(calls_.io_calls(), 3);
}

TEST_P(ServerConnectionsTest, Fault3AClientClosesInTheMiddleOfAHead) {
  TestClient client = Connect();
  client.Write("GET / HTTP/1.1\r\nHo");
  LetServerWork();
  calls_.Reset();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
  // The last is to tell it, should it still read.
  EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
  EXPECT_EQ(calls_.io_calls(), 4);
}

TEST_P(ServerConnectionsTest, R17AFinInTheMiddleOfAHeadGets400) {
  TestClient client = Connect();
  client.Write("GET / HTTP/1.1\r\nHo");
  client.FinishWriting();
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(ServerConnectionsTest, R17AHalfClosedConnectionGetsItsAnswer) {
  TestClient client = Connect();
  client.Write(Get("/1"));
  client.FinishWriting();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].body, "1");
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(ServerConnectionsTest, R17AHalfClosedConnectionGetsAllAnswers) {
  TestClient client = Connect();
  client.Write(Requests(100));
  client.FinishWriting();
  EXPECT_THAT(ParseResponses(client.ReadToEnd()), SizeIs(100));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ServerConnectionsTest, R17TheSameOverTcp) {
  TestClient client = ConnectTcp();
  client.Write(Requests(100));
  client.FinishWriting();
  EXPECT_THAT(ParseResponses(client.ReadToEnd()), SizeIs(100));
  EXPECT_EQ(client.error(), 0);
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(ServerConnectionsTest, Fault5AnIdleConnectionIsReset) {
  TestClient other = ConnectTcp();
  TestClient client = ConnectTcp();
  client.Reset();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  other.Write(Get("/1"));
  EXPECT_EQ(other.ReadResponse().body, "1");
}

TEST_P(ServerConnectionsTest, Fault5AConnectionIsResetWithinARequest) {
  TestClient other = ConnectTcp();
  TestClient client = ConnectTcp();
  client.Write(
      "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  LetServerWork();
  client.Reset();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  other.Write(Get("/1"));
  EXPECT_EQ(other.ReadResponse().body, "1");
}

TEST_P(ServerConnectionsTest, Fault5AConnectionIsResetBeforeItReadsAnswers) {
  TestClient other = ConnectTcp();
  TestClient client = ConnectTcp();
  client.Write(Requests(100));
  client.Reset();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  other.Write(Get("/1"));
  EXPECT_EQ(other.ReadResponse().body, "1");
}

TEST_P(ServerConnectionsTest, Fault8AHangUpEndsAConnectionThatReadsNothing) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  calls_.Reset();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
  EXPECT_EQ(calls_.calls(SyscallKind::kClose), 1);
  EXPECT_LE(calls_.io_calls(), 3);
}

TEST_P(ServerConnectionsTest, Fault8AResetEndsAConnectionThatReadsNothing) {
  TestClient client = ConnectTcp();
  client.Write(Get("/late"));
  EXPECT_TRUE(RunUntil([&] { return !late_->waiting.empty(); }));
  client.Reset();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(ServerConnectionsTest, Fault9AReusedDescriptorHasNothingOfTheOldOne) {
  for (int i = 0; i < 20; ++i) {
    TestClient client = Connect();
    client.Write(Get("/1") + "GET /2 HT");
    EXPECT_EQ(client.ReadResponse().body, "1");
    client.Close();
    // Takes the numbers over, perhaps before the server has seen the end.
    TestClient next = Connect();
    next.Write(Get("/3"));
    EXPECT_EQ(next.ReadResponse().body, "3");
    next.Close();
    EXPECT_TRUE(RunUntilConnectionsAre(0));
  }
}

TEST_P(ServerConnectionsTest, ManyConnectionsAtOnceAreEachAnswered) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(Connect());
  for (int i = 0; i < 100; ++i) clients[i].Write(Get(absl::StrCat("/", i)));
  for (int i = 99; i >= 0; --i) {
    EXPECT_EQ(clients[i].ReadResponse().body, absl::StrCat(i));
  }
  // Every second one first: the others change their places in the list.
  for (int i = 0; i < 100; i += 2) clients[i].Close();
  EXPECT_TRUE(RunUntilConnectionsAre(50));
  for (int i = 1; i < 100; i += 2) {
    clients[i].Write(Get(absl::StrCat("/", i)));
    EXPECT_EQ(clients[i].ReadResponse().body, absl::StrCat(i));
  }
}

TEST_P(ServerConnectionsTest, TheServersEndIsTheConnectionsEnd) {
  TestClient idle = Connect();
  TestClient busy = Connect();
  busy.Write("GET / HT");
  LetServerWork();
  DestroyServer();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_EQ(busy.ReadToEnd(), "");
}

// A client that pipelines and does not read.

class SlowReaderTest : public ServerTest {
 protected:
  // Writes until neither the server nor the kernel takes more, and returns what
  // is left of `requests`.
  absl::string_view WriteUntilStopped(TestClient& client,
                                      absl::string_view requests) {
    while (const size_t written = client.WriteSome(requests)) {
      requests.remove_prefix(written);
      LetServerWork();
    }
    EXPECT_FALSE(requests.empty()) << "nobody was stopped";
    return requests;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, SlowReaderTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

constexpr int kManyRequests = 20'000;

TEST_P(SlowReaderTest, Fault6EverythingComesInOrder) {
  const std::string requests = Requests(kManyRequests);
  TestClient client = Connect();
  absl::string_view unsent = WriteUntilStopped(client, requests);
  std::string answers;
  for (bool progress = true; progress;) {
    const std::string more = client.ReadAvailable();
    const size_t written = client.WriteSome(unsent);
    answers += more;
    unsent.remove_prefix(written);
    LetServerWork();
    progress = !more.empty() || written > 0;
  }
  const std::vector<ReceivedResponse> responses = ParseResponses(answers);
  ASSERT_THAT(responses, SizeIs(kManyRequests));
  for (int i = 0; i < kManyRequests; ++i) {
    ASSERT_EQ(responses[i].body, absl::StrCat(i % 100));
  }
}

TEST_P(SlowReaderTest, R16TheServersMemoryIsBounded) {
  constexpr int64_t kReceivingBytes = 64 * 1024;
  options_.stream.high_watermark_bytes = 10'000;
  TestClient client = Connect();
  client.Write(Get("/10"));
  client.ReadResponse();
  const int64_t request_bytes = calls_.bytes(SyscallKind::kRecv);
  const int64_t response_bytes = calls_.bytes(SyscallKind::kSend);
  calls_.Reset();

  std::string requests;
  for (int i = 0; i < kManyRequests; ++i) requests += Get("/10");
  WriteUntilStopped(client, requests);

  // Read is what was answered, and one buffer full; answered is what was sent,
  // and the high watermark.
  const int64_t answered = calls_.bytes(SyscallKind::kSend) / response_bytes +
                           10'000 / response_bytes + 2;
  EXPECT_LE(calls_.bytes(SyscallKind::kRecv),
            answered * request_bytes + kReceivingBytes);
}

TEST_P(SlowReaderTest, Fault6AFullConnectionDoesNotSpin) {
  const std::string requests = Requests(kManyRequests);
  TestClient client = Connect();
  WriteUntilStopped(client, requests);
  calls_.Reset();
  for (int i = 0; i < 10; ++i) reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(calls_.io_calls(), 0);
}

TEST_P(SlowReaderTest, Fault5AFullConnectionThatGoesStopsNobody) {
  const std::string requests = Requests(kManyRequests);
  TestClient other = Connect();
  TestClient client = Connect();
  WriteUntilStopped(client, requests);
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  other.Write(Get("/1"));
  EXPECT_EQ(other.ReadResponse().body, "1");
}

}  // namespace
}  // namespace pollux
