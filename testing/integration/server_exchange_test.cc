// One request, one final response, one record: whatever the client, the handler
// or the server does meanwhile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/field.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/owned_request.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/router.h"
#include "httpd/server/server_statistics.h"
#include "reactor/histogram.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"
#include "testing/fake_kernel.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using http::Method;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// What an observer is told, kept.
class StatusRecorder final : public ExchangeObserver {
 public:
  void OnExchange(const ExchangeRecord& record) override {
    statuses.push_back(record.status);
    targets.emplace_back(record.target);
    durations.push_back(record.duration);
    clients.push_back(record.client.ToString());
    users.emplace_back(record.user);
    request_ids.emplace_back(record.request_id);
    versions.push_back(record.version);
    sent_bytes.push_back(record.sent_bytes);
    body_bytes.push_back(record.body_bytes);
    requests.push_back(absl::StrCat(
        record.method, " ", record.target, " host=", record.host,
        " referer=", record.referer, " user_agent=", record.user_agent,
        " traceparent=", record.traceparent));
  }
  std::vector<int> statuses;
  std::vector<std::string> targets;
  std::vector<absl::Duration> durations;
  std::vector<std::string> clients;
  std::vector<std::string> users;
  std::vector<std::string> request_ids;
  std::vector<http::Version> versions;
  std::vector<uint64_t> sent_bytes;
  std::vector<uint64_t> body_bytes;
  // The method and all that the head says of client and target.
  std::vector<std::string> requests;
};

// Keeps the streams that it begins until the test finishes them.
class StreamsHandler final : public Handler, private ResponseStream::Producer {
 public:
  void Handle(const Request& request, Responder responder) override {
    if (receives_body) responder.ReceiveBody(std::make_unique<Receiver>(*this));
    if (responds_late) {
      responders.push_back(std::move(responder));
      return;
    }
    (void)request;
    Begin(std::move(responder));
  }

  void Begin(Responder responder,
             std::optional<uint64_t> body_bytes = std::nullopt) {
    streams.push_back(std::move(responder).Stream({}, *this, body_bytes));
  }

  void FinishAll() {
    while (!streams.empty()) {
      ResponseStream stream = std::move(streams.front());
      streams.erase(streams.begin());
      std::move(stream).Finish();
    }
  }

  bool receives_body = false;
  bool responds_late = false;
  std::vector<Responder> responders;
  std::vector<ResponseStream> streams;
  std::string received;
  int body_ends = 0;
  int abandoned = 0;

 private:
  class Receiver final : public BodyReceiver {
   public:
    explicit Receiver(StreamsHandler& handler) : handler_(handler) {}
    void OnBody(absl::string_view bytes) override {
      handler_.received.append(bytes);
    }
    void OnBodyEnd() override { ++handler_.body_ends; }

   private:
    StreamsHandler& handler_;
  };

  void OnWritable() override {}
  void OnAbandoned() override { ++abandoned; }
};

// Writes each piece of the body back.
class Copier final : public BodyReceiver {
 public:
  explicit Copier(StreamsHandler& streams) : streams_(streams) {}
  void OnBody(absl::string_view bytes) override {
    if (!streams_.streams.empty()) streams_.streams[0].Write(bytes);
  }
  void OnBodyEnd() override { streams_.FinishAll(); }

 private:
  StreamsHandler& streams_;
};

// Also: /stream, GET and POST, which streams (StreamsHandler).
class ExchangeTest : public ServerTest {
 protected:
  ExchangeTest() {
    auto streams = std::make_unique<StreamsHandler>();
    streams_ = streams.get();
    AddRoute({"/stream", {Method::kGet, Method::kPost}, std::move(streams)});
    options_.observer = &observer_;
  }

  // What the client has got, once the server rests.
  std::string Read(TestClient& client) {
    LetServerWork();
    return client.ReadAvailable();
  }

  bool RunFor(absl::Duration time) {
    bool is_over = false;
    Timer timer(*reactor_, [&] { is_over = true; });
    timer.ArmAfter(time);
    return RunUntil([&] { return is_over; });
  }

  StatusRecorder observer_;
  // Owned by the router.
  StreamsHandler* streams_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ExchangeTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string PostHead(absl::string_view path, absl::string_view fields) {
  return absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: a\r\n", fields,
                      "\r\n");
}

constexpr absl::string_view kExpect = "Expect: 100-continue\r\n";
constexpr absl::string_view kFive = "Content-Length: 5\r\n";
constexpr absl::string_view kChunks = "Transfer-Encoding: chunked\r\n";

size_t Count(absl::string_view text, absl::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// Interim responses.

TEST_P(ExchangeTest, SendsNo100InsideAStreamedResponse) {
  TestClient client = Connect();
  client.Write(PostHead("/stream", absl::StrCat(kExpect, kFive)));
  EXPECT_THAT(Read(client), AllOf(StartsWith("HTTP/1.1 200"),
                                  Not(HasSubstr("100 Continue"))));
  streams_->streams[0].Write("text");
  streams_->FinishAll();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("4\r\ntext\r\n0\r\n\r\n"));
  EXPECT_EQ(client.error(), 0);
  EXPECT_THAT(observer_.statuses, ElementsAre(200));
}

TEST_P(ExchangeTest, AnnouncesTheEndWhereABodyWasNotAskedFor) {
  TestClient client = Connect();
  client.Write(PostHead("/stream", absl::StrCat(kExpect, kFive)));
  EXPECT_THAT(Read(client), HasSubstr("Connection: close\r\n"));
}

