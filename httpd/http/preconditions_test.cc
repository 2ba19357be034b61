#include "httpd/http/preconditions.h"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/head_of.h"
#include "httpd/http/http_date.h"

namespace pollux::http {
namespace {

// Sun, 06 Nov 1994 08:49:37 GMT.
constexpr int64_t kChanged = 784111777;
constexpr int64_t kNow = kChanged + 1'000'000;

constexpr Validators kBoth = {.entity_tag = EntityTag{"a"},
                              .last_modified_unix_seconds = kChanged};

struct Case {
  absl::string_view name;
  absl::string_view lines;
  Precondition for_get;
  Precondition for_put;
};

void PrintTo(const Case& conditions, std::ostream* out) {
  *out << conditions.name;
}

class PreconditionsTest : public testing::TestWithParam<Case> {};

TEST_P(PreconditionsTest, R20_AreJudgedInTheOrderOfTheRfc) {
  const absl::string_view lines = GetParam().lines;
  EXPECT_EQ(JudgePreconditions(*HeadOf("GET", lines), kBoth, kNow),
            GetParam().for_get);
  EXPECT_EQ(JudgePreconditions(*HeadOf("HEAD", lines), kBoth, kNow),
            GetParam().for_get);
  EXPECT_EQ(JudgePreconditions(*HeadOf("PUT", lines), kBoth, kNow),
            GetParam().for_put);
}

constexpr Precondition kHolds = Precondition::kHolds;
constexpr Precondition kNotModified = Precondition::kNotModified;
constexpr Precondition kFailed = Precondition::kFailed;

#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT\r\n"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT\r\n"

constexpr Case kCases[] = {
    {"None", "", kHolds, kHolds},
    {"IfMatch", "If-Match: \"a\"\r\n", kHolds, kHolds},
    {"IfMatchOther", "If-Match: \"b\"\r\n", kFailed, kFailed},
    {"IfMatchIsStrong", "If-Match: W/\"a\"\r\n", kFailed, kFailed},
    {"IfMatchAny", "If-Match: *\r\n", kHolds, kHolds},
    {"IfMatchList", "If-Match: \"b\", \"a\"\r\n", kHolds, kHolds},
    {"IfMatchTwoLines", "If-Match: \"b\"\r\nIf-Match: \"a\"\r\n", kHolds,
     kHolds},
    {"IfMatchMalformed", "If-Match: b, \"a\"\r\n", kFailed, kFailed},
    {"IfMatchEmpty", "If-Match:\r\n", kFailed, kFailed},

    {"IfNoneMatch", "If-None-Match: \"a\"\r\n", kNotModified, kFailed},
    {"IfNoneMatchOther", "If-None-Match: \"b\"\r\n", kHolds, kHolds},
    {"IfNoneMatchIsWeak", "If-None-Match: W/\"a\"\r\n", kNotModified, kFailed},
    {"IfNoneMatchAny", "If-None-Match: *\r\n", kNotModified, kFailed},
    {"IfNoneMatchQuotedAsterisk", "If-None-Match: \"*\"\r\n", kHolds, kHolds},
    {"IfNoneMatchTwoLines", "If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n",
     kNotModified, kFailed},
    {"IfNoneMatchMalformed", "If-None-Match: a\r\n", kHolds, kHolds},

    {"IfModifiedSinceEarlier", "If-Modified-Since: " EARLIER, kHolds, kHolds},
    {"IfModifiedSinceSame", "If-Modified-Since: " SAME, kNotModified, kHolds},
    {"IfModifiedSinceLater", "If-Modified-Since: " LATER, kNotModified, kHolds},
    {"IfModifiedSinceRfc850",
     "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", kNotModified,
     kHolds},
    {"IfModifiedSinceAsctime",
     "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", kNotModified, kHolds},
    {"IfModifiedSinceNoDate", "If-Modified-Since: yesterday\r\n", kHolds,
     kHolds},
    {"IfModifiedSinceTwice",
     "If-Modified-Since: " SAME "If-Modified-Since: " SAME, kHolds, kHolds},

    {"IfUnmodifiedSinceEarlier", "If-Unmodified-Since: " EARLIER, kFailed,
     kFailed},
    {"IfUnmodifiedSinceSame", "If-Unmodified-Since: " SAME, kHolds, kHolds},
    {"IfUnmodifiedSinceNoDate", "If-Unmodified-Since: x\r\n", kHolds, kHolds},

    {"IfMatchBeforeIfUnmodifiedSince",
     "If-Match: \"a\"\r\nIf-Unmodified-Since: " EARLIER, kHolds, kHolds},
    {"IfNoneMatchBeforeIfModifiedSince",
     "If-None-Match: \"b\"\r\nIf-Modified-Since: " LATER, kHolds, kHolds},
    {"IfNoneMatchWithIfModifiedSince",
     "If-None-Match: \"a\"\r\nIf-Modified-Since: " EARLIER, kNotModified,
     kFailed},
    {"IfMatchBeforeIfNoneMatch", "If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n",
     kFailed, kFailed},
    {"IfMatchHoldsThenIfNoneMatch",
     "If-None-Match: \"a\"\r\nIf-Match: \"a\"\r\n", kNotModified, kFailed},
    {"IfUnmodifiedSinceThenIfNoneMatch",
     "If-Unmodified-Since: " SAME "If-None-Match: \"a\"\r\n", kNotModified,
     kFailed},
};

INSTANTIATE_TEST_SUITE_P(All, PreconditionsTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.name);
                         });

