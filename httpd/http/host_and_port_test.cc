#include "httpd/http/host_and_port.h"

#include <arpa/inet.h>

#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

struct Case {
  absl::string_view name;
  absl::string_view text;
  bool is_valid;
};

void PrintTo(const Case& host, std::ostream* out) { *out << host.name; }

class HostAndPortTest : public testing::TestWithParam<Case> {};

TEST_P(HostAndPortTest, R7_IsHostAndPort) {
  GuardedBuffer buffer(/*capacity_bytes=*/256);
  EXPECT_EQ(IsHostAndPort(buffer.Show(GetParam().text)), GetParam().is_valid)
      << GetParam().text;
}

constexpr Case kCases[] = {
    {"Name", "localhost", true},
    {"DottedName", "www.example.com", true},
    {"RootName", "example.com.", true},
    {"Underscore", "a_b", true},
    {"SubDelims", "a!$&'()*+,;=~b", true},
    {"Triplet", "a%41", true},
    {"Ipv4", "127.0.0.1", true},
    // By the grammar a name.
    {"NotQuiteIpv4", "999.0.0.1", true},
    {"Empty", "", false},
    {"Space", "a b", false},
    {"LeadingSpace", " a", false},
    {"Slash", "a/", false},
    {"Userinfo", "u@a", false},
    {"Query", "a?b", false},
    {"Fragment", "a#b", false},
    {"Backslash", "a\\b", false},
    {"Nul", "a\0b"sv, false},
    {"NonAscii", "\xc3\xa4", false},
    {"BadTriplet", "a%zzb", false},
    {"CutTriplet", "a%4", false},
    {"LonePercent", "a%", false},
    {"EncodedNul", "a%00", false},

    {"Port", "a:80", true},
    {"PortZero", "a:0", true},
    {"LargestPort", "a:65535", true},
    {"PortWithLeadingZeros", "a:000080", true},
    {"EmptyPort", "a:", false},
    {"PortTooLarge", "a:65536", false},
    {"PortFarTooLarge", "a:99999999999999999999", false},
    {"PortWithLetter", "a:8o", false},
    {"NegativePort", "a:-1", false},
    {"SignedPort", "a:+1", false},
    {"TwoPorts", "a:80:80", false},
    {"OnlyPort", ":80", false},
    {"OnlyColon", ":", false},

    {"Ipv6Loopback", "[::1]", true},
    {"Ipv6Any", "[::]", true},
    {"Ipv6Full", "[1:2:3:4:5:6:7:8]", true},
    {"Ipv6InAnyCase", "[2001:DB8::abcd:EF01]", true},
    {"Ipv6LeadingZeros", "[0001::00ff]", true},
    {"Ipv6GapInFront", "[::2:3:4:5:6:7:8]", true},
    {"Ipv6GapAtTheEnd", "[1:2:3:4:5:6:7::]", true},
    {"Ipv6Mapped", "[::ffff:1.2.3.4]", true},
    {"Ipv6FullMapped", "[1:2:3:4:5:6:1.2.3.4]", true},
    {"Ipv6GapBeforeIpv4", "[::1.2.3.4]", true},
    {"Ipv6Port", "[::1]:8080", true},
    {"Ipv6EmptyPort", "[::1]:", false},
    {"Ipv6Empty", "[]", false},
    {"Ipv6OneColon", "[:]", false},
    {"Ipv6ThreeColons", "[:::]", false},
    {"Ipv6TwoGaps", "[1::2::3]", false},
    {"Ipv6Nonsense", "[::zz]", false},
    {"Ipv6TooFew", "[1:2:3:4:5:6:7]", false},
    {"Ipv6TooMany", "[1:2:3:4:5:6:7:8:9]", false},
    {"Ipv6GapForNothing", "[1:2:3:4::5:6:7:8]", false},
    {"Ipv6LongGroup", "[::12345]", false},
    {"Ipv6ColonInFront", "[:1:2:3:4:5:6:7]", false},
    {"Ipv6ColonAtTheEnd", "[1:2:3:4:5:6:7:]", false},
    {"Ipv6BadIpv4", "[::1.2.3.256]", false},
    {"Ipv6ShortIpv4", "[::1.2.3]", false},
    {"Ipv6LongIpv4", "[::1.2.3.4.5]", false},
    {"Ipv6Ipv4WithLeadingZero", "[::1.2.3.04]", false},
    {"Ipv6Ipv4InFront", "[1.2.3.4::]", false},
    {"Ipv6Ipv4InTheMiddle", "[::1.2.3.4:5]", false},
    {"Ipv6MappedTooMany", "[1:2:3:4:5:6:7:1.2.3.4]", false},
    {"Ipv6OnlyIpv4", "[1.2.3.4]", false},
    {"Ipv6Zone", "[fe80::1%25eth0]", false},
    {"Ipv6Space", "[::1 ]", false},
    {"Ipv6Open", "[::1", false},
    {"Ipv6OnlyBracket", "[", false},
    {"Ipv6Unbracketed", "::1", false},
    {"Ipv6TwiceOpened", "[[::1]]", false},
    {"Ipv6RestBehind", "[::1]a", false},
    {"Ipv6BadPort", "[::1]:a", false},
    {"Ipv6LargePort", "[::1]:65536", false},
    {"IpvFuture", "[v1.a]", false},
    {"ClosingBracket", "a]", false},
};

INSTANTIATE_TEST_SUITE_P(All, HostAndPortTest, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& info) {
                           return std::string(info.param.name);
                         });

TEST(ReadHostAndPortTest, R7_Parts) {
  const auto parts = [](absl::string_view text) {
    HostAndPort parts;
    return ReadHostAndPort(text, parts)
               ? absl::StrCat(parts.host, " ", parts.port)
               : "none";
  };
  EXPECT_EQ(parts("a"), "a ");
  EXPECT_EQ(parts("a.b:80"), "a.b 80");
  EXPECT_EQ(parts("1.2.3.4:0"), "1.2.3.4 0");
  EXPECT_EQ(parts("[::1]"), "[::1] ");
  EXPECT_EQ(parts("[::1]:65535"), "[::1] 65535");
  EXPECT_EQ(parts("a:"), "none");
  EXPECT_EQ(parts(""), "none");
}

// The C library's reader is the oracle.
TEST(HostAndPortOracleTest, R7_Ipv6AsInetPtonReadsIt) {
  constexpr absl::string_view kParts[] = {
      ":", ":",    ":",     ":",       "::", "1",         "0",
      "a", "ffff", "fffff", "1.2.3.4", ".",  "256.0.0.0", "01"};
  constexpr int kRounds = 200'000;
  std::minstd_rand random(/*seed=*/7);
  int valid = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string text;
    const size_t parts = random() % 17;
    bool is_colon = random() % 4 == 0;
    for (size_t i = 0; i < parts; ++i) {
      // Mostly groups and colons in turn, so that some are valid.
      const bool any = random() % 16 == 0;
      absl::StrAppend(&text, any        ? kParts[random() % 14]
                             : is_colon ? kParts[random() % 5]
                                        : kParts[5 + random() % 4]);
      is_colon = !is_colon;
    }
    in6_addr address;
    const bool expected = inet_pton(AF_INET6, text.c_str(), &address) == 1;
    valid += expected;
    ASSERT_EQ(IsHostAndPort(absl::StrCat("[", text, "]")), expected) << text;
  }
  EXPECT_GT(valid, kRounds / 100);
}

}  // namespace
}  // namespace pollux::http
