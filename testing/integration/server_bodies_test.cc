// Bodies in both directions: collected, received as they come, streamed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/field.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/remote_responder.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/router.h"
#include "reactor/net/lease.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// What a receiver saw, for longer than it lives.
struct Seen {
  std::string body;
  int ends = 0;
  bool is_gone = false;
};

class NotingReceiver final : public BodyReceiver {
 public:
  NotingReceiver(Seen& seen, Responder responder)
      : seen_(seen), responder(std::move(responder)) {}
  ~NotingReceiver() override { seen_.is_gone = true; }

  void OnBody(absl::string_view bytes) override {
    seen_.body.append(bytes);
    if (on_body) on_body(*this);
  }
  void OnBodyEnd() override {
    ++seen_.ends;
    std::move(responder).Send(
        {.body = absl::StrCat(seen_.body.size(), " bytes")});
  }

 private:
  Seen& seen_;

 public:
  Responder responder;
  absl::AnyInvocable<void(NotingReceiver&)> on_body;
};

class ServerBodiesTest : public ServerTest {
 protected:
  // Receives into seen_, and does `on_body` with what it is.
  void AddReceiver(
      absl::AnyInvocable<void(NotingReceiver&)> on_body = nullptr) {
    AddHandler("/up", [this, on_body = std::move(on_body)](
                          const Request&, Responder responder) mutable {
      auto receiver =
          std::make_unique<NotingReceiver>(seen_, std::move(responder));
      receiver_ = receiver.get();
      if (on_body) receiver->on_body = std::move(on_body);
      Responder& kept = receiver->responder;
      kept.ReceiveBody(std::move(receiver));
    });
  }

  Seen seen_;
  NotingReceiver* receiver_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ServerBodiesTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string Chunked(absl::string_view path, absl::string_view chunks) {
  return absl::StrCat("POST ", path,
                      " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                      "\r\n\r\n",
                      chunks);
}

// Requests.

TEST_P(ServerBodiesTest, AreReceivedAsTheyCome) {
  AddReceiver();
  TestClient client = Connect();
  const std::string request = Post("/up", "abcdef") + Get("/1");
  const size_t body = request.find("abcdef");
  client.Write(request.substr(0, body + 2));
  LetServerWork();
  EXPECT_EQ(seen_.body, "ab");
  EXPECT_EQ(seen_.ends, 0);
  client.Write(request.substr(body + 2));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "6 bytes");
  EXPECT_EQ(responses[1].body, "1");
  EXPECT_EQ(seen_.ends, 1);
  EXPECT_TRUE(seen_.is_gone);
}

TEST_P(ServerBodiesTest, AreReceivedWithoutTheirChunks) {
  AddReceiver();
  TestClient client = Connect();
  client.Write(Chunked("/up", "3\r\nabc\r\n3;x=y\r\ndef\r\n0\r\nA: b\r\n\r\n"));
  EXPECT_EQ(client.ReadResponse().body, "6 bytes");
  EXPECT_EQ(seen_.body, "abcdef");
}

TEST_P(ServerBodiesTest, MayBeEmpty) {
  AddReceiver();
  TestClient client = Connect();
  client.Write(Post("/up", "") + Chunked("/up", "0\r\n\r\n"));
  EXPECT_EQ(client.ReadResponses(2)[1].body, "0 bytes");
  EXPECT_EQ(seen_.ends, 2);
}

