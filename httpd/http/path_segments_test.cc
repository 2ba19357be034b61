#include "httpd/http/path_segments.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/percent_encoding.h"
#include "httpd/http/query_parameters.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;
using testing::ElementsAre;

std::vector<std::string> SegmentsOf(absl::string_view path) {
  GuardedBuffer guarded(/*capacity_bytes=*/256);
  std::vector<std::string> segments;
  PathSegments reader(guarded.Show(path));
  std::string buffer;
  absl::string_view segment;
  while (reader.Next(buffer, segment)) segments.emplace_back(segment);
  if (reader.is_broken()) segments.push_back("broken");
  return segments;
}

TEST(PathSegmentsTest, R21_AreCutAtSlashes) {
  EXPECT_THAT(SegmentsOf("/"), ElementsAre(""));
  EXPECT_THAT(SegmentsOf("/a"), ElementsAre("a"));
  EXPECT_THAT(SegmentsOf("/a/b"), ElementsAre("a", "b"));
  EXPECT_THAT(SegmentsOf("/a/"), ElementsAre("a", ""));
  EXPECT_THAT(SegmentsOf("//a//"), ElementsAre("", "a", "", ""));
}

TEST(PathSegmentsTest, R21_AreDecodedOnceAndAfterTheCut) {
  EXPECT_THAT(SegmentsOf("/a%20b/%41"), ElementsAre("a b", "A"));
  EXPECT_THAT(SegmentsOf("/a%2Fb/c"), ElementsAre("a/b", "c"));
  EXPECT_THAT(SegmentsOf("/%252e%252e/%2541"), ElementsAre("%2e%2e", "%41"));
  EXPECT_THAT(SegmentsOf("/%2e%2E/%2e"), ElementsAre("..", "."));
  EXPECT_THAT(SegmentsOf("/%c3%A4+b"), ElementsAre("\xc3\xa4+b"));
}

TEST(PathSegmentsTest, TellsHowASegmentIsWritten) {
  PathSegments segments("/%7Ba%7D/b");
  std::string buffer;
  absl::string_view segment;
  ASSERT_TRUE(segments.Next(buffer, segment));
  EXPECT_EQ(segments.raw(), "%7Ba%7D");
  ASSERT_TRUE(segments.Next(buffer, segment));
  EXPECT_EQ(segments.raw(), "b");
}

TEST(PathSegmentsTest, R21_BrokenEncodingIsTold) {
  EXPECT_THAT(SegmentsOf("/a/%4"), ElementsAre("a", "broken"));
  EXPECT_THAT(SegmentsOf("/%00/a"), ElementsAre("broken"));
}

TEST(PathSegmentsTest, R21_KindOf) {
  EXPECT_EQ(KindOf("a"), SegmentKind::kName);
  EXPECT_EQ(KindOf("a.b"), SegmentKind::kName);
  EXPECT_EQ(KindOf("%2e"), SegmentKind::kName);
  EXPECT_EQ(KindOf(""), SegmentKind::kEmpty);
  EXPECT_EQ(KindOf("."), SegmentKind::kDots);
  EXPECT_EQ(KindOf(".."), SegmentKind::kDots);
  EXPECT_EQ(KindOf("..."), SegmentKind::kHidden);
  EXPECT_EQ(KindOf(".git"), SegmentKind::kHidden);
  EXPECT_EQ(KindOf("a/b"), SegmentKind::kUnsafe);
  EXPECT_EQ(KindOf("../b"), SegmentKind::kUnsafe);
  EXPECT_EQ(KindOf("a\\b"), SegmentKind::kUnsafe);
  EXPECT_EQ(KindOf("a\0b"sv), SegmentKind::kUnsafe);
}

TEST(PercentDecodeTest, DecodesEveryByteOnce) {
  for (int i = 1; i <= 0xff; ++i) {
    constexpr absl::string_view kDigits = "0123456789ABCDEF";
    const std::string text = {'x', '%', kDigits[i >> 4], kDigits[i & 15]};
    std::string out;
    ASSERT_TRUE(PercentDecode(text, PlusSign::kItself, out));
    EXPECT_EQ(out, std::string("x") + static_cast<char>(i));
  }
  std::string out;
  for (const absl::string_view bad :
       {"%", "%4", "%g0", "%0g", "%00", "a%%41", "%-1", "% 1", "%+1"}) {
    EXPECT_FALSE(PercentDecode(bad, PlusSign::kItself, out)) << bad;
  }
}

TEST(PercentDecodeTest, PlusIsASpaceInForms) {
  std::string out;
  ASSERT_TRUE(PercentDecode("a+b%2B", PlusSign::kSpace, out));
  EXPECT_EQ(out, "a b+");
  out.clear();
  ASSERT_TRUE(PercentDecode("a+b%2B", PlusSign::kItself, out));
  EXPECT_EQ(out, "a+b+");
}

std::vector<std::string> ParametersOf(absl::string_view query) {
  GuardedBuffer guarded(/*capacity_bytes=*/256);
  std::vector<std::string> all;
  QueryParameters reader(guarded.Show(query));
  QueryParameter parameter;
  while (reader.Next(parameter)) {
    all.push_back(std::string(parameter.name) + "|" +
                  std::string(parameter.value));
  }
  return all;
}

TEST(QueryParametersTest, AreReadInOrder) {
  EXPECT_THAT(ParametersOf(""), ElementsAre());
  EXPECT_THAT(ParametersOf("a"), ElementsAre("a|"));
  EXPECT_THAT(ParametersOf("a=b"), ElementsAre("a|b"));
  EXPECT_THAT(ParametersOf("a=b&c=d&a=e"), ElementsAre("a|b", "c|d", "a|e"));
  EXPECT_THAT(ParametersOf("a=b=c&=d&=&e="),
              ElementsAre("a|b=c", "|d", "|", "e|"));
  EXPECT_THAT(ParametersOf("&&a&&b&"), ElementsAre("a|", "b|"));
  EXPECT_THAT(ParametersOf("a%26b=c+d"), ElementsAre("a%26b|c+d"));
}

}  // namespace
}  // namespace pollux::http
