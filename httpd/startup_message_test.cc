#include "httpd/startup_message.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/config_loader.h"
#include "reactor/net/address.h"

namespace pollux {
namespace {

// The routes as the message shows them.
std::string Routes(absl::string_view routes) {
  return StartupMessage(httpd::LoadConfigText(routes, "test").config, {});
}

std::vector<Address> Addresses(const std::vector<std::string>& texts) {
  std::vector<Address> addresses;
  for (const std::string& text : texts) {
    addresses.push_back(Address::Parse(text).value());
  }
  return addresses;
}

TEST(StartupMessageTest, SaysWhereTheDefaultConfigurationServes) {
  const httpd::LoadedConfig loaded =
      httpd::LoadConfigText(httpd::DefaultConfigText(), "default");
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.config.listener_size(), 1);
  EXPECT_EQ(StartupMessage(loaded.config,
                           Addresses({loaded.config.listener(0).address()})),
            "http://127.0.0.1:8080/\n"
            "  /  GET, HEAD  200 text/plain \"ha?\\n\"\n"
            "  /plaintext  GET, HEAD  200 text/plain \"Hello, World!\"\n"
            "  /echo  GET, POST, HEAD  echo\n");
}

TEST(StartupMessageTest, ShowsAUrlForEachAddressThatHasOne) {
  EXPECT_EQ(StartupMessage({}, Addresses({"127.0.0.1:1", "[::1]:2",
                                          "unix:/run/a", "unix:@b"})),
            "http://127.0.0.1:1/\n"
            "http://[::1]:2/\n"
            "unix:/run/a\n"
            "unix:@b\n");
}

TEST(StartupMessageTest, ShowsARoutesMethods) {
  EXPECT_EQ(Routes("route { path: '/a' methods: 'POST' methods: 'PUT' fixed {"
                   " status: 404 content_type: 'a/b' } }"),
            "  /a  POST, PUT  404 a/b \"\"\n");
}

TEST(StartupMessageTest, HeadIsShownWhereGetBringsIt) {
  EXPECT_EQ(Routes("route { path: '/a' methods: 'GET' fixed { body: 'b' } }"),
            "  /a  GET, HEAD  200 text/plain \"b\"\n");
}

TEST(StartupMessageTest, LongBodiesAreShownByTheirSize) {
  const std::string body(40, 'b');
  EXPECT_EQ(Routes("route { path: '/' fixed { body: '" + body + "' } }"),
            "  /  GET, HEAD  200 text/plain \"" + body + "\"\n");
  EXPECT_EQ(Routes("route { path: '/' fixed { body: '" + body + "b' } }"),
            "  /  GET, HEAD  200 text/plain 41 bytes\n");
}

TEST(StartupMessageTest, BodiesCannotForgeLines) {
  EXPECT_EQ(Routes("route { path: '/' fixed { body: '\\n\\033[2J\"\\377' } }"),
            "  /  GET, HEAD  200 text/plain \"\\n\\x1b[2J\\\"\\xff\"\n");
}

}  // namespace
}  // namespace pollux
