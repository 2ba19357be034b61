#include "httpd/config/config_loader.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_rows.h"
#include "httpd/config/settings.h"
#include "httpd/http/request_head.h"
#include "httpd/server/method_set.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

class ConfigLoaderTest : public testing::TestWithParam<Case> {};

TEST_P(ConfigLoaderTest, ReportsExactly) {
  EXPECT_THAT(WhatIsSaidOf(GetParam().text), ElementsAreArray(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Form, ConfigLoaderTest,
    testing::Values(
        Case{"Empty", "", {kNoListener, kNoRoute}},
        Case{"OnlyComments", "# nothing\n\n", {kNoListener, kNoRoute}},
        Case{"Least", Complete(""), {}},
        Case{"ByteOrderMark", "\xEF\xBB\xBF" + Complete(""), {}},
        Case{"WindowsLines",
             "listener {\r\n  address: '[::1]:0'\r\n}\r\nroute {\r\n  path: "
             "'a'\r\n  fixed {}\r\n}\r\n",
             {"c:5:3: path \"a\" does not start with \"/\": write \"/a\""}},
        Case{"TabsAreOneColumn",
             Complete("\t\tworkers:\t-2"),
             {"c:2:3: workers -2 is out of range: it goes from 0 to 256"}},
        Case{"ColumnsAreBytes",
             "listener { address: '127.0.0.1:80' } route { path: '/' fixed { "
             "body: '\xC3\xA9' status: 1 } }",
             {"c:1:75: status 1 is out of range: it goes from 200 to 599"}},
        Case{"Separators",
             "listener { address: '[::1]:0'; backlog: 5, };route < path: '/', "
             "fixed: { body: 'a' 'b'; }; >, workers: 1;",
             {}},
        Case{"ListsOfMessages",
             "listener: [{ address: '[::1]:0' }, { address: '[::2]:0' "
             "}]\nroute: [\n  { path: '/' fixed {} },\n  { fixed { body: 'a' } "
             "},\n  { path: '/' fixed { status: 0 } }\n]",
             {"c:4:3: route without a path: give it one, such as path: \"/\", "
              "or a prefix, such as prefix: \"/files/\"",
              "c:5:5: path \"/\" stands twice for GET, HEAD: first on line 3",
              "c:5:23: status 0 is out of range: it goes from 200 to 599"}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Fields, ConfigLoaderTest,
    testing::Values(
        Case{"MisspeltAtTheTop",
             Complete("wrokers: 1"),
             {"c:2:1: unknown field \"wrokers\" in Config: did you mean "
              "\"workers\"?"}},
        Case{"MisspeltInside",
             WithRoute("route { path: '/' methds: 'GET' fixed {} }"),
             {"c:2:19: unknown field \"methds\" in Route: did you mean "
              "\"methods\"?"}},
        Case{"MisspeltWithSeparator",
             WithRoute("route { path: '/'; methds: 'GET'; fixed { sttus: 5, } "
                       "}; workers: -2;"),
             {"c:2:20: unknown field \"methds\" in Route: did you mean "
              "\"methods\"?",
              "c:2:43: unknown field \"sttus\" in Fixed: did you mean "
              "\"status\"?",
              "c:2:58: workers -2 is out of range: it goes from 0 to 256"}},
        Case{"MisspeltWithListAndColonApart",
             WithRoute("route { path: '/' fixed {}\nmethod # which\n : [ "
                       "'GET', 'POST' ] , }"),
             {"c:3:1: unknown field \"method\" in Route: did you mean "
              "\"methods\"?"}},
        Case{"MisspeltIsNotMissingAsWell",
             "listner { address: '[::1]:0' } route { pth: '/' fixd {} }",
             {"c:1:1: unknown field \"listner\" in Config: did you mean "
              "\"listener\"?",
              "c:1:40: unknown field \"pth\" in Route: did you mean \"path\"?",
              "c:1:49: unknown field \"fixd\" in Route: did you mean "
              "\"fixed\"?"}},
        Case{"MisspeltInOneIsMissingInTheOther",
             WithListener("listener { adress: '[::1]:0' }\nlistener {}"),
             {"c:2:12: unknown field \"adress\" in Listener: did you mean "
              "\"address\"?",
              "c:3:1: listener without an address: give it one, such as "
              "address: \"127.0.0.1:8080\""}},
        Case{"NothingLikeIt",
             WithRoute("route { path: '/' teapot {} }"),
             {"c:2:1: route without a handler: give it one of: fixed, "
              "redirect, echo, files, health",
              "c:2:19: unknown field \"teapot\" in Route: its fields are path, "
              "prefix, host, methods, name, fixed, redirect, echo, files, "
              "health, request_id, cors, basic_auth, rate_limit"}},
        Case{"NumberAsName",
             Complete("7: 1"),
             {"c:2:1: unknown field \"7\" in Config: its fields are listener, "
              "workers, route, admin, limits, timeouts, access_log"}},
        Case{
            "Extension",
            Complete("[pollux.more]: 1"),
            {"c:2:1: unknown field \"[pollux.more]\" in Config: its fields are "
             "listener, workers, route, admin, limits, timeouts, access_log"}},
        Case{"UnknownWithNestedFields",
             Complete(
                 "teapot { a { b: [1, -2] } c: < d: 'x' 'y' > }\nworkers: 300"),
             {"c:2:1: unknown field \"teapot\" in Config: its fields are "
              "listener, workers, route, admin, limits, timeouts, access_log",
              "c:3:1: workers 300 is out of range: it goes from 0 to 256"}},
        Case{"Twice",
             Complete("workers: 1 workers: 1"),
             {"c:2:12: \"workers\" stands twice: it can be given only once "
              "here"}},
        Case{
            "MessageTwice",
            WithRoute("route { path: '/' fixed {} fixed { bdy: '' } }"),
            {"c:2:28: \"fixed\" stands twice: it can be given only once here"}},
        Case{
            "EverythingInOneRun",
            "listener { adress: '127.0.0.1:80' }\nlistener { address: "
            "'127.0.0.1:99999' backlog: 'many' }\nworkers: two\nroute { path: "
            "'x' methods: 'get' fixed { status: 700 } }\nrout { path: '/y' "
            "}\nroute { path: '/z' methods: [ 'GET', POST ] fixed { body: 5 } "
            "}\nroute { workers: 1 }",
            {"c:1:12: unknown field \"adress\" in Listener: did you mean "
             "\"address\"?",
             "c:2:12: port 99999 is out of range: ports go from 0 to 65535",
             "c:2:48: expected an integer, found \"'many'\"",
             "c:3:10: expected an integer, found \"two\"",
             "c:4:9: path \"x\" does not start with \"/\": write \"/x\"",
             "c:4:19: unknown method \"get\": methods are in capitals, write "
             "\"GET\"",
             "c:4:42: status 700 is out of range: it goes from 200 to 599",
             "c:5:1: unknown field \"rout\" in Config: did you mean \"route\"?",
             "c:6:38: expected a string in quotes, found \"POST\": write "
             "\"POST\"",
             "c:6:59: expected a string in quotes, found \"5\": write \"5\"",
             "c:7:1: route without a path: give it one, such as path: \"/\", "
             "or a prefix, such as prefix: \"/files/\"",
             "c:7:1: route without a handler: give it one of: fixed, redirect, "
             "echo, files, health",
             "c:7:9: unknown field \"workers\" in Route: its fields are path, "
             "prefix, host, methods, name, fixed, redirect, echo, files, "
             "health, request_id, cors, basic_auth, rate_limit"}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Syntax, ConfigLoaderTest,
    testing::Values(
        Case{"IntegerTooLarge",
             Complete("workers: 99999999999"),
             {"c:2:10: 99999999999 is out of range"}},
        Case{"NegativeInteger",
             Complete("workers: -1"),
             {"c:2:1: workers -1 is out of range: it goes from 0 to 256"}},
        Case{"NegativeOfSomethingElse",
             Complete("workers: -x"),
             {"c:2:11: expected an integer, found \"x\""}},
        Case{"Octal",
             Complete("workers: 08"),
             {"c:2:11: Numbers starting with leading zero must be in octal."}},
        Case{"WrongTypesAreNotMissingAsWell",
             "listener { address: 80 } route { path: [1, 2] fixed {} }",
             {"c:1:21: expected a string in quotes, found \"80\": write \"80\"",
              "c:1:40: expected a string in quotes, found \"[\""}},
        Case{"NoValue",
             WithListener("listener { address: }"),
             {"c:2:21: expected a string in quotes, found \"}\""}},
        Case{"NoColon",
             Complete("workers 1"),
             {"c:2:9: expected \":\", found \"1\""}},
        Case{"NoBrace",
             Complete("route 1"),
             {"c:2:7: expected \"{\", found \"1\""}},
        Case{"BraceNotClosed",
             "listener {\n  address: '127.0.0.1:80'\n",
             {"c:3:1: expected the name of a field, found the end of the text: "
              "the \"{\" of line 1 is not closed"}},
        Case{"BraceNotClosedBeforeTheNextMessage",
             "listener {\n  address: '127.0.0.1:80'\n\nroute { path: '/' fixed "
             "{} }\n",
             {"c:4:1: unknown field \"route\" in Listener: its fields are "
              "address, backlog, defer_accept, congestion_control",
              "c:5:1: expected the name of a field, found the end of the text: "
              "the \"{\" of line 1 is not closed"}},
        Case{"BraceTooMany",
             Complete("}"),
             {"c:2:1: expected the name of a field, found \"}\""}},
        Case{"WrongBrace",
             "listener { address: '127.0.0.1:80' >\n",
             {"c:1:36: expected \"}\", found \">\""}},
        Case{"WhatWasReadIsChecked",
             "workers: -2 listener { backlog: 0 address: 'x:1' ! }\n",
             {"c:1:1: workers -2 is out of range: it goes from 0 to 256",
              "c:1:24: backlog 0 is out of range: it goes from 1 to 65535",
              "c:1:35: \"x:1\" is not an address: a numeric address is needed, "
              "as in 127.0.0.1:1",
              "c:1:50: expected the name of a field, found \"!\""}},
        Case{"StringNotClosed",
             WithRoute("route { path: '/ fixed\n}"),
             {"c:2:1: route without a handler: give it one of: fixed, "
              "redirect, echo, files, health",
              "c:2:9: path \"/ fixed\" has characters that a request's path "
              "cannot have: write \"/%20fixed\"",
              "c:2:23: the string that began on this line is not closed: a "
              "quote is missing"}},
        Case{"BadEscape",
             WithRoute("route { path: '/'\nfixed { body: '\\q' } }"),
             {"c:3:17: Invalid escape sequence in string literal."}},
        Case{"NotAscii",
             Complete("w\xC3\xB6rkers: 1"),
             {"c:2:2: a character beyond ASCII: there can be none outside of "
              "strings and comments",
              "c:2:3: a character beyond ASCII: there can be none outside of "
              "strings and comments"}},
        Case{"ControlCharacter",
             Complete("workers\x01: -2"),
             {"c:2:1: workers -2 is out of range: it goes from 0 to 256",
              "c:2:8: a control character: there can be none outside of "
              "strings"}},
        Case{"LexicalErrorsBehindTheStop",
             "listener 5\nworkers: 08",
             {"c:1:10: expected \"{\", found \"5\"",
              "c:2:11: Numbers starting with leading zero must be in octal."}},
        Case{"ControlsInMessages",
             Complete("workers: 'a\x1B[31m'"),
             {"c:2:10: expected an integer, found \"'a\\x1b[31m'\""}},
        Case{"TooDeep",
             Complete(std::string(3000, '{')),
             {"c:2:1: expected the name of a field, found \"{\""}}),
    CaseName);

TEST(ConfigLoaderTest, NestingThatWouldOverflowTheStack) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "a{";
  const LoadedConfig loaded = LoadConfigText(text, "c");
  ASSERT_FALSE(loaded.ok());
  EXPECT_TRUE(absl::StrContains(Strings(loaded.errors).back(), "too deep"))
      << Strings(loaded.errors).back();
}

TEST(ConfigLoaderTest, ManyErrorsOnOneLongLine) {
  std::string text = Complete("");
  for (int i = 0; i < 20000; ++i) text += "methds: 1 ";
  EXPECT_EQ(LoadConfigText(text, "c").errors.size(), 20000);
}

TEST(ConfigLoaderTest, TextThatIsTooLarge) {
  EXPECT_THAT(
      Strings(LoadConfigText(std::string((16 << 20) + 1, ' '), "c").errors),
      ElementsAre("c: is too large: a configuration has at most 16 MiB"));
}

std::string TemporaryFile(absl::string_view name, absl::string_view text) {
  const char* folder = std::getenv("TEST_TMPDIR");
  const std::string path =
      absl::StrCat(folder == nullptr ? "/tmp" : folder, "/", name);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(LoadConfigFileTest, Good) {
  const std::string path = TemporaryFile("good.textproto", Complete(""));
  const LoadedConfig loaded = LoadConfigFile(path);
  EXPECT_THAT(Strings(loaded.errors), IsEmpty());
  EXPECT_EQ(loaded.settings.routes[0].path, "/a");
}

TEST(LoadConfigFileTest, NamesTheFile) {
  const std::string path =
      TemporaryFile("bad.textproto", Complete("workers: -2"));
  EXPECT_THAT(
      Strings(LoadConfigFile(path).errors),
      ElementsAre(absl::StrCat(
          path, ":2:1: workers -2 is out of range: it goes from 0 to 256")));
}

TEST(LoadConfigFileTest, Missing) {
  EXPECT_THAT(Strings(LoadConfigFile("nowhere/www.textproto").errors),
              ElementsAre("nowhere/www.textproto: no such file"));
}

TEST(LoadConfigFileTest, NoName) {
  EXPECT_THAT(Strings(LoadConfigFile("").errors),
              ElementsAre(": no such file"));
}

TEST(LoadConfigFileTest, BelowAFile) {
  const std::string path = TemporaryFile("plain.textproto", "") + "/www";
  EXPECT_THAT(Strings(LoadConfigFile(path).errors),
              ElementsAre(path + ": no such file"));
}

TEST(LoadConfigFileTest, Directory) {
  const std::string path = TemporaryFile("www", "");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_THAT(Strings(LoadConfigFile(path).errors),
              ElementsAre(path + ": is a directory, not a file"));
}

TEST(LoadConfigFileTest, LinkToItself) {
  const std::string path = TemporaryFile("loop", "");
  std::filesystem::remove(path);
  std::filesystem::create_symlink(path, path);
  EXPECT_THAT(
      Strings(LoadConfigFile(path).errors),
      ElementsAre(path +
                  ": cannot be read: Too many levels of symbolic links"));
}

TEST(LoadConfigFileTest, Empty) {
  const std::string path = TemporaryFile("empty.textproto", "");
  const LoadedConfig loaded = LoadConfigFile(path);
  ASSERT_EQ(loaded.errors.size(), 2);
  EXPECT_EQ(loaded.errors[0].file, path);
  EXPECT_EQ(loaded.errors[0].line, 0);
  EXPECT_EQ(loaded.errors[0].column, 0);
}

TEST(LoadConfigFileTest, EndlessFile) {
  EXPECT_THAT(
      Strings(LoadConfigFile("/dev/zero").errors),
      ElementsAre(
          "/dev/zero: is too large: a configuration has at most 16 MiB"));
}

TEST(DefaultConfigTextTest, LoadsAndSaysWhatItIs) {
  const LoadedConfig loaded = LoadConfigText(DefaultConfigText(), "default");
  ASSERT_THAT(Strings(loaded.errors), IsEmpty());
  EXPECT_TRUE(absl::StartsWith(DefaultConfigText(),
                               "# proto-file: httpd/config/config.proto\n# "
                               "proto-message: pollux.httpd.Config\n"));
  EXPECT_THAT(Strings(loaded.warnings), IsEmpty());
  const Settings& settings = loaded.settings;
  ASSERT_EQ(settings.listeners.size(), 1);
  EXPECT_EQ(settings.listeners[0].address.ToString(), "127.0.0.1:8080");
  ASSERT_EQ(settings.routes.size(), 3);
  EXPECT_EQ(settings.routes[0].path, "/");
  FixedSettings fixed;
  fixed.body = "ha?\n";
  EXPECT_EQ(settings.routes[0].handler, HandlerSettings(fixed));
  EXPECT_EQ(settings.routes[1].path, "/plaintext");
  fixed.body = "Hello, World!";
  EXPECT_EQ(settings.routes[1].handler, HandlerSettings(fixed));
  EXPECT_EQ(settings.routes[2].path, "/echo");
  EXPECT_EQ(settings.routes[2].handler, HandlerSettings(EchoSettings()));
  EXPECT_EQ(settings.routes[2].methods,
            MethodSet({http::Method::kGet, http::Method::kHead,
                       http::Method::kPost}));
}

}  // namespace
}  // namespace pollux::httpd
