#include "httpd/handlers/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/cors_rules.h"
#include "httpd/handlers/noting_handler.h"
#include "httpd/handlers/request_of.h"
#include "httpd/http/request_head.h"
#include "httpd/server/recording_exchange.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr absl::string_view kAllowed = "https://example.org";
constexpr absl::string_view kOther = "https://example.com";

CorsHandler::Policy OneOrigin() {
  return {.origins = {std::string(kAllowed)},
          .methods = {http::Method::kGet, http::Method::kPut},
          .route_methods = {http::Method::kGet, http::Method::kDelete}};
}

CorsHandler::Policy AnyOrigin() {
  CorsHandler::Policy policy = OneOrigin();
  policy.origins = {"*"};
  return policy;
}

std::string Origin(absl::string_view origin) {
  return absl::StrCat("Origin: ", origin, "\r\n");
}

std::string Preflight(absl::string_view origin) {
  return absl::StrCat(Origin(origin),
                      "Access-Control-Request-Method: PUT\r\n"
                      "Access-Control-Request-Headers: x-any\r\n");
}

class CorsHandlerTest : public testing::Test {
 protected:
  // What is answered to a request with these field lines.
  RecordingExchange::Answer Ask(const CorsHandler::Policy& policy,
                                absl::string_view method,
                                absl::string_view field_lines) {
    auto handler = CorsHandler::Create(NotingHandler::Make(notes_), policy);
    EXPECT_TRUE(handler.ok()) << handler.status();
    RecordingExchange exchange;
    RequestOf(absl::StrCat(method, " /"), field_lines)
        .AskOf(**handler, exchange);
    return std::move(exchange.answer());
  }

  absl::Status Refusal(const CorsHandler::Policy& policy) {
    return CorsHandler::Create(NotingHandler::Make(notes_), policy).status();
  }

  NotingHandler::Notes notes_;
};

TEST_F(CorsHandlerTest, AnAllowedOriginMayReadTheAnswer) {
  const auto answer = Ask(OneOrigin(), "GET", Origin(kAllowed));
  EXPECT_EQ(answer.body, "inner");
  EXPECT_THAT(answer.fields,
              ElementsAre(Pair("Vary", "Origin"),
                          Pair("Access-Control-Allow-Origin", kAllowed)));
}

TEST_F(CorsHandlerTest, AnotherOriginIsAnsweredButMayNotReadIt) {
  const auto answer = Ask(OneOrigin(), "GET", Origin(kOther));
  EXPECT_EQ(answer.body, "inner");
  EXPECT_THAT(answer.fields, ElementsAre(Pair("Vary", "Origin")));
}

TEST_F(CorsHandlerTest, CachesKnowThatTheAnswerDependsOnTheOrigin) {
  const auto answer = Ask(OneOrigin(), "GET", "");
  EXPECT_THAT(answer.fields, ElementsAre(Pair("Vary", "Origin")));
}

TEST_F(CorsHandlerTest, OriginsAreComparedAsTheyAre) {
  for (const absl::string_view origin :
       {"https://EXAMPLE.org", "https://example.org/", "http://example.org",
        "https://example.org:443", "https://example.org.evil.test", "null",
        "https://example.org https://example.org"}) {
    const auto answer = Ask(OneOrigin(), "GET", Origin(origin));
    EXPECT_EQ(answer.Field("Access-Control-Allow-Origin"), "") << origin;
  }
}

TEST_F(CorsHandlerTest, TwoOriginsAreNone) {
  const auto answer =
      Ask(OneOrigin(), "GET", absl::StrCat(Origin(kAllowed), Origin(kOther)));
  EXPECT_EQ(answer.Field("Access-Control-Allow-Origin"), "");
}

TEST_F(CorsHandlerTest, AnyOriginIsToldToEverybodySoThatCachesMayKeepIt) {
  for (const std::string& field_lines : {std::string(), Origin(kOther)}) {
    const auto answer = Ask(AnyOrigin(), "GET", field_lines);
    EXPECT_THAT(answer.fields,
                ElementsAre(Pair("Access-Control-Allow-Origin", "*")));
  }
}

