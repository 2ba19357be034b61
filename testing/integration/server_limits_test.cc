// What a server does when there is too much of something, and what it counts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/fixed.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/client_address.h"
#include "httpd/server/client_connections.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/router.h"
#include "httpd/server/server_statistics.h"
#include "reactor/net/address.h"
#include "reactor/timer.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::IsEmpty;
using ::testing::StartsWith;

class LimitsTest : public ServerTest {
 protected:
  uint64_t Shed(ShedReason reason) {
    return server().statistics().shed[static_cast<size_t>(reason)].Read();
  }
  int64_t Connections(ConnectionState state) {
    return server().statistics().connections[static_cast<size_t>(state)].Read();
  }
  int64_t AllConnections() {
    int64_t all = 0;
    for (const Gauge& gauge : server().statistics().connections) {
      all += gauge.Read();
    }
    return all;
  }
};

// A mebibyte that is made for each request.
class MadeHandler final : public Handler {
 public:
  void Handle(const Request&, Responder responder) override {
    std::move(responder).Send({.body = std::string(1 << 20, 'm')});
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, LimitsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(LimitsTest, R24AnIdleConnectionMakesRoom) {
  options_.max_connections = 2;
  TestClient first = ConnectTcp();
  TestClient second = ConnectTcp();
  first.Write(Get("/1"));
  EXPECT_EQ(first.ReadResponse().body, "1");
  TestClient third = StartToConnectTcp();
  third.Write(Get("/3"));
  EXPECT_EQ(third.ReadResponse().body, "3");
  EXPECT_EQ(server().connection_count(), 2u);
  EXPECT_EQ(Shed(ShedReason::kIdleForNew), 1u);
  EXPECT_EQ(Shed(ShedReason::kConnections), 0u);
}

TEST_P(LimitsTest, R24ANewConnectionIsRefusedWhereNoneIsIdle) {
  options_.max_connections = 2;
  TestClient first = ConnectTcp();
  first.Write(Get("/late"));
  TestClient second = ConnectTcp();
  second.Write("GET / HT");
  LetServerWork();
  TestClient third = StartToConnectTcp();
  third.Write(Get("/3"));
  const std::string answer = third.ReadToEnd();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_EQ(ParseResponses(answer)[0].Field("Connection"), "close");
  EXPECT_EQ(third.error(), 0);
  EXPECT_EQ(Shed(ShedReason::kConnections), 1u);
  third.Close();
  // The others never noticed.
  AnswerLate();
  EXPECT_EQ(first.ReadResponse().body, "late\n");
  second.Write("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(second.ReadResponse().body, "ha?\n");
  EXPECT_TRUE(RunUntilConnectionsAre(2));
}

// Virtual time, so that it is known who has been idle for longest.
class IdleTest : public LimitsTest {
 protected:
  // A connection that becomes idle now, before any other does.
  TestClient ConnectServed() {
    TestClient client = StartToConnectTcp();
    Ask(client);
    return client;
  }

  void Ask(TestClient& client) {
    client.Write(Get("/1"));
    EXPECT_EQ(client.ReadResponse().body, "1");
    bool is_over = false;
    Timer timer(*reactor_, [&] { is_over = true; });
    timer.ArmAfter(absl::Milliseconds(10));
    EXPECT_TRUE(RunUntil([&] { return is_over; }));
  }

  bool IsClosed(TestClient& client) {
    LetServerWork();
    client.ReadAvailable();
    return client.is_at_end();
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, IdleTest, testing::Values(FakeUnderTest()),
                         KernelUnderTestName);

TEST_P(IdleTest, R24TheOneThatWasIdleForLongestMakesRoom) {
  options_.max_connections = 3;
  TestClient a = ConnectServed();
  TestClient b = ConnectServed();
  TestClient c = ConnectServed();
  // Of three, each is the oldest once, whatever their places are.
  Ask(b);
  Ask(a);
  TestClient d = ConnectServed();
  EXPECT_TRUE(IsClosed(c));
  EXPECT_FALSE(IsClosed(a));
  EXPECT_FALSE(IsClosed(b));
  Ask(b);
  TestClient e = ConnectServed();
  EXPECT_TRUE(IsClosed(a));
  EXPECT_FALSE(IsClosed(b));
  EXPECT_FALSE(IsClosed(d));
  Ask(d);
  TestClient f = ConnectServed();
  EXPECT_TRUE(IsClosed(b));
  EXPECT_FALSE(IsClosed(d));
  EXPECT_FALSE(IsClosed(e));
}

TEST_P(IdleTest, R24OneThatIsIdleIsFoundBehindManyThatAreNot) {
  constexpr size_t kBusy = 64;
  options_.max_connections = kBusy + 1;
  std::vector<TestClient> busy;
  for (size_t i = 0; i < kBusy; ++i) {
    busy.push_back(ConnectTcp());
    busy.back().Write(Get("/late"));
  }
  LetServerWork();
  TestClient idle = ConnectServed();
  TestClient next = StartToConnectTcp();
  next.Write(Get("/2"));
  EXPECT_EQ(next.ReadResponse().body, "2");
  EXPECT_TRUE(IsClosed(idle));
}

TEST_P(IdleTest, R24OneWhoseResponseIsNotSentIsNotIdle) {
  options_.max_connections = 1;
  options_.stream.high_watermark_bytes = 20'000'000;
  options_.max_buffered_bytes = 20'000'000;
  AddRoute({"/made", {http::Method::kGet}, std::make_unique<MadeHandler>()});
  TestClient first = ConnectTcp();
  for (int i = 0; i < 9; ++i) first.Write(Get("/made"));
  LetServerWork();
  TestClient second = StartToConnectTcp();
  EXPECT_EQ(second.ReadResponse().status, 503);
  EXPECT_EQ(first.ReadResponses(9).back().body.size(), size_t{1} << 20);
}

TEST_P(LimitsTest, R24WhoHasAskedIsNotIdle) {
  options_.max_connections = 2;
  TestClient first = ConnectTcp();
  TestClient second = ConnectTcp();
  LetServerWork();
  // Known to the server before what the others ask.
  TestClient third = StartToConnectTcp();
  third.Write(Get("/3"));
  first.Write(Get("/1"));
  second.Write(Get("/2"));
  EXPECT_EQ(third.ReadResponse().status, 503);
  EXPECT_EQ(first.ReadResponse().body, "1");
  EXPECT_EQ(second.ReadResponse().body, "2");
  EXPECT_EQ(Shed(ShedReason::kConnections), 1u);
  EXPECT_EQ(Shed(ShedReason::kIdleForNew), 0u);
}

TEST_P(LimitsTest, R24OfACrowdNobodyIsLeftWithoutAnAnswer) {
  options_.max_connections = 5;
  (void)ConnectTcp();
  std::vector<TestClient> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(StartToConnectTcp());
    clients.back().Write(Get("/1"));
  }
  int served = 0;
  for (TestClient& client : clients) {
    const ReceivedResponse response = client.ReadResponse();
    if (response.status == 200) {
      ++served;
    } else {
      EXPECT_EQ(response.status, 503);
    }
  }
  EXPECT_GE(served, 5);
}

TEST_P(LimitsTest, R24RefusalsAreBounded) {
  options_.max_connections = 1;
  TestClient first = ConnectTcp();
  first.Write(Get("/late"));
  LetServerWork();
  std::vector<TestClient> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(StartToConnectTcp());
    LetServerWork();
  }
  EXPECT_EQ(Shed(ShedReason::kConnections), 100u);
  EXPECT_EQ(server().connection_count(), 1u + 64u);
  clients.clear();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  AnswerLate();
  EXPECT_EQ(first.ReadResponse().body, "late\n");
}

TEST_P(LimitsTest, OfOneClientOnlySoManyConnectionsAreServed) {
  options_.max_connections_per_client = 2;
  TestClient first = ConnectTcp();
  TestClient second = ConnectTcp();
  TestClient third = StartToConnectTcp();
  EXPECT_THAT(third.ReadToEnd(), StartsWith("HTTP/1.1 429 "));
  third.Close();
  EXPECT_EQ(Shed(ShedReason::kConnectionsOfClient), 1u);
  EXPECT_TRUE(RunUntilConnectionsAre(2));
  // One goes, another may come.
  first.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  TestClient fourth = ConnectTcp();
  fourth.Write(Get("/4"));
  EXPECT_EQ(fourth.ReadResponse().body, "4");
}

TEST_P(LimitsTest, ARefusalForAllGoesBeforeThatForOneClient) {
  options_.max_connections = 1;
  options_.max_connections_per_client = 1;
  TestClient first = ConnectTcp();
  first.Write(Get("/late"));
  LetServerWork();
  TestClient second = StartToConnectTcp();
  EXPECT_EQ(second.ReadResponse().status, 503);
  EXPECT_EQ(Shed(ShedReason::kConnections), 1u);
  EXPECT_EQ(Shed(ShedReason::kConnectionsOfClient), 0u);
}

TEST_P(LimitsTest, ServersMayHaveTheLimitOfAClientInCommon) {
  ClientConnections clients;
  options_.max_connections_per_client = 2;
  options_.client_connections = &clients;
  const ClientAddress here(Address::Parse("127.0.0.1:1").value());
  // As another server would.
  EXPECT_EQ(clients.Add(here), 1u);
  TestClient first = ConnectTcp();
  first.Write(Get("/1"));
  EXPECT_EQ(first.ReadResponse().body, "1");
  TestClient second = StartToConnectTcp();
  EXPECT_THAT(second.ReadToEnd(), StartsWith("HTTP/1.1 429 "));
  second.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(1));
  clients.Remove(here);
  EXPECT_EQ(clients.client_count(), 1u);
  DestroyServer();
  EXPECT_EQ(clients.client_count(), 0u) << "what was open is not counted on";
}

// Collects bodies of any length.
class CollectingHandler final : public Handler {
 public:
  void Handle(const Request&, Responder responder) override {
    std::move(responder).CollectBody(
        1 << 30, [](std::string body, Responder responder) {
          std::move(responder).Send({.body = absl::StrCat(body.size())});
        });
  }
};

TEST_P(LimitsTest, WhoHoldsMostMemoryIsShedFirst) {
  options_.max_buffered_bytes = 100'000;
  AddRoute({.path = "/up",
            .methods = {http::Method::kPost},
            .handler = std::make_unique<CollectingHandler>()});
  const std::string small = Post("/up", std::string(30'000, 'a'));
  const std::string large = Post("/up", std::string(80'000, 'b'));
  TestClient modest = Connect();
  TestClient greedy = Connect();
  modest.Write(small.substr(0, small.size() - 1));
  LetServerWork();
  EXPECT_EQ(server().buffered_bytes(), 29'999u);
  greedy.Write(large.substr(0, large.size() - 1));
  const ReceivedResponse refusal = greedy.ReadResponse();
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(refusal.Field("Connection"), "close");
  EXPECT_EQ(Shed(ShedReason::kBufferedBytes), 1u);
  EXPECT_LT(server().buffered_bytes(), 100'000u);
  modest.Write("a");
  EXPECT_EQ(modest.ReadResponse().body, "30000");
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

TEST_P(LimitsTest, WhoSendsALongHeadIsShedWithAnAnswer) {
  options_.max_buffered_bytes = 20'000;
  TestClient client = Connect();
  client.Write("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(25'000, 'x'));
  LetServerWork();
  TestClient other = Connect();
  other.Write(Get("/1"));
  EXPECT_EQ(other.ReadResponse().body, "1");
  const ReceivedResponse refusal = client.ReadResponse();
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(refusal.Field("Connection"), "close");
  EXPECT_EQ(Shed(ShedReason::kBufferedBytes), 1u);
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

TEST_P(LimitsTest, R11HeadsAreReadUpToTheLimitWhateverItIs) {
  constexpr size_t kLimit = 300'000;
  options_.head_limits.max_head_bytes = kLimit;
  const absl::string_view start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string fits = absl::StrCat(
      start, std::string(kLimit - start.size() - 4, 'x'), "\r\n\r\n");
  TestClient client = Connect();
  client.Write(fits);
  EXPECT_EQ(client.ReadResponse().body, "ha?\n");
  // The empty line in front does not count.
  client.Write("\r\n" + fits);
  EXPECT_EQ(client.ReadResponse().body, "ha?\n");
  client.Write(absl::StrCat(start, std::string(kLimit - start.size() - 3, 'x'),
                            "\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().status, 431);
  TestClient cut = Connect();
  cut.Write(absl::StrCat(start, std::string(200'000, 'x')));
  cut.FinishWriting();
  EXPECT_EQ(cut.ReadResponse().status, 400);
}

TEST_P(LimitsTest, WhoDoesNotReadIsShed) {
  AddRoute({"/made", {http::Method::kGet}, std::make_unique<MadeHandler>()});
  options_.max_buffered_bytes = 1'500'000;
  TestClient first = Connect();
  TestClient second = Connect();
  first.Write(Get("/made"));
  LetServerWork();
  EXPECT_GT(server().buffered_bytes(), 100'000u);
  second.Write(Get("/made") + Get("/made"));
  LetServerWork();
  EXPECT_LE(server().buffered_bytes(), 1'500'000u);
  EXPECT_LE(server().connection_count(), 2u);
  TestClient third = Connect();
  third.Write(Get("/3"));
  EXPECT_EQ(third.ReadResponse().body, "3");
}

// Counters.

TEST_P(LimitsTest, ConnectionsAreCountedByState) {
  TestClient idle = Connect();
  TestClient reading = Connect();
  TestClient answering = Connect();
  TestClient closing = Connect();
  reading.Write("GET / HT");
  answering.Write(Get("/late"));
  closing.Write("bad\r\n");
  LetServerWork();
  EXPECT_EQ(Connections(ConnectionState::kIdle), 1);
  EXPECT_EQ(Connections(ConnectionState::kReading), 1);
  EXPECT_EQ(Connections(ConnectionState::kAnswering), 1);
  EXPECT_EQ(Connections(ConnectionState::kClosing), 1);
  reading.Write("TP/1.1\r\nHost: a\r\n\r\n");
  AnswerLate();
  LetServerWork();
  EXPECT_EQ(Connections(ConnectionState::kIdle), 3);
  for (TestClient* client : {&idle, &reading, &answering, &closing}) {
    client->Close();
  }
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(AllConnections(), 0);
}

TEST_P(LimitsTest, AnswersAreCountedByRouteAndStatus) {
  TestClient client = Connect();
  client.Write(Get("/") + Get("/") + Get("/nowhere") + Post("/", "a") +
               Get("/late"));
  client.ReadResponses(4);
  AnswerLate();
  client.ReadResponse();
  client.Write("bad\r\n");
  client.ReadResponse();
  const ServerStatistics& statistics = server().statistics();
  // The first route is "/".
  EXPECT_EQ(statistics.routes[1].responses[1].Read(), 2u);
  EXPECT_EQ(statistics.routes[1].responses[3].Read(), 1u);
  EXPECT_EQ(statistics.routes[1].latency.Read().count(), 3u);
  EXPECT_EQ(statistics.routes[0].responses[3].Read(), 2u);
  uint64_t all = 0;
  for (const RouteStatistics& route : statistics.routes) {
    for (const Counter& counter : route.responses) all += counter.Read();
  }
  EXPECT_EQ(all, 6u);
  EXPECT_GT(statistics.received_bytes.Read(), 100u);
  EXPECT_GT(statistics.sent_bytes.Read(), 500u);
  EXPECT_EQ(statistics.accepted_connections.Read(), 1u);
}

// An observer that keeps what it is told, as text.
class NotingObserver final : public ExchangeObserver {
 public:
  void OnExchange(const ExchangeRecord& record) override {
    lines.push_back(absl::StrCat(record.client.ToString(), " ", record.method,
                                 " ", record.target, " ", record.host, " ",
                                 record.user_agent, " ", record.traceparent,
                                 " ", record.route, " ", record.status));
    bytes.push_back(record.sent_bytes);
    body_bytes.push_back(record.body_bytes);
  }

  std::vector<std::string> lines;
  std::vector<uint64_t> bytes;
  std::vector<uint64_t> body_bytes;
};

// More than kernels buffer.
constexpr uint64_t kHugeBytes = 16 << 20;

std::unique_ptr<Handler> HugeHandler() {
  return std::make_unique<FixedHandler>(
      TextResponse(std::string(kHugeBytes, 'h')));
}

TEST_P(LimitsTest, ALongAnswerIsOverWhenItIsSent) {
  NotingObserver observer;
  options_.observer = &observer;
  AddRoute({"/huge", {http::Method::kGet}, HugeHandler()});
  TestClient client = ConnectTcp();
  client.Write(Get("/huge") + Get("/1"));
  LetServerWork();
  EXPECT_EQ(Connections(ConnectionState::kAnswering), 1);
  EXPECT_THAT(observer.lines, IsEmpty());
  client.ReadResponses(2);
  EXPECT_EQ(Connections(ConnectionState::kIdle), 1);
  EXPECT_EQ(observer.lines.size(), 2u);
  EXPECT_GT(observer.bytes[0], kHugeBytes);
  EXPECT_EQ(observer.body_bytes[0], kHugeBytes);
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 0u);
}

TEST_P(LimitsTest, OfALongAnswerThatNobodyTakesOnlyWhatWasSentCounts) {
  NotingObserver observer;
  options_.observer = &observer;
  options_.write_timeout = absl::Milliseconds(50);
  AddRoute({"/huge", {http::Method::kGet}, HugeHandler()});
  TestClient client = ConnectTcp();
  client.Write(Get("/huge"));
  ASSERT_TRUE(RunUntil([&] { return !observer.lines.empty(); }));
  EXPECT_THAT(observer.lines[0], StartsWith("127.0.0.1 GET /huge"));
  EXPECT_LT(observer.bytes[0], kHugeBytes);
  EXPECT_GT(observer.bytes[0], 0u);
  EXPECT_EQ(server().statistics().sent_bytes.Read(), observer.bytes[0]);
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 1u);
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

// Answers with a stream, whose last and longest piece it writes when the first
// has been taken.
class LongStreamHandler final : public Handler,
                                private ResponseStream::Producer {
 public:
  void Handle(const Request&, Responder responder) override {
    stream_.emplace(std::move(responder).Stream({}, *this));
    stream_->Write(std::string(kHugeBytes, 's'));
  }

  bool is_finished() const { return !stream_.has_value(); }

 private:
  void OnWritable() override {
    stream_->Write(std::string(kHugeBytes, 't'));
    std::move(*stream_).Finish();
    stream_.reset();
  }
  void OnAbandoned() override { stream_.reset(); }

  std::optional<ResponseStream> stream_;
};

TEST_P(LimitsTest, AStreamIsOverWhenItsLastPieceIsSent) {
  NotingObserver observer;
  options_.observer = &observer;
  auto owned = std::make_unique<LongStreamHandler>();
  const LongStreamHandler& handler = *owned;
  AddRoute({"/stream", {http::Method::kGet}, std::move(owned)});
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  LetServerWork();
  ASSERT_TRUE(RunUntil([&] {
    client.ReadAvailable();
    return handler.is_finished();
  }));
  EXPECT_THAT(observer.lines, IsEmpty());
  EXPECT_EQ(Connections(ConnectionState::kAnswering), 1);
  ASSERT_TRUE(RunUntil([&] {
    client.ReadAvailable();
    return !observer.lines.empty();
  }));
  EXPECT_GT(observer.bytes[0], 2 * kHugeBytes);
}

// Streams more than it announces.
class LyingHandler final : public Handler, private ResponseStream::Producer {
 public:
  void Handle(const Request&, Responder responder) override {
    std::move(responder).Stream({}, *this, 3).Write("four");
  }

 private:
  void OnWritable() override {}
  void OnAbandoned() override {}
};

TEST_P(LimitsTest, OfAnAnswerThatIsCutOffTheClientIsKnown) {
  NotingObserver observer;
  options_.observer = &observer;
  AddRoute({"/lie", {http::Method::kGet}, std::make_unique<LyingHandler>()});
  TestClient client = ConnectTcp();
  client.Write(Get("/lie"));
  client.ReadToEnd();
  ASSERT_EQ(observer.lines.size(), 1u);
  EXPECT_THAT(observer.lines[0], StartsWith("127.0.0.1 GET /lie"));
}

// Answers at once, although it wanted the body.
class HastyHandler final : public Handler {
 public:
  void Handle(const Request&, Responder responder) override {
    responder.ReceiveBody(std::make_unique<Receiver>(ends));
    std::move(responder).Send({.body = std::string(kHugeBytes, 'h')});
  }

  int ends = 0;

 private:
  class Receiver final : public BodyReceiver {
   public:
    explicit Receiver(int& ends) : ends_(ends) {}
    void OnBody(absl::string_view) override {}
    void OnBodyEnd() override { ++ends_; }

   private:
    int& ends_;
  };
};

TEST_P(LimitsTest, WhoHasAnsweredReceivesNoMore) {
  auto owned = std::make_unique<HastyHandler>();
  const HastyHandler& handler = *owned;
  AddRoute({"/hasty", {http::Method::kGet}, std::move(owned)});
  TestClient client = ConnectTcp();
  client.Write(Get("/hasty"));
  EXPECT_EQ(client.ReadResponse().body.size(), kHugeBytes);
  EXPECT_EQ(handler.ends, 0);
}

TEST_P(LimitsTest, AnObserverIsToldOfEachExchange) {
  NotingObserver observer;
  options_.observer = &observer;
  TestClient client = ConnectTcp();
  const std::string fields = "User-Agent: me\r\ntraceparent: 00-a-b-01\r\n";
  client.Write(Get("/1", fields) + Get("/nowhere?x") + Get("/late", fields));
  client.ReadResponses(2);
  LetServerWork();
  AnswerLate();
  const ReceivedResponse late = client.ReadResponse();
  client.Write("bad\r\n");
  client.ReadResponse();
  LetServerWork();
  EXPECT_THAT(
      observer.lines,
      testing::ElementsAre("127.0.0.1 GET /1 a me 00-a-b-01 /1 200",
                           "127.0.0.1 GET /nowhere?x a   none 404",
                           "127.0.0.1 GET /late a me 00-a-b-01 /late 200",
                           "127.0.0.1      none 400"));
  EXPECT_GT(observer.bytes[2], late.body.size());
  observer.lines.clear();
  DestroyServer();
  EXPECT_THAT(observer.lines, IsEmpty());
}

}  // namespace
}  // namespace pollux
