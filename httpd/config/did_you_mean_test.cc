#include "httpd/config/did_you_mean.h"

#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pollux::httpd {
namespace {

constexpr absl::string_view kFields[] = {"address", "backlog", "content_type",
                                         "route", "routes_file"};

struct Case {
  absl::string_view name;
  absl::string_view word;
  absl::string_view meant;
};

class DidYouMeanTest : public testing::TestWithParam<Case> {};

TEST_P(DidYouMeanTest, Guesses) {
  EXPECT_EQ(DidYouMean(GetParam().word, kFields), GetParam().meant);
}

INSTANTIATE_TEST_SUITE_P(
    Words, DidYouMeanTest,
    testing::Values(Case{"Missing", "adress", "address"},
                    Case{"Added", "backllog", "backlog"},
                    Case{"Replaced", "baxklog", "backlog"},
                    Case{"Swapped", "rouet", "route"},
                    Case{"SwappedAtTheStart", "orute", "route"},
                    Case{"OtherCase", "ADDRESS", "address"},
                    Case{"CamelCase", "contentType", "content_type"},
                    Case{"TwoSlipsInSeven", "bcklogs", "backlog"},
                    Case{"ThreeSlipsInSevenAreTooMany", "bcklgsx", ""},
                    Case{"TheNearestWins", "routes", "route"},
                    Case{"FarFromAll", "timeouts", ""},
                    Case{"OneLetter", "a", ""}, Case{"Empty", "", ""}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DidYouMeanTest, NoCandidates) { EXPECT_EQ(DidYouMean("address", {}), ""); }

TEST(DidYouMeanTest, AWordWithoutOneRightLetterIsNoMisspelling) {
  constexpr absl::string_view kShort[] = {"x"};
  EXPECT_EQ(DidYouMean("y", kShort), "");
}

TEST(DidYouMeanTest, AVeryLongWordIsNotCompared) {
  const std::string word(1 << 20, 'a');
  const absl::string_view candidates[] = {word};
  EXPECT_EQ(DidYouMean(word, candidates), "");
}

}  // namespace
}  // namespace pollux::httpd
