#include "httpd/http/parse_error.h"

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pollux::http {
namespace {

constexpr int kLast = static_cast<int>(ParseError::kUnsupportedVersion);

TEST(ParseErrorTest, EveryErrorHasAStatusAndASentenceOfItsOwn) {
  std::set<std::string> sentences;
  for (int i = 1; i <= kLast; ++i) {
    const ParseError error = static_cast<ParseError>(i);
    EXPECT_THAT(StatusOf(error),
                testing::AnyOf(400, 413, 414, 417, 421, 431, 501, 505))
        << i;
    const std::string sentence(Explain(error));
    EXPECT_TRUE(sentences.insert(sentence).second) << sentence;
    EXPECT_EQ(sentence.back(), '.') << sentence;
    // It goes into a response's body, perhaps into HTML.
    EXPECT_TRUE(
        std::all_of(sentence.begin(), sentence.end(), absl::ascii_isprint));
    EXPECT_EQ(sentence.find_first_of("<>&\""), sentence.npos) << sentence;
  }
}

TEST(ParseErrorTest, EveryErrorHasANameOfItsOwn) {
  EXPECT_EQ(NameOf(ParseError::kNone), "none");
  EXPECT_EQ(NameOf(ParseError::kBareCr), "bare_cr");
  EXPECT_EQ(NameOf(ParseError::kUnsupportedVersion), "unsupported_version");
  std::set<std::string> names;
  for (int i = 0; i <= kLast; ++i) {
    const std::string name(NameOf(static_cast<ParseError>(i)));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_10"),
              name.npos)
        << name;
  }
}

TEST(ParseErrorTest, R11_Limits) {
  EXPECT_EQ(StatusOf(ParseError::kBodyTooLarge), 413);
  EXPECT_EQ(StatusOf(ParseError::kTargetTooLong), 414);
  EXPECT_EQ(StatusOf(ParseError::kHeadTooLong), 431);
  EXPECT_EQ(StatusOf(ParseError::kTooManyFields), 431);
  EXPECT_EQ(StatusOf(ParseError::kMethodTooLong), 501);
}

TEST(ParseErrorTest, StatusesOtherThan400) {
  EXPECT_EQ(StatusOf(ParseError::kHttpsTarget), 421);            // R4
  EXPECT_EQ(StatusOf(ParseError::kConnectMethod), 501);          // R4
  EXPECT_EQ(StatusOf(ParseError::kUnsupportedVersion), 505);     // R3
  EXPECT_EQ(StatusOf(ParseError::kUnknownTransferCoding), 501);  // R9
  EXPECT_EQ(StatusOf(ParseError::kUnknownExpectation), 417);     // R14
  for (int i = 1; i < static_cast<int>(ParseError::kBodyTooLarge); ++i) {
    EXPECT_EQ(StatusOf(static_cast<ParseError>(i)), 400) << i;
  }
}

}  // namespace
}  // namespace pollux::http
