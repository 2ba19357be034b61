#include "httpd/config/config_loader.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

std::vector<std::string> Strings(const std::vector<ConfigError>& errors) {
  std::vector<std::string> strings;
  for (const ConfigError& error : errors) strings.push_back(error.ToString());
  return strings;
}

struct Case {
  absl::string_view name;
  std::string text;
  std::vector<std::string> errors;
};

// So that a failure shows the row, not its bytes.
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}

class ConfigLoaderTest : public testing::TestWithParam<Case> {};

TEST_P(ConfigLoaderTest, ReportsExactly) {
  const LoadedConfig loaded = LoadConfigText(GetParam().text, "c");
  EXPECT_THAT(Strings(loaded.errors), ElementsAreArray(GetParam().errors));
  EXPECT_EQ(loaded.ok(), GetParam().errors.empty());
}

constexpr char kNoListener[] =
    "c: no listener: at least one is needed, such as listener { address: "
    "\"127.0.0.1:8080\" }";
constexpr char kNoRoute[] =
    "c: no route: at least one is needed, such as route { path: \"/\" fixed { "
    "body: \"ha?\\n\" } }";

// Texts for one thing at a time: the rest, on the first line, is right.
std::string WithRoute(absl::string_view text) {
  return absl::StrCat("listener { address: '127.0.0.1:80' }\n", text);
}
std::string WithListener(absl::string_view text) {
  return absl::StrCat("route { path: '/' fixed {} }\n", text);
}
std::string Complete(absl::string_view text) {
  return absl::StrCat(
      "listener { address: '[::1]:0' } route { path: '/a' fixed {} }\n", text);
}
std::string Fixed(absl::string_view fields) {
  return WithRoute(absl::StrCat("route { path: '/'\nfixed { ", fields, " } }"));
}
std::string Path(absl::string_view path) {
  return WithRoute(absl::StrCat("route { path: '", path, "' fixed {} }"));
}
std::string Methods(absl::string_view methods) {
  return WithRoute(
      absl::StrCat("route { path: '/' fixed {}\nmethods: ", methods, " }"));
}
std::string Address(absl::string_view address) {
  return WithListener(absl::StrCat("listener { address: '", address, "' }"));
}

