#include "httpd/server/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"

namespace pollux {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string TextOf(const StatusPage& page,
                   PageFormat format = PageFormat::kText) {
  std::string text;
  page.As(format).AppendTo(text, http::FormatHttpDate(0),
                           http::ConnectionOption::kNone,
                           http::BodyPresence::kHeadAndBody);
  return text;
}

TEST(StatusPageTest, SaysItsStatusForPeople) {
  const std::string text = TextOf(StatusPage(404));
  EXPECT_THAT(text, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 14\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n404 Not Found\n"));
}

TEST(StatusPageTest, SaysWhy) {
  EXPECT_THAT(TextOf(StatusPage(400, "no")),
              EndsWith("\r\n\r\n400 Bad Request: no\n"));
}

TEST(StatusPageTest, CarriesFields) {
  EXPECT_THAT(TextOf(StatusPage(405, "", {{"Allow", "GET"}})),
              HasSubstr("\r\nAllow: GET\r\n"));
}

TEST(StatusPageTest, IsAPageForBrowsers) {
  const std::string text =
      TextOf(StatusPage(404, "gone", {{"A", "b"}}), PageFormat::kHtml);
  EXPECT_THAT(text, HasSubstr("\r\nA: b\r\n"));
  EXPECT_THAT(text,
              HasSubstr("\r\nContent-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\n\r\n<!DOCTYPE html>\n"));
  EXPECT_THAT(text, HasSubstr("<h1>404 Not Found: gone</h1>"));
}

TEST(StatusPageTest, Regression_CachesKnowThatItDependsOnAccept) {
  for (const PageFormat format : {PageFormat::kText, PageFormat::kHtml}) {
    EXPECT_THAT(TextOf(StatusPage(404), format),
                HasSubstr("\r\nVary: Accept\r\n"));
  }
  EXPECT_THAT(TextOf(StatusPage(204)), Not(HasSubstr("Vary")));
}

TEST(StatusPageTest, HasNoBodyWhereThereMustBeNone) {
  for (const int status : {204, 205, 304}) {
    for (const PageFormat format : {PageFormat::kText, PageFormat::kHtml}) {
      const StatusPage page(status);
      EXPECT_EQ(page.status(), status);
      EXPECT_EQ(page.As(format).body_bytes(), 0u);
      EXPECT_THAT(TextOf(page, format), EndsWith("\r\n\r\n"));
      EXPECT_THAT(TextOf(page, format), Not(HasSubstr("Content-Type")));
    }
  }
}

TEST(PreferredFormatTest, IsHtmlForThoseWhoNameIt) {
  const auto preferred = [](std::initializer_list<http::Field> fields) {
    http::RequestHead head;
    std::copy(fields.begin(), fields.end(), head.fields.room().begin());
    head.fields.Assign(fields.size());
    return PreferredFormat(head);
  };
  EXPECT_EQ(preferred({}), PageFormat::kText);
  EXPECT_EQ(preferred({{"Accept", "*/*"}}), PageFormat::kText);
  EXPECT_EQ(preferred({{"Accept", "application/json"}}), PageFormat::kText);
  EXPECT_EQ(preferred({{"Accept", "text/html,application/xml;q=0.9,*/*"}}),
            PageFormat::kHtml);
  EXPECT_EQ(preferred({{"accept", "image/png"}, {"Accept", "TEXT/HTML"}}),
            PageFormat::kHtml);
  EXPECT_EQ(preferred({{"Accept", "text/html;q=0.5, text/plain;q=0.5"}}),
            PageFormat::kHtml);
}

TEST(PreferredFormatTest, Regression_IsTextForThoseWhoLikeItBetter) {
  for (const char* value :
       {"text/html;q=0", "x-text/htmlfoo", "application/x;p=\"text/html\"",
        "text/plain;q=0.5, text/html;q=0.4", "text/html;q=0.5, */*"}) {
    http::RequestHead head;
    head.fields.room()[0] = {"Accept", value};
    head.fields.Assign(1);
    EXPECT_EQ(PreferredFormat(head), PageFormat::kText) << value;
  }
}

TEST(StatusPageDeathTest, WhatCannotBeSentIsABug) {
  EXPECT_DEATH(StatusPage(400, "", {{"Allow", "a\r\nb"}}), "Allow");
}

}  // namespace
}  // namespace pollux
