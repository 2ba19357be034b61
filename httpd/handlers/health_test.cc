#include "httpd/handlers/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"

namespace pollux {
namespace {

using ::testing::HasSubstr;

TEST(HealthHandlerTest, IsAlwaysWell) {
  HealthHandler handler;
  RecordingExchange exchange;
  RequestOf("GET /healthz").AskOf(handler, exchange);
  EXPECT_EQ(exchange.answer().status, 200);
  EXPECT_EQ(exchange.answer().body, "ok\n");
  EXPECT_THAT(exchange.answer().message,
              HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(exchange.answer().message,
              HasSubstr("\r\nCache-Control: no-store\r\n"));
}

TEST(ReadinessHandlerTest, AsksForEachRequest) {
  using State = ReadinessHandler::State;
  State state = State::kReady;
  ReadinessHandler handler([&state] { return state; });
  RecordingExchange exchange;
  const RequestOf request("GET /readyz");

  request.AskOf(handler, exchange);
  EXPECT_EQ(exchange.answer().status, 200);
  EXPECT_EQ(exchange.answer().body, "ready\n");

  state = State::kDraining;
  request.AskOf(handler, exchange);
  EXPECT_EQ(exchange.answer().status, 503);
  EXPECT_EQ(exchange.answer().body, "draining\n");
  EXPECT_THAT(exchange.answer().message,
              HasSubstr("\r\nCache-Control: no-store\r\n"));

  state = State::kReady;
  request.AskOf(handler, exchange);
  EXPECT_EQ(exchange.answer().status, 200);
}

}  // namespace
}  // namespace pollux
