#include "httpd/server/event_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/request_head.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/route_match.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr absl::Duration kKeepAlive = absl::Seconds(15);

// What an EventSource makes of a stream: "type|id|data" for each event, as the
// HTML Standard's §9.2.6 interprets its lines.
std::vector<std::string> Interpret(absl::string_view stream) {
  std::vector<std::string> events;
  std::string type;
  std::string id;
  std::string data;
  while (!stream.empty()) {
    const size_t end = stream.find('\n');
    if (end == absl::string_view::npos) break;
    const absl::string_view line = stream.substr(0, end);
    stream.remove_prefix(end + 1);
    if (absl::StrContains(line, '\r')) return {"a CR ends a line"};
    if (line.empty()) {
      if (!data.empty()) {
        data.pop_back();
        events.push_back(
            absl::StrCat(type.empty() ? "message" : type, "|", id, "|", data));
      }
      type.clear();
      data.clear();
      continue;
    }
    const size_t colon = line.find(':');
    const absl::string_view field = line.substr(0, colon);
    absl::string_view value =
        colon == absl::string_view::npos ? "" : line.substr(colon + 1);
    if (absl::StartsWith(value, " ")) value.remove_prefix(1);
    if (field == "event") type = std::string(value);
    if (field == "data") absl::StrAppend(&data, value, "\n");
    if (field == "id") id = std::string(value);
  }
  return events;
}

class EventStreamTest : public testing::Test, public EventStream::Owner {
 protected:
  void Start(http::Method method = http::Method::kGet,
             const EventStream::Options& options = {}) {
    http::RequestHead head;
    head.method = method;
    const RouteMatch match;
    stream_ = std::make_unique<EventStream>(*reactor_,
                                            Request(head, match, exchange_),
                                            exchange_.Ask(), options, *this);
  }

  // What has been sent since it was last asked.
  std::string Sent() { return std::exchange(exchange_.answer().body, ""); }

  void Pass(absl::Duration duration) {
    const MonotonicTime end = reactor_->Now() + duration;
    while (reactor_->Now() < end) reactor_->RunOnce(end - reactor_->Now());
    reactor_->RunOnce(absl::ZeroDuration());
  }

  void OnWritable() override { ++writable_; }
  void OnEnded() override {
    ++ended_;
    reactor_->DeleteSoon(std::move(stream_));
  }

  FakeKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  RecordingExchange exchange_;
  std::unique_ptr<EventStream> stream_;
  int writable_ = 0;
  int ended_ = 0;
};

TEST_F(EventStreamTest, BeginsAsAnEventSourceWantsIt) {
  Start();
  EXPECT_EQ(exchange_.answer().status, 200);
  EXPECT_THAT(exchange_.answer().fields,
              ElementsAre(Pair("Content-Type", "text/event-stream"),
                          Pair("Cache-Control", "no-store"),
                          Pair("X-Accel-Buffering", "no")));
  EXPECT_EQ(Sent(), "");
  EXPECT_FALSE(exchange_.answer().is_whole);
}

TEST_F(EventStreamTest, WritesAnEvent) {
  Start();
  EXPECT_TRUE(stream_
                  ->Send({.id = "7",
                          .type = "news",
                          .data = "hello",
                          .retry = absl::Milliseconds(2500)})
                  .ok());
  EXPECT_EQ(Sent(),
            "id: 7\n"
            "event: news\n"
            "retry: 2500\n"
            "data: hello\n"
            "\n");
}

TEST_F(EventStreamTest, WritesOnlyWhatIsThere) {
  Start();
  EXPECT_TRUE(stream_->Send({.data = "hello"}).ok());
  EXPECT_EQ(Sent(), "data: hello\n\n");
  EXPECT_TRUE(stream_->Send({.id = "", .data = ""}).ok());
  EXPECT_EQ(Sent(), "id: \ndata: \n\n");
}

TEST_F(EventStreamTest, DataIsSplitIntoLines) {
  Start();
  const std::pair<absl::string_view, absl::string_view> cases[] = {
      {"", ""},
      {"a", "a"},
      {"a\nb", "a\nb"},
      {"a\r\nb", "a\nb"},
      {"a\rb", "a\nb"},
      {"a\n", "a\n"},
      {"\n", "\n"},
      {"\n\n", "\n\n"},
      {"a\r\n\r\nb", "a\n\nb"},
      {"\r\r\n\n", "\n\n\n"},
      {" a\n  b", " a\n  b"},
      {":a\nid: 8\nevent: x", ":a\nid: 8\nevent: x"},
  };
  for (const auto& [data, seen] : cases) {
    EXPECT_TRUE(stream_->Send({.data = data}).ok());
    EXPECT_THAT(Interpret(Sent()), ElementsAre(absl::StrCat("message||", seen)))
        << data;
  }
}

TEST_F(EventStreamTest, IdsAndTypesKeepTheirSpaces) {
  Start();
  EXPECT_TRUE(stream_->Send({.id = " 7", .type = " x", .data = "a"}).ok());
  EXPECT_THAT(Interpret(Sent()), ElementsAre(" x| 7|a"));
}

