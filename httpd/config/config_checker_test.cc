#include "httpd/config/config_checker.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_rows.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAreArray;

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

class ConfigCheckerTest : public testing::TestWithParam<Case> {};

TEST_P(ConfigCheckerTest, ReportsExactly) {
  EXPECT_THAT(WhatIsSaidOf(GetParam().text), ElementsAreArray(GetParam().said));
}

constexpr char kNotAPath[] =
    "has characters that a request's path cannot have: write";

INSTANTIATE_TEST_SUITE_P(
    Checks, ConfigCheckerTest,
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
        Case{
            "SameAddress",
            WithListener(
                "listener { address: '127.0.0.1:80' }\nlistener { address: "
                "'127.0.0.1:81' }\nlistener { address: '127.0.0.1:80' }\n"),
            {"c:4:12: address \"127.0.0.1:80\" stands twice: first on line 2"}},
        Case{"SameAddressInOtherWords",
             WithListener("listener { address: '[::1]:80' }\nlistener { "
                          "address: '[0:0::0:1]:080' }\n"),
             {"c:3:12: address \"[::1]:80\" stands twice: first on line 2"}},
        Case{"SameAddressWithPort0",
             WithListener("listener { address: '127.0.0.1:0' }\nlistener { "
                          "address: '127.0.0.1:0' }\n"),
             {}},
        Case{"SameUnixPath",
             WithListener("listener { address: 'unix:/a:0' }\nlistener { "
                          "address: 'unix:/a:0' }\n"),
             {"c:3:12: address \"unix:/a:0\" stands twice: first on line 2"}},
        Case{"BacklogLeast",
             Complete("listener { address: '1.1.1.1:1' backlog: 1 }"),
             {}},
        Case{"BacklogMost",
             Complete("listener { address: '1.1.1.1:1' backlog: 65535 }"),
             {}},
        Case{"BacklogZero",
             Complete("listener { address: '1.1.1.1:1' backlog: 0 }"),
             {"c:2:33: backlog 0 is out of range: it goes from 1 to 65535"}},
        Case{
            "BacklogTooLong",
            Complete("listener { address: '1.1.1.1:1' backlog: 65536 }"),
            {"c:2:33: backlog 65536 is out of range: it goes from 1 to 65535"}},
        Case{"OneWorker", Complete("workers: 1"), {}},
        Case{"WorkersForEachCpu", Complete("workers: 0"), {}},
        Case{"MostWorkers", Complete("workers: 256"), {}},
        Case{"TooManyWorkers",
             Complete("workers: 257"),
             {"c:2:1: workers 257 is out of range: it goes from 0 to 256"}},
        Case{"NoPath",
             WithRoute("route {\n  fixed {}\n}"),
             {"c:2:1: route without a path: give it one, such as path: \"/\", "
              "or a prefix, such as prefix: \"/files/\""}},
        Case{"NoHandler",
             WithRoute("route { path: '/' }"),
             {"c:2:1: route without a handler: give it one of: fixed, "
              "redirect, echo, files, health"}},
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
        Case{"PathWithQuery",
             Path("/a?b=c"),
             {"c:2:9: path \"/a?b=c\" has a \"?\", where a request's path "
              "ends: write \"/a\""}},
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
             Path("/\\\\<>[]^`|\""),
             {absl::StrCat("c:2:9: path \"/\\\\<>[]^`|\\\"\" ", kNotAPath,
                           " \"/%5C%3C%3E%5B%5D%5E%60%7C%22\"")}},
        Case{"PathWithLonePercent",
             Path("/100%"),
             {"c:2:9: path \"/100%\" has a \"%\" without two hexadecimal "
              "digits behind it: write \"%25\" for a \"%\""}},
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
              "refused"}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    MethodsAndFixed, ConfigCheckerTest,
    testing::Values(
        Case{
            "AllMethods",
            Methods(
                "['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']"),
            {"c:3:18: warning: method \"HEAD\" is superfluous: GET brings it"}},
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
        Case{"UnknownMethod",
             Methods("'BREW'"),
             {"c:3:1: unknown method \"BREW\": the methods are GET, HEAD, "
              "POST, PUT, DELETE, OPTIONS, PATCH"}},
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
             WithRoute("route { path: '/a' methods: 'GET' fixed {} }\nroute { "
                       "path: '/b' methods: 'GET' fixed {} }"),
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
        Case{"NoContentWithBody",
             Fixed("status: 204 body: 'x'"),
             {"c:3:21: a response with status 204 has no body: remove the "
              "body, or choose another status"}},
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

}  // namespace
}  // namespace pollux::httpd
