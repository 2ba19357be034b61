#include "httpd/server/client_address.h"

#include <gtest/gtest.h>

#include "reactor/net/address.h"

namespace pollux {
namespace {

ClientAddress Client(const char* address) {
  return ClientAddress(Address::Parse(address).value());
}

TEST(ClientAddressTest, IsTheAddressWithoutThePort) {
  EXPECT_EQ(Client("192.0.2.1:80").ToString(), "192.0.2.1");
  EXPECT_EQ(Client("[2001:db8::1]:80").ToString(), "2001:db8::1");
  EXPECT_EQ(Client("192.0.2.1:80"), Client("192.0.2.1:81"));
  EXPECT_NE(Client("192.0.2.1:80"), Client("192.0.2.2:80"));
}

TEST(ClientAddressTest, Ipv4ThroughIpv6IsTheSameClient) {
  EXPECT_EQ(Client("[::ffff:192.0.2.1]:80"), Client("192.0.2.1:80"));
}

TEST(ClientAddressTest, IsNotKnownOfUnixSockets) {
  EXPECT_FALSE(Client("unix:@a").is_known());
  EXPECT_FALSE(ClientAddress(Address()).is_known());
  EXPECT_EQ(ClientAddress().ToString(), "-");
  EXPECT_TRUE(Client("0.0.0.0:0").is_known());
}

TEST(ClientAddressTest, OfIpv6TheNetworkIsHalf) {
  EXPECT_EQ(Client("[2001:db8::1]:80").Network(),
            Client("[2001:db8::ffff:0:0:2]:80").Network());
  EXPECT_NE(Client("[2001:db8::1]:80").Network(),
            Client("[2001:db8:0:1::1]:80").Network());
  EXPECT_EQ(Client("192.0.2.1:80").Network(), Client("192.0.2.1:80"));
}

}  // namespace
}  // namespace pollux
