#include "httpd/handlers/fixed.h"

#include <gtest/gtest.h>

#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/route_match.h"

namespace pollux {
namespace {

TEST(FixedHandlerTest, AnswersEverybodyTheSameAtOnce) {
  FixedHandler handler(
      http::PreparedResponse::Create(203, {{"A", "b"}}, "text").value());
  RecordingExchange exchange;
  http::RequestHead head;
  const RouteMatch match;
  head.path = "/";
  handler.Handle(Request(head, match, exchange), exchange.Ask());
  head.method = http::Method::kPost;
  head.path = "/other";
  handler.Handle(Request(head, match, exchange), exchange.Ask());

  ASSERT_EQ(exchange.answers.size(), 2u);
  EXPECT_EQ(exchange.answers[0].message,
            "HTTP/1.1 203 Non-Authoritative Information\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "A: b\r\n"
            "Content-Length: 4\r\n"
            "\r\n"
            "text");
  EXPECT_EQ(exchange.answers[1].message, exchange.answers[0].message);
}

}  // namespace
}  // namespace pollux
