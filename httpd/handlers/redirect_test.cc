#include "httpd/handlers/redirect.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"

namespace pollux {
namespace {

TEST(RedirectHandlerTest, SendsEverybodyElsewhere) {
  for (const int status : {301, 302, 303, 307, 308}) {
    const auto handler = RedirectHandler::Create(status, "/files/?a=%20b#c");
    ASSERT_TRUE(handler.ok()) << handler.status();
    RecordingExchange exchange;
    RequestOf("GET /old").AskOf(**handler, exchange);
    EXPECT_EQ(exchange.answer().status, status);
  }
}

TEST(RedirectHandlerTest, SaysWhereInLocationAndNowhereElse) {
  const auto handler = *RedirectHandler::Create(308, "/files/");
  RecordingExchange exchange;
  RequestOf("POST /old?x").AskOf(*handler, exchange);
  EXPECT_EQ(exchange.answer().message,
            "HTTP/1.1 308 Permanent Redirect\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Location: /files/\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 23\r\n"
            "\r\n"
            "308 Permanent Redirect\n");
}

TEST(RedirectHandlerTest, RefusesAnotherStatus) {
  for (const int status : {200, 300, 304, 305, 306, 309, 404, 0, -1}) {
    EXPECT_EQ(RedirectHandler::Create(status, "/").status().code(),
              absl::StatusCode::kInvalidArgument)
        << status;
  }
}

TEST(RedirectHandlerTest, RefusesWhatIsNoUriReference) {
  for (const absl::string_view location :
       {"", "/a b", "/a\r\nX: y", "/\xc3\xa4", "/<a>", "/\"", "/a\\b"}) {
    EXPECT_EQ(RedirectHandler::Create(301, location).status().code(),
              absl::StatusCode::kInvalidArgument)
        << location;
  }
}

}  // namespace
}  // namespace pollux
