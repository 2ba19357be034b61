#include "httpd/server/responder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "httpd/http/prepared_response.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A connection that keeps what it is answered: a status, or 0 for nothing.
class RecordingSink final : public ResponseSink {
 public:
  using ResponseSink::awaits_response;
  using ResponseSink::MakeResponder;

  void Respond(const http::PreparedResponse& response) override {
    answers.push_back(response.status());
    if (asks_again) next.emplace(MakeResponder());
  }
  void RespondNothing() override { answers.push_back(0); }

  std::vector<int> answers;
  bool asks_again = false;
  std::optional<Responder> next;
};

class ResponderTest : public testing::Test {
 protected:
  const http::PreparedResponse ok_ =
      http::PreparedResponse::Create(200, {}, "").value();
  RecordingSink sink_;
};

TEST_F(ResponderTest, AnswersOnce) {
  Responder responder = sink_.MakeResponder();
  EXPECT_TRUE(sink_.awaits_response());
  EXPECT_FALSE(responder.abandoned());
  std::move(responder).Send(ok_);
  EXPECT_FALSE(sink_.awaits_response());
  EXPECT_THAT(sink_.answers, ElementsAre(200));
}

TEST_F(ResponderTest, IsSpentAfterItsAnswer) {
  {
    Responder responder = sink_.MakeResponder();
    std::move(responder).Send(ok_);
    EXPECT_TRUE(responder.abandoned());  // NOLINT(bugprone-use-after-move)
    std::move(responder).Send(ok_);
  }
  EXPECT_THAT(sink_.answers, ElementsAre(200));
}

TEST_F(ResponderTest, TellsWhenItIsDropped) {
  { Responder responder = sink_.MakeResponder(); }
  EXPECT_THAT(sink_.answers, ElementsAre(0));
  EXPECT_FALSE(sink_.awaits_response());
}

TEST_F(ResponderTest, MayMove) {
  Responder first = sink_.MakeResponder();
  Responder second = std::move(first);
  EXPECT_TRUE(first.abandoned());  // NOLINT(bugprone-use-after-move)
  std::vector<Responder> kept;
  kept.push_back(std::move(second));
  EXPECT_TRUE(sink_.awaits_response());
  EXPECT_THAT(sink_.answers, IsEmpty());
  std::move(kept[0]).Send(ok_);
  kept.clear();
  EXPECT_THAT(sink_.answers, ElementsAre(200));
}

TEST_F(ResponderTest, MovedOverIsDropped) {
  RecordingSink other;
  Responder responder = sink_.MakeResponder();
  responder = other.MakeResponder();
  EXPECT_THAT(sink_.answers, ElementsAre(0));
  std::move(responder).Send(ok_);
  EXPECT_THAT(other.answers, ElementsAre(200));
}

TEST_F(ResponderTest, MovedOntoItselfStaysWhatItIs) {
  Responder responder = sink_.MakeResponder();
  Responder& same = responder;
  responder = std::move(same);
  EXPECT_THAT(sink_.answers, IsEmpty());
  std::move(responder).Send(ok_);
  EXPECT_THAT(sink_.answers, ElementsAre(200));
}

TEST_F(ResponderTest, OutlivesItsConnection) {
  auto sink = std::make_unique<RecordingSink>();
  Responder sent = sink->MakeResponder();
  sink = nullptr;
  EXPECT_TRUE(sent.abandoned());
  std::move(sent).Send(ok_);

  sink = std::make_unique<RecordingSink>();
  Responder dropped = sink->MakeResponder();
  sink = nullptr;
}

TEST_F(ResponderTest, TheAnswerMayBringTheNextQuestion) {
  sink_.asks_again = true;
  std::move(sink_.MakeResponder()).Send(ok_);
  ASSERT_TRUE(sink_.next.has_value());
  EXPECT_TRUE(sink_.awaits_response());
  sink_.asks_again = false;
  std::move(*sink_.next).Send(ok_);
  EXPECT_THAT(sink_.answers, ElementsAre(200, 200));
}

using ResponderDeathTest = ResponderTest;

TEST_F(ResponderDeathTest, ThereIsOneAtATime) {
  Responder responder = sink_.MakeResponder();
  EXPECT_DEATH((void)sink_.MakeResponder(), "responder_ == nullptr");
}

}  // namespace
}  // namespace pollux
