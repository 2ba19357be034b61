// Every phase of an exchange, and everything that may happen in it: the request
// gets one final response or none, nothing but that behind it, and one record.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "httpd/server/router.h"
#include "httpd/server/server_statistics.h"
#include "reactor/timer.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using http::Method;

// What the handler does with the request.
enum class Does { kKeeps, kResponds, kStreams, kFinishesStream };

// How an exchange is brought into a phase: what the client sends first, what
// completes that, and what the handler does.
struct Start {
  absl::string_view name;
  Does does = Does::kKeeps;
  bool receives_body = false;
  bool pauses_body = false;
  // Whether a request has begun.
  bool is_begun = true;
  // Whether what was sent is a whole request.
  bool is_complete = false;
  absl::string_view request;
  absl::string_view rest;
};

constexpr absl::string_view kRest = "lo";

const Start kStarts[] = {
    {.name = "Idle",
     .is_begun = false,
     .is_complete = true,
     .request = "",
     .rest = ""},
    {.name = "ReadingHead",
     .is_begun = false,
     .request = "GET /x HTTP/1.1\r\n",
     .rest = "Host: a\r\n\r\n"},
    {.name = "ReadingBody", .request = "5", .rest = kRest},
    {.name = "ReadingChunks",
     .request = "chunks",
     .rest = "2\r\nlo\r\n0\r\n\r\n"},
    {.name = "ReceivingBody",
     .receives_body = true,
     .request = "5",
     .rest = kRest},
    {.name = "PausedBody",
     .receives_body = true,
     .pauses_body = true,
     .request = "5",
     .rest = kRest},
    {.name = "ExpectingBody",
     .receives_body = true,
     .request = "expect",
     .rest = "hello"},
    {.name = "ExpectingPausedBody",
     .receives_body = true,
     .pauses_body = true,
     .request = "expect",
     .rest = "hello"},
    {.name = "HoldingResponse",
     .does = Does::kResponds,
     .request = "5",
     .rest = kRest},
    {.name = "HoldingResponseBeforeChunks",
     .does = Does::kResponds,
     .request = "chunks",
     .rest = "2\r\nlo\r\n0\r\n\r\n"},
    {.name = "HoldingResponseForExpected",
     .does = Does::kResponds,
     .request = "expect",
     .rest = "hello"},
    {.name = "StreamingEarly",
     .does = Does::kStreams,
     .request = "5",
     .rest = kRest},
    {.name = "StreamingEarlyBeforeChunks",
     .does = Does::kStreams,
     .receives_body = true,
     .request = "chunks",
     .rest = "2\r\nlo\r\n0\r\n\r\n"},
    {.name = "StreamingForExpected",
     .does = Does::kStreams,
     .request = "expect",
     .rest = "hello"},
    {.name = "StreamingForExpectedAndReceived",
     .does = Does::kStreams,
     .receives_body = true,
     .request = "expect",
     .rest = "hello"},
    {.name = "DiscardingBody",
     .does = Does::kFinishesStream,
     .request = "5",
     .rest = kRest},
    {.name = "DiscardingChunks",
     .does = Does::kFinishesStream,
     .receives_body = true,
     .request = "chunks",
     .rest = "2\r\nlo\r\n0\r\n\r\n"},
    {.name = "Handling", .is_complete = true, .request = "get", .rest = ""},
    {.name = "Streaming",
     .does = Does::kStreams,
     .is_complete = true,
     .request = "get",
     .rest = ""},
    {.name = "Responded",
     .does = Does::kResponds,
     .is_complete = true,
     .request = "get",
     .rest = ""},
};

