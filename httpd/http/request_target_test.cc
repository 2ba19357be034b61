#include "httpd/http/request_target.h"

#include <ostream>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

struct Case {
  absl::string_view name;
  absl::string_view target;
  TargetForm form;
  absl::string_view path;
  absl::string_view query;
  absl::string_view authority;
};

void PrintTo(const Case& target, std::ostream* out) { *out << target.name; }

class RequestTargetTest : public testing::TestWithParam<Case> {};

TEST_P(RequestTargetTest, R4_IsRead) {
  GuardedBuffer buffer(/*capacity_bytes=*/256);
  RequestTarget target;
  const absl::string_view text = buffer.Show(GetParam().target);
  const bool is_connect = GetParam().form == TargetForm::kAuthority;
  ASSERT_EQ(
      is_connect ? ReadConnectTarget(text, target) : ReadTarget(text, target),
      ParseError::kNone);
  EXPECT_EQ(target.form, GetParam().form);
  EXPECT_EQ(target.path, GetParam().path);
  EXPECT_EQ(target.query, GetParam().query);
  EXPECT_EQ(target.authority, GetParam().authority);
}

constexpr Case kCases[] = {
    {"Root", "/", TargetForm::kOrigin, "/", "", ""},
    {"Path", "/a/b%20c", TargetForm::kOrigin, "/a/b%20c", "", ""},
    {"Query", "/a?b=c?/d", TargetForm::kOrigin, "/a", "b=c?/d", ""},
    {"EmptyQuery", "/?", TargetForm::kOrigin, "/", "", ""},
    {"TwoSlashes", "//a", TargetForm::kOrigin, "//a", "", ""},
    {"Asterisk", "*", TargetForm::kAsterisk, "*", "", ""},
    {"Absolute", "http://a:80/b?c", TargetForm::kAbsolute, "/b", "c", "a:80"},
    {"AbsoluteInAnyCase", "HTTP://a/", TargetForm::kAbsolute, "/", "", "a"},
    {"AbsoluteWithoutPath", "http://a", TargetForm::kAbsolute, "/", "", "a"},
    {"AbsoluteWithQueryOnly", "http://a?b", TargetForm::kAbsolute, "/", "b",
     "a"},
    {"AbsoluteIpv6", "http://[::1]:8080/a", TargetForm::kAbsolute, "/a", "",
     "[::1]:8080"},
    {"Authority", "a.example:443", TargetForm::kAuthority, "", "",
     "a.example:443"},
    {"AuthorityIpv6", "[::1]:443", TargetForm::kAuthority, "", "", "[::1]:443"},
};

INSTANTIATE_TEST_SUITE_P(All, RequestTargetTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.name);
                         });

TEST(RequestTargetTest, R4_IsRefused) {
  GuardedBuffer buffer(/*capacity_bytes=*/256);
  RequestTarget target;
  for (const absl::string_view text : {""sv,
                                       "a"sv,
                                       "a:80"sv,
                                       "**"sv,
                                       "*a"sv,
                                       "/#"sv,
                                       "/a b"sv,
                                       "/\xc3\xa4"sv,
                                       "/%"sv,
                                       "/%4"sv,
                                       "/%zz"sv,
                                       "/%00"sv,
                                       "/?%00"sv,
                                       "/["sv,
                                       "/\\"sv,
                                       "/\0"sv,
                                       "http:"sv,
                                       "http:/a"sv,
                                       "http://"sv,
                                       "http:///a"sv,
                                       "http://u@a/"sv,
                                       "http://a:/"sv,
                                       "http://a:65536/"sv,
                                       "http://a/[]"sv,
                                       "http://a/#b"sv,
                                       "http://a?[b"sv,
                                       "ftp://a/"sv,
                                       "httpx://a/"sv,
                                       "http://[::1/"sv,
                                       "http://a%00/"sv}) {
    EXPECT_EQ(ReadTarget(buffer.Show(text), target), ParseError::kBadTarget)
        << text;
  }
  EXPECT_EQ(ReadTarget("https://a/", target), ParseError::kHttpsTarget);
  EXPECT_EQ(ReadTarget("HTTPS://", target), ParseError::kHttpsTarget);
  for (const absl::string_view text :
       {""sv, "/"sv, "*"sv, "a"sv, "a:"sv, ":1"sv, "u@a:1"sv, "a:1/"sv,
        "a:65536"sv, "http://a:1"sv, "[::1]"sv}) {
    EXPECT_EQ(ReadConnectTarget(buffer.Show(text), target),
              ParseError::kBadTarget)
        << text;
  }
}

}  // namespace
}  // namespace pollux::http
