#include "httpd/http/entity_tag.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;
using testing::ElementsAre;

std::string Describe(const EntityTag& tag) {
  return (tag.strength == TagStrength::kWeak ? "W/" : "") +
         std::string(tag.opaque);
}

TEST(EntityTagTest, R20_Parse) {
  GuardedBuffer buffer(/*capacity_bytes=*/64);
  const auto parse = [&buffer](absl::string_view text) {
    const std::optional<EntityTag> tag = ParseEntityTag(buffer.Show(text));
    return tag.has_value() ? Describe(*tag) : "none";
  };
  EXPECT_EQ(parse("\"a\""), "a");
  EXPECT_EQ(parse("W/\"a\""), "W/a");
  EXPECT_EQ(parse("\"\""), "");
  EXPECT_EQ(parse("\"!#~\x80\xff,\\\""), "!#~\x80\xff,\\");
  for (const absl::string_view bad :
       {""sv, "a"sv, "\""sv, "\"a"sv, "a\""sv, "w/\"a\""sv, "W/a"sv, "W/"sv,
        "W \"a\""sv, "\"a b\""sv, "\"a\tb\""sv, "\"a\"b"sv, "\"a\" "sv,
        " \"a\""sv, "\"a\"\""sv, "\"\0\""sv, "\"\x7f\""sv, "*"sv, "'a'"sv}) {
    EXPECT_EQ(parse(bad), "none") << bad;
  }
}

// The table of RFC 9110 §8.8.3.2.
TEST(EntityTagTest, R20_Compare) {
  const EntityTag strong = {"1", TagStrength::kStrong};
  const EntityTag weak = {"1", TagStrength::kWeak};
  const EntityTag other_weak = {"2", TagStrength::kWeak};
  EXPECT_FALSE(StronglyEqual(weak, weak));
  EXPECT_TRUE(WeaklyEqual(weak, weak));
  EXPECT_FALSE(StronglyEqual(weak, other_weak));
  EXPECT_FALSE(WeaklyEqual(weak, other_weak));
  EXPECT_FALSE(StronglyEqual(weak, strong));
  EXPECT_FALSE(StronglyEqual(strong, weak));
  EXPECT_TRUE(WeaklyEqual(weak, strong));
  EXPECT_TRUE(StronglyEqual(strong, strong));
  EXPECT_TRUE(WeaklyEqual(strong, strong));
}

std::vector<std::string> TagsOf(absl::string_view list) {
  GuardedBuffer buffer(/*capacity_bytes=*/128);
  std::vector<std::string> tags;
  EntityTagReader reader(buffer.Show(list));
  EntityTag tag;
  while (reader.Next(tag)) tags.push_back(Describe(tag));
  if (reader.is_malformed()) tags.push_back("malformed");
  EXPECT_FALSE(reader.Next(tag));
  return tags;
}

TEST(EntityTagReaderTest, R20_Lists) {
  EXPECT_THAT(TagsOf(""), ElementsAre());
  EXPECT_THAT(TagsOf("\"a\""), ElementsAre("a"));
  EXPECT_THAT(TagsOf("\"a\", W/\"b\"\t,\"c\""), ElementsAre("a", "W/b", "c"));
  EXPECT_THAT(TagsOf("\"a,b\",\"c\""), ElementsAre("a,b", "c"));
  EXPECT_THAT(TagsOf(", ,\"a\",,\t, \"b\" ,"), ElementsAre("a", "b"));
  EXPECT_THAT(TagsOf("\"a\" \"b\""), ElementsAre("malformed"));
  EXPECT_THAT(TagsOf("\"a\", b, \"c\""), ElementsAre("a", "malformed"));
  EXPECT_THAT(TagsOf("\"a\", \"b"), ElementsAre("a", "malformed"));
}

}  // namespace
}  // namespace pollux::http
