#include "httpd/user_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/config/settings.h"
#include "reactor/net/address.h"

namespace pollux {
namespace {

using ::testing::HasSubstr;

class UserPathTest : public testing::Test {
 protected:
  void SetUp() override { setenv("BUILD_WORKING_DIRECTORY", "/home/ann", 1); }
  void TearDown() override { unsetenv("BUILD_WORKING_DIRECTORY"); }

  static httpd::Settings ListeningAt(absl::string_view address) {
    httpd::Settings settings;
    settings.listeners.emplace_back().address = *Address::Parse(address);
    settings.admin.emplace().address = *Address::Parse(address);
    return settings;
  }

  // Where that address is then.
  static std::string Moved(absl::string_view address) {
    httpd::Settings settings = ListeningAt(address);
    EXPECT_EQ(StandWhereTheUserStands(settings), absl::OkStatus());
    EXPECT_EQ(settings.admin->address, settings.listeners[0].address);
    return settings.listeners[0].address.ToString();
  }
};

TEST_F(UserPathTest, RelativePathsStartWhereTheUserStands) {
  EXPECT_EQ(FromWhereTheUserStands("a/b"), "/home/ann/a/b");
  EXPECT_EQ(FromWhereTheUserStands("/a/b"), "/a/b");
  TearDown();
  EXPECT_EQ(FromWhereTheUserStands("a/b"), "a/b");
}

TEST_F(UserPathTest, FilesAndLogs) {
  httpd::Settings settings;
  httpd::FilesSettings files;
  files.root = "www";
  settings.routes.emplace_back().handler = files;
  settings.access_log.emplace().path = "log";
  EXPECT_EQ(StandWhereTheUserStands(settings), absl::OkStatus());
  EXPECT_EQ(std::get<httpd::FilesSettings>(settings.routes[0].handler).root,
            "/home/ann/www");
  EXPECT_EQ(settings.access_log->path, "/home/ann/log");
  settings.access_log->path = "-";
  EXPECT_EQ(StandWhereTheUserStands(settings), absl::OkStatus());
  EXPECT_EQ(settings.access_log->path, "-");
}

TEST_F(UserPathTest, Regression_UnixAddresses) {
  EXPECT_EQ(Moved("unix:a.sock"), "unix:/home/ann/a.sock");
  EXPECT_EQ(Moved("unix:/run/a.sock"), "unix:/run/a.sock");
  EXPECT_EQ(Moved("unix:@a"), "unix:@a");
  EXPECT_EQ(Moved("127.0.0.1:80"), "127.0.0.1:80");
}

TEST_F(UserPathTest, SaysThatAUnixPathIsTooLong) {
  httpd::Settings settings =
      ListeningAt(absl::StrCat("unix:", std::string(100, 'a')));
  EXPECT_THAT(StandWhereTheUserStands(settings).message(),
              HasSubstr("at most"));
}

}  // namespace
}  // namespace pollux
