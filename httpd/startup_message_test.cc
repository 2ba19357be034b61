#include "httpd/startup_message.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/config/config_loader.h"
#include "reactor/net/address.h"

namespace pollux {
namespace {

// The routes as the message shows them.
std::string Routes(absl::string_view routes) {
  const std::string text =
      absl::StrCat("listener { address: '127.0.0.1:0' } ", routes);
  const httpd::LoadedConfig loaded = httpd::LoadConfigText(text, "test");
  EXPECT_TRUE(loaded.ok());
  return StartupMessage(loaded.settings, {}, std::nullopt);
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
  ASSERT_EQ(loaded.settings.listeners.size(), 1u);
  EXPECT_EQ(
      StartupMessage(loaded.settings, {loaded.settings.listeners[0].address},
                     std::nullopt),
      "http://127.0.0.1:8080/\n"
      "  /  GET, HEAD  200 text/plain \"ha?\\n\"\n"
      "  /plaintext  GET, HEAD  200 text/plain \"Hello, World!\"\n"
      "  /echo  GET, HEAD, POST  echo\n");
}

TEST(StartupMessageTest, ShowsAUrlForEachAddressThatHasOne) {
  EXPECT_EQ(
      StartupMessage(
          {}, Addresses({"127.0.0.1:1", "[::1]:2", "unix:/run/a", "unix:@b"}),
          Address::Parse("127.0.0.1:3").value()),
      "http://127.0.0.1:1/\n"
      "http://[::1]:2/\n"
      "unix:/run/a\n"
      "unix:@b\n"
      "admin: http://127.0.0.1:3/metrics\n");
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
