#include "httpd/handlers/echo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"

namespace pollux {
namespace {

using ::testing::IsEmpty;

class EchoHandlerTest : public testing::Test {
 protected:
  // The body comes in pieces of that many bytes.
  void SendBody(absl::string_view body, size_t piece_bytes) {
    for (; !body.empty(); body.remove_prefix(piece_bytes)) {
      piece_bytes = std::min(piece_bytes, body.size());
      exchange_.receiver->OnBody(body.substr(0, piece_bytes));
    }
  }

  static std::string LargeBody() {
    std::string body(EchoHandler::kMaxCollectedBytes + 1000, 'a');
    for (size_t i = 0; i < body.size(); ++i) body[i] += i % 26;
    return body;
  }

  EchoHandler handler_;
  RecordingExchange exchange_;
};

TEST_F(EchoHandlerTest, GetShowsTheRequestAsItCame) {
  RequestOf("GET /a%20b?c=d&e", "X-One: 1\r\nx-ONE:  two words \r\nEmpty:\r\n")
      .AskOf(handler_, exchange_);
  EXPECT_EQ(exchange_.answer().status, 200);
  EXPECT_EQ(exchange_.answer().body,
            "GET /a%20b?c=d&e\n"
            "Host: a\n"
            "X-One: 1\n"
            "x-ONE: two words\n"
            "Empty: \n");
  EXPECT_EQ(exchange_.answer().Field("Content-Type"), "text/plain");
  EXPECT_EQ(exchange_.answer().Field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(exchange_.answer().Field("Cache-Control"), "no-store");
}

TEST_F(EchoHandlerTest, Regression_HeadIsAnsweredAsGetWouldBe) {
  RequestOf("HEAD /").AskOf(handler_, exchange_);
  EXPECT_EQ(exchange_.answer().body, "GET /\nHost: a\n");
}

TEST_F(EchoHandlerTest, AnswersWhenTheBodyIsWhole) {
  RequestOf("PUT /", "Content-Length: 5\r\nContent-Type: image/x-odd;a=b\r\n")
      .AskOf(handler_, exchange_);
  SendBody("hello", 2);
  EXPECT_EQ(exchange_.answer().status, 0);
  EXPECT_EQ(exchange_.held_bytes, 5u);
  exchange_.receiver->OnBodyEnd();
  EXPECT_EQ(exchange_.answer().status, 200);
  EXPECT_EQ(exchange_.answer().body, "hello");
  EXPECT_EQ(exchange_.answer().Field("Content-Type"), "image/x-odd;a=b");
  EXPECT_EQ(exchange_.answer().Field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(exchange_.answer().Field("Cache-Control"), "no-store");
}

TEST_F(EchoHandlerTest, ABodyWithoutTypeIsBytes) {
  RequestOf("PATCH /", "Transfer-Encoding: chunked\r\n")
      .AskOf(handler_, exchange_);
  exchange_.receiver->OnBodyEnd();
  EXPECT_EQ(exchange_.answer().body, "");
  EXPECT_EQ(exchange_.answer().Field("Content-Type"),
            "application/octet-stream");
}

TEST_F(EchoHandlerTest, KeepsABodyOfTheLimit) {
  RequestOf("POST /", "Transfer-Encoding: chunked\r\n")
      .AskOf(handler_, exchange_);
  const std::string body =
      LargeBody().substr(0, EchoHandler::kMaxCollectedBytes);
  SendBody(body, 16 * 1024);
  EXPECT_EQ(exchange_.answer().status, 0);
  EXPECT_EQ(exchange_.held_bytes, body.size());
  exchange_.receiver->OnBodyEnd();
  EXPECT_TRUE(exchange_.answer().body == body);
}

TEST_F(EchoHandlerTest, StreamsALargerBodyAndKeepsNothing) {
  RequestOf("POST /", "Transfer-Encoding: chunked\r\n")
      .AskOf(handler_, exchange_);
  const std::string body = LargeBody();
  SendBody(body, 1001);
  EXPECT_EQ(exchange_.answer().status, 200);
  EXPECT_FALSE(exchange_.answer().is_whole);
  EXPECT_EQ(exchange_.held_bytes, 0u);
  EXPECT_TRUE(exchange_.answer().body == body);
  exchange_.receiver->OnBodyEnd();
  EXPECT_TRUE(exchange_.answer().is_whole);
  EXPECT_FALSE(exchange_.answer().was_aborted);
}

TEST_F(EchoHandlerTest, AStreamedBodyThatIsMalformedBreaksOff) {
  RequestOf("POST /", "Transfer-Encoding: chunked\r\n")
      .AskOf(handler_, exchange_);
  SendBody(LargeBody(), 5000);
  exchange_.receiver.reset();
  EXPECT_TRUE(exchange_.answer().was_aborted);
  EXPECT_FALSE(exchange_.answer().is_whole);
}

TEST_F(EchoHandlerTest, WritesNothingForAClientThatHasGone) {
  RequestOf("POST /", "Transfer-Encoding: chunked\r\n")
      .AskOf(handler_, exchange_);
  SendBody("hello", 5);
  exchange_.Abandon();
  SendBody(LargeBody(), 5000);
  exchange_.receiver->OnBodyEnd();
  EXPECT_EQ(exchange_.answer().status, 0);
  EXPECT_THAT(exchange_.answer().body, IsEmpty());
}

}  // namespace
}  // namespace pollux
