#include "httpd/http/byte_range.h"

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_of.h"
#include "httpd/http/preconditions.h"

namespace pollux::http {
namespace {

struct Case {
  absl::string_view name;
  absl::string_view value;
  uint64_t size;
  // "0-4", "whole" or "unsatisfiable".
  absl::string_view result;
};

void PrintTo(const Case& range, std::ostream* out) { *out << range.name; }

std::string Describe(RangeVerdict verdict, const ByteRange& range) {
  switch (verdict) {
    case RangeVerdict::kWhole:
      return "whole";
    case RangeVerdict::kPart:
      return absl::StrCat(range.first, "-", range.last);
    case RangeVerdict::kUnsatisfiable:
      return "unsatisfiable";
  }
  return "";
}

class ByteRangeTest : public testing::TestWithParam<Case> {};

TEST_P(ByteRangeTest, R20_IsRead) {
  GuardedBuffer buffer(/*capacity_bytes=*/128);
  ByteRange range;
  const RangeVerdict verdict =
      ReadByteRange(buffer.Show(GetParam().value), GetParam().size, range);
  EXPECT_EQ(Describe(verdict, range), GetParam().result);
}

constexpr uint64_t kLargest = 18446744073709551615u;

constexpr Case kCases[] = {
    {"First", "bytes=0-0", 10, "0-0"},
    {"Middle", "bytes=2-4", 10, "2-4"},
    {"All", "bytes=0-9", 10, "0-9"},
    {"LastBeyondTheEnd", "bytes=5-99", 10, "5-9"},
    {"Open", "bytes=5-", 10, "5-9"},
    {"OpenFromTheStart", "bytes=0-", 10, "0-9"},
    {"Suffix", "bytes=-3", 10, "7-9"},
    {"SuffixOfAll", "bytes=-10", 10, "0-9"},
    {"SuffixLongerThanAll", "bytes=-99", 10, "0-9"},
    {"LastByte", "bytes=9-9", 10, "9-9"},
    {"LeadingZeros", "bytes=002-004", 10, "2-4"},
    {"UnitInAnyCase", "BYTES=2-4", 10, "2-4"},
    {"HugeLast", "bytes=2-99999999999999999999999999", 10, "2-9"},
    {"HugeSuffix", "bytes=-99999999999999999999999999", 10, "0-9"},
    {"LargestSize", "bytes=0-", kLargest, "0-18446744073709551614"},

    {"BehindTheEnd", "bytes=10-", 10, "unsatisfiable"},
    {"BehindTheEndClosed", "bytes=10-20", 10, "unsatisfiable"},
    {"HugeFirst", "bytes=99999999999999999999999999-", 10, "unsatisfiable"},
    {"SuffixOfNothing", "bytes=-0", 10, "unsatisfiable"},
    {"OfNothing", "bytes=0-", 0, "unsatisfiable"},
    {"SuffixWhereIsNothing", "bytes=-5", 0, "whole"},

    {"Several", "bytes=0-1,3-4", 10, "whole"},
    {"SeveralWithSpace", "bytes=0-1, 3-4", 10, "whole"},
    {"SeveralOfOne", "bytes=0-1,", 10, "whole"},
    {"SeveralUnsatisfiable", "bytes=20-,30-", 10, "whole"},
    {"Backwards", "bytes=4-2", 10, "whole"},
    {"BackwardsBehindTheEnd", "bytes=40-20", 10, "whole"},
    {"OtherUnit", "lines=0-4", 10, "whole"},
    {"NoUnit", "0-4", 10, "whole"},
    {"NoDash", "bytes=4", 10, "whole"},
    {"OnlyDash", "bytes=-", 10, "whole"},
    {"TwoDashes", "bytes=--5", 10, "whole"},
    {"ThreeNumbers", "bytes=1-2-3", 10, "whole"},
    {"Empty", "", 10, "whole"},
    {"OnlyUnit", "bytes=", 10, "whole"},
    {"UnitWithoutEquals", "bytes 0-4", 10, "whole"},
    {"SpaceBeforeEquals", "bytes =0-4", 10, "whole"},
    {"SpaceInside", "bytes=0 -4", 10, "whole"},
    {"Sign", "bytes=+1-4", 10, "whole"},
    {"Hexadecimal", "bytes=0x1-4", 10, "whole"},
    {"Letters", "bytes=a-b", 10, "whole"},
};

INSTANTIATE_TEST_SUITE_P(All, ByteRangeTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.name);
                         });

TEST(JudgeRangeTest, R20_OfARequest) {
  const Validators validators = {.entity_tag = EntityTag{"a"},
                                 .last_modified_unix_seconds = 1000};
  const auto judge = [&](absl::string_view method, absl::string_view lines) {
    ByteRange range;
    const HeadOf head(method, lines);
    const RangeVerdict verdict =
        JudgeRange(*head, validators, /*size_bytes=*/10,
                   /*now_unix_seconds=*/1'000'000, range);
    return Describe(verdict, range);
  };
  EXPECT_EQ(judge("GET", ""), "whole");
  EXPECT_EQ(judge("GET", "Range: bytes=1-2\r\n"), "1-2");
  EXPECT_EQ(judge("HEAD", "Range: bytes=1-2\r\n"), "whole");
  EXPECT_EQ(judge("POST", "Range: bytes=1-2\r\n"), "whole");
  EXPECT_EQ(judge("GET", "Range: bytes=10-\r\n"), "unsatisfiable");
  EXPECT_EQ(judge("GET", "Range: bytes=1-2\r\nRange: bytes=1-2\r\n"), "whole");
  EXPECT_EQ(judge("GET", "Range: bytes=1-2\r\nIf-Range: \"a\"\r\n"), "1-2");
  EXPECT_EQ(judge("GET", "If-Range: \"b\"\r\nRange: bytes=1-2\r\n"), "whole");
  EXPECT_EQ(judge("GET", "If-Range: \"b\"\r\nRange: bytes=99-\r\n"), "whole");
}

TEST(ContentRangeTest, R20_IsWritten) {
  std::string out;
  AppendContentRange(out, {.first = 2, .last = 4}, 10);
  EXPECT_EQ(out, "bytes 2-4/10");
  out.clear();
  AppendUnsatisfiedRange(out, 10);
  EXPECT_EQ(out, "bytes */10");
  EXPECT_EQ((ByteRange{.first = 2, .last = 4}.bytes()), 3u);
}

}  // namespace
}  // namespace pollux::http