TEST_P(ExchangeTest, SendsA100BeforeAStreamThatWantsTheBody) {
  streams_->receives_body = true;
  TestClient client = Connect();
  client.Write(PostHead("/stream", absl::StrCat(kExpect, kFive)));
  const std::string begun = Read(client);
  EXPECT_THAT(begun, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  EXPECT_EQ(Count(begun, "100 Continue"), 1u);
  client.Write("hello" + Get("/1"));
  LetServerWork();
  EXPECT_EQ(streams_->received, "hello");
  EXPECT_EQ(streams_->body_ends, 1);
  streams_->FinishAll();
  EXPECT_THAT(Read(client), EndsWith("\r\n\r\n1"));
}

TEST_P(ExchangeTest, SendsA100BeforeAStreamThatBeginsLate) {
  streams_->responds_late = true;
  streams_->receives_body = true;
  AddHandler("/paused", [&](const Request& request, Responder responder) {
    responder.PauseBody();
    streams_->Handle(request, std::move(responder));
  });
  TestClient client = Connect();
  client.Write(PostHead("/paused", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Read(client), "");
  // The pause ends with the stream, so the body is asked for first.
  streams_->Begin(std::move(streams_->responders[0]));
  EXPECT_THAT(Read(client),
              StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
  client.Write("hello");
  LetServerWork();
  EXPECT_EQ(streams_->received, "hello");
  streams_->FinishAll();
  EXPECT_THAT(Read(client), EndsWith("0\r\n\r\n"));
  client.Write(Get("/2"));
  EXPECT_EQ(client.ReadResponse().body, "2");
}

TEST_P(ExchangeTest, AsksOnceForABodyThatIsPausedAndResumed) {
  TestClient client = Connect();
  client.Write(PostHead("/late", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Read(client), "HTTP/1.1 100 Continue\r\n\r\n");
  late_->waiting[0].PauseBody();
  late_->waiting[0].ResumeBody();
  EXPECT_EQ(Read(client), "");
  client.Write("hello");
  LetServerWork();
  AnswerLate();
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

TEST_P(ExchangeTest, OnlyAnErrorIsSentInPlaceOfA100) {
  std::optional<Responder> kept;
  AddHandler("/pause", [&](const Request&, Responder responder) {
    responder.PauseBody();
    kept.emplace(std::move(responder));
  });
  for (const int status : {200, 302, 400, 500}) {
    SCOPED_TRACE(status);
    TestClient client = ConnectTcp();
    client.Write(PostHead("/pause", absl::StrCat(kExpect, kFive)));
    EXPECT_EQ(Read(client), "");
    std::move(*kept).Send(Response{.head = {.status = status}});
    kept.reset();
    const std::string received = Read(client);
    if (status < 400) {
      EXPECT_EQ(received, "HTTP/1.1 100 Continue\r\n\r\n");
      client.Write("hello");
      EXPECT_EQ(client.ReadResponse().Field("Connection"), "");
    } else {
      EXPECT_THAT(received, StartsWith(absl::StrCat("HTTP/1.1 ", status)));
      EXPECT_THAT(received, HasSubstr("Connection: close\r\n"));
      EXPECT_EQ(client.ReadToEnd(), "");
    }
    client.Close();
    ASSERT_TRUE(RunUntilConnectionsAre(0));
  }
}

TEST_P(ExchangeTest, AsksForABodyWhenItsPauseEnds) {
  std::optional<Responder> kept;
  AddHandler("/pause", [&](const Request&, Responder responder) {
    responder.PauseBody();
    kept.emplace(std::move(responder));
  });
  TestClient client = Connect();
  client.Write(PostHead("/pause", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Read(client), "");
  kept->ResumeBody();
  EXPECT_EQ(Read(client), "HTTP/1.1 100 Continue\r\n\r\n");
  kept.reset();
}

TEST_P(ExchangeTest, AsksForNoBodyBeforeTheHandlerHasReturned) {
  AddHandler("/refuse", [](const Request&, Responder responder) {
    responder.PauseBody();
    responder.ResumeBody();
    std::move(responder).SendStatus(404);
  });
  TestClient client = Connect();
  client.Write(PostHead("/refuse", absl::StrCat(kExpect, kFive)));
  EXPECT_THAT(Read(client), StartsWith("HTTP/1.1 404"));
}

// A stream that is complete before the body is.

class FinishedStreamTest : public ExchangeTest {
 protected:
  // Has got a whole streamed response, and has not sent its whole body.
  TestClient ConnectAndFinish(absl::string_view fields) {
    TestClient client = ConnectTcp();
    client.Write(PostHead("/stream", fields));
    LetServerWork();
    streams_->streams[0].Write("text");
    EXPECT_THAT(Read(client), EndsWith("4\r\ntext\r\n"));
    streams_->FinishAll();
    EXPECT_EQ(Read(client), "0\r\n\r\n");
    return client;
  }

  void ExpectNothingMore(TestClient& client) {
    EXPECT_EQ(client.ReadToEnd(), "");
    EXPECT_EQ(client.error(), 0);
    EXPECT_THAT(observer_.statuses, ElementsAre(200));
    EXPECT_THAT(observer_.targets, ElementsAre("/stream"));
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, FinishedStreamTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(FinishedStreamTest, IsFlushedWhileTheBodyIsRead) {
  TestClient client = ConnectAndFinish(kFive);
  client.Write("hello" + Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(FinishedStreamTest, IsTheOnlyResponseBeforeABadChunk) {
  TestClient client = ConnectAndFinish(kChunks);
  client.Write("no size\r\n");
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, IsTheOnlyResponseBeforeTheEndOfInput) {
  TestClient client = ConnectAndFinish(kFive);
  client.Write("hel");
  client.FinishWriting();
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, IsTheOnlyResponseBeforeTheBodysDeadline) {
  options_.body_timeout = absl::Milliseconds(20);
  TestClient client = ConnectAndFinish(kFive);
  client.Write("hel");
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, IsTheOnlyResponseBeforeTooLongABody) {
  options_.max_body_bytes = 1000;
  TestClient client = ConnectAndFinish(kChunks);
  client.Write("3e9\r\n");
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, EndsAfterTooMuchThatNobodyReceives) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = ConnectAndFinish(kChunks);
  client.Write("3e8\r\n" + std::string(1000, 'a') + "\r\n");
  EXPECT_EQ(Read(client), "");
  client.Write("1\r\na\r\n");
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, LetsNothingMoreBeReceived) {
  streams_->receives_body = true;
  TestClient client = ConnectAndFinish(kFive);
  client.Write("hello" + Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  EXPECT_EQ(streams_->received, "");
  EXPECT_EQ(streams_->body_ends, 0);
}

TEST_P(FinishedStreamTest, EndsAtOnceBeforeTooLongABody) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = ConnectAndFinish("Content-Length: 1001\r\n");
  ExpectNothingMore(client);
}

TEST_P(FinishedStreamTest, CountsWhatIsDiscardedFromItsEnd) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = ConnectTcp();
  client.Write(PostHead("/stream", "Content-Length: 1600\r\n") +
               std::string(800, 'a'));
  EXPECT_THAT(Read(client), StartsWith("HTTP/1.1 200"));
  streams_->FinishAll();
  EXPECT_EQ(Read(client), "0\r\n\r\n");
  client.Write(std::string(800, 'a') + Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

// A response that is held for the body.

TEST_P(ExchangeTest, AResponseGoesBeforeABodyThatIsTooLongToDiscard) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = ConnectTcp();
  client.Write(PostHead("/form", "Content-Length: 1001\r\n"));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Field("Connection"), "close");
  // What the client goes on sending is never read as a request, nor answered
  // with a reset.
  client.Write(std::string(1001, 'a'));
  LetServerWork();
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
  EXPECT_THAT(observer_.statuses, ElementsAre(200));
}

TEST_P(ExchangeTest, AResponseGoesBeforeChunksThatAreTooLongToDiscard) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = ConnectTcp();
  client.Write(PostHead("/nowhere", kChunks) + "3e8\r\n" +
               std::string(1000, 'a') + "\r\n");
  EXPECT_EQ(Read(client), "");
  client.Write("1\r\na\r\n");
  EXPECT_EQ(client.ReadResponse().status, 404);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ExchangeTest, TheLimitOfWhatIsDiscardedCountsFromTheResponse) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = Connect();
  const std::string request = Post("/late", std::string(1600, 'a'));
  client.Write(absl::string_view(request).substr(0, request.size() - 800));
  LetServerWork();
  AnswerLate();
  client.Write(absl::string_view(request).substr(request.size() - 800));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.body, "late\n");
  EXPECT_EQ(response.Field("Connection"), "");
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(ExchangeTest, AReceiverWhoseHandlerHasRespondedReceivesNoMore) {
  streams_->receives_body = true;
  streams_->responds_late = true;
  TestClient client = Connect();
  client.Write(PostHead("/stream", kFive) + "he");
  LetServerWork();
  std::move(streams_->responders[0]).SendStatus(404);
  client.Write("llo");
  EXPECT_EQ(client.ReadResponse().status, 404);
  EXPECT_EQ(streams_->received, "he");
  EXPECT_EQ(streams_->body_ends, 0);
}

TEST_P(ExchangeTest, ABodyWithinTheLimitIsDiscardedBeforeTheResponse) {
  options_.max_discarded_body_bytes = 1000;
  TestClient client = Connect();
  client.Write(Post("/form", std::string(1000, 'a')) + Get("/1"));
  EXPECT_EQ(client.ReadResponses(2)[1].body, "1");
}

TEST_P(ExchangeTest, ABodyThatNobodyReceivesWaitsForALateResponse) {
  options_.max_discarded_body_bytes = 100'000;
  options_.body_timeout = absl::Milliseconds(5);
  TestClient client = ConnectTcp();
  const std::string request = Post("/late", std::string(900'000, 'a'));
  const size_t sent = client.WriteSome(request);
  LetServerWork();
  // No deadline runs for a client that is made to wait.
  ASSERT_TRUE(RunFor(absl::Milliseconds(30)));
  EXPECT_LE(server().statistics().received_bytes.Read(), 300'000u);
  EXPECT_EQ(client.ReadAvailable(), "");
  AnswerLate();
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.body, "late\n");
  EXPECT_EQ(response.Field("Connection"), "close");
  client.Write(absl::string_view(request).substr(sent));
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

// A response that is cut off.

TEST_P(ExchangeTest, ACutStreamLeavesEarlierResponsesIntact) {
  AddHandler("/cut", [this](const Request&, Responder responder) {
    streams_->Begin(std::move(responder));
    streams_->streams.back().Write("begun");
    streams_->streams.clear();
  });
  TestClient client = ConnectTcp();
  // Unread input would make a close a reset.
  client.Write(Get("/1") + Get("/cut") + Get("/2"));
  const std::string received = client.ReadToEnd();
  EXPECT_EQ(client.error(), 0);
  EXPECT_THAT(received, HasSubstr("\r\n\r\n1HTTP/1.1 200 OK"));
  EXPECT_THAT(received, EndsWith("5\r\nbegun\r\n"));
  EXPECT_THAT(observer_.statuses, ElementsAre(200, 200));
}

TEST_P(ExchangeTest, ACutStreamThatTheConnectionsEndWouldCompleteIsReset) {
  TestClient client = ConnectTcp();
  client.Write("GET /stream HTTP/1.0\r\n\r\n");
  LetServerWork();
  streams_->streams[0].Write("begun");
  EXPECT_THAT(Read(client), EndsWith("\r\n\r\nbegun"));
  streams_->streams.clear();
  (void)client.ReadToEnd();
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_P(ExchangeTest, Regression_AStreamResetInItsHandlerHasAClient) {
  AddHandler("/cut", [this](const Request&, Responder responder) {
    streams_->Begin(std::move(responder));
    streams_->streams.clear();
  });
  TestClient client = ConnectTcp();
  client.Write("GET /cut HTTP/1.0\r\n\r\n");
  (void)client.ReadToEnd();
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_THAT(observer_.clients, ElementsAre("127.0.0.1"));
}

TEST_P(ExchangeTest, ABadBodyCutsTheStreamThatReceivesIt) {
  streams_->receives_body = true;
  TestClient client = ConnectTcp();
  client.Write(PostHead("/stream", kChunks));
  LetServerWork();
  streams_->streams[0].Write("begun");
  client.Write("bad\n");
  const std::string received = client.ReadToEnd();
  EXPECT_THAT(received, EndsWith("5\r\nbegun\r\n"));
  EXPECT_EQ(Count(received, "HTTP/1.1"), 1u);
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(streams_->abandoned, 1);
  EXPECT_EQ(streams_->body_ends, 0);
  EXPECT_THAT(observer_.statuses, ElementsAre(200));
}

// Calls from inside of handlers.

TEST_P(ExchangeTest, AHandlerMayDrainWhileFirstRequestsWait) {
  first_read_ = HttpServer::FirstRead::kAtOnce;
  int drained = 0;
  AddHandler("/drain", [&](const Request& request, Responder responder) {
    server().Drain([&] { ++drained; });
    // The head is still this request's.
    std::move(responder).Send(
        Response{.body = std::string(request.field("X"))});
  });
  // Both wait in the backlog; the second is accepted by the drain.
  TestClient first = StartToConnectTcp();
  first.Write(Get("/drain", "X: the first's\r\n"));
  TestClient second = StartToConnectTcp();
  second.Write(Get("/7", "X: the second's, which is longer\r\n"));
  EXPECT_EQ(first.ReadResponse().body, "the first's");
  EXPECT_EQ(second.ReadResponse().body, "7");
  EXPECT_TRUE(RunUntil([&] { return drained > 0; }));
  // `drained` and the handler go before the server.
  DestroyServer();
}

TEST_P(ExchangeTest, AHandlerMayServeAConnectionAtOnce) {
  std::optional<Socket> another;
  AddHandler("/serve", [&](const Request& request, Responder responder) {
    server().Serve(*std::move(another), HttpServer::FirstRead::kAtOnce);
    std::move(responder).Send(
        Response{.body = std::string(request.field("X"))});
  });
  std::array<int, 2> sockets = {-1, -1};
  ASSERT_TRUE(kernel_
                  ->SocketPair(AF_UNIX,
                               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                               sockets)
                  .ok());
  another.emplace(counted_kernel_, sockets[1]);
  TestClient other(*kernel_, *reactor_, sockets[0]);
  other.Write(Get("/7", "X: the other's\r\n"));
  TestClient client = Connect();
  client.Write(Get("/1") + Get("/serve", "X: mine\r\n") + Get("/2"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(3);
  EXPECT_EQ(responses[0].body, "1");
  EXPECT_EQ(responses[1].body, "mine");
  EXPECT_EQ(responses[2].body, "2");
  EXPECT_EQ(other.ReadResponse().body, "7");
}

// What runs still belongs to the connection that has ended: its memory may not
// become that of another before the iteration is over.
TEST_P(ExchangeTest, AHandlerMayServeAnotherWhenItsOwnConnectionHasEnded) {
  std::optional<Socket> another;
  AddHandler("/end", [&](const Request&, Responder responder) {
    // A response that the connection's end would complete: it is reset.
    streams_->Begin(std::move(responder));
    streams_->streams.clear();
    EXPECT_EQ(server().connection_count(), 0u);
    server().Serve(*std::move(another), HttpServer::FirstRead::kAtOnce);
  });
  for (int i = 0; i < 3; ++i) {
    std::array<int, 2> sockets = {-1, -1};
    ASSERT_TRUE(kernel_
                    ->SocketPair(AF_UNIX,
                                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                 sockets)
                    .ok());
    another.emplace(counted_kernel_, sockets[1]);
    TestClient other(*kernel_, *reactor_, sockets[0]);
    TestClient client = Connect();
    // What follows is not the other's request.
    client.Write("GET /end HTTP/1.0\r\n\r\n" + Get("/9"));
    LetServerWork();
    other.Write(Get("/7"));
    EXPECT_EQ(other.ReadResponse().body, "7");
    EXPECT_EQ(server().connection_count(), 1u);
    other.Close();
    client.Close();
    ASSERT_TRUE(RunUntilConnectionsAre(0));
  }
  for (const Gauge& gauge : server().statistics().connections) {
    EXPECT_EQ(gauge.Read(), 0);
  }
}

TEST_P(ExchangeTest, AConnectionThatIsServedMakesNoRoomForAnother) {
  options_.max_connections = 1;
  std::optional<Socket> another;
  AddHandler("/serve", [&](const Request&, Responder responder) {
    server().Serve(*std::move(another));
    std::move(responder).Send(Response{.body = "served"});
  });
  std::array<int, 2> sockets = {-1, -1};
  ASSERT_TRUE(kernel_
                  ->SocketPair(AF_UNIX,
                               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                               sockets)
                  .ok());
  another.emplace(counted_kernel_, sockets[1]);
  TestClient other(*kernel_, *reactor_, sockets[0]);
  TestClient client = Connect();
  client.Write(Get("/serve"));
  EXPECT_EQ(client.ReadResponse().body, "served");
  EXPECT_EQ(other.ReadResponse().status, 503);
}

// Clients that send everything before they read.

TEST_P(ExchangeTest, AClientMaySendEverythingBeforeItReads) {
  // More than both kernels buffer.
  const std::string body(6'000'000, 'a');
  options_.max_body_bytes = body.size();
  AddHandler("/copy", [this](const Request&, Responder responder) {
    responder.ReceiveBody(std::make_unique<Copier>(*streams_));
    streams_->Begin(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(Post("/copy", body));
  const std::string received = client.ReadAvailable();
  EXPECT_THAT(received, StartsWith("HTTP/1.1 200"));
  std::string rest;
  EXPECT_TRUE(RunUntil([&] {
    rest += client.ReadAvailable();
    return absl::EndsWith(rest, "\r\n0\r\n\r\n");
  }));
  EXPECT_GE(received.size() + rest.size(), body.size());
}

TEST_P(ExchangeTest, ABodyThatNobodyReceivesIsReadWhileTheResponseWaits) {
  options_.max_body_bytes = 6'000'000;
  TestClient client = ConnectTcp();
  client.Write(PostHead("/stream", "Content-Length: 6000000\r\n"));
  LetServerWork();
  streams_->streams[0].Write(std::string(9'000'000, 's'));
  LetServerWork();
  EXPECT_TRUE(streams_->streams[0].ShouldPause());
  client.Write(std::string(6'000'000, 'a'));
  LetServerWork();
  EXPECT_GE(server().statistics().received_bytes.Read(), 6'000'000u);
  streams_->FinishAll();
}

// Clients that leave.

class LeavingClientTest : public ExchangeTest {
 protected:
  LeavingClientTest() { options_.half_close_timeout = absl::Milliseconds(50); }

  // Has asked for /late, to whose handler `abandoned_` belongs.
  TestClient ConnectAndAsk() {
    TestClient client = ConnectTcp();
    client.Write(Get("/late"));
    LetServerWork();
    late_->waiting[0].OnAbandoned([this] { ++abandoned_; });
    return client;
  }

  int abandoned_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Kernels, LeavingClientTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(LeavingClientTest, IsNoticedWhileItsRequestIsWorkedOn) {
  TestClient client = ConnectAndAsk();
  client.Close();
  EXPECT_TRUE(RunUntil([&] { return abandoned_ > 0; }));
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_THAT(observer_.statuses, ElementsAre(499));
  EXPECT_THAT(observer_.targets, ElementsAre("/late"));
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 1u);
}

TEST_P(LeavingClientTest, IsNoticedWithMoreRequestsUnread) {
  TestClient client = ConnectAndAsk();
  client.Write(Get("/1"));
  client.Close();
  EXPECT_TRUE(RunUntil([&] { return abandoned_ > 0; }));
  EXPECT_THAT(observer_.statuses, ElementsAre(499));
}

TEST_P(LeavingClientTest, IsRecordedWhenItResets) {
  TestClient client = ConnectAndAsk();
  client.Reset();
  EXPECT_TRUE(RunUntil([&] { return abandoned_ > 0; }));
  EXPECT_THAT(observer_.statuses, ElementsAre(499));
}

TEST_P(LeavingClientTest, IsCountedWhileItsResponseIsHeld) {
  TestClient client = ConnectTcp();
  client.Write(PostHead("/form", kFive) + "he");
  LetServerWork();
  client.Reset();
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_THAT(observer_.statuses, ElementsAre(499));
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 1u);
}

TEST_P(LeavingClientTest, IsNoticedWhileItsStreamIsSilent) {
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  // With nothing unread, so that its end is a FIN.
  EXPECT_THAT(Read(client), StartsWith("HTTP/1.1 200"));
  client.Close();
  EXPECT_TRUE(RunUntil([&] { return streams_->abandoned > 0; }));
  EXPECT_THAT(observer_.statuses, ElementsAre(200));
}

TEST_P(LeavingClientTest, IsNoticedWhileItsBodyIsPaused) {
  int abandoned = 0;
  std::optional<Responder> kept;
  AddHandler("/pause", [&](const Request&, Responder responder) {
    responder.PauseBody();
    responder.OnAbandoned([&] { ++abandoned; });
    kept.emplace(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(Post("/pause", "hello"));
  LetServerWork();
  client.Close();
  EXPECT_TRUE(RunUntil([&] { return abandoned > 0; }));
  kept.reset();
}

TEST_P(LeavingClientTest, ThatOnlySendsNoMoreGetsAnEarlyResponse) {
  options_.half_close_timeout = absl::Seconds(5);
  TestClient client = ConnectAndAsk();
  client.FinishWriting();
  LetServerWork();
  AnswerLate();
  EXPECT_EQ(ParseResponses(client.ReadToEnd())[0].body, "late\n");
  EXPECT_EQ(abandoned_, 0);
}

TEST_P(LeavingClientTest, ThatOnlySendsNoMoreIsWaitedForWhereTheServerMay) {
  options_.half_close_timeout = absl::InfiniteDuration();
  TestClient client = ConnectAndAsk();
  client.FinishWriting();
  ASSERT_TRUE(RunFor(absl::Milliseconds(100)));
  AnswerLate();
  EXPECT_EQ(ParseResponses(client.ReadToEnd())[0].body, "late\n");
  EXPECT_EQ(abandoned_, 0);
}

TEST_P(LeavingClientTest, ThatReadsItsStreamHasNotLeft) {
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  client.FinishWriting();
  LetServerWork();
  for (int i = 0; i < 10; ++i) {
    streams_->streams[0].Write("event\n");
    ASSERT_TRUE(RunFor(absl::Milliseconds(20)));
    (void)client.ReadAvailable();
  }
  EXPECT_EQ(streams_->abandoned, 0);
  streams_->FinishAll();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("0\r\n\r\n"));
}

TEST_P(LeavingClientTest, IsNotRecordedAsLeftWhenTheServerCloses) {
  TestClient client = ConnectAndAsk();
  DestroyServer();
  EXPECT_THAT(observer_.statuses, ElementsAre(0));
  EXPECT_EQ(abandoned_, 1);
}

// Clients that announce the end.

TEST_P(ExchangeTest, ALateResponseReachesAClientThatSentMoreThanItAnnounced) {
  TestClient client = ConnectTcp();
  client.Write(Get("/late", "Connection: close\r\n"));
  LetServerWork();
  client.Write(Get("/1"));
  LetServerWork();
  AnswerLate();
  // The kernel must not answer what is unread with a reset.
  LetServerWork();
  client.Write("and more");
  LetServerWork();
  client.Write("and more");
  EXPECT_EQ(ParseResponses(client.ReadToEnd()).size(), 1u);
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ExchangeTest, AResponseReachesAClientThatSendsMoreThanItAnnounced) {
  TestClient client = ConnectTcp();
  client.Write(Get("/1", "Connection: close\r\n") + "more");
  LetServerWork();
  client.Write("and more");
  LetServerWork();
  client.Write("and more");
  EXPECT_EQ(ParseResponses(client.ReadToEnd()).size(), 1u);
  EXPECT_EQ(client.error(), 0);
}

// A handler's time.

TEST_P(ExchangeTest, AHandlerThatTakesTooLongIsNotified) {
  options_.handler_timeout = absl::Milliseconds(20);
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  int abandoned = 0;
  late_->waiting[0].OnAbandoned([&] { ++abandoned; });
  EXPECT_EQ(client.ReadResponse().status, 503);
  EXPECT_EQ(abandoned, 1);
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 1u);
}

TEST_P(ExchangeTest, AHandlerThatTakesTooLongIs503) {
  options_.handler_timeout = absl::Milliseconds(20);
  TestClient client = Connect();
  client.Write(Get("/late") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 503);
  EXPECT_EQ(responses[0].Field("Connection"), "");
  EXPECT_EQ(responses[1].body, "1");
  EXPECT_TRUE(late_->waiting[0].abandoned());
  EXPECT_THAT(observer_.statuses, ElementsAre(503, 200));
  EXPECT_EQ(server()
                .statistics()
                .timeouts[static_cast<size_t>(TimeoutKind::kHandler)]
                .Read(),
            1u);
  AnswerLate();
  EXPECT_EQ(Read(client), "");
}

TEST_P(ExchangeTest, AHandlerThatPausesABodyForTooLongIs503) {
  options_.handler_timeout = absl::Milliseconds(20);
  std::optional<Responder> kept;
  AddHandler("/pause", [&](const Request&, Responder responder) {
    responder.PauseBody();
    kept.emplace(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(PostHead("/pause", kFive));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Field("Connection"), "close");
  EXPECT_TRUE(kept->abandoned());
  kept.reset();
}

TEST_P(ExchangeTest, AStreamThatHasBegunIsNotTimed) {
  options_.handler_timeout = absl::Milliseconds(10);
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  ASSERT_TRUE(RunFor(absl::Milliseconds(40)));
  streams_->FinishAll();
  EXPECT_THAT(Read(client), EndsWith("0\r\n\r\n"));
}

// Memory.

TEST_P(ExchangeTest, HeldResponsesCountAsMemory) {
  AddHandler("/made", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(50'000, 'm')});
  });
  TestClient client = Connect();
  client.Write(PostHead("/made", kFive));
  LetServerWork();
  EXPECT_GE(server().buffered_bytes(), 50'000u);
  client.Write("hello");
  EXPECT_EQ(client.ReadResponse().body.size(), 50'000u);
  LetServerWork();
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

TEST_P(ExchangeTest, FieldsOfHeldResponsesCountAsMemory) {
  AddHandler("/made", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{
        .head = {
            .fields = {{std::string(20'000, 'n'), std::string(30'000, 'v')}}}});
  });
  TestClient client = Connect();
  client.Write(PostHead("/made", kFive));
  LetServerWork();
  EXPECT_GE(server().buffered_bytes(), 50'000u);
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

TEST_P(ExchangeTest, BytesThatAHandlerHoldsAreLookedAtAtOnce) {
  options_.max_buffered_bytes = 10'000;
  TestClient client = ConnectTcp();
  client.Write(Get("/late"));
  LetServerWork();
  late_->waiting[0].HoldBytes(20'000);
  EXPECT_EQ(client.ReadResponse().status, 503);
  EXPECT_TRUE(late_->waiting[0].abandoned());
}

TEST_P(ExchangeTest, AHeadThatIsKeptIsLookedAtAtOnce) {
  options_.max_buffered_bytes = 10'000;
  TestClient client = ConnectTcp();
  client.Write("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a'));
  EXPECT_EQ(client.ReadResponse().status, 503);
}

TEST_P(ExchangeTest, ALargeFixedBodyIsSharedByItsReaders) {
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(ConnectTcp());
    clients.back().Write(Get("/big") + Get("/big") + Get("/big"));
  }
  LetServerWork();
  EXPECT_LT(server().buffered_bytes(), 100'000u);
  for (TestClient& client : clients) {
    const std::vector<ReceivedResponse> responses = client.ReadResponses(3);
    EXPECT_EQ(responses[2].body, std::string(1 << 20, 'b'));
  }
}

TEST_P(ExchangeTest, HeadOfALargeFixedBodyHasItsLength) {
  TestClient client = Connect();
  client.Write("HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/1"));
  const ReceivedResponse head = client.ReadResponse(ExpectBody::kNo);
  EXPECT_EQ(head.Field("Content-Length"), absl::StrCat(1 << 20));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

// Requests that are handed on later.

class HandOnTest : public ExchangeTest {
 protected:
  HandOnTest() {
    AddHandler("/gate", [this](const Request& request, Responder responder) {
      responder.PauseBody();
      request_.emplace(request);
      kept_.emplace(std::move(responder));
    });
  }

  void HandOn() { std::move(*kept_).HandOn(collector_, request_->request()); }

  void TearDown() override {
    kept_.reset();
    ExchangeTest::TearDown();
  }

  std::optional<OwnedRequest> request_;
  std::optional<Responder> kept_;
  FunctionHandler collector_{[](const Request&, Responder responder) {
    std::move(responder).CollectBody(
        100, [](std::string body, Responder responder) {
          std::move(responder).Send(Response{.body = "got " + body});
        });
  }};
};

INSTANTIATE_TEST_SUITE_P(Kernels, HandOnTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(HandOnTest, ResumesTheBody) {
  TestClient client = Connect();
  client.Write(Post("/gate", "hello"));
  LetServerWork();
  HandOn();
  EXPECT_EQ(client.ReadResponse().body, "got hello");
}

TEST_P(HandOnTest, AsksForTheBody) {
  TestClient client = Connect();
  client.Write(PostHead("/gate", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Read(client), "");
  HandOn();
  EXPECT_EQ(Read(client), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Write("hello");
  EXPECT_EQ(client.ReadResponse().body, "got hello");
}

TEST_P(HandOnTest, ReportsTheEndOfABodyThatIsEmpty) {
  TestClient client = Connect();
  client.Write(Get("/gate"));
  LetServerWork();
  HandOn();
  EXPECT_EQ(client.ReadResponse().body, "got ");
}

TEST_P(HandOnTest, InsideOfAnotherHandlerLeavesThatOneItsRequest) {
  AddHandler("/opens", [this](const Request&, Responder responder) {
    HandOn();
    std::move(responder).SendStatus(404);
  });
  TestClient first = Connect();
  first.Write(Get("/gate"));
  LetServerWork();
  TestClient second = Connect();
  second.Write(Get("/opens", "Accept: text/html\r\n"));
  EXPECT_THAT(second.ReadResponse().Field("Content-Type"),
              StartsWith("text/html"));
  EXPECT_EQ(first.ReadResponse().body, "got ");
  EXPECT_THAT(observer_.targets, ElementsAre("/gate", "/opens"));
}

TEST_P(ExchangeTest, APauseHoldsInTheMiddleOfWhatHasCome) {
  class PausingReceiver final : public BodyReceiver {
   public:
    PausingReceiver(std::optional<Responder>& responder, std::string& received)
        : responder_(responder), received_(received) {}
    void OnBody(absl::string_view bytes) override {
      received_.append(bytes);
      responder_->PauseBody();
    }
    void OnBodyEnd() override { received_.append("."); }

   private:
    std::optional<Responder>& responder_;
    std::string& received_;
  };
  std::optional<Responder> kept;
  std::string received;
  AddHandler("/pausing", [&](const Request&, Responder responder) {
    responder.ReceiveBody(std::make_unique<PausingReceiver>(kept, received));
    kept.emplace(std::move(responder));
  });
  TestClient client = Connect();
  client.Write(PostHead("/pausing", kChunks) +
               "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
  LetServerWork();
  EXPECT_EQ(received, "ab");
  kept->ResumeBody();
  LetServerWork();
  EXPECT_EQ(received, "abcd");
  kept->ResumeBody();
  LetServerWork();
  EXPECT_EQ(received, "abcd.");
  std::move(*kept).SendStatus(404);
  kept.reset();
  EXPECT_EQ(client.ReadResponse().status, 404);
}

// What of a body is read while output is high. Virtual time, which only waits
// advance: no deadline helps.

class HighOutputTest : public ExchangeTest {
 protected:
  // More than the fake kernel buffers.
  static constexpr size_t kMuch = 9'000'000;

  HighOutputTest() {
    options_.max_body_bytes = kMuch;
    options_.max_discarded_body_bytes = kMuch;
  }

  // Sends `count` bytes of a body as far as the server reads them, and returns
  // how many it took.
  size_t SendBody(TestClient& client, size_t count) {
    const std::string body(count, 'a');
    size_t sent = 0;
    while (sent < count) {
      const size_t more =
          client.WriteSome(absl::string_view(body).substr(sent));
      LetServerWork();
      if (more == 0) break;
      sent += more;
    }
    return sent;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, HighOutputTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(HighOutputTest, ABodyThatNobodyReceivesIsReadDuringAStream) {
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/stream", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  streams_->streams[0].Write(std::string(kMuch, 's'));
  LetServerWork();
  ASSERT_TRUE(streams_->streams[0].ShouldPause());
  EXPECT_EQ(SendBody(client, kMuch), kMuch);
  streams_->FinishAll();
}

TEST_P(HighOutputTest, ABodyIsReadAfterAWholeStream) {
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/stream", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  streams_->streams[0].Write(std::string(kMuch, 's'));
  LetServerWork();
  ASSERT_TRUE(streams_->streams[0].ShouldPause());
  streams_->FinishAll();
  EXPECT_EQ(SendBody(client, kMuch), kMuch);
  // The response is not over before it is sent.
  EXPECT_THAT(observer_.statuses, IsEmpty());
  client.Write(Get("/1"));
  std::string received;
  EXPECT_TRUE(RunUntil([&] {
    received += client.ReadAvailable();
    return observer_.statuses.size() == 2;
  }));
  EXPECT_GT(received.size(), kMuch);
}

TEST_P(HighOutputTest, ABodyThatIsReceivedWaitsAndThenIsReadAhead) {
  constexpr size_t kPart = kMuch / 3;
  streams_->receives_body = true;
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/stream", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  for (int i = 0; i < 2; ++i) {
    SCOPED_TRACE(i);
    streams_->streams[0].Write(std::string(kMuch, 's'));
    LetServerWork();
    ASSERT_TRUE(streams_->streams[0].ShouldPause());
    const size_t before = streams_->received.size();
    const size_t sent = SendBody(client, kPart);
    EXPECT_LT(sent, kPart);
    EXPECT_LE(streams_->received.size(), before + 64 * 1024);
    // The client may want to send everything before it reads.
    ASSERT_TRUE(RunFor(absl::Milliseconds(300)));
    EXPECT_EQ(SendBody(client, kPart - sent), kPart - sent);
    EXPECT_EQ(streams_->received.size(), (i + 1) * kPart);
    // Reads everything: from now on it is held back again.
    ASSERT_TRUE(RunUntil([&] {
      (void)client.ReadAvailable();
      return !streams_->streams[0].ShouldPause() &&
             server().buffered_bytes() == 0;
    }));
  }
  streams_->FinishAll();
}

TEST_P(HighOutputTest, ABodyWaitsBehindInterimResponses) {
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/late", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  const std::string value(60'000, 'v');
  const http::Field field = {"X", value};
  for (size_t i = 0; i < kMuch / value.size(); ++i) {
    late_->waiting[0].SendInterim(103, {&field, 1});
  }
  LetServerWork();
  EXPECT_LT(SendBody(client, kMuch), kMuch / 2);
}

TEST_P(HighOutputTest, ABodyIsReadForAResponseThatIsHeld) {
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/late", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  const std::string value(60'000, 'v');
  const http::Field field = {"X", value};
  for (size_t i = 0; i < kMuch / value.size(); ++i) {
    late_->waiting[0].SendInterim(103, {&field, 1});
  }
  AnswerLate();
  LetServerWork();
  EXPECT_EQ(SendBody(client, kMuch), kMuch);
}

// Deadlines, in virtual time.

class ExchangeDeadlineTest : public HighOutputTest {
 protected:
  uint64_t Timeouts(TimeoutKind kind) {
    return server().statistics().timeouts[static_cast<size_t>(kind)].Read();
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, ExchangeDeadlineTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(ExchangeDeadlineTest, ABodyAtTheMinimumRateIsNotCutOff) {
  options_.body_timeout = absl::Milliseconds(100);
  options_.min_bytes_per_second = 1000;
  TestClient client = Connect();
  client.Write(PostHead("/form", "Content-Length: 1500\r\n"));
  LetServerWork();
  for (int i = 0; i < 10; ++i) {
    client.Write(std::string(150, 'a'));
    ASSERT_TRUE(RunFor(absl::Milliseconds(100)));
  }
  EXPECT_EQ(client.ReadResponse().status, 200);
}

TEST_P(ExchangeDeadlineTest, ABodyBehindADiscardedOneHasADeadlineOfItsOwn) {
  options_.body_timeout = absl::Milliseconds(100);
  TestClient client = Connect();
  client.Write(PostHead("/stream", "Content-Length: 100\r\n"));
  LetServerWork();
  streams_->FinishAll();
  EXPECT_THAT(Read(client), EndsWith("0\r\n\r\n"));
  ASSERT_TRUE(RunFor(absl::Milliseconds(60)));
  client.Write(std::string(100, 'a') + PostHead("/form", kFive) + "he");
  ASSERT_TRUE(RunFor(absl::Milliseconds(60)));
  client.Write("llo");
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
}

TEST_P(ExchangeDeadlineTest, NoneRunsForABodyThatIsPausedLater) {
  options_.body_timeout = absl::Milliseconds(50);
  TestClient client = Connect();
  client.Write(PostHead("/late", kFive));
  LetServerWork();
  late_->waiting[0].PauseBody();
  ASSERT_TRUE(RunFor(absl::Milliseconds(200)));
  EXPECT_EQ(client.ReadAvailable(), "");
  late_->waiting[0].ResumeBody();
  ASSERT_TRUE(RunFor(absl::Milliseconds(30)));
  client.Write("hello");
  LetServerWork();
  AnswerLate();
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

TEST_P(ExchangeDeadlineTest, AHeadThatDribblesBehindAResponseGets408) {
  options_.head_timeout = absl::Milliseconds(100);
  TestClient client = Connect();
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  for (int i = 0; i < 10; ++i) {
    client.Write(absl::string_view("GET /abcdef").substr(i, 1));
    ASSERT_TRUE(RunFor(absl::Milliseconds(20)));
  }
  EXPECT_EQ(client.ReadResponse().status, 408);
}

TEST_P(ExchangeDeadlineTest, AClientThatIsReadAtOnceAndSaysNothingIsLeft) {
  first_read_ = HttpServer::FirstRead::kAtOnce;
  options_.idle_timeout = absl::Milliseconds(50);
  TestClient client = ConnectTcp();
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(Timeouts(TimeoutKind::kIdle), 1u);
}

TEST_P(ExchangeDeadlineTest, ABodyIsReadAheadBeforeTheWriteTimeout) {
  options_.write_timeout = absl::Milliseconds(50);
  streams_->receives_body = true;
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/stream", absl::StrCat("Content-Length: ", kMuch, "\r\n")));
  LetServerWork();
  streams_->streams[0].Write(std::string(kMuch, 's'));
  LetServerWork();
  const size_t sent = SendBody(client, kMuch);
  EXPECT_LT(sent, kMuch);
  ASSERT_TRUE(RunFor(absl::Milliseconds(60)));
  EXPECT_EQ(SendBody(client, kMuch - sent), kMuch - sent);
}

TEST_P(ExchangeDeadlineTest, EachIsCounted) {
  options_.head_timeout = absl::Milliseconds(20);
  options_.body_timeout = absl::Milliseconds(20);
  options_.idle_timeout = absl::Milliseconds(20);
  options_.write_timeout = absl::Milliseconds(20);
  options_.drain_timeout = absl::Milliseconds(20);
  TestClient idle = Connect();
  TestClient head = Connect();
  head.Write("GET / HT");
  TestClient body = Connect();
  body.Write(PostHead("/form", kFive));
  TestClient reading = Connect();
  reading.Write(Get("/big"));
  TestClient late = Connect();
  late.Write(Get("/late"));
  ASSERT_TRUE(RunFor(absl::Milliseconds(100)));
  EXPECT_EQ(Timeouts(TimeoutKind::kIdle), 1u);
  EXPECT_EQ(Timeouts(TimeoutKind::kHead), 1u);
  EXPECT_EQ(Timeouts(TimeoutKind::kBody), 1u);
  EXPECT_EQ(Timeouts(TimeoutKind::kWrite), 1u);
  EXPECT_EQ(Timeouts(TimeoutKind::kDrain), 0u);
  head.Close();
  body.Close();
  ASSERT_TRUE(RunUntilConnectionsAre(1));
  server().Drain([] {});
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(Timeouts(TimeoutKind::kDrain), 1u);
}

TEST_P(ExchangeDeadlineTest, AClientThatWasServedStaysForTheWholeIdleTime) {
  options_.idle_timeout = absl::Milliseconds(100);
  options_.write_timeout = absl::Milliseconds(80);
  TestClient client = Connect();
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  ASSERT_TRUE(RunFor(absl::Milliseconds(95)));
  EXPECT_EQ(server().connection_count(), 1u);
  // A look at the write timeout in between adds nothing.
  ASSERT_TRUE(RunFor(absl::Milliseconds(10)));
  EXPECT_EQ(server().connection_count(), 0u);
  EXPECT_EQ(Timeouts(TimeoutKind::kIdle), 1u);
  EXPECT_EQ(Timeouts(TimeoutKind::kWrite), 0u);
}

TEST_P(ExchangeDeadlineTest, AClientThatReadsNothingIsGivenTheWriteTime) {
  options_.write_timeout = absl::Milliseconds(80);
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  LetServerWork();
  streams_->streams[0].Write(std::string(kMuch, 's'));
  LetServerWork();
  ASSERT_TRUE(RunFor(absl::Milliseconds(78)));
  EXPECT_EQ(server().connection_count(), 1u);
  ASSERT_TRUE(RunFor(absl::Milliseconds(4)));
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(ExchangeDeadlineTest, AClientThatStoppedReadingIsGivenTheWriteTime) {
  options_.idle_timeout = absl::Milliseconds(40);
  options_.write_timeout = absl::Milliseconds(100);
  options_.stream.high_watermark_bytes = 20'000'000;
  AddHandler("/long", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(kMuch, 'l')});
  });
  TestClient client = ConnectTcp();
  client.Write(Get("/long"));
  ASSERT_TRUE(RunFor(absl::Milliseconds(80)));
  EXPECT_EQ(server().connection_count(), 1u);
  ASSERT_TRUE(RunFor(absl::Milliseconds(100)));
  EXPECT_EQ(server().connection_count(), 0u);
  EXPECT_EQ(Timeouts(TimeoutKind::kIdle), 0u);
  EXPECT_EQ(Timeouts(TimeoutKind::kWrite), 1u);
}

TEST_P(ExchangeDeadlineTest, ABodyThatBecomesTooSlowGets408) {
  options_.body_timeout = absl::Milliseconds(100);
  options_.min_bytes_per_second = 1000;
  TestClient client = Connect();
  client.Write(PostHead("/form", "Content-Length: 6000\r\n"));
  LetServerWork();
  client.Write(std::string(5000, 'a'));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(RunFor(absl::Milliseconds(40)));
    client.Write("a");
  }
  EXPECT_EQ(client.ReadResponse().status, 408);
}

TEST_P(ExchangeDeadlineTest, AResponseThatWasNotBegunForASlowReaderIsNone) {
  options_.write_timeout = absl::Milliseconds(50);
  options_.stream.high_watermark_bytes = 20'000'000;
  AddHandler("/long", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(kMuch, 'l')});
  });
  TestClient client = ConnectTcp();
  client.Write(Get("/long") + Get("/late"));
  LetServerWork();
  ASSERT_TRUE(RunFor(absl::Milliseconds(200)));
  EXPECT_EQ(Timeouts(TimeoutKind::kWrite), 1u);
  EXPECT_THAT(observer_.statuses, ElementsAre(200, 0));
}

TEST_P(ExchangeDeadlineTest, ARequestThatTheDrainEndsHasADuration) {
  options_.observer = nullptr;
  options_.drain_timeout = absl::Milliseconds(50);
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  server().Drain([] {});
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  uint64_t count = 0;
  for (const RouteStatistics& route : server().statistics().routes) {
    count += route.latency.Read().count();
  }
  EXPECT_EQ(count, 1u);
}

// Says how much of what was sent the peer has acknowledged, as Linux does for
// TCP.
class AcknowledgingKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult GetSockOpt(int descriptor, int level, int option, void* value,
                       socklen_t* length) override {
    if (level != IPPROTO_TCP || option != TCP_INFO) {
      return InterceptingKernel::GetSockOpt(descriptor, level, option, value,
                                            length);
    }
    auto* const info = static_cast<tcp_info*>(value);
    info->tcpi_bytes_acked = acknowledged_bytes;
    *length = sizeof(tcp_info);
    return SysResult::Ok(0);
  }

  uint64_t acknowledged_bytes = 0;
};

// The kernel takes megabytes, and no more before much of that is gone: what it
// takes does not show how fast the client reads.
class AcknowledgedTest : public ExchangeDeadlineTest {
 protected:
  TestClient ConnectAcknowledging() {
    std::array<int, 2> sockets = {-1, -1};
    EXPECT_TRUE(kernel_
                    ->SocketPair(AF_UNIX,
                                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                 sockets)
                    .ok());
    server().Serve(Socket(acknowledging_, sockets[1]));
    return TestClient(*kernel_, *reactor_, sockets[0]);
  }

  AcknowledgingKernel acknowledging_{counted_kernel_};
};

INSTANTIATE_TEST_SUITE_P(Kernel, AcknowledgedTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(AcknowledgedTest, ASlowReaderIsNotCutOffAndOneThatStopsIs) {
  options_.write_timeout = absl::Milliseconds(100);
  options_.min_bytes_per_second = 10'000;
  TestClient client = ConnectAcknowledging();
  client.Write(Get("/big"));
  LetServerWork();
  for (int i = 0; i < 20; ++i) {
    acknowledging_.acknowledged_bytes += 1000;
    ASSERT_TRUE(RunFor(absl::Milliseconds(30)));
  }
  EXPECT_EQ(server().connection_count(), 1u);
  for (int i = 0; i < 10; ++i) {
    acknowledging_.acknowledged_bytes += 1;
    ASSERT_TRUE(RunFor(absl::Milliseconds(50)));
  }
  EXPECT_EQ(server().connection_count(), 0u);
  EXPECT_EQ(Timeouts(TimeoutKind::kWrite), 1u);
  DestroyServer();
}

TEST_P(AcknowledgedTest, AHalfClosedClientThatReadsAtAnyRateHasNotLeft) {
  options_.half_close_timeout = absl::Milliseconds(50);
  TestClient client = ConnectAcknowledging();
  client.Write(Get("/stream"));
  LetServerWork();
  streams_->streams[0].Write(std::string(1000, 's'));
  LetServerWork();
  client.FinishWriting();
  for (int i = 0; i < 10; ++i) {
    ++acknowledging_.acknowledged_bytes;
    ASSERT_TRUE(RunFor(absl::Milliseconds(30)));
  }
  EXPECT_EQ(streams_->abandoned, 0);
  ASSERT_TRUE(RunFor(absl::Milliseconds(150)));
  EXPECT_EQ(streams_->abandoned, 1);
  DestroyServer();
}

TEST_P(ExchangeDeadlineTest, WritingMoreGivesAClientThatDoesNotReadNoTime) {
  options_.write_timeout = absl::Milliseconds(100);
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  LetServerWork();
  streams_->streams[0].Write(std::string(kMuch, 's'));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(RunFor(absl::Milliseconds(50)));
    streams_->streams[0].Write("event");
  }
  EXPECT_EQ(streams_->abandoned, 1);
  EXPECT_EQ(server().connection_count(), 0u);
}

// While the server drains.

class DrainingExchangeTest : public ExchangeTest {
 protected:
  void Drain() {
    server().Drain([] {});
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, DrainingExchangeTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(DrainingExchangeTest, AStreamSaysThatItIsTheLast) {
  TestClient client = Connect();
  LetServerWork();
  Drain();
  client.Write(Get("/stream"));
  EXPECT_THAT(Read(client), HasSubstr("\r\nConnection: close\r\n"));
  streams_->FinishAll();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("0\r\n\r\n"));
}

TEST_P(DrainingExchangeTest, ARequestIsNotFollowedByItsOwnBody) {
  streams_->responds_late = true;
  streams_->receives_body = true;
  AddHandler("/paused", [&](const Request& request, Responder responder) {
    responder.PauseBody();
    streams_->Handle(request, std::move(responder));
  });
  TestClient client = Connect();
  client.Write(PostHead("/paused", kFive));
  LetServerWork();
  client.Write("hello");
  LetServerWork();
  Drain();
  streams_->Begin(std::move(streams_->responders[0]));
  EXPECT_THAT(Read(client), HasSubstr("\r\nConnection: close\r\n"));
  streams_->FinishAll();
}

TEST_P(DrainingExchangeTest, ARequestThatHasComeFollowsTheLateResponse) {
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetServerWork();
  Drain();
  client.Write(Get("/1"));
  LetServerWork();
  AnswerLate();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].Field("Connection"), "");
  EXPECT_EQ(responses[1].Field("Connection"), "close");
}

TEST_P(DrainingExchangeTest, AClientThatGoesOnSendingIsNotReset) {
  TestClient client = ConnectTcp();
  LetServerWork();
  Drain();
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().Field("Connection"), "close");
  client.Write(Get("/2"));
  LetServerWork();
  client.Write(Get("/3"));
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

// Records.

TEST_P(ExchangeTest, ARequestSeesNothingOfTheOneBefore) {
  std::optional<Responder> kept;
  AddHandler("/login", [&](const Request&, Responder responder) {
    responder.SetUser("alice");
    responder.SetRequestId("first");
    responder.AddField("X-Secret", "alice's");
    kept.emplace(std::move(responder));
  });
  TestClient alice = Connect();
  alice.Write(Get("/login", "Accept: text/html\r\n"));
  LetServerWork();
  std::move(*kept).SendStatus(404);
  kept.reset();
  const ReceivedResponse first = alice.ReadResponse();
  EXPECT_THAT(first.Field("Content-Type"), StartsWith("text/html"));
  EXPECT_EQ(first.Field("X-Secret"), "alice's");
  // Another client's, which takes what the first has given back.
  TestClient bob = Connect();
  bob.Write(Get("/late"));
  LetServerWork();
  std::move(late_->waiting[0]).SendStatus(404);
  const ReceivedResponse second = bob.ReadResponse();
  EXPECT_THAT(second.Field("Content-Type"), StartsWith("text/plain"));
  EXPECT_EQ(second.Field("X-Secret"), "");
  EXPECT_EQ(second.Field("X-Request-Id"), "");
  EXPECT_THAT(observer_.users, ElementsAre("alice", ""));
  EXPECT_THAT(observer_.request_ids, ElementsAre("first", ""));
}

TEST_P(ExchangeTest, ARequestBehindARefusedOneIsNotRecordedAsThat) {
  options_.max_body_bytes = 10;
  TestClient refused = ConnectTcp();
  refused.Write(PostHead("/form", "Content-Length: 11\r\n"));
  EXPECT_EQ(refused.ReadResponse().status, 413);
  refused.Close();
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
  // In the same memory.
  TestClient client = ConnectTcp();
  client.Write("bad\r\n");
  EXPECT_EQ(client.ReadResponse().status, 400);
  EXPECT_THAT(observer_.targets, ElementsAre("/form", ""));
}

TEST_P(ExchangeTest, ARecordHasNoStatusOfTheRequestBefore) {
  TestClient client = ConnectTcp();
  client.Write(Get("/1") + Get("/late"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  LetServerWork();
  client.Reset();
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_THAT(observer_.statuses, ElementsAre(200, 499));
}

TEST_P(ExchangeTest, RecordsTheBytesOfEachResponseAlone) {
  AddHandler("/made", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(1000, 'm')});
  });
  TestClient client = ConnectTcp();
  const std::vector<std::string> requests = {
      Get("/1"),
      Get("/big"),
      Get("/made"),
      "HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n",
      PostHead("/form", absl::StrCat(kExpect, kFive)),
      "bad\r\n",
  };
  const std::vector<uint64_t> bodies = {1, 1 << 20, 1000, 0, 7, 0};
  for (size_t i = 0; i < requests.size(); ++i) {
    client.Write(requests[i]);
    std::string received;
    ASSERT_TRUE(RunUntil([&] {
      received += client.ReadAvailable();
      // The body, which is sent only after the 100.
      if (received == "HTTP/1.1 100 Continue\r\n\r\n") {
        client.Write("hello");
        return false;
      }
      return observer_.sent_bytes.size() == i + 1;
    }));
    LetServerWork();
    received += client.ReadAvailable();
    SCOPED_TRACE(requests[i]);
    EXPECT_EQ(observer_.sent_bytes[i], received.size());
    const size_t head_end = received.rfind("\r\n\r\n");
    EXPECT_EQ(observer_.body_bytes[i], received.size() - head_end - 4);
    if (bodies[i] != 0) {
      EXPECT_EQ(observer_.body_bytes[i], bodies[i]);
    }
  }
}

TEST_P(ExchangeTest, CountsTheBytesOfALongResponseFromItsOwnStart) {
  options_.observer = nullptr;
  TestClient client = Connect();
  client.Write(Get("/1") + Get("/big"));
  LetServerWork();
  TestClient other = Connect();
  other.Write(Get("/2"));
  size_t received = Read(other).size();
  for (const ReceivedResponse& response : client.ReadResponses(2)) {
    EXPECT_EQ(response.status, 200);
  }
  LetServerWork();
  // Three heads, which are of one size but for the digits of a length.
  client.Write(Get("/3"));
  const size_t one = Read(client).size();
  received += 2 * one + absl::StrCat(1 << 20).size() - 1 + (1 << 20) - 1;
  EXPECT_EQ(server().statistics().sent_bytes.Read(), received + one);
}

TEST_P(ExchangeTest, CountsWhatHandlersCannotHaveWritten) {
  AddHandler("/interim", [](const Request&, Responder responder) {
    responder.SendInterim(200, {});
    std::move(responder).Send(Response());
  });
  AddHandler("/field", [](const Request&, Responder responder) {
    responder.AddField("X", "a\r\nb");
    std::move(responder).Send(Response());
  });
  AddHandler("/head", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.head = {.status = 99}});
  });
  streams_->responds_late = true;
  TestClient client = ConnectTcp();
  uint64_t expected = 0;
  for (const absl::string_view path : {"/interim", "/field", "/head"}) {
    client.Write(Get(path));
    client.ReadResponse();
    EXPECT_EQ(server().statistics().invalid_responses.Read(), ++expected);
  }
  // Shorter and longer than announced.
  for (const absl::string_view text : {"a", "abc"}) {
    TestClient another = Connect();
    another.Write(Get("/stream"));
    LetServerWork();
    streams_->Begin(std::move(streams_->responders.back()), 2);
    streams_->responders.clear();
    streams_->streams[0].Write(text);
    streams_->FinishAll();
    another.ReadToEnd();
    EXPECT_EQ(server().statistics().invalid_responses.Read(), ++expected);
  }
}

TEST_P(ExchangeTest, OfResponsesThatWereNotSentNoBytesAreRecorded) {
  options_.stream.high_watermark_bytes = 20'000'000;
  AddHandler("/long", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(9'000'000, 'l')});
  });
  TestClient asked = ConnectTcp();
  asked.Write(Get("/long") + Get("/late"));
  LetServerWork();
  asked.Reset();
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  TestClient begun = ConnectTcp();
  begun.Write(Get("/long") + Get("/stream"));
  LetServerWork();
  begun.Reset();
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_THAT(observer_.statuses, ElementsAre(200, 499, 200, 200));
  EXPECT_EQ(observer_.sent_bytes[1], 0u);
  EXPECT_EQ(observer_.body_bytes[1], 0u);
  EXPECT_EQ(observer_.sent_bytes[3], 0u);
  EXPECT_EQ(observer_.body_bytes[3], 0u);
}

TEST_P(ExchangeTest, AConnectionWhoseBodyIsExpectedCountsAsReading) {
  const auto connections = [&](ConnectionState state) {
    return server().statistics().connections[static_cast<size_t>(state)].Read();
  };
  TestClient client = Connect();
  client.Write(PostHead("/late", kFive));
  LetServerWork();
  EXPECT_EQ(connections(ConnectionState::kReading), 1);
  client.Write("hello");
  LetServerWork();
  EXPECT_EQ(connections(ConnectionState::kAnswering), 1);
}

TEST_P(ExchangeTest, CountsRefusalsByTheirReason) {
  options_.max_body_bytes = 10;
  for (int i = 0; i < 2; ++i) {
    TestClient client = Connect();
    client.Write(PostHead("/form", "Content-Length: 11\r\n"));
    EXPECT_EQ(client.ReadResponse().status, 413);
    EXPECT_EQ(server()
                  .statistics()
                  .refused[static_cast<size_t>(http::ParseError::kBodyTooLarge)]
                  .Read(),
              i + 1u);
  }
}

TEST_P(ExchangeTest, RecordsTheBytesOfAStream) {
  TestClient client = ConnectTcp();
  client.Write(Get("/1") + Get("/stream"));
  LetServerWork();
  streams_->streams[0].Write("text");
  streams_->FinishAll();
  const std::string received = Read(client);
  const size_t second = received.rfind("HTTP/1.1");
  ASSERT_EQ(observer_.sent_bytes.size(), 2u);
  EXPECT_EQ(observer_.sent_bytes[0], second);
  EXPECT_EQ(observer_.sent_bytes[1], received.size() - second);
  EXPECT_EQ(observer_.body_bytes[1],
            absl::string_view("4\r\ntext\r\n0\r\n\r\n").size());
}

TEST_P(ExchangeTest, RecordsWhatWasAskedForEarlyAndLate) {
  const absl::string_view fields =
      "Referer: there\r\nUser-Agent: me\r\ntraceparent: 00-a-b-01\r\n";
  const absl::string_view recorded =
      " host=a referer=there user_agent=me traceparent=00-a-b-01";
  TestClient client = Connect();
  client.Write(Get("/1", fields) + Get("/late", fields) +
               "GET /2 HTTP/1.0\r\n\r\n");
  LetServerWork();
  AnswerLate();
  client.ReadResponses(3);
  EXPECT_THAT(observer_.requests,
              ElementsAre(absl::StrCat("GET /1", recorded),
                          absl::StrCat("GET /late", recorded),
                          "GET /2 host= referer= user_agent= traceparent="));
  EXPECT_THAT(observer_.versions,
              ElementsAre(http::Version::kHttp11, http::Version::kHttp11,
                          http::Version::kHttp10));
}

TEST_P(ExchangeTest, ARedirectToAFolderKeepsTheQuery) {
  AddRoute({.path = "/folder/",
            .methods = {Method::kGet},
            .handler = std::make_unique<FunctionHandler>(
                [](const Request&, Responder) {}),
            .reach = RouteReach::kBeneath});
  TestClient client = Connect();
  client.Write(Get("/folder") + Get("/folder?a=b"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 308);
  EXPECT_EQ(responses[0].Field("Location"), "/folder/");
  EXPECT_EQ(responses[1].Field("Location"), "/folder/?a=b");
}

TEST_P(ExchangeTest, AnErrorIsInTheFormatThatTheClientPrefers) {
  AddHandler("/none", [](const Request&, Responder responder) {
    std::move(responder).SendStatus(404);
  });
  TestClient client = Connect();
  client.Write(Get("/none", "Accept: text/html\r\n"));
  EXPECT_THAT(client.ReadResponse().Field("Content-Type"),
              StartsWith("text/html"));
}

TEST_P(ExchangeTest, AStatusWithoutAPageIs500) {
  AddHandler("/odd", [](const Request&, Responder responder) {
    std::move(responder).SendStatus(399);
  });
  TestClient client = Connect();
  client.Write(Get("/odd"));
  EXPECT_EQ(client.ReadResponse().status, 500);
}

TEST_P(ExchangeTest, ALateErrorIsInTheFormatThatTheClientPrefers) {
  TestClient client = Connect();
  client.Write(Get("/late", "Accept: text/html\r\n"));
  LetServerWork();
  std::move(late_->waiting[0]).SendStatus(404);
  EXPECT_THAT(client.ReadResponse().Field("Content-Type"),
              StartsWith("text/html"));
}

// What a review found.

TEST_P(ExchangeTest, R19WritingDoesNotRenewTheTimeForABody) {
  options_.body_timeout = absl::Milliseconds(60);
  AddHandler("/copy", [this](const Request&, Responder responder) {
    responder.ReceiveBody(std::make_unique<Copier>(*streams_));
    streams_->Begin(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(PostHead("/copy", "Content-Length: 1000\r\n"));
  for (int i = 0; i < 6; ++i) {
    (void)client.WriteSome("a");
    ASSERT_TRUE(RunFor(absl::Milliseconds(30)));
  }
  EXPECT_EQ(streams_->abandoned, 1);
}

TEST_P(ExchangeTest, R19PausesDoNotRenewTheTimeForABody) {
  options_.body_timeout = absl::Milliseconds(60);
  int abandoned = 0;
  std::optional<Responder> kept;
  AddHandler("/up", [&](const Request&, Responder responder) {
    responder.ReceiveBody(std::make_unique<Copier>(*streams_));
    responder.OnAbandoned([&] { ++abandoned; });
    kept.emplace(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(PostHead("/up", "Content-Length: 1000\r\n"));
  for (int i = 0; i < 10 && abandoned == 0; ++i) {
    (void)client.WriteSome("a");
    ASSERT_TRUE(RunFor(absl::Milliseconds(20)));
    kept->PauseBody();
    // That takes the handler's time.
    ASSERT_TRUE(RunFor(absl::Milliseconds(70)));
    if (i < 2) {
      EXPECT_EQ(abandoned, 0) << i;
    }
    kept->ResumeBody();
  }
  EXPECT_EQ(abandoned, 1);
  kept.reset();
}

TEST_P(ExchangeTest, AHandlerMayEndOthersWhenTheServerGoes) {
  // One hub: when one of its clients goes, all do.
  class Hub final : public Handler, private ResponseStream::Producer {
   public:
    void Handle(const Request&, Responder responder) override {
      streams.push_back(std::move(responder).Stream({}, *this));
    }
    std::vector<ResponseStream> streams;

   private:
    void OnWritable() override {}
    void OnAbandoned() override { std::exchange(streams, {}).clear(); }
  };
  AddRoute({"/hub", {Method::kGet}, std::make_unique<Hub>()});
  std::vector<TestClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(Connect());
    clients.back().Write("GET /hub HTTP/1.0\r\n\r\n");
    LetServerWork();
  }
  DestroyServer();
}

TEST_P(ExchangeTest, ALargeResponseGoesBeforeALargeUpload) {
  options_.max_body_bytes = 20'000'000;
  AddHandler("/made", [](const Request&, Responder responder) {
    std::move(responder).Send(Response{.body = std::string(9'000'000, 'm')});
  });
  TestClient client = ConnectTcp();
  // Reads when everything is sent.
  client.Write(PostHead("/made", "Content-Length: 12000000\r\n") +
               std::string(12'000'000, 'a'));
  EXPECT_EQ(client.ReadResponse().body.size(), 9'000'000u);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ExchangeTest, ABodyThatWasNotAskedForIsDiscardedBesideAStream) {
  TestClient client = ConnectTcp();
  client.Write(
      PostHead("/stream", absl::StrCat(kExpect, "Content-Length: 900000\r\n")));
  LetServerWork();
  streams_->streams[0].Write(std::string(9'000'000, 's'));
  // More than the kernel buffers, without reading.
  client.Write(std::string(6'000'000, 'a'));
  streams_->FinishAll();
  EXPECT_THAT(client.ReadToEnd(), EndsWith("s\r\n0\r\n\r\n"));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ExchangeTest, A100WaitsForTheHandlerThatDecides) {
  class Refusing final : public Handler {
   public:
    void Handle(const Request&, Responder responder) override {
      std::move(responder).SendStatus(404);
    }
  };
  Refusing refusing;
  std::optional<OwnedRequest> asked;
  std::optional<Responder> kept;
  AddHandler("/asks", [&](const Request& request, Responder responder) {
    responder.PauseBody();
    asked.emplace(request);
    kept.emplace(std::move(responder));
  });
  TestClient client = Connect();
  client.Write(PostHead("/asks", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Read(client), "");
  std::move(*kept).HandOn(refusing, asked->request());
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 404"));
}

TEST_P(ExchangeTest, ATimedOutHalfClosedClientKeepsEarlierResponses) {
  options_.half_close_timeout = absl::Milliseconds(30);
  TestClient client = ConnectTcp();
  client.Write(Get("/1") + Get("/late") + Get("/2"));
  LetServerWork();
  client.FinishWriting();
  const std::string received = client.ReadToEnd();
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(ParseResponses(received)[0].body, "1");
  EXPECT_THAT(observer_.statuses, ElementsAre(200, 499));
}

TEST_P(ExchangeTest, AHalfClosedClientDoesNotEscapeTheHandlersLimit) {
  options_.half_close_timeout = absl::Seconds(100);
  options_.handler_timeout = absl::Milliseconds(30);
  TestClient client = ConnectTcp();
  client.Write(Get("/late"));
  client.FinishWriting();
  EXPECT_EQ(ParseResponses(client.ReadToEnd())[0].status, 503);
}

TEST_P(ExchangeTest, InterimResponsesDoNotRenewAHandlersTime) {
  options_.handler_timeout = absl::Milliseconds(60);
  TestClient client = ConnectTcp();
  client.Write(Get("/late"));
  LetServerWork();
  for (int i = 0; i < 8; ++i) {
    late_->waiting[0].SendInterim(103, {});
    ASSERT_TRUE(RunFor(absl::Milliseconds(20)));
  }
  EXPECT_TRUE(late_->waiting[0].abandoned());
  EXPECT_THAT(Read(client), HasSubstr("HTTP/1.1 503"));
}

TEST_P(ExchangeTest, A100OfTheHandlerIsTheOnlyOne) {
  AddHandler("/asks", [](const Request&, Responder responder) {
    responder.SendInterim(100, {});
    std::move(responder).CollectBody(
        10, [](std::string body, Responder responder) {
          std::move(responder).Send({.body = std::move(body)});
        });
  });
  TestClient client = Connect();
  client.Write(PostHead("/asks", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Count(Read(client), "100 Continue"), 1u);
  client.Write("hello");
  EXPECT_EQ(client.ReadResponse().body, "hello");
}

TEST_P(ExchangeTest, AnEmptyLineDoesNotMakeAConnectionBusy) {
  options_.max_connections = 1;
  TestClient silent = ConnectTcp();
  silent.Write("\r\n");
  LetServerWork();
  TestClient client = StartToConnectTcp();
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
  // Nor does it hold up a drain.
  client.Write("\r\n");
  LetServerWork();
  bool is_drained = false;
  server().Drain([&] { is_drained = true; });
  EXPECT_EQ(client.ReadToEnd(), "");
  client.Close();
  EXPECT_TRUE(RunUntil([&] { return is_drained; }));
  DestroyServer();
}

TEST_P(ExchangeTest, AClientThatIsCutOffAtOnceIsKnown) {
  AddHandler("/cut", [this](const Request&, Responder responder) {
    streams_->Begin(std::move(responder));
    streams_->streams.clear();
  });
  TestClient client = ConnectTcp();
  client.Write("GET /cut HTTP/1.0\r\n\r\n");
  (void)client.ReadToEnd();
  EXPECT_THAT(observer_.clients, ElementsAre("127.0.0.1"));
}

TEST_P(ExchangeTest, AStreamThatTheEndCompletesLingersForKeepAliveClients) {
  AddHandler("/short", [this](const Request&, Responder responder) {
    streams_->Begin(std::move(responder));
    streams_->streams[0].Write("all");
    streams_->FinishAll();
  });
  TestClient client = ConnectTcp();
  client.Write("GET /short HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  LetServerWork();
  // The client does not know yet that there is no more.
  client.Write("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(), EndsWith("\r\n\r\nall"));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ExchangeTest, R19TheTimeOfOneBodyIsNotTheNextOnes) {
  options_.body_timeout = absl::Milliseconds(100);
  std::optional<Responder> kept;
  AddHandler("/pauses", [&](const Request&, Responder responder) {
    responder.PauseBody();
    responder.ReceiveBody(std::make_unique<Copier>(*streams_));
    kept.emplace(std::move(responder));
  });
  TestClient client = ConnectTcp();
  client.Write(PostHead("/form", "Content-Length: 3000\r\n") +
               std::string(2'900, 'a'));
  ASSERT_TRUE(RunFor(absl::Milliseconds(90)));
  // The end of one body and the head of the next come together.
  client.Write(std::string(100, 'a') + PostHead("/pauses", kFive));
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
  kept->ResumeBody();
  ASSERT_TRUE(RunFor(absl::Milliseconds(60)));
  EXPECT_FALSE(kept->abandoned());
  EXPECT_EQ(client.ReadAvailable(), "");
  kept.reset();
}

TEST_P(ExchangeTest, ARequestMayBeHandedOnFromItsReceiver) {
  FunctionHandler inner([](const Request&, Responder responder) {
    std::move(responder).CollectBody(
        100, [](std::string body, Responder responder) {
          std::move(responder).Send(
              {.body = absl::StrCat(body.size(), " bytes are left")});
        });
  });
  std::optional<OwnedRequest> asked;
  AddHandler("/outer", [&](const Request& request, Responder responder) {
    asked.emplace(request);
    std::move(responder).CollectBody(
        100, [&](std::string, Responder responder) {
          std::move(responder).HandOn(inner, asked->request());
        });
  });
  TestClient client = Connect();
  client.Write(Post("/outer", "hello") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "0 bytes are left");
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ExchangeTest, HandingOnAtOnceEndsAPause) {
  FunctionHandler inner([](const Request&, Responder responder) {
    std::move(responder).CollectBody(
        100, [](std::string body, Responder responder) {
          std::move(responder).Send({.body = std::move(body)});
        });
  });
  AddHandler("/outer", [&](const Request& request, Responder responder) {
    responder.PauseBody();
    std::move(responder).HandOn(inner, request);
  });
  TestClient client = Connect();
  client.Write(PostHead("/outer", absl::StrCat(kExpect, kFive)));
  EXPECT_EQ(Count(Read(client), "100 Continue"), 1u);
  client.Write("hello");
  EXPECT_EQ(client.ReadResponse().body, "hello");
}

// Time.

class DurationTest : public ExchangeTest {
 protected:
  // As a handler does that blocks the loop.
  void Block(absl::Duration time) {
    VirtualTime& clock = dynamic_cast<FakeKernel&>(*kernel_).world().time();
    clock.AdvanceTo(clock.Now() + time);
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, DurationTest, testing::Values(FakeUnderTest()),
                         KernelUnderTestName);

TEST_P(DurationTest, ShowsAHandlerThatBlocks) {
  AddHandler("/slow", [this](const Request&, Responder responder) {
    Block(absl::Seconds(2));
    std::move(responder).SendStatus(404);
  });
  TestClient client = Connect();
  client.Write(Get("/slow") + Get("/1"));
  client.ReadResponses(2);
  EXPECT_GE(observer_.durations[0], absl::Seconds(2));
  EXPECT_LT(observer_.durations[0], absl::Seconds(3));
}

TEST_P(DurationTest, ShowsAHandlerThatBlocksInTheHistogramToo) {
  options_.observer = nullptr;
  AddHandler("/slow", [this](const Request&, Responder responder) {
    Block(absl::Seconds(2));
    std::move(responder).SendStatus(404);
  });
  TestClient client = Connect();
  client.Write(Get("/slow"));
  client.ReadResponse();
  uint64_t slow = 0;
  for (const RouteStatistics& route : server().statistics().routes) {
    const Histogram::Snapshot latency = route.latency.Read();
    slow += latency.count() - latency.CountAtMost(absl::Milliseconds(1500));
  }
  EXPECT_EQ(slow, 1u);
}

class HistogramTest : public DurationTest {
 protected:
  HistogramTest() { options_.observer = nullptr; }

  // Of all routes, the requests that took longer than `least`.
  uint64_t LongerThan(absl::Duration least) {
    uint64_t longer = 0;
    for (const RouteStatistics& route : server().statistics().routes) {
      const Histogram::Snapshot latency = route.latency.Read();
      longer += latency.count() - latency.CountAtMost(least);
    }
    return longer;
  }
  uint64_t Requests() {
    uint64_t count = 0;
    for (const RouteStatistics& route : server().statistics().routes) {
      count += route.latency.Read().count();
    }
    return count;
  }
};

INSTANTIATE_TEST_SUITE_P(Kernel, HistogramTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(HistogramTest, RequestsThatEndTogetherBeganWhenTheyDid) {
  TestClient client = Connect();
  client.Write(PostHead("/form", kFive));
  LetServerWork();
  ASSERT_TRUE(RunFor(absl::Seconds(1)));
  client.Write("hello" + Post("/form", "hello"));
  client.ReadResponses(2);
  EXPECT_EQ(Requests(), 2u);
  EXPECT_EQ(LongerThan(absl::Milliseconds(900)), 1u);
}

TEST_P(HistogramTest, HasAllOfMoreRequestsThanAreKept) {
  std::string requests;
  constexpr int kPairs = 300;
  for (int i = 0; i < kPairs; ++i) requests += Get("/1") + Get("/2");
  TestClient client = Connect();
  client.Write(requests);
  client.ReadResponses(2 * kPairs);
  EXPECT_EQ(Requests(), 2u * kPairs);
}

}  // namespace
}  // namespace pollux