TEST_F(CorsHandlerTest, SaysWhatElseMayBeSentAndRead) {
  CorsHandler::Policy policy = OneOrigin();
  policy.credentials = CorsHandler::Credentials::kAllowed;
  policy.exposed_fields = {"ETag", "X-Request-Id"};
  const auto answer = Ask(policy, "GET", Origin(kAllowed));
  EXPECT_EQ(answer.Field("Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(answer.Field("Access-Control-Expose-Headers"),
            "ETag, X-Request-Id");
}

TEST_F(CorsHandlerTest, AnswersAPreflight) {
  CorsHandler::Policy policy = OneOrigin();
  policy.credentials = CorsHandler::Credentials::kAllowed;
  policy.exposed_fields = {"ETag"};
  policy.request_fields = {"X-One", "X-Two"};
  policy.max_age = absl::Hours(1);
  const auto answer = Ask(policy, "OPTIONS", Preflight(kAllowed));
  EXPECT_THAT(notes_.requests, IsEmpty());
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.fields,
              ElementsAre(Pair("Vary", "Origin"),
                          Pair("Access-Control-Allow-Origin", kAllowed),
                          Pair("Access-Control-Allow-Credentials", "true")));
  EXPECT_EQ(answer.message,
            "HTTP/1.1 204 No Content\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Access-Control-Allow-Methods: GET, HEAD, PUT\r\n"
            "Access-Control-Max-Age: 3600\r\n"
            "Access-Control-Allow-Headers: X-One, X-Two\r\n"
            "\r\n");
}

TEST_F(CorsHandlerTest, APreflightOfAnotherOriginIsRefused) {
  const auto answer = Ask(OneOrigin(), "OPTIONS", Preflight(kOther));
  EXPECT_THAT(notes_.requests, IsEmpty());
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.fields, ElementsAre(Pair("Vary", "Origin")));
}

TEST_F(CorsHandlerTest, AnswersAPreflightOfAnyOrigin) {
  const auto answer = Ask(AnyOrigin(), "OPTIONS", Preflight(kOther));
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.fields,
              ElementsAre(Pair("Access-Control-Allow-Origin", "*")));
}

TEST_F(CorsHandlerTest, OptionsThatIsNoPreflightIsAnsweredAsByARouter) {
  const auto answer = Ask(OneOrigin(), "OPTIONS", Origin(kAllowed));
  EXPECT_THAT(notes_.requests, IsEmpty());
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.message,
              HasSubstr("\r\nAllow: GET, HEAD, DELETE, OPTIONS\r\n"));
  EXPECT_THAT(answer.message, Not(HasSubstr("Access-Control-Max-Age")));
}

TEST_F(CorsHandlerTest, OptionsThatIsNoPreflightGoesToARouteThatHasIt) {
  CorsHandler::Policy policy = OneOrigin();
  policy.route_methods.Add(http::Method::kOptions);
  EXPECT_EQ(Ask(policy, "OPTIONS", "").body, "inner");
  EXPECT_EQ(Ask(policy, "OPTIONS", Preflight(kAllowed)).body, "");
}

TEST_F(CorsHandlerTest, Regression_APolicyWithOptionsMakesNoRouteOfThem) {
  CorsHandler::Policy policy = OneOrigin();
  policy.methods.Add(http::Method::kOptions);
  EXPECT_EQ(Ask(policy, "OPTIONS", "").status, 204);
  EXPECT_THAT(notes_.requests, IsEmpty());
}

TEST_F(CorsHandlerTest, TheRouteGetsOptionsAsWell) {
  EXPECT_EQ(WithPreflight({http::Method::kGet}).ToString(), "GET, OPTIONS");
}

TEST_F(CorsHandlerTest, RefusesAPolicyThatMakesNoSense) {
  EXPECT_EQ(
      Refusal({.origins = {}, .methods = {}, .route_methods = {}}).message(),
      "cors without an origin");
  for (const char* const origin :
       {"example.org", "https://example.org/", "https://Example.org", "null",
        "https://*.example.org", "://a", "https://", "", "https://a,b",
        "https://a%41b.org", "https://a:99999", "https://a:"}) {
    EXPECT_EQ(Refusal({.origins = {origin}, .methods = {}, .route_methods = {}})
                  .code(),
              absl::StatusCode::kInvalidArgument)
        << origin;
  }
  EXPECT_EQ(
      Refusal(
          {.origins = {"*", "https://a"}, .methods = {}, .route_methods = {}})
          .message(),
      "origin \"*\" leaves no place for others");
  CorsHandler::Policy policy = AnyOrigin();
  policy.credentials = CorsHandler::Credentials::kAllowed;
  EXPECT_EQ(Refusal(policy).message(),
            "origin \"*\" cannot have credentials: browsers refuse that");
  policy = OneOrigin();
  policy.request_fields = {"X A"};
  EXPECT_EQ(Refusal(policy).message(),
            "request field \"X A\" is no field's name");
  policy = OneOrigin();
  policy.exposed_fields = {"a\r\n"};
  EXPECT_EQ(Refusal(policy).message(),
            "exposed field \"a\\r\\n\" is no field's name");
  policy = OneOrigin();
  policy.max_age = absl::Seconds(-1);
  EXPECT_FALSE(Refusal(policy).ok());
}

}  // namespace
}  // namespace pollux