std::string RequestOf(const Start& start) {
  if (start.request == "get") return Get("/x");
  const absl::string_view post = "POST /x HTTP/1.1\r\nHost: a\r\n";
  if (start.request == "5") {
    return absl::StrCat(post, "Content-Length: 5\r\n\r\nhel");
  }
  if (start.request == "chunks") {
    return absl::StrCat(post, "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
  }
  if (start.request == "expect") {
    return absl::StrCat(post,
                        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  }
  return std::string(start.request);
}

// Keeps what a handler was given.
class ScriptedHandler final : public Handler, private ResponseStream::Producer {
 public:
  void Handle(const Request&, Responder responder) override {
    if (start->receives_body) {
      responder.ReceiveBody(std::make_unique<Receiver>());
    }
    if (start->pauses_body) responder.PauseBody();
    switch (start->does) {
      case Does::kKeeps:
        kept.emplace(std::move(responder));
        return;
      case Does::kResponds:
        return std::move(responder).Send({.body = "whole"});
      case Does::kStreams:
      case Does::kFinishesStream:
        stream.emplace(std::move(responder).Stream({}, *this));
        stream->Write("piece");
        if (start->does == Does::kStreams) return;
        std::move(*stream).Finish();
        stream.reset();
        return;
    }
  }

  void Complete() {
    if (kept.has_value()) std::move(*kept).Send({.body = "late"});
    if (stream.has_value()) std::move(*stream).Finish();
    Drop();
  }
  void CompleteWithStream() {
    if (kept.has_value()) stream.emplace(std::move(*kept).Stream({}, *this));
    Complete();
  }
  void Drop() {
    kept.reset();
    stream.reset();
  }

  const Start* start = nullptr;
  std::optional<Responder> kept;
  std::optional<ResponseStream> stream;

 private:
  class Receiver final : public BodyReceiver {
    void OnBody(absl::string_view) override {}
    void OnBodyEnd() override {}
  };

  void OnWritable() override {}
  void OnAbandoned() override {}
};

// Keeps the status of each record.
class StatusRecorder final : public ExchangeObserver {
 public:
  void OnExchange(const ExchangeRecord& record) override {
    statuses.push_back(record.status);
  }
  std::vector<int> statuses;
};

struct Event;

class ExchangeProductTest : public ServerTest {
 protected:
  ExchangeProductTest() {
    auto handler = std::make_unique<ScriptedHandler>();
    handler_ = handler.get();
    AddRoute({"/x", {Method::kGet, Method::kPost}, std::move(handler)});
    options_.observer = &observer_;
    options_.head_timeout = absl::Milliseconds(100);
    options_.body_timeout = absl::Milliseconds(100);
    options_.idle_timeout = absl::Milliseconds(300);
    options_.handler_timeout = absl::Milliseconds(100);
    options_.half_close_timeout = absl::Milliseconds(50);
    options_.drain_timeout = absl::Milliseconds(200);
    options_.drain_grace = absl::Milliseconds(10);
  }

 public:
  void Run(absl::Duration time) {
    bool is_over = false;
    Timer timer(*reactor_, [&] { is_over = true; });
    timer.ArmAfter(time);
    EXPECT_TRUE(RunUntil([&] { return is_over; }));
  }
  HttpServer& the_server() { return server(); }
  ScriptedHandler& handler() { return *handler_; }

 protected:
  // One start and some events, from the connection to its end.
  void Play(const Start& start, const std::vector<const Event*>& events);

  StatusRecorder observer_;
  ScriptedHandler* handler_ = nullptr;
};

// Something that happens in a phase.
struct Event {
  absl::string_view name;
  std::function<void(ExchangeProductTest&, const Start&, TestClient&)> act;
};

const std::vector<Event>& Events() {
  static const auto* const events = new std::vector<Event>{
      {"Rest", [](auto&, const Start& start,
                  TestClient& client) { client.Write(start.rest); }},
      {"RestAndNext",
       [](auto&, const Start& start, TestClient& client) {
         client.Write(absl::StrCat(start.rest, Get("/1")));
       }},
      {"Garbage",
       [](auto&, const Start&, TestClient& client) {
         client.Write("\x01\r\nno such thing\n");
       }},
      {"EndOfInput",
       [](auto&, const Start&, TestClient& client) { client.FinishWriting(); }},
      {"Reset",
       [](auto&, const Start&, TestClient& client) { client.Reset(); }},
      {"Time", [](auto& test, const Start&,
                  TestClient&) { test.Run(absl::Milliseconds(150)); }},
      {"Drain",
       [](auto& test, const Start&, TestClient&) {
         test.the_server().Drain([] {});
         test.Run(absl::Milliseconds(20));
       }},
      {"Memory",
       [](auto& test, const Start&, TestClient&) {
         ScriptedHandler& handler = test.handler();
         if (handler.kept.has_value())
           handler.kept->HoldBytes(uint64_t{1} << 40);
       }},
      {"Complete", [](auto& test, const Start&,
                      TestClient&) { test.handler().Complete(); }},
      {"CompleteWithStream",
       [](auto& test, const Start&, TestClient&) {
         test.handler().CompleteWithStream();
       }},
      {"Drop",
       [](auto& test, const Start&, TestClient&) { test.handler().Drop(); }},
      {"Resume",
       [](auto& test, const Start&, TestClient&) {
         ScriptedHandler& handler = test.handler();
         if (handler.kept.has_value()) handler.kept->ResumeBody();
       }},
      {"Interim",
       [](auto& test, const Start&, TestClient&) {
         ScriptedHandler& handler = test.handler();
         if (handler.kept.has_value()) handler.kept->SendInterim(103, {});
       }},
  };
  return *events;
}

// The statuses in what a client received, interim ones too. A failure of the
// test if something else stands between them; the last may be cut off.
std::vector<int> StatusesIn(absl::string_view bytes) {
  std::vector<int> statuses;
  while (!bytes.empty()) {
    int status = 0;
    EXPECT_TRUE(absl::StartsWith(bytes, "HTTP/1.1 ") &&
                absl::SimpleAtoi(bytes.substr(9, 3), &status))
        << bytes;
    const size_t head_end = bytes.find("\r\n\r\n");
    if (status == 0 || head_end == bytes.npos) return statuses;
    statuses.push_back(status);
    const absl::string_view head = bytes.substr(0, head_end);
    bytes.remove_prefix(head_end + 4);
    if (status < 200) continue;
    if (absl::StrContains(head, "Transfer-Encoding: chunked")) {
      const size_t end = bytes.find("0\r\n\r\n");
      bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 5);
    } else {
      const size_t at = head.find("Content-Length: ");
      size_t length = 0;
      EXPECT_NE(at, head.npos) << head;
      if (at == head.npos) return statuses;
      const absl::string_view value = head.substr(at + 16);
      EXPECT_TRUE(absl::SimpleAtoi(value.substr(0, value.find('\r')), &length));
      EXPECT_GE(bytes.size(), length);
      bytes.remove_prefix(std::min(bytes.size(), length));
    }
  }
  return statuses;
}

void ExchangeProductTest::Play(const Start& start,
                               const std::vector<const Event*>& events) {
  handler_->start = &start;
  observer_.statuses.clear();
  bool is_reset = false;
  bool is_next_sent = false;
  bool is_input_over = false;
  bool has_finished = false;
  std::string received;
  {
    TestClient client = ConnectTcp();
    client.Write(RequestOf(start));
    LetServerWork();
    for (const Event* event : events) {
      // A client that has ended says nothing more.
      const bool is_input =
          event->name == "Rest" || event->name == "RestAndNext" ||
          event->name == "Garbage" || event->name == "EndOfInput";
      if (is_input && is_input_over) continue;
      if (is_reset && event->name == "Reset") continue;
      is_reset |= event->name == "Reset";
      is_input_over |= is_input || is_reset;
      has_finished |= event->name == "EndOfInput";
      // Garbage may complete a body, and then it is a request of its own.
      is_next_sent |= event->name == "RestAndNext" || event->name == "Garbage";
      event->act(*this, start, client);
      LetServerWork();
      if (!is_reset) received += client.ReadAvailable();
    }
    handler_->Drop();
    // Whatever happened, the end of the client brings that of the connection.
    if (!is_reset) {
      if (!has_finished) client.FinishWriting();
      received += client.ReadToEnd();
    }
  }
  ASSERT_TRUE(RunUntilConnectionsAre(0));
  handler_->Drop();

  std::vector<int> finals;
  bool is_after_final = false;
  for (const int status : StatusesIn(received)) {
    if (status >= 200) {
      finals.push_back(status);
      is_after_final = true;
    } else {
      // All interim responses are the first request's.
      EXPECT_FALSE(is_after_final) << received;
    }
  }
  const size_t requests = 1 + (is_next_sent ? 1 : 0);
  EXPECT_LE(finals.size(), requests) << received;
  // Each response is recorded once, with the status that was sent; a record
  // without a response says why there was none.
  std::vector<int> recorded = observer_.statuses;
  for (const int status : finals) {
    ASSERT_FALSE(recorded.empty());
    EXPECT_EQ(status, recorded.front()) << received;
    recorded.erase(recorded.begin());
  }
  EXPECT_LE(observer_.statuses.size(), requests);
  if (start.is_begun) {
    EXPECT_GE(observer_.statuses.size(), 1u);
  }
  for (const int status : recorded) {
    if (!is_reset) {
      EXPECT_TRUE(status == 0 || status == 499) << status;
    }
  }
  for (const Gauge& gauge : server().statistics().connections) {
    EXPECT_EQ(gauge.Read(), 0);
  }
  EXPECT_EQ(server().buffered_bytes(), 0u);
  // One that drains takes no more connections.
  if (server().is_draining()) DestroyServer();
}

INSTANTIATE_TEST_SUITE_P(Kernel, ExchangeProductTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(ExchangeProductTest, EveryEventInEveryPhase) {
  for (const Start& start : kStarts) {
    for (const Event& event : Events()) {
      SCOPED_TRACE(absl::StrCat(start.name, ", ", event.name));
      Play(start, {&event});
      if (HasFailure()) return;
    }
  }
}

TEST_P(ExchangeProductTest, EveryPairOfEventsInEveryPhase) {
  for (const Start& start : kStarts) {
    for (const Event& first : Events()) {
      for (const Event& second : Events()) {
        SCOPED_TRACE(
            absl::StrCat(start.name, ", ", first.name, ", ", second.name));
        Play(start, {&first, &second});
        if (HasFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace pollux
