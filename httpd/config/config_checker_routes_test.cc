#include <memory>
#include <variant>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_checker.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/config_rows.h"
#include "httpd/config/settings.h"
#include "httpd/make_router.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAreArray;

class ConfigCheckerTest : public testing::TestWithParam<Case> {};

TEST_P(ConfigCheckerTest, ReportsExactly) {
  EXPECT_THAT(WhatIsSaidOf(GetParam().text), ElementsAreArray(GetParam().said));
}

// The daemon must not find fault with what --check finds right.
TEST_P(ConfigCheckerTest, WhatIsAcceptedCanBeServed) {
  LoadedConfig loaded = LoadConfigText(GetParam().text, "c");
  if (!loaded.ok()) return;
  for (RouteSettings& route : loaded.settings.routes) {
    // Which need not exist as far as the loader knows.
    if (auto* files = std::get_if<FilesSettings>(&route.handler)) {
      files->root = ".";
    }
  }
  LinuxKernel kernel;
  const std::unique_ptr<Reactor> reactor = Reactor::Create(kernel).value();
  const absl::StatusOr<RateLimits> limits =
      MakeRateLimits(loaded.settings.routes);
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(MakeRouter(loaded.settings.routes, *limits, *reactor).status(),
            absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(
    Routes, ConfigCheckerTest,
    testing::Values(
        Case{"ExactAndDifferent",
             WithRoute("route { path: '/a' fixed {} }\n"
                       "route { path: '/a/' fixed {} }\n"
                       "route { path: '/A' fixed {} }\n"
                       "route { prefix: '/a/' fixed {} }"),
             {}},
        Case{
            "SameForTheSameMethods",
            WithRoute("route { path: '/a' fixed {} }\n"
                      "route { path: '/a' fixed {} }\n"
                      "route { path: '/a' fixed {} }"),
            {"c:3:9: path \"/a\" stands twice for GET, HEAD: first on line 2",
             "c:4:9: path \"/a\" stands twice for GET, HEAD: first on line 2"}},
        Case{
            "SameForOtherMethods",
            WithRoute("route { path: '/a' fixed {} }\n"
                      "route { path: '/a' methods: ['PUT', 'POST'] fixed {} }"),
            {}},
        Case{
            "SameForSomeMethods",
            WithRoute("route { path: '/a' methods: ['GET', 'PUT'] fixed {} }\n"
                      "route { path: '/a' methods: ['POST', 'PUT'] fixed {} }"),
            {"c:3:9: path \"/a\" stands twice for PUT: first on line 2"}},
        Case{"GetBringsHead",
             WithRoute("route { path: '/a' methods: 'GET' fixed {} }\n"
                       "route { path: '/a' methods: 'HEAD' fixed {} }"),
             {"c:3:9: path \"/a\" stands twice for HEAD: first on line 2"}},
        Case{"EchoBringsPost",
             WithRoute("route { path: '/a' echo {} }\n"
                       "route { path: '/a' methods: 'POST' fixed {} }"),
             {"c:3:9: path \"/a\" stands twice for POST: first on line 2"}},
        Case{"SameButEncoded",
             WithRoute("route { path: '/a~' fixed {} }\n"
                       "route { path: '/%61%7e' fixed {} }"),
             {"c:3:9: path \"/%61%7e\" stands twice for GET, HEAD: first on "
              "line 2"}},
        Case{"SameButForParameterNames",
             WithRoute("route { path: '/u/{id}/p' fixed {} }\n"
                       "route { path: '/u/{name}/p' fixed {} }"),
             {"c:3:9: path \"/u/{name}/p\" stands twice for GET, HEAD: first "
              "on line 2"}},
        Case{"ParameterAndItsLook",
             WithRoute("route { path: '/{id}' fixed {} }\n"
                       "route { path: '/%7Bid%7D' fixed {} }\n"
                       "route { path: '/%7B%7D' fixed {} }"),
             {}},
        Case{"SamePrefix",
             WithRoute("route { prefix: '/f/' fixed {} }\n"
                       "route { prefix: '/f/' files { root: 'w' } }"),
             {"c:3:9: prefix \"/f/\" stands twice for GET, HEAD: first on line "
              "2"}},
        Case{"SamePathOfOtherHosts",
             WithRoute("route { path: '/a' host: 'a.org' fixed {} }\n"
                       "route { path: '/a' host: '*.a.org' fixed {} }\n"
                       "route { path: '/a' fixed {} }"),
             {}},
        Case{
            "SamePathOfOneOfTheHosts",
            WithRoute("route { path: '/a' host: ['a.org', 'b.org'] fixed {} }\n"
                      "route { path: '/a' host: ['c.org', 'B.ORG'] fixed {} }"),
            {"c:3:9: path \"/a\" stands twice for GET, HEAD of \"b.org\": "
             "first on line 2"}},
        Case{"PathBesidePrefix",
             WithRoute("route { path: '/a'\n"
                       "prefix: '/b/' fixed {} }"),
             {"c:3:1: prefix beside a path: a route has one of them, remove "
              "the other"}},
        Case{"NeitherPathNorPrefix",
             WithRoute("route { fixed {} }"),
             {"c:2:1: route without a path: give it one, such as path: \"/\", "
              "or a prefix, such as prefix: \"/files/\""}},
        Case{"Parameters",
             WithRoute("route { path: '/{a}/{b_1}/x/{_c}' fixed {} }"),
             {}},
        Case{"EightParameters",
             WithRoute(
                 "route { path: '/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}' fixed {} }"),
             {}},
        Case{"NineParameters",
             WithRoute("route { path: '/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}' "
                       "fixed {} }"),
             {"c:2:9: path \"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}\" has 9 "
              "parameters: there are at most 8"}},
        Case{"ParameterTwice",
             WithRoute("route { path: '/{a}/{a}' fixed {} }"),
             {"c:2:9: path \"/{a}/{a}\" has the parameter \"{a}\" twice: give "
              "each a name of its own"}},
        Case{"ParameterInPartOfASegment",
             WithRoute("route { path: '/x{a}' fixed {} }"),
             {"c:2:9: path \"/x{a}\" has the segment \"x{a}\": a parameter is "
              "a whole segment, as in \"/users/{id}\", and a brace itself is "
              "\"%7B\" or \"%7D\""}},
        Case{"ParameterWithoutName",
             WithRoute("route { path: '/{}' fixed {} }"),
             {"c:2:9: path \"/{}\" has the segment \"{}\": a parameter is a "
              "whole segment, as in \"/users/{id}\", and a brace itself is "
              "\"%7B\" or \"%7D\""}},
        Case{"ParameterNotClosed",
             WithRoute("route { path: '/{a' fixed {} }"),
             {"c:2:9: path \"/{a\" has the segment \"{a\": a parameter is a "
              "whole segment, as in \"/users/{id}\", and a brace itself is "
              "\"%7B\" or \"%7D\""}},
        Case{"ParameterInCapitals",
             WithRoute("route { path: '/{Id}' fixed {} }"),
             {"c:2:9: path \"/{Id}\" has the parameter \"{Id}\": its name is "
              "of a-z, 0-9 and \"_\", and does not start with a digit"}},
        Case{"ParameterThatStartsWithADigit",
             WithRoute("route { path: '/{1a}' fixed {} }"),
             {"c:2:9: path \"/{1a}\" has the parameter \"{1a}\": its name is "
              "of a-z, 0-9 and \"_\", and does not start with a digit"}},
        Case{"ParametersAndBadCharacters",
             WithRoute("route { path: 'a b/{id}' fixed {} }"),
             {"c:2:9: path \"a b/{id}\" does not start with \"/\": write "
              "\"/a%20b/{id}\""}},
        Case{"Dots",
             WithRoute("route { path: '/a/../b' fixed {} }"),
             {"c:2:9: path \"/a/../b\" has the segment \"..\": requests with "
              "one are refused"}},
        Case{"EncodedDot",
             WithRoute("route { path: '/%2e/b' fixed {} }"),
             {"c:2:9: path \"/%2e/b\" has the segment \".\": requests with one "
              "are refused"}},
        Case{"Hidden",
             WithRoute("route { prefix: '/.well-known/' fixed {} }"),
             {}},
        Case{"EncodedSlash",
             WithRoute("route { path: '/a%2fb' fixed {} }"),
             {"c:2:9: path \"/a%2fb\" has a \"%2F\" or \"%5C\": requests with "
              "one are refused"}},
        Case{"EncodedBackslash",
             WithRoute("route { path: '/a%5Cb' fixed {} }"),
             {"c:2:9: path \"/a%5Cb\" has a \"%2F\" or \"%5C\": requests with "
              "one are refused"}},
        Case{"PrefixWithoutSlash",
             WithRoute("route { prefix: '/files' fixed {} }"),
             {"c:2:9: prefix \"/files\" does not end in \"/\": write "
              "\"/files/\""}},
        Case{"PrefixWithParameter",
             WithRoute("route { prefix: '/{a}/' fixed {} }"),
             {"c:2:9: prefix \"/{a}/\" has a parameter: only a path can have "
              "one"}},
        Case{"RelativePrefix",
             WithRoute("route { prefix: 'files/' fixed {} }"),
             {"c:2:9: prefix \"files/\" does not start with \"/\": write "
              "\"/files/\""}},
        Case{"RootPrefix", WithRoute("route { prefix: '/' fixed {} }"), {}},
        Case{"Hosts",
             WithRoute(
                 "route { path: '/' host: ['example.org', '*.example.org', "
                 "'A_b.c', '192.0.2.1', '[2001:db8::1]'] fixed {} }"),
             {}},
        Case{"HostWithPort",
             WithRoute("route { path: '/' host: 'example.org:80' fixed {} }"),
             {"c:2:19: host \"example.org:80\" has a port, which does not "
              "count when a host is compared: write \"example.org\""}},
        Case{"HostTwice",
             WithRoute("route { path: '/' host: ['a.org', 'A.org'] fixed {} }"),
             {"c:2:35: host \"A.org\" stands twice here: first on line 2"}},
        Case{"HostThatIsAUri",
             WithRoute("route { path: '/' host: 'http://a.org' fixed {} }"),
             {"c:2:19: host \"http://a.org\" is not a host: write it as "
              "\"example.org\" or \"*.example.org\""}},
        Case{"HostWithStarInside",
             WithRoute("route { path: '/' host: 'a.*.org' fixed {} }"),
             {"c:2:19: host \"a.*.org\" is not a host: write it as "
              "\"example.org\" or \"*.example.org\""}},
        Case{"HostStarAlone",
             WithRoute("route { path: '/' host: '*' fixed {} }"),
             {"c:2:19: host \"*\" is not a host: write it as \"example.org\" "
              "or \"*.example.org\""}},
        Case{"EmptyHost",
             WithRoute("route { path: '/' host: '' fixed {} }"),
             {"c:2:19: host \"\" is not a host: write it as \"example.org\" or "
              "\"*.example.org\""}},
        Case{
            "Name", WithRoute("route { path: '/' name: 'home' fixed {} }"), {}},
        Case{"NameWithBlank",
             WithRoute("route { path: '/' name: 'my home' fixed {} }"),
             {"c:2:19: name \"my home\" is not a name for a route: write "
              "visible ASCII characters without blanks, quotes and \"\\\""}},
        Case{"EmptyName",
             WithRoute("route { path: '/' name: '' fixed {} }"),
             {"c:2:19: name \"\" is not a name for a route: write visible "
              "ASCII characters without blanks, quotes and \"\\\""}},
        Case{"TwoHandlers",
             WithRoute("route { path: '/' fixed {} echo {} }"),
             {"c:2:28: \"echo\" cannot stand beside \"fixed\": there is only "
              "one handler here"}},
        Case{"FilesForPost",
             WithRoute("route { prefix: '/' methods: ['GET', 'POST'] files { "
                       "root: 'w' } }"),
             {"c:2:38: method \"POST\" means nothing to this handler: it "
              "answers GET and HEAD"}},
        Case{"HealthForPut",
             WithRoute("route { path: '/' methods: 'PUT' health {} }"),
             {"c:2:19: method \"PUT\" means nothing to this handler: it "
              "answers GET and HEAD"}},
        Case{
            "HeadBesideGet",
            WithRoute("route { path: '/' methods: ['HEAD', 'GET'] fixed {} }"),
            {"c:2:29: warning: method \"HEAD\" is superfluous: GET brings it"}},
        Case{"OnlyHead",
             WithRoute("route { path: '/' methods: 'HEAD' fixed {} }"),
             {}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Handlers, ConfigCheckerTest,
    testing::Values(
        Case{"FixedWithCacheControl",
             WithRoute(
                 "route { path: '/' fixed { cache_control: 'max-age=60' } }"),
             {}},
        Case{"CacheControlThatInjectsAField",
             WithRoute(
                 "route { path: '/' fixed { cache_control: 'a\\r\\nb: c' } }"),
             {"c:2:27: cache_control \"a\\r\\nb: c\" cannot be sent: it takes "
              "visible ASCII characters, and blanks only between them"}},
        Case{"FixedThatNeedsAField",
             WithRoute("route { path: '/a' fixed { status: 401 } }\n"
                       "route { path: '/b' fixed { status: 405 } }\n"
                       "route { path: '/c' fixed { status: 407 } }"),
             {"c:2:28: status 401 needs a WWW-Authenticate, which basic_auth "
              "sends: use that, or 403",
              "c:3:28: status 405 needs an Allow, which is sent for methods "
              "that no route of a path has: leave them out of methods",
              "c:4:28: status 407 needs a Proxy-Authenticate, and this is no "
              "proxy: choose another status, such as 403"}},
        Case{"RedirectOfEveryMethod",
             WithRoute("route { path: '/a' redirect { location: '/b' } }\n"
                       "route { path: '/a' methods: 'DELETE' fixed {} }"),
             {"c:3:9: path \"/a\" stands twice for DELETE: first on line 2"}},
        Case{
            "Redirects",
            WithRoute("route { path: '/a' redirect { location: '/b?c=d#e' } }\n"
                      "route { path: '/b' redirect { location: "
                      "'https://example.org:8443/%20?a=b' status: 301 } }"),
            {}},
        Case{"RedirectNowhere",
             WithRoute("route { path: '/a' redirect {} }"),
             {"c:2:20: redirect without a location: give it one, such as "
              "location: \"/new\""}},
        Case{"RedirectToNoPath",
             WithRoute("route { path: '/a' redirect { location: 'b' } }"),
             {"c:2:31: location \"b\" is neither a path from its \"/\" nor an "
              "http or https URI: write it as \"/new\" or "
              "\"https://example.org/new\""}},
        Case{
            "RedirectToAnotherHostByTwoSlashes",
            WithRoute("route { path: '/a' redirect { location: '//b' } }"),
            {"c:2:31: location \"//b\" leads to another host, as browsers read "
             "it: write one \"/\", or the whole URI from its \"https://\""}},
        Case{"RedirectToAnotherHostByBackslash",
             WithRoute("route { path: '/a' redirect { location: '/\\\\b' } }"),
             {"c:2:31: location \"/\\\\b\" leads to another host, as browsers "
              "read it: write one \"/\", or the whole URI from its "
              "\"https://\""}},
        Case{
            "RedirectToAnotherScheme",
            WithRoute("route { path: '/a' redirect { location: 'ftp://b/' } }"),
            {"c:2:31: location \"ftp://b/\" is neither a path from its \"/\" "
             "nor an http or https URI: write it as \"/new\" or "
             "\"https://example.org/new\""}},
        Case{"RedirectWithoutHost",
             WithRoute(
                 "route { path: '/a' redirect { location: 'https:///b' } }"),
             {"c:2:31: location \"https:///b\" has \"\" where the name of a "
              "host is expected"}},
        Case{"RedirectToAUser",
             WithRoute(
                 "route { path: '/a' redirect { location: 'https://u@b/' } }"),
             {"c:2:31: location \"https://u@b/\" has \"u@b\" where the name of "
              "a host is expected"}},
        Case{"RedirectThatInjectsAField",
             WithRoute(
                 "route { path: '/a' redirect { location: '/b\\r\\nA: c' } }"),
             {"c:2:31: location \"/b\\r\\nA: c\" has characters that a URI "
              "cannot have: write \"/b%0D%0AA:%20c\""}},
        Case{"RedirectBeyondAscii",
             WithRoute("route { path: '/a' redirect { location: 'https://b/\xE9"
                       "' } }"),
             {"c:2:31: location \"https://b/\\xe9\" has characters that a URI "
              "cannot have: write \"https://b/%E9\""}},
        Case{"RedirectWithBadPercent",
             WithRoute("route { path: '/a' redirect { location: '/b%' } }"),
             {"c:2:31: location \"/b%\" has a \"%\" without two hexadecimal "
              "digits behind it: write \"%25\" for a \"%\""}},
        Case{
            "RedirectWithAnotherStatus",
            WithRoute(
                "route { path: '/a' redirect { location: '/b' status: 304 } }"),
            {"c:2:46: status 304 does not redirect: choose one of 301, 302, "
             "303, 307, 308"}},
        Case{"RedirectToItself",
             WithRoute("route { path: '/a' redirect { location: '/a?b' } }"),
             {"c:2:31: warning: location \"/a?b\" leads back to this route: "
              "clients go in circles"}},
        Case{"RedirectBeneathItself",
             WithRoute("route { prefix: '/a/' redirect { location: '/a/b' } }"),
             {"c:2:34: warning: location \"/a/b\" leads back to this route: "
              "clients go in circles"}},
        Case{"Files",
             WithRoute("route { prefix: '/f/' files { root: 'www' index: '' "
                       "listing: true precompressed: false cache_control: "
                       "'no-cache' max_cached_file: '0' cache: '0' } }"),
             {}},
        Case{"FilesWithPath",
             WithRoute("route { path: '/f/' files { root: 'www' } }"),
             {"c:2:9: files with a path: they are found by what is behind a "
              "prefix, write prefix: \"/f/\""}},
        Case{"FilesWithPathWithoutSlash",
             WithRoute("route { path: '/f' files { root: 'www' } }"),
             {"c:2:9: files with a path: they are found by what is behind a "
              "prefix, write prefix: \"/f/\""}},
        Case{"FilesWithoutRoot",
             WithRoute("route { prefix: '/f/' files {} }"),
             {"c:2:23: files without a root: give it one, such as root: "
              "\"www\""}},
        Case{"FilesWithEmptyRoot",
             WithRoute("route { prefix: '/f/' files { root: '' } }"),
             {"c:2:31: root \"\" is empty: write \".\" for the working "
              "directory"}},
        Case{"FilesRootWithNul",
             WithRoute("route { prefix: '/f/' files { root: 'a\\000b' } }"),
             {"c:2:31: root \"a\\x00\\x62\" has a NUL: no file has one"}},
        Case{"IndexInAFolder",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' index: 'a/b' } }"),
             {"c:2:41: index \"a/b\" is not the name of a file in a directory: "
              "write it as \"index.html\""}},
        Case{"IndexThatLeadsUp",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' index: '..' } }"),
             {"c:2:41: index \"..\" is not the name of a file in a directory: "
              "write it as \"index.html\""}},
        Case{"HiddenIndex",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' index: '.i.html' } "
                 "}"),
             {"c:2:41: index \".i.html\" is hidden by its \".\": such files "
              "are never sent"}},
        Case{"IndexWithBackslash",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' index: 'a\\\\b' } "
                 "}"),
             {"c:2:41: index \"a\\\\b\" is not the name of a file in a "
              "directory: write it as \"index.html\""}},
        Case{"CachedFileLargerThanTheCache",
             WithRoute("route { prefix: '/f/' files { root: 'w' "
                       "max_cached_file: '2MiB' cache: '1MiB' } }"),
             {"c:2:41: max_cached_file \"2MiB\" is more than cache \"1MiB\": "
              "it must fit into it"}},
        Case{"CacheSmallerThanTheDefaultFile",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' cache: '1KiB' } }"),
             {"c:2:41: max_cached_file \"8KiB\" (the default) is more than "
              "cache \"1KiB\": it must fit into it"}},
        Case{
            "NoCache",
            WithRoute("route { prefix: '/f/' files { root: 'w' cache: '0' } }"),
            {}},
        Case{"CacheThatIsNoSize",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' cache: 'big' } }"),
             {"c:2:41: cache \"big\" is not a size: write it as \"64KiB\", "
              "\"1MB\" or \"512\" (bytes)"}},
        Case{"CacheTooLarge",
             WithRoute(
                 "route { prefix: '/f/' files { root: 'w' cache: '2TiB' } }"),
             {"c:2:41: cache \"2TiB\" is out of range: it goes from \"0\" to "
              "\"1TiB\""}},
        Case{"NotTrueOrFalse",
             WithRoute("route { prefix: '/f/' files { root: 'w' listing: yes "
                       "precompressed: 'true' } }"),
             {"c:2:50: expected true or false, found \"yes\"",
              "c:2:69: expected true or false without quotes, found "
              "\"'true'\""}},
        Case{
            "NumberInsteadOfTrue",
            WithRoute("route { prefix: '/f/' files { listing: 2 root: 'w' } }"),
            {"c:2:40: expected true or false, found \"2\""}}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Options, ConfigCheckerTest,
    testing::Values(
        Case{"RequestId",
             WithRoute("route { path: '/' fixed {} request_id {} }"),
             {}},
        Case{"Cors",
             WithRoute(
                 "route { path: '/' methods: ['GET', 'PUT'] fixed {} "
                 "cors { origin: ['https://a.org', "
                 "'HTTP://b.org:8080', 'capacitor://localhost'] methods: "
                 "['GET', 'PUT'] header: 'X-A' credentials: true max_age: '0s' "
                 "expose_header: ['X-B', 'X-C'] } }"),
             {}},
        Case{"CorsWithoutOrigin",
             WithRoute("route { path: '/' fixed {} cors {} }"),
             {"c:2:28: cors without an origin: give it one, such as origin: "
              "\"https://app.example.org\""}},
        Case{"CorsForAll",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' } }"),
             {}},
        Case{"CorsForAllWithCredentials",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' "
                       "credentials: true } }"),
             {"c:2:47: credentials with origin \"*\": browsers refuse that, "
              "name the origins"}},
        Case{"CorsForAllAndOne",
             WithRoute("route { path: '/' fixed {} cors { origin: "
                       "['https://a.org', '*'] } }"),
             {"c:2:61: origin \"*\" is everybody: remove it, or all the "
              "others"}},
        Case{"OriginWithPath",
             WithRoute("route { path: '/' fixed {} cors { origin: "
                       "'https://A.org/b' } }"),
             {"c:2:35: origin \"https://A.org/b\" goes beyond the host: write "
              "\"https://a.org\""}},
        Case{"OriginWithUsualPort",
             WithRoute("route { path: '/' fixed {} cors { origin: "
                       "'https://a.org:443' } }"),
             {"c:2:35: origin \"https://a.org:443\" has the usual port, which "
              "browsers leave out: write \"https://a.org\""}},
        Case{"OriginWithoutScheme",
             WithRoute("route { path: '/' fixed {} cors { origin: 'a.org' } }"),
             {"c:2:35: origin \"a.org\" is not an origin: write it as "
              "\"https://app.example.org\", or \"*\" for all"}},
        Case{"OriginNull",
             WithRoute("route { path: '/' fixed {} cors { origin: 'null' } }"),
             {"c:2:35: origin \"null\" is not an origin: write it as "
              "\"https://app.example.org\", or \"*\" for all"}},
        Case{"OriginThatNoBrowserSends",
             WithRoute("route { path: '/' fixed {} cors { origin: "
                       "['https://a,b', 'https://a%41b.org'] } }"),
             {"c:2:44: origin \"https://a,b\" is not an origin: write it as "
              "\"https://app.example.org\", or \"*\" for all",
              "c:2:59: origin \"https://a%41b.org\" is not an origin: write it "
              "as \"https://app.example.org\", or \"*\" for all"}},
        Case{"CorsTwiceAtAPath",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' } }\n"
                       "route { path: '/' methods: 'PUT' fixed {} cors { "
                       "origin: '*' } }"),
             {"c:3:9: path \"/\" stands twice for OPTIONS, which cors answers: "
              "first on line 2"}},
        Case{"OriginTwice",
             WithRoute("route { path: '/' fixed {} cors { origin: "
                       "'https://a.org' origin: 'https://A.org' } }"),
             {"c:2:59: origin \"https://A.org\" stands twice here: first on "
              "line 2"}},
        Case{"CorsMethodUnknown",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' methods: "
                       "'get' } }"),
             {"c:2:47: unknown method \"get\": methods are in capitals, write "
              "\"GET\""}},
        Case{"CorsMethodsThatTheRouteDoesNotHave",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' methods: "
                       "['GET', 'PUT'] } }"),
             {"c:2:64: warning: method \"PUT\" has no effect: this route "
              "answers GET, HEAD"}},
        Case{"CorsHeaderThatIsNone",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' header: "
                       "'a b' expose_header: '' } }"),
             {"c:2:47: header \"a b\" is not the name of a field: write it as "
              "\"X-Request-Id\"",
              "c:2:61: expose_header \"\" is not the name of a field: write it "
              "as \"X-Request-Id\""}},
        Case{
            "CorsMaxAgeOfHalfASecond",
            WithRoute("route { path: '/' fixed {} cors { origin: '*' max_age: "
                      "'1500ms' } }"),
            {"c:2:47: max_age \"1500ms\" is not sent: it takes whole seconds"}},
        Case{"CorsMaxAgeTooLong",
             WithRoute("route { path: '/' fixed {} cors { origin: '*' max_age: "
                       "'25h' } }"),
             {"c:2:47: max_age \"25h\" is out of range: it goes from \"0s\" to "
              "\"24h\""}},
        Case{
            "BasicAuth",
            WithRoute(
                "route { path: '/' fixed {} basic_auth { realm: 'a b' user { "
                "name: 'a' secret_hash: "
                "'$6$abc$"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaa' } user { name: 'b' secret_hash: "
                "'$y$j9T$abc$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } "
                "user { name: 'c' secret_hash: "
                "'$5$rounds=9000$abc$"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } user { name: "
                "'d' secret_hash: "
                "'$2b$05$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } } }"),
            {}},
        Case{
            "EveryHashThatTheHandlerTakes",
            WithRoute(
                "route { path: '/' fixed {} basic_auth { user { name: 'u0' "
                "secret_hash: "
                "'$2y$05$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } user { name: 'u1' secret_hash: "
                "'$2a$15$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } user { name: 'u2' secret_hash: "
                "'$gy$j9T$abc$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } "
                "user { name: 'u3' secret_hash: "
                "'$7$CU..../"
                "....abc$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
            {}},
        Case{
            "BcryptCostTooHigh",
            WithRoute(
                "route { path: '/' fixed {} basic_auth { user { name: "
                "'a' secret_hash: "
                "'$2b$16$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } } }"),
            {"c:2:58: secret_hash starts with \"$2b$\" and has a cost that is "
             "out of range: the cost goes from 04 to 15, so that a password is "
             "verified within seconds"}},
        Case{
            "BcryptCostTooLow",
            WithRoute(
                "route { path: '/' fixed {} basic_auth { user { name: "
                "'a' secret_hash: "
                "'$2b$03$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } } }"),
            {"c:2:58: secret_hash starts with \"$2b$\" and has a cost that is "
             "out of range: the cost goes from 04 to 15, so that a password is "
             "verified within seconds"}},
        Case{
            "BcryptCostThatIsNone",
            WithRoute(
                "route { path: '/' fixed {} basic_auth { user { name: "
                "'a' secret_hash: "
                "'$2b$xx$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
                " } } }"),
            {"c:2:58: secret_hash starts with \"$2b$\" and has a cost that is "
             "out of range: the cost goes from 04 to 15, so that a password is "
             "verified within seconds"}},
        Case{"ShaCryptRoundsTooMany",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: '$5$rounds=1000001$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:58: secret_hash starts with \"$5$\" and has a cost that is "
              "out of range: the rounds go from 1000 to 1000000, so that a "
              "password is verified within seconds"}},
        Case{"YescryptCostTooHigh",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: '$y$jFT$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:58: secret_hash starts with \"$y$\" and has a cost that is "
              "out of range: N * r * p is at most 2097152, which takes 256 MiB "
              "and is cost 9 of crypt_gensalt(3), so that a password is "
              "verified within seconds"}},
        Case{"BasicAuthWithoutUser",
             WithRoute("route { path: '/' fixed {} basic_auth {} }"),
             {"c:2:28: basic_auth without a user: give it one, such as user { "
              "name: \"anna\" secret_hash: \"$6$...\" }"}},
        Case{
            "UserWithoutAnything",
            WithRoute("route { path: '/' fixed {} basic_auth { user {} } }"),
            {"c:2:41: user without a name: give it one, such as name: \"anna\"",
             "c:2:41: user without a secret_hash: `openssl passwd -6` makes "
             "one"}},
        Case{"UserTwice",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }\n"
                       "user { name: 'a' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:3:8: name \"a\" stands twice here: first on line 2"}},
        Case{"UserWithColon",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a:b' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:48: name \"a:b\" is not a user's name: write 1 to 255 bytes "
              "without \":\" and controls"}},
        Case{"PlainSecret",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: 'hunter2' } } }"),
             {"c:2:58: secret_hash is not what crypt(5) makes of a password, "
              "\"$y$...\", \"$6$...\", \"$5$...\" or \"$2b$...\": `openssl "
              "passwd -6` makes one"}},
        Case{"DesSecret",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: 'ab1234567890.' } } }"),
             {"c:2:58: secret_hash is not what crypt(5) makes of a password, "
              "\"$y$...\", \"$6$...\", \"$5$...\" or \"$2b$...\": `openssl "
              "passwd -6` makes one"}},
        Case{"SecretCutShort",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: '$6$abc$aaa' } } }"),
             {"c:2:58: secret_hash starts with \"$6$\" but is not whole: 86 "
              "letters, digits, \".\" or \"/\" stand behind the last \"$\"; "
              "`openssl passwd -6` makes one"}},
        Case{"SecretWithoutSalt",
             WithRoute("route { path: '/' fixed {} basic_auth { user { name: "
                       "'a' secret_hash: "
                       "'$6$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:58: secret_hash starts with \"$6$\" but is not whole: 86 "
              "letters, digits, \".\" or \"/\" stand behind the last \"$\"; "
              "`openssl passwd -6` makes one"}},
        Case{"EmptyRealm",
             WithRoute("route { path: '/' fixed {} basic_auth { realm: '' user "
                       "{ name: 'a' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:41: realm \"\" is empty: it tells people which password is "
              "asked for"}},
        Case{"RealmWithControl",
             WithRoute("route { path: '/' fixed {} basic_auth { realm: 'a\\n' "
                       "user { name: 'a' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:41: realm \"a\\n\" cannot be sent: it takes visible ASCII "
              "characters and blanks"}},
        Case{"RealmWithTab",
             WithRoute("route { path: '/' fixed {} basic_auth { realm: "
                       "'a\\tb' user { name: 'a' secret_hash: "
                       "'$6$abc$"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' } } }"),
             {"c:2:41: realm \"a\\tb\" cannot be sent: it takes visible ASCII "
              "characters and blanks"}},
        Case{"RateLimitThatTakesAYear",
             WithRoute("route { path: '/' fixed {} rate_limit { requests: 1 "
                       "per: '24h' burst: 366 } }\n"
                       "route { path: '/a' fixed {} rate_limit { requests: 1 "
                       "per: '24h' burst: 367 } }"),
             {"c:3:65: burst 367 takes more than a year to come back, at 1 per "
              "\"24h\": lower it, or allow more requests"}},
        Case{"RateLimit",
             WithRoute("route { path: '/' fixed {} rate_limit { requests: 100 "
                       "per: '1m' burst: 10 scope: PER_ROUTE } }"),
             {}},
        Case{"RateLimitWithoutRequests",
             WithRoute("route { path: '/' fixed {} rate_limit {} }"),
             {"c:2:28: rate_limit without requests: say how many, such as "
              "requests: 100"}},
        Case{"RateLimitOfNone",
             WithRoute("route { path: '/' fixed {} rate_limit { requests: 0 "
                       "burst: 0 } }"),
             {"c:2:41: requests 0 is out of range: it goes from 1 to 1000000",
              "c:2:53: burst 0 is out of range: it goes from 1 to 1000000"}},
        Case{"RateLimitPerNothing",
             WithRoute("route { path: '/' fixed {} rate_limit { requests: 1 "
                       "per: '0s' } }"),
             {"c:2:53: per \"0s\" is out of range: it goes from \"1ms\" to "
              "\"24h\""}},
        Case{"RateLimitPerBlank",
             WithRoute("route { path: '/' fixed {} rate_limit { requests: 1 "
                       "per: '1 min' } }"),
             {"c:2:53: per \"1 min\" is not a duration: did you mean \"1m\"?"}},
        Case{"RateLimitOfUnknownScope",
             WithRoute("route { path: '/' fixed {} rate_limit { scope: "
                       "PER_USER requests: 1 } }"),
             {"c:2:48: expected PER_CLIENT or PER_ROUTE, found \"PER_USER\""}},
        Case{"RateLimitScopeInQuotes",
             WithRoute("route { path: '/' fixed {} rate_limit { scope: "
                       "'PER_ROUTE' requests: 1 } }"),
             {"c:2:48: expected PER_CLIENT or PER_ROUTE without quotes, found "
              "\"'PER_ROUTE'\""}}),
    CaseName);

}  // namespace
}  // namespace pollux::httpd
