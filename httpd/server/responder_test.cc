#include "httpd/server/responder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "httpd/http/prepared_response.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/response_stream.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;

class ResponderTest : public testing::Test {
 protected:
  std::vector<int> Statuses() const {
    std::vector<int> statuses;
    for (const RecordingExchange::Answer& answer : exchange_->answers) {
      statuses.push_back(answer.status);
    }
    return statuses;
  }

  const http::PreparedResponse ok_ =
      http::PreparedResponse::Create(200, {}, "").value();
  std::unique_ptr<RecordingExchange> exchange_ =
      std::make_unique<RecordingExchange>();
};

TEST_F(ResponderTest, AnswersOnce) {
  Responder responder = exchange_->Ask();
  EXPECT_TRUE(exchange_->is_unanswered());
  EXPECT_FALSE(responder.abandoned());
  std::move(responder).Send(ok_);
  EXPECT_FALSE(exchange_->is_unanswered());
  EXPECT_THAT(Statuses(), ElementsAre(200));
}

TEST_F(ResponderTest, IsSpentAfterItsAnswer) {
  {
    Responder responder = exchange_->Ask();
    std::move(responder).SendStatus(404);
    EXPECT_TRUE(responder.abandoned());  // NOLINT(bugprone-use-after-move)
    std::move(responder).Send(ok_);
  }
  EXPECT_THAT(Statuses(), ElementsAre(404));
}

TEST_F(ResponderTest, DroppedIs500) {
  { Responder responder = exchange_->Ask(); }
  EXPECT_THAT(Statuses(), ElementsAre(500));
  EXPECT_FALSE(exchange_->is_unanswered());
}

TEST_F(ResponderTest, MayMove) {
  Responder first = exchange_->Ask();
  Responder second = std::move(first);
  EXPECT_TRUE(first.abandoned());  // NOLINT(bugprone-use-after-move)
  std::vector<Responder> kept;
  kept.push_back(std::move(second));
  EXPECT_TRUE(exchange_->is_unanswered());
  std::move(kept[0]).Send(ok_);
  kept.clear();
  EXPECT_THAT(Statuses(), ElementsAre(200));
}

TEST_F(ResponderTest, MovedOverIsDropped) {
  RecordingExchange other;
  Responder responder = exchange_->Ask();
  responder = other.Ask();
  EXPECT_THAT(Statuses(), ElementsAre(500));
  std::move(responder).Send(ok_);
  EXPECT_EQ(other.answer().status, 200);
}

TEST_F(ResponderTest, MovedOntoItselfStaysWhatItIs) {
  Responder responder = exchange_->Ask();
  Responder& same = responder;
  responder = std::move(same);
  EXPECT_TRUE(exchange_->is_unanswered());
  std::move(responder).Send(ok_);
  EXPECT_THAT(Statuses(), ElementsAre(200));
}

TEST_F(ResponderTest, OutlivesItsConnection) {
  Responder sent = exchange_->Ask();
  exchange_ = std::make_unique<RecordingExchange>();
  EXPECT_TRUE(sent.abandoned());
  std::move(sent).Send(ok_);

  Responder dropped = exchange_->Ask();
  exchange_ = nullptr;
}

TEST_F(ResponderTest, IsToldOnceThatNobodyWaits) {
  int told = 0;
  Responder responder = exchange_->Ask();
  responder.OnAbandoned([&] { ++told; });
  Responder moved = std::move(responder);
  exchange_->Abandon();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(moved.abandoned());
  exchange_ = nullptr;
  EXPECT_EQ(told, 1);
}

TEST_F(ResponderTest, MayGoWhenToldThatNobodyWaits) {
  auto kept = std::make_unique<Responder>(exchange_->Ask());
  kept->OnAbandoned([&] { kept = nullptr; });
  exchange_->Abandon();
  EXPECT_EQ(kept, nullptr);
}

TEST_F(ResponderTest, IsNotToldOnceItHasAnswered) {
  Responder responder = exchange_->Ask();
  responder.OnAbandoned([] { FAIL(); });
  std::move(responder).Send(ok_);
  exchange_->Abandon();
}

// Bodies.

