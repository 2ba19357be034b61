#include "httpd/http/field_table.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

// The slow, obvious way.
FieldName Search(absl::string_view token) {
  for (size_t i = 1; i < kFieldNames; ++i) {
    if (absl::EqualsIgnoreCase(token, kFieldNameTexts[i])) {
      return static_cast<FieldName>(i);
    }
  }
  return FieldName::kOther;
}

class FieldNameTest : public testing::Test {
 protected:
  void ExpectRight(absl::string_view token) {
    EXPECT_EQ(FieldNameOf(buffer_.Show(token)), Search(token)) << token;
  }

  GuardedBuffer buffer_{/*capacity_bytes=*/64};
};

TEST_F(FieldNameTest, KnowsEachInAnyCase) {
  for (size_t i = 1; i < kFieldNames; ++i) {
    const std::string text(kFieldNameTexts[i]);
    for (const std::string& token :
         {text, absl::AsciiStrToLower(text), absl::AsciiStrToUpper(text)}) {
      EXPECT_EQ(FieldNameOf(buffer_.Show(token)), static_cast<FieldName>(i));
    }
    EXPECT_EQ(TextOf(static_cast<FieldName>(i)), text);
  }
}

TEST_F(FieldNameTest, KnowsNoneThatDiffersInAnyByte) {
  constexpr absl::string_view kTchars =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (size_t i = 1; i < kFieldNames; ++i) {
    for (size_t at = 0; at < kFieldNameTexts[i].size(); ++at) {
      std::string token(kFieldNameTexts[i]);
      for (const char byte : kTchars) {
        token[at] = byte;
        ExpectRight(token);
      }
    }
  }
}

TEST_F(FieldNameTest, KnowsNoneThatIsLongerOrShorter) {
  for (size_t i = 1; i < kFieldNames; ++i) {
    const std::string text(kFieldNameTexts[i]);
    for (size_t size = 1; size < text.size(); ++size) {
      ExpectRight(text.substr(0, size));
      ExpectRight(text.substr(size));
    }
    ExpectRight(text + "s");
    ExpectRight("x" + text);
    ExpectRight(text + text);
  }
}

TEST_F(FieldNameTest, RandomTokens) {
  std::minstd_rand random(/*seed=*/3);
  for (int round = 0; round < 100'000; ++round) {
    std::string token(1 + random() % 26, '-');
    for (char& byte : token) byte = static_cast<char>('a' + random() % 26);
    ExpectRight(token);
  }
}

void Fill(FieldTable& table, const std::vector<Field>& fields) {
  while (table.room().size() < fields.size()) table.GrowRoom();
  std::copy(fields.begin(), fields.end(), table.room().begin());
  table.Assign(fields.size());
}

TEST(FieldTableTest, IsEmptyAtFirst) {
  const FieldTable table;
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(table.Find(FieldName::kHost), nullptr);
}

TEST(FieldTableTest, KeepsTheOrderAndFindsByName) {
  FieldTable table;
  Fill(table, {{"X", "0"},
               {"host", "1"},
               {"Via", "2"},
               {"VIA", "3"},
               {"X", "4"},
               {"via", "5"}});
  ASSERT_EQ(table.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(table[i].value, absl::StrCat(i));
  EXPECT_EQ(table.all().size(), 6u);

  ASSERT_TRUE(table.Has(FieldName::kHost));
  EXPECT_FALSE(table.HasSeveral(FieldName::kHost));
  const Field* const host = table.Find(FieldName::kHost);
  EXPECT_EQ(host->value, "1");
  EXPECT_EQ(table.FindNext(FieldName::kHost, host), nullptr);

  EXPECT_TRUE(table.HasSeveral(FieldName::kVia));
  const Field* via = table.Find(FieldName::kVia);
  EXPECT_EQ(via->value, "2");
  via = table.FindNext(FieldName::kVia, via);
  EXPECT_EQ(via->value, "3");
  via = table.FindNext(FieldName::kVia, via);
  EXPECT_EQ(via->value, "5");
  EXPECT_EQ(table.FindNext(FieldName::kVia, via), nullptr);
  EXPECT_FALSE(table.Has(FieldName::kCookie));
}

TEST(FieldTableTest, IsFilledAnew) {
  FieldTable table;
  Fill(table, {{"Host", "1"}, {"Host", "2"}});
  Fill(table, {{"Via", "3"}, {"Host", "4"}});
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.Find(FieldName::kHost)->value, "4");
  EXPECT_FALSE(table.HasSeveral(FieldName::kHost));
  Fill(table, {});
  EXPECT_TRUE(table.empty());
  EXPECT_FALSE(table.Has(FieldName::kHost));
}

TEST(FieldTableTest, GrowsAndShrinks) {
  std::vector<Field> fields(1000, Field{"Cookie", "a"});
  fields[500] = {"Host", "b"};
  FieldTable table;
  Fill(table, fields);
  ASSERT_EQ(table.size(), 1000u);
  EXPECT_EQ(table.Find(FieldName::kHost), &table[500]);
  size_t cookies = 0;
  for (const Field* field = table.Find(FieldName::kCookie); field != nullptr;
       field = table.FindNext(FieldName::kCookie, field)) {
    ++cookies;
  }
  EXPECT_EQ(cookies, 999u);
  Fill(table, {{"Host", "c"}});
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.Find(FieldName::kHost)->value, "c");
}

}  // namespace
}  // namespace pollux::http