TEST_F(EventStreamTest, RefusesWhatWouldMakeLinesOfItsOwn) {
  Start();
  for (const absl::string_view bad : {"a\nb", "a\r", "\n"}) {
    EXPECT_EQ(stream_->Send({.id = bad, .data = "x"}).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(stream_->Send({.type = bad, .data = "x"}).code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(
      stream_->Send({.id = absl::string_view("a\0", 2), .data = "x"}).ok());
  for (const absl::Duration bad :
       {absl::Seconds(-1), absl::InfiniteDuration()}) {
    EXPECT_FALSE(stream_->Send({.data = "x", .retry = bad}).ok());
  }
  EXPECT_EQ(Sent(), "");
}

TEST_F(EventStreamTest, CommentsKeepItAlive) {
  Start();
  Pass(kKeepAlive - absl::Milliseconds(1));
  EXPECT_EQ(Sent(), "");
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Sent(), ":\n");
  Pass(2 * kKeepAlive);
  EXPECT_EQ(Sent(), ":\n:\n");
  EXPECT_THAT(Interpret(":\n:\ndata: a\n\n"), ElementsAre("message||a"));
}

TEST_F(EventStreamTest, EventsKeepItAliveAsWell) {
  Start();
  for (int i = 0; i < 10; ++i) {
    Pass(kKeepAlive / 2);
    EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
    EXPECT_EQ(Sent(), "data: a\n\n");
  }
}

TEST_F(EventStreamTest, NeedsNoKeepAlive) {
  Start(http::Method::kGet, {.keep_alive = absl::InfiniteDuration()});
  Pass(absl::Hours(10));
  EXPECT_EQ(Sent(), "");
}

TEST_F(EventStreamTest, TellsTheOwnerToPauseAndToGoOn) {
  Start();
  EXPECT_FALSE(stream_->ShouldPause());
  exchange_.SetStreamHigh(true);
  EXPECT_TRUE(stream_->ShouldPause());
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  EXPECT_EQ(Sent(), "data: a\n\n");
  exchange_.SetStreamHigh(false);
  exchange_.NotifyWritable();
  EXPECT_EQ(writable_, 1);
  EXPECT_EQ(ended_, 0);
}

TEST_F(EventStreamTest, EndsForAClientThatIsTooFarBehind) {
  Start(http::Method::kGet, {.max_behind_bytes = 20});
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  }
  exchange_.SetStreamHigh(true);
  // Nine bytes each.
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  EXPECT_EQ(ended_, 0);
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(exchange_.answer().was_aborted);
  EXPECT_FALSE(exchange_.answer().is_whole);
  Pass(10 * kKeepAlive);
  EXPECT_EQ(Sent().size(), 12u * 9);
}

TEST_F(EventStreamTest, ForgetsThatAClientWasBehind) {
  Start(http::Method::kGet, {.max_behind_bytes = 20});
  for (int i = 0; i < 10; ++i) {
    exchange_.SetStreamHigh(true);
    EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
    EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
    exchange_.SetStreamHigh(false);
    exchange_.NotifyWritable();
  }
  EXPECT_EQ(ended_, 0);
}

TEST_F(EventStreamTest, CommentsAlsoEndItForAClientThatNeverReads) {
  Start(http::Method::kGet, {.max_behind_bytes = 5});
  exchange_.SetStreamHigh(true);
  Pass(10 * kKeepAlive);
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(exchange_.answer().was_aborted);
}

TEST_F(EventStreamTest, TellsOnceThatTheClientHasGone) {
  Start();
  EventStream* const stream = stream_.get();
  exchange_.Abandon();
  EXPECT_EQ(ended_, 1);
  EXPECT_TRUE(stream->has_ended());
  EXPECT_TRUE(stream->Send({.data = "a"}).ok());
  Pass(10 * kKeepAlive);
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(ended_, 1);
}

TEST_F(EventStreamTest, HasEndedFromTheStartIfNobodyWaits) {
  Responder responder = exchange_.Ask();
  exchange_.Abandon();
  const http::RequestHead head;
  const RouteMatch match;
  EventStream stream(*reactor_, Request(head, match, exchange_),
                     std::move(responder), {}, *this);
  EXPECT_TRUE(stream.has_ended());
  EXPECT_EQ(ended_, 0);
}

TEST_F(EventStreamTest, HeadGetsNoEvents) {
  Start(http::Method::kHead);
  EXPECT_TRUE(exchange_.answer().is_whole);
  EXPECT_TRUE(stream_->has_ended());
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  Pass(10 * kKeepAlive);
  EXPECT_EQ(Sent(), "");
  EXPECT_EQ(ended_, 0);
}

TEST_F(EventStreamTest, FinishesInGoodOrder) {
  Start();
  EXPECT_TRUE(stream_->Send({.data = "a"}).ok());
  stream_->Finish();
  EXPECT_TRUE(exchange_.answer().is_whole);
  EXPECT_TRUE(stream_->has_ended());
  EXPECT_EQ(ended_, 0);
  Pass(10 * kKeepAlive);
  EXPECT_EQ(Sent(), "data: a\n\n");
}

TEST_F(EventStreamTest, DestroyedItBreaksOff) {
  Start();
  stream_.reset();
  EXPECT_TRUE(exchange_.answer().was_aborted);
  EXPECT_EQ(ended_, 0);
}

TEST_F(EventStreamTest, SaysWhatTheClientSawLast) {
  http::RequestHead head;
  head.fields.room()[0] = {.name = "last-event-id", .value = "7 "};
  const RouteMatch match;
  EXPECT_EQ(EventStream::LastEventId(Request(head, match, exchange_)), "");
  head.fields.Assign(1);
  EXPECT_EQ(EventStream::LastEventId(Request(head, match, exchange_)), "7 ");
}

}  // namespace
}  // namespace pollux
