#include "httpd/config/text_checks.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pollux::httpd {
namespace {

TEST(TextChecksTest, ALabelOfAHostHasAtMost63Characters) {
  for (const absl::string_view beginning : {"", "*.", "a."}) {
    const auto host = [beginning](size_t bytes) {
      return absl::StrCat(beginning, std::string(bytes, 'a'), ".org");
    };
    EXPECT_EQ(DescribeBadHost(host(63)), "") << beginning;
    EXPECT_NE(DescribeBadHost(host(64)), "") << beginning;
  }
}

TEST(TextChecksTest, AHostHasAtMost253Characters) {
  std::string host = "a";
  while (host.size() < 253) host += ".a";
  ASSERT_EQ(host.size(), 253u);
  EXPECT_EQ(DescribeBadHost(host), "");
  EXPECT_NE(DescribeBadHost(absl::StrCat(host, "b")), "");
}

TEST(TextChecksTest, LabelsOfHostsBeginAndEndWithALetterOrDigit) {
  for (const absl::string_view host : {"a-b.org", "a_b.org", "_a.org"}) {
    EXPECT_EQ(DescribeBadHost(host), "") << host;
  }
  for (const absl::string_view host :
       {"-a.org", "a-.org", "a.-org", "a.org-", "-", "a..org", ".org"}) {
    EXPECT_NE(DescribeBadHost(host), "") << host;
  }
}

TEST(TextChecksTest, APathHasAtMost8Parameters) {
  std::string path;
  for (int i = 0; i < 8; ++i) absl::StrAppend(&path, "/{p", i, "}");
  EXPECT_EQ(DescribeBadPath(path), "");
  EXPECT_EQ(DescribeBadPath(absl::StrCat(path, "/{p8}")),
            "has 9 parameters: there are at most 8");
}

TEST(TextChecksTest, APercentNeedsTwoDigitsThatAreNotZero) {
  for (const absl::string_view path : {"/%41", "/%41/a", "/a%2d", "/%0a"}) {
    EXPECT_EQ(DescribeBadPath(path), "") << path;
    EXPECT_EQ(DescribeBadLocation(path), "") << path;
  }
  for (const absl::string_view path :
       {"/%", "/%4", "/%4/", "/%g1", "/%1g", "/%41%", "/%00", "/a%00b"}) {
    EXPECT_NE(DescribeBadPath(path), "") << path;
    EXPECT_NE(DescribeBadLocation(path), "") << path;
  }
}

TEST(TextChecksTest, AUsersNameHas1To255Bytes) {
  EXPECT_NE(DescribeBadUserName(""), "");
  EXPECT_EQ(DescribeBadUserName("a"), "");
  EXPECT_EQ(DescribeBadUserName(std::string(255, 'a')), "");
  EXPECT_NE(DescribeBadUserName(std::string(256, 'a')), "");
}

// Behind its NUL, the kernel has no room for more.
TEST(TextChecksTest, AnAlgorithmsNameHasAtMost15Bytes) {
  EXPECT_EQ(DescribeBadCongestionControl(std::string(15, 'a')), "");
  EXPECT_NE(DescribeBadCongestionControl(std::string(16, 'a')), "");
}

TEST(TextChecksTest, AnOriginHasNoUsualPort) {
  for (const absl::string_view origin :
       {"http://a.example", "http://a.example:443", "https://a.example:80",
        "https://a.example:8443"}) {
    EXPECT_EQ(DescribeBadOrigin(origin), "") << origin;
  }
  EXPECT_EQ(DescribeBadOrigin("http://a.example:80"),
            "has the usual port, which browsers leave out: write "
            "\"http://a.example\"");
  EXPECT_EQ(DescribeBadOrigin("https://a.example:443"),
            "has the usual port, which browsers leave out: write "
            "\"https://a.example\"");
}

// Browsers read "\" as "/".
TEST(TextChecksTest, ALocationLeadsToNoOtherHostByAccident) {
  for (const absl::string_view location :
       {"//a.example/", "/\\a.example/", "\\\\a.example/"}) {
    EXPECT_NE(DescribeBadLocation(location), "") << location;
  }
}

}  // namespace
}  // namespace pollux::httpd
