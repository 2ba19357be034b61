#include "httpd/server/standard_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string TextOf(const http::PreparedResponse& response) {
  std::string text;
  response.AppendTo(text, http::FormatHttpDate(0),
                    http::ConnectionOption::kNone,
                    http::BodyPresence::kHeadAndBody);
  return text;
}

TEST(StandardResponseTest, SaysItsStatusForPeople) {
  const std::string text = TextOf(StandardResponse(404));
  EXPECT_THAT(text, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 14\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n404 Not Found\n"));
}

TEST(StandardResponseTest, SaysWhy) {
  EXPECT_THAT(TextOf(StandardResponse(400, "no")),
              EndsWith("\r\n\r\n400 Bad Request: no\n"));
}

TEST(StandardResponseTest, CarriesFields) {
  EXPECT_THAT(TextOf(StandardResponse(405, "", {{"Allow", "GET"}})),
              HasSubstr("\r\nAllow: GET\r\n"));
}

TEST(StandardResponseTest, HasNoBodyWhereThereMustBeNone) {
  for (const int status : {204, 304}) {
    const http::PreparedResponse response = StandardResponse(status);
    EXPECT_EQ(response.body_bytes(), 0u);
    EXPECT_THAT(TextOf(response), EndsWith("\r\n\r\n"));
    EXPECT_THAT(TextOf(response), Not(HasSubstr("Content-")));
  }
}

TEST(StandardResponseDeathTest, WhatCannotBeSentIsABug) {
  EXPECT_DEATH(StandardResponse(400, "", {{"Allow", "a\r\nb"}}), "Allow");
}

}  // namespace
}  // namespace pollux