TEST_P(ServerBodiesTest, WaitWhileTheReceiverPauses) {
  AddReceiver([](NotingReceiver& self) { self.responder.PauseBody(); });
  options_.body_timeout = absl::Milliseconds(5);
  TestClient client = Connect();
  const std::string request = Post("/up", std::string(300'000, 'a'));
  size_t sent = client.WriteSome(request);
  LetServerWork();
  const size_t first = seen_.body.size();
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, 300'000u);
  // Whoever is made to wait is not too slow.
  bool has_waited = false;
  Timer wait(*reactor_, [&] { has_waited = true; });
  wait.ArmAfter(absl::Milliseconds(20));
  EXPECT_TRUE(RunUntil([&] { return has_waited; }));
  EXPECT_EQ(seen_.body.size(), first);
  EXPECT_EQ(client.ReadAvailable(), "");

  receiver_->on_body = nullptr;
  receiver_->responder.ResumeBody();
  while (sent < request.size()) {
    sent += client.WriteSome(absl::string_view(request).substr(sent));
    LetServerWork();
  }
  EXPECT_EQ(client.ReadResponse().body, "300000 bytes");
}

TEST_P(ServerBodiesTest, ThatEndInThePausedPieceAreWhole) {
  AddReceiver([](NotingReceiver& self) { self.responder.PauseBody(); });
  TestClient client = Connect();
  client.Write(Post("/up", "abc"));
  EXPECT_EQ(client.ReadResponse().body, "3 bytes");
}

TEST_P(ServerBodiesTest, R10ThatBreakOffAreNotWhole) {
  AddReceiver();
  TestClient client = Connect();
  client.Write(Chunked("/up", "3\r\nabc\r\nx"));
  EXPECT_EQ(client.ReadResponse().status, 400);
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(seen_.ends, 0);
  EXPECT_TRUE(seen_.is_gone);
}

TEST_P(ServerBodiesTest, OfClientsThatGoAreNotWhole) {
  AddReceiver();
  TestClient client = Connect();
  client.Write(Post("/up", "abc").substr(0, Post("/up", "abc").size() - 1));
  LetServerWork();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  LetServerWork();
  EXPECT_EQ(seen_.ends, 0);
  EXPECT_TRUE(seen_.is_gone);
}

TEST_P(ServerBodiesTest, AnAnswerBeforeTheEndWaitsForIt) {
  AddReceiver(
      [](NotingReceiver& self) { std::move(self.responder).SendStatus(409); });
  TestClient client = Connect();
  client.Write("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  client.Write("def" + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 409);
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerBodiesTest, R14A100IsSentBeforeABodyThatIsWanted) {
  AddReceiver();
  TestClient client = Connect();
  client.Write(
      "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Write("abc");
  EXPECT_EQ(client.ReadResponse().body, "3 bytes");
}

TEST_P(ServerBodiesTest, R14ARefusalIsSentInPlaceOfA100) {
  TestClient client = Connect();
  client.Write(
      "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n");
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Field("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_P(ServerBodiesTest, AreCollected) {
  AddHandler("/up", [](const Request&, Responder responder) {
    std::move(responder).CollectBody(
        10, [](std::string body, Responder responder) {
          std::move(responder).Send({.body = std::move(body)});
        });
  });
  TestClient client = Connect();
  client.Write(Post("/up", "0123456789") + Chunked("/up", "0\r\n\r\n") +
               Post("/up", "0123456789a") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(4);
  EXPECT_EQ(responses[0].body, "0123456789");
  EXPECT_EQ(responses[1].body, "");
  EXPECT_EQ(responses[2].status, 413);
  EXPECT_EQ(responses[3].body, "1");
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

TEST_P(ServerBodiesTest, WhatHandlersHoldCounts) {
  AddReceiver([](NotingReceiver& self) { self.responder.HoldBytes(12345); });
  TestClient client = Connect();
  client.Write(Post("/up", "abc").substr(0, Post("/up", "abc").size() - 1));
  LetServerWork();
  EXPECT_EQ(server().buffered_bytes(), 12345u);
  client.Write("c");
  client.ReadResponse();
  EXPECT_EQ(server().buffered_bytes(), 0u);
}

// Responses.

TEST_P(ServerBodiesTest, AreMadeForTheRequest) {
  AddHandler("/hello/{name}", [](const Request& request, Responder responder) {
    responder.AddField("X-More", "1");
    std::move(responder).Send({.head = {.status = 203, .fields = {{"A", "b"}}},
                               .body = std::string(request.parameter("name"))});
  });
  TestClient client = Connect();
  client.Write(Get("/hello/w%20d") +
               "HEAD /hello/x HTTP/1.1\r\nHost: a\r\n\r\n");
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 203);
  EXPECT_EQ(response.Field("A"), "b");
  EXPECT_EQ(response.Field("X-More"), "1");
  EXPECT_EQ(response.body, "w d");
  const ReceivedResponse head = client.ReadResponse(ExpectBody::kNo);
  EXPECT_EQ(head.Field("Content-Length"), "1");
  EXPECT_EQ(client.ReadAvailable(), "");
}

TEST_P(ServerBodiesTest, WhatCannotBeWrittenIs500) {
  AddHandler("/bad", [](const Request&, Responder responder) {
    responder.AddField("X-Bad", "a\r\nb");
    std::move(responder).Send({.head = {.fields = {{"A", "b\r\nc: d"}}}});
  });
  TestClient client = Connect();
  client.Write(Get("/bad") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 500);
  EXPECT_EQ(responses[0].Field("X-Bad"), "");
  EXPECT_EQ(responses[1].body, "1");
  EXPECT_EQ(server().statistics().invalid_responses.Read(), 2u);
}

TEST_P(ServerBodiesTest, AreSentFromWhereTheyLie) {
  const std::string constant(100'000, 'c');
  AddHandler("/shared", [&](const Request&, Responder responder) {
    std::move(responder).Send({.body = SharedBytes{constant, Lease()}});
  });
  TestClient client = Connect();
  client.Write(Get("/shared"));
  EXPECT_EQ(client.ReadResponse().body, constant);
}

// A stream that a test writes to.
struct TestStream final : ResponseStream::Producer {
  void OnWritable() override {
    ++writable;
    if (on_writable) on_writable();
  }
  void OnAbandoned() override { ++abandoned; }

  std::optional<ResponseStream> stream;
  int writable = 0;
  int abandoned = 0;
  absl::AnyInvocable<void()> on_writable;
};

class ServerStreamsTest : public ServerBodiesTest {
 protected:
  void AddStream(std::optional<uint64_t> body_bytes = std::nullopt) {
    AddHandler("/stream",
               [this, body_bytes](const Request&, Responder responder) {
                 producer_.stream.emplace(
                     std::move(responder).Stream({}, producer_, body_bytes));
               });
  }

  TestStream producer_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, ServerStreamsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ServerStreamsTest, GoOutInChunks) {
  AddStream();
  TestClient client = Connect();
  client.Write(Get("/stream") + Get("/1"));
  LetServerWork();
  EXPECT_THAT(client.ReadAvailable(),
              HasSubstr("Transfer-Encoding: chunked\r\n\r\n"));
  producer_.stream->Write("abc");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "3\r\nabc\r\n");
  producer_.stream->Write("d");
  std::move(*producer_.stream).Finish({http::Field{"A", "b"}});
  LetServerWork();
  EXPECT_THAT(client.ReadAvailable(),
              StartsWith("1\r\nd\r\n0\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(producer_.abandoned, 0);
}

TEST_P(ServerStreamsTest, OfAKnownLengthGoOutAsTheyAre) {
  AddStream(6);
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  producer_.stream->Write("abc");
  producer_.stream->Write("def");
  std::move(*producer_.stream).Finish();
  EXPECT_EQ(client.ReadResponse().body, "abcdef");
}

TEST_P(ServerStreamsTest, EndWithTheConnectionOfAnOldClient) {
  AddStream();
  TestClient client = Connect();
  client.Write("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  LetServerWork();
  producer_.stream->Write("abc");
  std::move(*producer_.stream).Finish();
  const std::string answer = client.ReadToEnd();
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nabc"));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ServerStreamsTest, HaveNoBodyForHead) {
  AddStream();
  TestClient client = Connect();
  client.Write("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/1"));
  LetServerWork();
  producer_.stream->Write("abc");
  std::move(*producer_.stream).Finish();
  EXPECT_EQ(client.ReadResponse(ExpectBody::kNo).status, 200);
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(ServerStreamsTest, TellWhenToStopAndWhenToGo) {
  AddStream();
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  const std::string piece(10'000, 'z');
  size_t pieces = 0;
  const auto write = [&] {
    while (pieces < 1000 && !producer_.stream->ShouldPause()) {
      producer_.stream->Write(piece);
      ++pieces;
    }
    if (pieces == 1000 && !producer_.stream->abandoned()) {
      std::move(*producer_.stream).Finish();
    }
  };
  producer_.on_writable = write;
  write();
  LetServerWork();
  EXPECT_LT(pieces, 1000u);
  EXPECT_LT(server().buffered_bytes(),
            options_.stream.high_watermark_bytes + 2 * piece.size());
  std::string received;
  EXPECT_TRUE(RunUntil([&] {
    received += client.ReadAvailable();
    return absl::EndsWith(received, "\r\n0\r\n\r\n");
  }));
  EXPECT_EQ(pieces, 1000u);
  EXPECT_GT(producer_.writable, 0);
  EXPECT_EQ(std::count(received.begin(), received.end(), 'z'), 10'000'000);
}

// Sends a body back while it comes.
class MirrorReceiver final : public BodyReceiver, ResponseStream::Producer {
 public:
  explicit MirrorReceiver(Responder responder)
      : responder_(std::move(responder)) {}
  Responder& responder() { return *responder_; }

  void OnBody(absl::string_view bytes) override {
    if (responder_.has_value()) {
      stream_.emplace(std::move(*responder_).Stream({}, *this));
      responder_.reset();
    }
    stream_->Write(bytes);
  }
  void OnBodyEnd() override { std::move(*stream_).Finish(); }

 private:
  void OnWritable() override {}
  void OnAbandoned() override {}

  std::optional<Responder> responder_;
  std::optional<ResponseStream> stream_;
};

TEST_P(ServerStreamsTest, Regression_TheRequestBehindAStreamedBodyIsAnswered) {
  AddHandler("/mirror", [](const Request&, Responder responder) {
    auto receiver = std::make_unique<MirrorReceiver>(std::move(responder));
    Responder& kept = receiver->responder();
    kept.ReceiveBody(std::move(receiver));
  });
  // The end of the body is only looked at when the output has drained.
  options_.stream.high_watermark_bytes = 10;
  options_.stream.low_watermark_bytes = 0;
  TestClient client = Connect();
  client.Write(Post("/mirror", std::string(20, 'm')) + Get("/1"));
  std::string received;
  EXPECT_TRUE(RunUntil([&] {
    received += client.ReadAvailable();
    return absl::EndsWith(received, "\r\n\r\n1");
  }));
}

TEST_P(ServerStreamsTest, AreToldThatTheClientHasGone) {
  AddStream();
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(producer_.abandoned, 1);
  producer_.stream->Write("into the void");
  std::move(*producer_.stream).Finish();
}

TEST_P(ServerStreamsTest, ThatAreDroppedAreNotTakenForWhole) {
  AddStream();
  TestClient client = ConnectTcp();
  client.Write(Get("/stream"));
  LetServerWork();
  producer_.stream->Write("abc");
  producer_.stream.reset();
  EXPECT_THAT(client.ReadToEnd(), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(ServerStreamsTest, ShorterThanAnnouncedEndTheConnection) {
  AddStream(6);
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  producer_.stream->Write("abc");
  std::move(*producer_.stream).Finish();
  (void)client.ReadToEnd();
  EXPECT_EQ(server().statistics().invalid_responses.Read(), 1u);
}

TEST_P(ServerStreamsTest, LongerThanAnnouncedEndTheConnection) {
  AddStream(2);
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  producer_.stream->Write("abc");
  EXPECT_EQ(producer_.abandoned, 1);
  EXPECT_THAT(client.ReadToEnd(), Not(HasSubstr("abc")));
}

TEST_P(ServerStreamsTest, R19AClientThatDoesNotReadIsReset) {
  AddStream();
  options_.write_timeout = absl::Milliseconds(5);
  options_.min_bytes_per_second = 1'000'000'000;
  TestClient client = Connect();
  client.Write(Get("/stream"));
  LetServerWork();
  producer_.stream->Write(std::string(4 << 20, 'a'));
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(producer_.abandoned, 1);
  EXPECT_EQ(server().statistics().timeouts[3].Read(), 1u);
}

TEST_P(ServerStreamsTest, ThatSayNothingForLongLive) {
  AddStream();
  options_.write_timeout = absl::Milliseconds(2);
  options_.idle_timeout = absl::Milliseconds(2);
  TestClient client = Connect();
  client.Write(Get("/stream"));
  bool has_waited = false;
  Timer wait(*reactor_, [&] { has_waited = true; });
  wait.ArmAfter(absl::Milliseconds(30));
  EXPECT_TRUE(RunUntil([&] { return has_waited; }));
  ASSERT_TRUE(producer_.stream.has_value());
  producer_.stream->Write("abc");
  LetServerWork();
  EXPECT_THAT(client.ReadAvailable(), EndsWith("3\r\nabc\r\n"));
}

TEST_P(ServerStreamsTest, MayBeginWithHints) {
  AddHandler("/hints", [](const Request&, Responder responder) {
    responder.SendInterim(103, {http::Field{"Link", "</a.css>"}});
    std::move(responder).Send({.body = std::string("abc")});
  });
  TestClient client = Connect();
  client.Write(Get("/hints"));
  LetServerWork();
  EXPECT_THAT(client.ReadAvailable(),
              StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                         "HTTP/1.1 200 OK\r\n"));
}

// Cancelled.

TEST_P(ServerBodiesTest, AHandlerIsToldThatItsClientHasGone) {
  int told = 0;
  std::optional<Responder> kept;
  AddHandler("/wait", [&](const Request&, Responder responder) {
    kept.emplace(std::move(responder));
    kept->OnAbandoned([&] {
      ++told;
      kept.reset();
    });
  });
  TestClient client = Connect();
  client.Write(Get("/wait"));
  LetServerWork();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(server().statistics().cancelled_requests.Read(), 1u);
}

// From other threads: on the real kernel only, since the fake one is of one.

class RemoteAnswersTest : public ServerBodiesTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, RemoteAnswersTest,
                         testing::Values(LinuxUnderTest()),
                         KernelUnderTestName);

TEST_P(RemoteAnswersTest, ComeFromAnotherThread) {
  std::vector<std::thread> threads;
  AddHandler("/remote", [&](const Request&, Responder responder) {
    threads.emplace_back(
        [remote = RemoteResponder(*reactor_, std::move(responder))]() mutable {
          std::move(remote).Send({.body = std::string("remote")});
        });
  });
  AddHandler("/drop", [&](const Request&, Responder responder) {
    threads.emplace_back(
        [remote = RemoteResponder(*reactor_, std::move(responder))] {});
  });
  TestClient client = Connect();
  client.Write(Get("/remote") + Get("/drop") + Get("/remote"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(3);
  EXPECT_EQ(responses[0].body, "remote");
  EXPECT_EQ(responses[1].status, 500);
  EXPECT_EQ(responses[2].body, "remote");
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ServerBodiesTest, RemoteAnswersComeThroughAFullQueue) {
  AddHandler("/send", [&](const Request&, Responder responder) {
    RemoteResponder remote(*reactor_, std::move(responder));
    while (reactor_->Post([] {}).ok()) continue;
    std::move(remote).Send({.body = std::string("remote")});
  });
  AddHandler("/drop", [&](const Request&, Responder responder) {
    RemoteResponder remote(*reactor_, std::move(responder));
    while (reactor_->Post([] {}).ok()) continue;
  });
  TestClient client = Connect();
  client.Write(Get("/send"));
  EXPECT_EQ(client.ReadResponse().body, "remote");
  client.Write(Get("/drop"));
  EXPECT_EQ(client.ReadResponse().status, 500);
}

TEST_P(ServerBodiesTest, RemoteAnswersKnowThatTheClientHasGone) {
  std::optional<RemoteResponder> remote;
  AddHandler("/remote", [&](const Request&, Responder responder) {
    remote.emplace(*reactor_, std::move(responder));
  });
  TestClient client = Connect();
  client.Write(Get("/remote"));
  LetServerWork();
  EXPECT_FALSE(remote->abandoned());
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  EXPECT_TRUE(remote->abandoned());
  remote.reset();
  LetServerWork();
}

TEST_P(RemoteAnswersTest, ToAClientThatHasGoneAreANoOp) {
  std::optional<RemoteResponder> remote;
  AddHandler("/remote", [&](const Request&, Responder responder) {
    remote.emplace(*reactor_, std::move(responder));
  });
  TestClient client = Connect();
  client.Write(Get("/remote"));
  LetServerWork();
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
  std::thread thread([remote = *std::move(remote)]() mutable {
    std::move(remote).Send({.body = std::string("remote")});
  });
  thread.join();
  LetServerWork();
}

}  // namespace
}  // namespace pollux
