#include "reactor/net/address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

struct Good {
  std::string name;
  std::string text;
  int family;
  int port;
  socklen_t length;
  // If it is not `text`.
  std::string canonical;
};

void PrintTo(const Good& row, std::ostream* out) { *out << row.text; }

constexpr socklen_t kPath = offsetof(sockaddr_un, sun_path);

class GoodAddressTest : public testing::TestWithParam<Good> {};

TEST_P(GoodAddressTest, IsParsedAndComesBack) {
  const Good& row = GetParam();
  const absl::StatusOr<Address> address = Address::Parse(row.text);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->family(), row.family);
  EXPECT_EQ(address->port(), row.port);
  EXPECT_EQ(address->length(), row.length);
  EXPECT_EQ(address->data()->sa_family, row.family);
  const std::string text = address->ToString();
  EXPECT_EQ(text, row.canonical.empty() ? row.text : row.canonical);
  EXPECT_EQ(*Address::Parse(text), *address);
  EXPECT_EQ(Address::FromSockaddr(address->data(), address->length()),
            *address);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, GoodAddressTest,
    testing::ValuesIn<Good>({
        {"V4", "127.0.0.1:8080", AF_INET, 8080, sizeof(sockaddr_in), ""},
        {"V4Any", "0.0.0.0:0", AF_INET, 0, sizeof(sockaddr_in), ""},
        {"V4Last", "255.255.255.255:65535", AF_INET, 65535, sizeof(sockaddr_in),
         ""},
        {"PortWithZeroes", "10.0.0.1:0080", AF_INET, 80, sizeof(sockaddr_in),
         "10.0.0.1:80"},
        {"V6", "[::1]:8080", AF_INET6, 8080, sizeof(sockaddr_in6), ""},
        {"V6Any", "[::]:0", AF_INET6, 0, sizeof(sockaddr_in6), ""},
        {"V6Long", "[2001:0DB8:0:0:0:0:0:1]:1", AF_INET6, 1,
         sizeof(sockaddr_in6), "[2001:db8::1]:1"},
        {"V6MappedV4", "[::ffff:1.2.3.4]:1", AF_INET6, 1, sizeof(sockaddr_in6),
         ""},
        {"UnixPath", "unix:/run/a.sock", AF_UNIX, 0, kPath + 12, ""},
        {"UnixRelativePath", "unix:a", AF_UNIX, 0, kPath + 2, ""},
        {"UnixPathWithColon", "unix:/a:80", AF_UNIX, 0, kPath + 6, ""},
        {"UnixLongestPath", "unix:/" + std::string(106, 'p'), AF_UNIX, 0,
         kPath + 108, ""},
        {"UnixAbstract", "unix:@name", AF_UNIX, 0, kPath + 5, ""},
        {"UnixLongestAbstract", "unix:@" + std::string(106, 'a'), AF_UNIX, 0,
         kPath + 107, ""},
    }),
    [](const auto& info) { return info.param.name; });

struct Bad {
  std::string name;
  std::string text;
  std::string message;
};

void PrintTo(const Bad& row, std::ostream* out) { *out << row.text; }

class BadAddressTest : public testing::TestWithParam<Bad> {};

TEST_P(BadAddressTest, SaysWhatWouldBeRight) {
  const absl::StatusOr<Address> address = Address::Parse(GetParam().text);
  EXPECT_EQ(address.status(), absl::InvalidArgumentError(GetParam().message));
}

std::string NotAnAddress(absl::string_view text, absl::string_view why) {
  return "\"" + std::string(text) + "\" is not an address: " + std::string(why);
}

constexpr char kNoPort[] = "a port is missing, as in 127.0.0.1:8080";
constexpr char kNoPortV6[] = "a port is missing, as in [::1]:8080";
constexpr char kNotNumeric[] =
    "a numeric address is needed, as in 127.0.0.1:80";
constexpr char kBrackets[] =
    "an IPv6 address stands in brackets, as in [::1]:8080";