TEST_F(ResponderTest, CollectsABody) {
  std::string collected;
  exchange_->Ask().CollectBody(4, [&](std::string body, Responder responder) {
    collected = std::move(body);
    std::move(responder).Send(ok_);
  });
  exchange_->receiver->OnBody("ab");
  EXPECT_EQ(exchange_->held_bytes, 2u);
  exchange_->receiver->OnBody("cd");
  EXPECT_TRUE(exchange_->is_unanswered());
  exchange_->receiver->OnBodyEnd();
  EXPECT_EQ(collected, "abcd");
  EXPECT_THAT(Statuses(), ElementsAre(200));
}

TEST_F(ResponderTest, CollectsNoMoreThanItShould) {
  exchange_->Ask().CollectBody(4, [&](std::string, Responder) { FAIL(); });
  exchange_->receiver->OnBody("abc");
  exchange_->receiver->OnBody("de");
  EXPECT_THAT(Statuses(), ElementsAre(413));
  exchange_->receiver->OnBody("f");
  exchange_->receiver->OnBodyEnd();
  EXPECT_THAT(Statuses(), ElementsAre(413));
}

TEST_F(ResponderTest, CollectsNothingForNobody) {
  Responder responder = exchange_->Ask();
  exchange_->Abandon();
  std::move(responder).CollectBody(4, [&](std::string, Responder) { FAIL(); });
  EXPECT_EQ(exchange_->receiver, nullptr);
}

// Streams.

struct CountingProducer final : ResponseStream::Producer {
  void OnWritable() override { ++writable; }
  void OnAbandoned() override { ++abandoned; }
  int writable = 0;
  int abandoned = 0;
};

TEST_F(ResponderTest, StreamsABody) {
  CountingProducer producer;
  ResponseStream stream = exchange_->Ask().Stream({.status = 201}, producer);
  EXPECT_TRUE(exchange_->is_unanswered());
  stream.Write("ab");
  ResponseStream moved = std::move(stream);
  moved.Write("c");
  EXPECT_FALSE(exchange_->answer().is_whole);
  std::move(moved).Finish();
  EXPECT_TRUE(exchange_->answer().is_whole);
  EXPECT_EQ(exchange_->answer().status, 201);
  EXPECT_EQ(exchange_->answer().body, "abc");
  EXPECT_FALSE(exchange_->is_unanswered());
}

TEST_F(ResponderTest, AStreamTellsWhenToStopAndGo) {
  CountingProducer producer;
  ResponseStream stream = exchange_->Ask().Stream({}, producer);
  EXPECT_FALSE(stream.ShouldPause());
  exchange_->SetStreamHigh(true);
  EXPECT_TRUE(stream.ShouldPause());
  exchange_->NotifyWritable();
  EXPECT_EQ(producer.writable, 1);
  std::move(stream).Finish();
  exchange_->NotifyWritable();
  EXPECT_EQ(producer.writable, 1);
}

TEST_F(ResponderTest, AStreamThatIsDroppedIsAborted) {
  CountingProducer producer;
  { ResponseStream stream = exchange_->Ask().Stream({}, producer); }
  EXPECT_TRUE(exchange_->answer().was_aborted);
  EXPECT_FALSE(exchange_->answer().is_whole);
}

TEST_F(ResponderTest, AStreamIsToldThatNobodyReads) {
  CountingProducer producer;
  ResponseStream stream = exchange_->Ask().Stream({}, producer);
  exchange_ = nullptr;
  EXPECT_EQ(producer.abandoned, 1);
  EXPECT_TRUE(stream.abandoned());
  stream.Write("into the void");
  EXPECT_FALSE(stream.ShouldPause());
  std::move(stream).Finish();
}

TEST_F(ResponderTest, AStreamToNobodyIsAbandonedFromTheStart) {
  CountingProducer producer;
  Responder responder = exchange_->Ask();
  exchange_ = nullptr;
  ResponseStream stream = std::move(responder).Stream({}, producer);
  EXPECT_TRUE(stream.abandoned());
}

using ResponderDeathTest = ResponderTest;

TEST_F(ResponderDeathTest, ThereIsOneAtATime) {
  Responder responder = exchange_->Ask();
  EXPECT_DEATH((void)exchange_->Ask(), "is_unanswered");
}

}  // namespace
}  // namespace pollux
