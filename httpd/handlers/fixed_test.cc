#include "httpd/handlers/fixed.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"

namespace pollux {
namespace {

class RecordingSink final : public ResponseSink {
 public:
  using ResponseSink::MakeResponder;

  void Respond(const http::PreparedResponse& response) override {
    std::string text;
    response.AppendTo(text, http::FormatHttpDate(0),
                      http::ConnectionOption::kNone,
                      http::BodyPresence::kHeadAndBody);
    answers.push_back(text);
  }
  void RespondNothing() override { answers.emplace_back(); }

  std::vector<std::string> answers;
};

TEST(FixedHandlerTest, AnswersEverybodyTheSameAtOnce) {
  FixedHandler handler(
      http::PreparedResponse::Create(203, {{"A", "b"}}, "text").value());
  RecordingSink sink;
  http::RequestHead head;
  head.path = "/";
  handler.Handle(Request(head), sink.MakeResponder());
  head.method = http::Method::kPost;
  head.path = "/other";
  handler.Handle(Request(head), sink.MakeResponder());

  ASSERT_EQ(sink.answers.size(), 2u);
  EXPECT_EQ(sink.answers[0],
            "HTTP/1.1 203 Non-Authoritative Information\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "A: b\r\n"
            "Content-Length: 4\r\n"
            "\r\n"
            "text");
  EXPECT_EQ(sink.answers[1], sink.answers[0]);
}

}  // namespace
}  // namespace pollux