INSTANTIATE_TEST_SUITE_P(
    Rows, BadAddressTest,
    testing::ValuesIn<Bad>({
        {"Empty", "", NotAnAddress("", kNoPort)},
        {"OnlyHost", "127.0.0.1", NotAnAddress("127.0.0.1", kNoPort)},
        {"OnlyPort", ":80", NotAnAddress(":80", kNotNumeric)},
        {"Name", "localhost:80", NotAnAddress("localhost:80", kNotNumeric)},
        {"NameWithBadPort", "localhost:http",
         NotAnAddress("localhost:http",
                      "a numeric address is needed, as in 127.0.0.1:8080")},
        {"ShortV4", "127.1:80", NotAnAddress("127.1:80", kNotNumeric)},
        {"BigV4", "256.0.0.1:80", NotAnAddress("256.0.0.1:80", kNotNumeric)},
        {"SpaceBefore", " 127.0.0.1:80",
         NotAnAddress(" 127.0.0.1:80", kNotNumeric)},
        {"NoPortDigits",
         "127.0.0.1:", "port \"\" is not a number from 0 to 65535"},
        {"PortIsAName", "127.0.0.1:http",
         "port \"http\" is not a number from 0 to 65535"},
        {"PortHasASign", "127.0.0.1:+80",
         "port \"+80\" is not a number from 0 to 65535"},
        {"PortHasASpace", "127.0.0.1:80 ",
         "port \"80 \" is not a number from 0 to 65535"},
        {"PortIsNegative", "127.0.0.1:-1",
         "port \"-1\" is not a number from 0 to 65535"},
        {"PortIsTooBig", "127.0.0.1:65536",
         "port 65536 is out of range: ports go from 0 to 65535"},
        {"PortIsHuge", "127.0.0.1:99999999999999999999",
         "port 99999999999999999999 is out of range: ports go from 0 to 65535"},
        {"V6WithoutBrackets", "::1:80", NotAnAddress("::1:80", kBrackets)},
        {"V6WithoutPort", "[::1]", NotAnAddress("[::1]", kNoPortV6)},
        {"V6WithHalfABracket", "[::1:80", NotAnAddress("[::1:80", kBrackets)},
        {"V6WithTheOtherHalf", "::1]:80", NotAnAddress("::1]:80", kBrackets)},
        {"V6OfLetters", "[hello]:80",
         NotAnAddress("[hello]:80", "hello is not an IPv6 address")},
        {"V6OfNothing", "[]:80",
         NotAnAddress("[]:80", " is not an IPv6 address")},
        {"V4InBrackets", "[127.0.0.1]:80",
         NotAnAddress("[127.0.0.1]:80", "127.0.0.1 is not an IPv6 address")},
        {"V6WithABadPort", "[::1]:x",
         "port \"x\" is not a number from 0 to 65535"},
        {"UnixOfNothing",
         "unix:", NotAnAddress("unix:", "the name is missing")},
        {"UnixAbstractOfNothing", "unix:@",
         NotAnAddress("unix:@", "the name is missing")},
        {"UnixTooLong", "unix:" + std::string(108, 'p'),
         NotAnAddress("unix:" + std::string(108, 'p'),
                      "unix names have at most 107 bytes")},
        {"UnixAbstractTooLong", "unix:@" + std::string(107, 'a'),
         NotAnAddress("unix:@" + std::string(107, 'a'),
                      "unix names have at most 107 bytes")},
        // Else it would be taken for what is in front of the NUL.
        {"NulInV4", std::string("127.0.0.1\0x:80", 14),
         NotAnAddress("127.0.0.1\\x00x:80", "it holds a NUL")},
        {"NulInUnixPath", std::string("unix:/a\0z", 9),
         NotAnAddress("unix:/a\\x00z", "it holds a NUL")},
    }),
    [](const auto& info) { return info.param.name; });

TEST(AddressTest, NoAddressIsUnnamed) {
  const Address none;
  EXPECT_EQ(none.family(), AF_UNSPEC);
  EXPECT_EQ(none.length(), 0u);
  EXPECT_EQ(none.port(), 0);
  EXPECT_EQ(none.ToString(), "unnamed");
  EXPECT_EQ(none, Address());
  EXPECT_EQ(Address::FromSockaddr(nullptr, 0), none);
}

TEST(AddressTest, OnlyAUnixPathHasAPath) {
  EXPECT_EQ(Address::Parse("unix:/run/a.sock")->unix_path(), "/run/a.sock");
  for (absl::string_view text : {"unix:@name", "127.0.0.1:80", "[::1]:80"}) {
    EXPECT_EQ(Address::Parse(text)->unix_path(), "") << text;
  }
  EXPECT_EQ(Address().unix_path(), "");
}

TEST(AddressTest, AUnixSocketWithoutANameIsUnnamed) {
  const sa_family_t family = AF_UNIX;
  sockaddr_un address = {};
  address.sun_family = family;
  EXPECT_EQ(Address::FromSockaddr(reinterpret_cast<sockaddr*>(&address),
                                  sizeof(family))
                .ToString(),
            "unnamed");
}

TEST(AddressTest, AUnixPathWithoutATerminatorEndsWithItsLength) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memset(address.sun_path, 'p', sizeof(address.sun_path));
  EXPECT_EQ(Address::FromSockaddr(reinterpret_cast<sockaddr*>(&address),
                                  sizeof(address))
                .ToString(),
            "unix:" + std::string(sizeof(address.sun_path), 'p'));
}

TEST(AddressTest, AnUnknownFamilyIsUnnamed) {
  const sockaddr address = {AF_APPLETALK, {}};
  EXPECT_EQ(Address::FromSockaddr(&address, sizeof(address)).ToString(),
            "unnamed");
}

TEST(AddressTest, DifferentAddressesAreNotEqual) {
  const absl::string_view texts[] = {
      "127.0.0.1:80", "127.0.0.1:81", "127.0.0.2:80", "[::1]:80",
      "unix:/a",      "unix:/ab",     "unix:@a"};
  for (absl::string_view a : texts) {
    for (absl::string_view b : texts) {
      EXPECT_EQ(*Address::Parse(a) == *Address::Parse(b), a == b)
          << a << " and " << b;
    }
  }
}

}  // namespace
}  // namespace pollux
