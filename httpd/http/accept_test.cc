#include "httpd/http/accept.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/head_of.h"
#include "httpd/http/weight.h"

namespace pollux::http {
namespace {

MediaPreference ForHtml(absl::string_view lines) {
  return PreferenceFor(*HeadOf("GET", lines), "text", "html");
}

struct Case {
  absl::string_view value;
  MediaMatch match;
  Weight weight;
};

TEST(AcceptTest, TheNarrowestRangeDecides) {
  for (const Case& c : {
           Case{"", MediaMatch::kNone, 0},
           Case{"*/*", MediaMatch::kAny, 1000},
           Case{"text/*;q=0.5", MediaMatch::kType, 500},
           Case{"text/html", MediaMatch::kExact, 1000},
           Case{"TEXT/Html;Q=0.25", MediaMatch::kExact, 250},
           Case{"text/html;q=0", MediaMatch::kExact, 0},
           Case{"text/html ; level=1 ; q=0.3", MediaMatch::kExact, 300},
           Case{"*/*, text/html;q=0.1, text/*;q=0.9", MediaMatch::kExact, 100},
           Case{"text/*;q=0.2,*/*", MediaMatch::kType, 200},
           Case{"text/plain, application/*", MediaMatch::kNone, 0},
           Case{"x-text/htmlfoo, text, text/htm", MediaMatch::kNone, 0},
           // What stands in quotes separates nothing.
           Case{"application/x;p=\"a, text/html\"", MediaMatch::kNone, 0},
           Case{"application/x;p=\"\\\", text/html\"", MediaMatch::kNone, 0},
           Case{"a/b;p=\",\", text/html;p=\";q=0\";q=0.7", MediaMatch::kExact,
                700},
           // What is malformed is skipped.
           Case{"text/html;q=2, */*;q=0.4", MediaMatch::kAny, 400},
           Case{",, ;q=1, /, text/html", MediaMatch::kExact, 1000},
           Case{"a/b;p=\"\\", MediaMatch::kNone, 0},
       }) {
    const MediaPreference preference =
        ForHtml(absl::StrCat("Accept: ", c.value, "\r\n"));
    EXPECT_EQ(preference.match, c.match) << c.value;
    EXPECT_EQ(preference.weight, c.weight) << c.value;
  }
}

TEST(AcceptTest, SeveralFieldsAreOneList) {
  const MediaPreference preference =
      ForHtml("Accept: text/html;q=0.6\r\nAccept: */*\r\n");
  EXPECT_EQ(preference.match, MediaMatch::kExact);
  EXPECT_EQ(preference.weight, 600);
  EXPECT_EQ(ForHtml("").match, MediaMatch::kNone);
}

}  // namespace
}  // namespace pollux::http