TEST(PreconditionsTest, R20_WhereThereAreNoValidators) {
  const Validators none;
  EXPECT_EQ(JudgePreconditions(*HeadOf("GET", "If-Modified-Since: " LATER),
                               none, kNow),
            kHolds);
  EXPECT_EQ(JudgePreconditions(*HeadOf("GET", "If-Unmodified-Since: " EARLIER),
                               none, kNow),
            kHolds);
  EXPECT_EQ(JudgePreconditions(*HeadOf("GET", "If-None-Match: \"a\"\r\n"), none,
                               kNow),
            kHolds);
  EXPECT_EQ(
      JudgePreconditions(*HeadOf("GET", "If-None-Match: *\r\n"), none, kNow),
      kNotModified);
  EXPECT_EQ(
      JudgePreconditions(*HeadOf("PUT", "If-Match: \"a\"\r\n"), none, kNow),
      kFailed);
}

TEST(PreconditionsTest, R20_WhereThereIsNothing) {
  EXPECT_EQ(JudgePreconditionsOfNothing(*HeadOf("PUT", "If-Match: *\r\n")),
            kFailed);
  EXPECT_EQ(JudgePreconditionsOfNothing(*HeadOf("PUT", "If-None-Match: *\r\n")),
            kHolds);
}

TEST(PreconditionsTest, R20_IfRange) {
  const auto holds = [](absl::string_view line,
                        const Validators& validators = kBoth,
                        int64_t now = kNow) {
    return IfRangeHolds(*HeadOf("GET", line), validators, now);
  };
  EXPECT_TRUE(holds(""));
  EXPECT_TRUE(holds("If-Range: \"a\"\r\n"));
  EXPECT_FALSE(holds("If-Range: \"b\"\r\n"));
  EXPECT_FALSE(holds("If-Range: W/\"a\"\r\n"));
  EXPECT_FALSE(holds("If-Range: *\r\n"));
  EXPECT_FALSE(holds("If-Range: \"a\", \"b\"\r\n"));
  EXPECT_FALSE(holds("If-Range: \"a\"\r\nIf-Range: \"a\"\r\n"));
  EXPECT_TRUE(holds("If-Range: " SAME));
  EXPECT_FALSE(holds("If-Range: " EARLIER));
  EXPECT_FALSE(holds("If-Range: " LATER));
  EXPECT_FALSE(holds("If-Range: x\r\n"));
  EXPECT_FALSE(holds("If-Range: " SAME, kBoth, kChanged));
  EXPECT_TRUE(holds("If-Range: " SAME, kBoth, kChanged + 1));
  EXPECT_FALSE(holds("If-Range: \"a\"\r\n", Validators{}));
  const Validators weak = {.entity_tag = EntityTag{"a", TagStrength::kWeak},
                           .last_modified_unix_seconds = std::nullopt};
  EXPECT_FALSE(holds("If-Range: W/\"a\"\r\n", weak));
  EXPECT_FALSE(holds("If-Range: \"a\"\r\n", weak));
}

}  // namespace
}  // namespace pollux::http