INSTANTIATE_TEST_SUITE_P(
    Form, ConfigLoaderTest,
    testing::Values(
        Case{"Empty", "", {kNoListener, kNoRoute}},
        Case{"OnlyComments", "# nothing\n\n", {kNoListener, kNoRoute}},
        Case{"Least", Complete(""), {}},
        Case{"ByteOrderMark", "\xEF\xBB\xBF" + Complete(""), {}},
        Case{"WindowsLines",
             "listener {\r\n  address: '[::1]:0'\r\n}\r\n"
             "route {\r\n  path: 'a'\r\n  fixed {}\r\n}\r\n",
             {"c:5:3: path \"a\" does not start with \"/\": write \"/a\""}},
        Case{"TabsAreOneColumn",
             Complete("\t\tworkers:\t2"),
             {"c:2:3: workers 2: so far exactly 1 is supported"}},
        Case{"ColumnsAreBytes",
             "listener { address: '127.0.0.1:80' } "
             "route { path: '/' fixed { body: '\xC3\xA9' status: 1 } }",
             {"c:1:75: status 1 is out of range: it goes from 200 to 599"}},
        Case{"Separators",
             "listener { address: '[::1]:0'; backlog: 5, };"
             "route < path: '/', fixed: { body: 'a' 'b'; }; >, workers: 1;",
             {}},
        Case{"ListsOfMessages",
             "listener: [{ address: '[::1]:0' }, { address: '[::2]:0' }]\n"
             "route: [\n"
             "  { path: '/' fixed {} },\n"
             "  { fixed { body: 'a' } },\n"
             "  { path: '/' fixed { status: 0 } }\n"
             "]",
             {"c:4:3: route without a path: give it one, such as path: \"/\"",
              "c:5:5: path \"/\" stands twice: first on line 3",
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
                       "}; workers: 2;"),
             {"c:2:20: unknown field \"methds\" in Route: did you mean "
              "\"methods\"?",
              "c:2:43: unknown field \"sttus\" in Fixed: did you mean "
              "\"status\"?",
              "c:2:58: workers 2: so far exactly 1 is supported"}},
        Case{"MisspeltWithListAndColonApart",
             WithRoute("route { path: '/' fixed {}\n"
                       "method # which\n : [ 'GET', 'POST' ] , }"),
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
             WithRoute("route { path: '/' echo {} }"),
             {"c:2:1: route without a handler: give it one of: fixed",
              "c:2:19: unknown field \"echo\" in Route: its fields are path, "
              "methods, fixed"}},
        Case{"NumberAsName",
             Complete("7: 1"),
             {"c:2:1: unknown field \"7\" in Config: its fields are listener, "
              "workers, route"}},
        Case{"Extension",
             Complete("[pollux.more]: 1"),
             {"c:2:1: unknown field \"[pollux.more]\" in Config: its fields "
              "are listener, workers, route"}},
        Case{"UnknownWithNestedFields",
             Complete("limits { a { b: [1, -2] } c: < d: 'x' 'y' > }\n"
                      "workers: 3"),
             {"c:2:1: unknown field \"limits\" in Config: its fields are "
              "listener, workers, route",
              "c:3:1: workers 3: so far exactly 1 is supported"}},
        Case{"Twice",
             Complete("workers: 1 workers: 1"),
             {"c:2:12: \"workers\" stands twice: it can be given only once "
              "here"}},
        Case{"MessageTwice",
             WithRoute("route { path: '/' fixed {} fixed { bdy: '' } }"),
             {"c:2:28: \"fixed\" stands twice: it can be given only once "
              "here"}},
        Case{"EverythingInOneRun",
             "listener { adress: '127.0.0.1:80' }\n"
             "listener { address: '127.0.0.1:99999' backlog: 'many' }\n"
             "workers: two\n"
             "route { path: 'x' methods: 'get' fixed { status: 700 } }\n"
             "rout { path: '/y' }\n"
             "route { path: '/z' methods: [ 'GET', POST ] fixed { body: 5 } }\n"
             "route { workers: 1 }",
             {"c:1:12: unknown field \"adress\" in Listener: did you mean "
              "\"address\"?",
              "c:2:12: port 99999 is out of range: ports go from 0 to 65535",
              "c:2:48: expected an integer, found \"'many'\"",
              "c:3:10: expected an integer, found \"two\"",
              "c:4:9: path \"x\" does not start with \"/\": write \"/x\"",
              "c:4:19: unknown method \"get\": methods are in capitals, write "
              "\"GET\"",
              "c:4:42: status 700 is out of range: it goes from 200 to 599",
              "c:5:1: unknown field \"rout\" in Config: did you mean "
              "\"route\"?",
              "c:6:38: expected a string in quotes, found \"POST\"",
              "c:6:59: expected a string in quotes, found \"5\"",
              "c:7:1: route without a path: give it one, such as path: \"/\"",
              "c:7:1: route without a handler: give it one of: fixed",
              "c:7:9: unknown field \"workers\" in Route: its fields are path, "
              "methods, fixed"}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Syntax, ConfigLoaderTest,
    testing::Values(
        Case{"IntegerTooLarge",
             Complete("workers: 99999999999"),
             {"c:2:10: 99999999999 is out of range"}},
        Case{"NegativeInteger",
             Complete("workers: -1"),
             {"c:2:1: workers -1: so far exactly 1 is supported"}},
        Case{"NegativeOfSomethingElse",
             Complete("workers: -x"),
             {"c:2:11: expected an integer, found \"x\""}},
        Case{"Octal",
             Complete("workers: 08"),
             {"c:2:11: Numbers starting with leading zero must be in octal."}},
        Case{"WrongTypesAreNotMissingAsWell",
             "listener { address: 80 } route { path: [1, 2] fixed {} }",
             {"c:1:21: expected a string in quotes, found \"80\"",
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
             "listener {\n  address: '127.0.0.1:80'\n\n"
             "route { path: '/' fixed {} }\n",
             {"c:4:1: unknown field \"route\" in Listener: its fields are "
              "address, backlog",
              "c:5:1: expected the name of a field, found the end of the text: "
              "the \"{\" of line 1 is not closed"}},
        Case{"BraceTooMany",
             Complete("}"),
             {"c:2:1: expected the name of a field, found \"}\""}},
        Case{"WrongBrace",
             "listener { address: '127.0.0.1:80' >\n",
             {"c:1:36: expected \"}\", found \">\""}},
        Case{"WhatWasReadIsChecked",
             "workers: 2 listener { backlog: 0 address: 'x:1' ! }\n",
             {"c:1:1: workers 2: so far exactly 1 is supported",
              "c:1:23: backlog 0 is out of range: it goes from 1 to 65535",
              "c:1:34: \"x:1\" is not an address: a numeric address is needed, "
              "as in 127.0.0.1:1",
              "c:1:49: expected the name of a field, found \"!\""}},
        Case{"StringNotClosed",
             WithRoute("route { path: '/ fixed {}\n}"),
             {"c:2:1: route without a handler: give it one of: fixed",
              "c:2:9: path \"/ fixed {}\" has characters that a request's path "
              "cannot have: write \"/%20fixed%20%7B%7D\"",
              "c:2:26: the string that began on this line is not closed: a "
              "quote is missing"}},
        Case{"BadEscape",
             Fixed("body: '\\q'"),
             {"c:3:17: Invalid escape sequence in string literal."}},
        Case{"NotAscii",
             Complete("w\xC3\xB6rkers: 1"),
             {"c:2:2: a character beyond ASCII: there can be none outside of "
              "strings and comments",
              "c:2:3: a character beyond ASCII: there can be none outside of "
              "strings and comments"}},
        Case{"ControlCharacter",
             Complete("workers\x01: 2"),
             {"c:2:1: workers 2: so far exactly 1 is supported",
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

constexpr char kNotAPath[] =
    "has characters that a request's path cannot have: write";

INSTANTIATE_TEST_SUITE_P(
    Checks, ConfigLoaderTest,
    testing::Values(
        Case{"NoListener", "route { path: '/' fixed {} }", {kNoListener}},
        Case{"NoRoute", "listener { address: '[::1]:0' }", {kNoRoute}},
        Case{"IPv4", Address("0.0.0.0:65535"), {}},
        Case{"IPv6", Address("[2001:db8::1]:80"), {}},
        Case{"UnixPath", Address("unix:/run/a.sock"), {}},
        Case{"UnixName", Address("unix:@name"), {}},
        Case{"AnyPort", Address("127.0.0.1:0"), {}},
        Case{"PortTooHigh",
             Address("127.0.0.1:99999"),
             {"c:2:12: port 99999 is out of range: ports go from 0 to 65535"}},
        Case{"HostName",
             Address("localhost:80"),
             {"c:2:12: \"localhost:80\" is not an address: a numeric address "
              "is needed, as in 127.0.0.1:80"}},
        Case{"NoAddress",
             WithListener("listener { backlog: 1 }"),
             {"c:2:1: listener without an address: give it one, such as "
              "address: \"127.0.0.1:8080\""}},
        Case{"EmptyAddress",
             Address(""),
             {"c:2:12: \"\" is not an address: a port is missing, as in "
              "127.0.0.1:8080"}},
        Case{"SameAddress",
             WithListener("listener { address: '127.0.0.1:80' }\n"
                          "listener { address: '127.0.0.1:81' }\n"
                          "listener { address: '127.0.0.1:80' }\n"),
             {"c:4:12: address \"127.0.0.1:80\" stands twice: first on line "
              "2"}},
        Case{"SameAddressInOtherWords",
             WithListener("listener { address: '[::1]:80' }\n"
                          "listener { address: '[0:0::0:1]:080' }\n"),
             {"c:3:12: address \"[::1]:80\" stands twice: first on line 2"}},
        Case{"SameAddressWithPort0",
             WithListener("listener { address: '127.0.0.1:0' }\n"
                          "listener { address: '127.0.0.1:0' }\n"),
             {}},
        Case{"SameUnixPath",
             WithListener("listener { address: 'unix:/a:0' }\n"
                          "listener { address: 'unix:/a:0' }\n"),
             {"c:3:12: address \"unix:/a:0\" stands twice: first on line 2"}},
        Case{"BacklogLeast",
             Complete("listener { address: '1.1.1.1:1' "
                      "backlog: 1 }"),
             {}},
        Case{"BacklogMost",
             Complete("listener { address: '1.1.1.1:1' "
                      "backlog: 65535 }"),
             {}},
        Case{"BacklogZero",
             Complete("listener { address: '1.1.1.1:1' backlog: 0 }"),
             {"c:2:33: backlog 0 is out of range: it goes from 1 to 65535"}},
        Case{"BacklogTooLong",
             Complete("listener { address: '1.1.1.1:1' backlog: 65536 }"),
             {"c:2:33: backlog 65536 is out of range: it goes from 1 to "
              "65535"}},
        Case{"OneWorker", Complete("workers: 1"), {}},
        Case{"NoWorkers",
             Complete("workers: 0"),
             {"c:2:1: workers 0: so far exactly 1 is supported"}},
        Case{"TwoWorkers",
             Complete("workers: 2"),
             {"c:2:1: workers 2: so far exactly 1 is supported"}},
        Case{"NoPath",
             WithRoute("route {\n  fixed {}\n}"),
             {"c:2:1: route without a path: give it one, such as path: "
              "\"/\""}},
        Case{"NoHandler",
             WithRoute("route { path: '/' }"),
             {"c:2:1: route without a handler: give it one of: fixed"}},
        Case{"AllPathCharacters",
             Path("/azAZ09-._~!$&\\'()*+,;=:@//%20%aF"),
             {}},
        Case{"EmptyPath",
             Path(""),
             {"c:2:9: path \"\" is empty: the shortest is \"/\""}},
        Case{"RelativePath",
             Path("a b"),
             {"c:2:9: path \"a b\" does not start with \"/\": write "
              "\"/a%20b\""}},
        Case{
            "PathWithQuery",
            Path("/a?b=c"),
            {"c:2:9: path \"/a?b=c\" has a \"?\", where a request's path ends: "
             "write \"/a\""}},
        Case{"PathWithFragment",
             Path("/a#b"),
             {"c:2:9: path \"/a#b\" has a \"#\", where a request's path ends: "
              "write \"/a\""}},
        Case{"PathWithBlank",
             Path("/a b"),
             {absl::StrCat("c:2:9: path \"/a b\" ", kNotAPath, " \"/a%20b\"")}},
        Case{"PathWithControl",
             Path("/a\\n"),
             {absl::StrCat("c:2:9: path \"/a\\n\" ", kNotAPath, " \"/a%0A\"")}},
        Case{"PathBeyondAscii",
             Path("/caf\xC3\xA9"),
             {absl::StrCat("c:2:9: path \"/caf\\xc3\\xa9\" ", kNotAPath,
                           " \"/caf%C3%A9\"")}},
        Case{"PathWithBackslashAndBrackets",
             Path("/\\\\<>[]^`{|}\""),
             {absl::StrCat("c:2:9: path \"/\\\\<>[]^`{|}\\\"\" ", kNotAPath,
                           " \"/%5C%3C%3E%5B%5D%5E%60%7B%7C%7D%22\"")}},
        Case{
            "PathWithLonePercent",
            Path("/100%"),
            {"c:2:9: path \"/100%\" has a \"%\" without two hexadecimal digits "
             "behind it: write \"%25\" for a \"%\""}},
        Case{"PathWithHalfPercent",
             Path("/%4"),
             {"c:2:9: path \"/%4\" has a \"%\" without two hexadecimal digits "
              "behind it: write \"%25\" for a \"%\""}},
        Case{"PathWithPercentAndLetters",
             Path("/%20%zz"),
             {"c:2:9: path \"/%20%zz\" has a \"%\" without two hexadecimal "
              "digits behind it: write \"%25\" for a \"%\""}},
        Case{"PathWithPercentZero",
             Path("/%00"),
             {"c:2:9: path \"/%00\" has a \"%00\": requests with one are "
              "refused"}},
        Case{"SamePath",
             WithRoute("route { path: '/a' fixed {} }\n"
                       "route { path: '/b' fixed {} }\n"
                       "route { path: '/a' methods: 'PUT' fixed {} }"),
             {"c:4:9: path \"/a\" stands twice: first on line 2"}},
        Case{"SamePathThreeTimes",
             WithRoute("route { path: '/a' fixed {} }\n"
                       "route { path: '/a' fixed {} }\n"
                       "route { path: '/a' fixed {} }"),
             {"c:3:9: path \"/a\" stands twice: first on line 2",
              "c:4:9: path \"/a\" stands twice: first on line 2"}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    MethodsAndFixed, ConfigLoaderTest,
    testing::Values(
        Case{"AllMethods",
             Methods("['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', "
                     "'PATCH']"),
             {}},
        Case{"NoMethods", Methods("[]"), {}},
        Case{"Connect",
             Methods("'CONNECT'"),
             {"c:3:1: method \"CONNECT\" cannot be routed: it asks a proxy for "
              "a tunnel, and this is no proxy"}},
        Case{"Trace",
             Methods("'TRACE'"),
             {"c:3:1: method \"TRACE\" cannot be routed: it would send cookies "
              "and credentials back to scripts that must not see them"}},
        Case{"LowerCase",
             Methods("'delete'"),
             {"c:3:1: unknown method \"delete\": methods are in capitals, "
              "write \"DELETE\""}},
        Case{"MisspeltMethod",
             Methods("'PSOT'"),
             {"c:3:1: unknown method \"PSOT\": did you mean \"POST\"?"}},
        Case{
            "UnknownMethod",
            Methods("'BREW'"),
            {"c:3:1: unknown method \"BREW\": the methods are GET, HEAD, POST, "
             "PUT, DELETE, OPTIONS, PATCH"}},
        Case{"EmptyMethod",
             Methods("''"),
             {"c:3:1: unknown method \"\": the methods are GET, HEAD, POST, "
              "PUT, DELETE, OPTIONS, PATCH"}},
        Case{"SameMethod",
             Methods("'GET' methods: 'PUT'\nmethods: 'GET'"),
             {"c:4:1: method \"GET\" stands twice in this route: first on line "
              "3"}},
        Case{"EachElementOfAListHasItsPlace",
             Methods("[ 'GET', 'P' 'UT',\n  'put', 'PUT' ] methods: 'X'"),
             {"c:4:3: unknown method \"put\": methods are in capitals, write "
              "\"PUT\"",
              "c:4:10: method \"PUT\" stands twice in this route: first on "
              "line 3",
              "c:4:18: unknown method \"X\": the methods are GET, HEAD, POST, "
              "PUT, DELETE, OPTIONS, PATCH"}},
        Case{"MethodsOfTwoRoutes",
             WithRoute("route { path: '/a' methods: 'GET' fixed {} }\n"
                       "route { path: '/b' methods: 'GET' fixed {} }"),
             {}},
        Case{"StatusLeast", Fixed("status: 200"), {}},
        Case{"StatusMost", Fixed("status: 599"), {}},
        Case{"StatusInterim",
             Fixed("status: 199"),
             {"c:3:9: status 199 is out of range: it goes from 200 to 599"}},
        Case{"StatusTooHigh",
             Fixed("status: 600"),
             {"c:3:9: status 600 is out of range: it goes from 200 to 599"}},
        Case{"NoContent", Fixed("status: 204"), {}},
        Case{"NoContentWithEmptyBody", Fixed("status: 204 body: ''"), {}},
        Case{
            "NoContentWithBody",
            Fixed("status: 204 body: 'x'"),
            {"c:3:21: a response with status 204 has no body: remove the body, "
             "or choose another status"}},
        Case{"ResetContentWithBody",
             Fixed("body: 'x' status: 205"),
             {"c:3:9: a response with status 205 has no body: remove the body, "
              "or choose another status"}},
        Case{"NotModifiedWithBody",
             Fixed("body: 'x' status: 304"),
             {"c:3:9: a response with status 304 has no body: remove the body, "
              "or choose another status"}},
        Case{"AnyBody", Fixed("body: '\\000\\xFF\\n'"), {}},
        Case{"ContentTypeWithParameters",
             Fixed("content_type: 'text/html;charset=utf-8; q=\"a b\"'"),
             {}},
        Case{"ContentTypeWithOddCharacters",
             Fixed("content_type: 'application/vnd.a+json ; v=1'"),
             {}},
        Case{"ContentTypeWithoutSubtype",
             Fixed("content_type: 'text'"),
             {"c:3:9: content_type \"text\" is not of the form type/subtype, "
              "such as \"text/plain\" or \"text/html; charset=utf-8\""}},
        Case{"EmptyContentType",
             Fixed("content_type: ''"),
             {"c:3:9: content_type \"\" is not of the form type/subtype, such "
              "as \"text/plain\" or \"text/html; charset=utf-8\""}},
        Case{"ContentTypeWithTwoSlashes",
             Fixed("content_type: 'a/b/c'"),
             {"c:3:9: content_type \"a/b/c\" is not of the form type/subtype, "
              "such as \"text/plain\" or \"text/html; charset=utf-8\""}},
        Case{"ContentTypeWithEmptySubtype",
             Fixed("content_type: 'text/'"),
             {"c:3:9: content_type \"text/\" is not of the form type/subtype, "
              "such as \"text/plain\" or \"text/html; charset=utf-8\""}},
        Case{"ContentTypeThatInjectsAField",
             Fixed("content_type: 'text/plain\\r\\nA: b'"),
             {"c:3:9: content_type \"text/plain\\r\\nA: b\" cannot be sent: it "
              "takes visible ASCII characters, and blanks only between them"}},
        Case{"ContentTypeWithBlankBehind",
             Fixed("content_type: 'text/plain '"),
             {"c:3:9: content_type \"text/plain \" cannot be sent: it takes "
              "visible ASCII characters, and blanks only between them"}},
        Case{"ContentTypeBeyondAscii",
             Fixed("content_type: 'text/plain; \xC3\xA9'"),
             {"c:3:9: content_type \"text/plain; \\xc3\\xa9\" cannot be sent: "
              "it takes visible ASCII characters, and blanks only between "
              "them"}}),
    CaseName);

TEST(ConfigLoaderTest, FillsTheConfig) {
  const LoadedConfig loaded = LoadConfigText(
      "listener { address: 'unix:@a' }\n"
      "route { path: '/' methods: ['GET', 'PUT'] fixed { body: 'b' } }",
      "c");
  ASSERT_THAT(Strings(loaded.errors), IsEmpty());
  ASSERT_EQ(loaded.config.listener_size(), 1);
  EXPECT_EQ(loaded.config.listener(0).address(), "unix:@a");
  EXPECT_EQ(loaded.config.listener(0).backlog(), 1024);
  EXPECT_EQ(loaded.config.workers(), 1);
  ASSERT_EQ(loaded.config.route_size(), 1);
  const Route& route = loaded.config.route(0);
  EXPECT_EQ(route.path(), "/");
  EXPECT_THAT(route.methods(), ElementsAre("GET", "PUT"));
  EXPECT_EQ(route.fixed().body(), "b");
  EXPECT_EQ(route.fixed().content_type(), "text/plain");
  EXPECT_EQ(route.fixed().status(), 200);
}

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
  EXPECT_EQ(loaded.config.route(0).path(), "/a");
}

TEST(LoadConfigFileTest, NamesTheFile) {
  const std::string path =
      TemporaryFile("bad.textproto", Complete("workers: 2"));
  EXPECT_THAT(Strings(LoadConfigFile(path).errors),
              ElementsAre(absl::StrCat(
                  path, ":2:1: workers 2: so far exactly 1 is supported")));
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
  EXPECT_THAT(Strings(LoadConfigFile(path).errors),
              ElementsAre(path + ": cannot be read: Too many levels of "
                                 "symbolic links"));
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
                               "# proto-file: httpd/config/config.proto\n"
                               "# proto-message: pollux.httpd.Config\n"));
  ASSERT_EQ(loaded.config.listener_size(), 1);
  EXPECT_EQ(loaded.config.listener(0).address(), "127.0.0.1:8080");
  ASSERT_EQ(loaded.config.route_size(), 1);
  EXPECT_EQ(loaded.config.route(0).path(), "/");
  EXPECT_EQ(loaded.config.route(0).fixed().body(), "ha?\n");
  EXPECT_EQ(loaded.config.route(0).fixed().content_type(), "text/plain");
}

// The first block of the README behind `opening`.
std::string ReadmeBlock(absl::string_view opening) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  std::ifstream in(absl::StrCat(runfiles == nullptr ? "." : runfiles,
                                "/pollux/httpd/config/README.md"));
  std::stringstream readme;
  readme << in.rdbuf();
  const std::vector<std::string> parts = absl::StrSplit(readme.str(), opening);
  if (parts.size() < 2) return "";
  const std::vector<std::string> block = absl::StrSplit(parts[1], "```\n");
  return block[0];
}

TEST(ReadmeTest, ItsExampleLoads) {
  const LoadedConfig loaded =
      LoadConfigText(ReadmeBlock("```textproto\n"), "README.md");
  EXPECT_THAT(Strings(loaded.errors), IsEmpty());
  EXPECT_EQ(loaded.config.listener_size(), 4);
  EXPECT_EQ(loaded.config.route_size(), 2);
}

TEST(ReadmeTest, ItsMessagesAreTrue) {
  const LoadedConfig loaded = LoadConfigText(
      "listener { address: '127.0.0.1:99999' }\n"
      "route { path: '/' methds: 'GET' fixed {} }\n"
      "route { path: '/' fixed { status: ok } }\n",
      "www.textproto");
  EXPECT_EQ(absl::StrCat(absl::StrJoin(Strings(loaded.errors), "\n"), "\n"),
            ReadmeBlock("## Messages\n\n```\n"));
}

}  // namespace
}  // namespace pollux::httpd
