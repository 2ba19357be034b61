#include "httpd/server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_target.h"
#include "httpd/server/handler.h"
#include "httpd/server/method_set.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/route_match.h"
#include "httpd/server/status_page.h"

namespace pollux {
namespace {

using http::Method;
using ::testing::HasSubstr;

class IdleHandler final : public Handler {
 public:
  void Handle(const Request&, Responder) override {}
};

// Routes to handlers that are only compared.
class RouterTest : public testing::Test {
 protected:
  // Returns the handler.
  Handler* Add(std::string path, MethodSet methods,
               std::vector<std::string> hosts = {}) {
    auto handler = std::make_unique<IdleHandler>();
    Handler* const added = handler.get();
    routes_.push_back({.path = std::move(path),
                       .methods = methods,
                       .handler = std::move(handler),
                       .hosts = std::move(hosts)});
    return added;
  }

  Handler* AddBeneath(std::string path, MethodSet methods,
                      std::vector<std::string> hosts = {}) {
    Handler* const added = Add(std::move(path), methods, std::move(hosts));
    routes_.back().reach = RouteReach::kBeneath;
    return added;
  }

  void Create() { router_ = Router::Create(std::move(routes_)).value(); }
  absl::Status CreateFails() {
    return Router::Create(std::move(routes_)).status();
  }

  const RouteMatch& Find(Method method, absl::string_view path,
                         absl::string_view host = "") {
    head_.method = method;
    head_.path = path;
    head_.authority = host;
    head_.target_form =
        path == "*" ? http::TargetForm::kAsterisk : http::TargetForm::kOrigin;
    router_->Find(head_, match_);
    return match_;
  }
  Handler* Get(absl::string_view path, absl::string_view host = "") {
    return Find(Method::kGet, path, host).handler;
  }
  // Of an answer that is the router's own; 0 if it has none.
  int Status(Method method, absl::string_view path) {
    const RouteMatch& match = Find(method, path);
    return match.page == nullptr ? 0 : match.page->status();
  }
  std::string Answer(Method method, absl::string_view path) {
    std::string text;
    Find(method, path)
        .page->As(PageFormat::kText)
        .AppendTo(text, http::FormatHttpDate(0), http::ConnectionOption::kNone,
                  http::BodyPresence::kHeadAndBody);
    return text;
  }

  std::vector<Route> routes_;
  std::unique_ptr<Router> router_;
  http::RequestHead head_;
  RouteMatch match_;
};

TEST(MethodSetTest, ReadsAsAnAllowField) {
  EXPECT_EQ(MethodSet().ToString(), "");
  EXPECT_EQ(MethodSet({Method::kGet}).ToString(), "GET");
  EXPECT_EQ(MethodSet({Method::kPatch, Method::kHead, Method::kGet}).ToString(),
            "GET, HEAD, PATCH");
}

TEST(MethodSetTest, HoldsWhatWasAdded) {
  MethodSet methods = {Method::kGet};
  methods.Add(Method::kPost);
  methods.Add(MethodSet{Method::kPut});
  EXPECT_TRUE(methods.Contains(Method::kGet));
  EXPECT_TRUE(methods.Contains(Method::kPost));
  EXPECT_TRUE(methods.Contains(Method::kPut));
  EXPECT_FALSE(methods.Contains(Method::kDelete));
}

TEST(MethodSetTest, GetBringsHead) {
  EXPECT_EQ(MethodSet({Method::kGet}).WithHead(),
            MethodSet({Method::kGet, Method::kHead}));
  EXPECT_EQ(MethodSet({Method::kPut}).WithHead(), MethodSet({Method::kPut}));
  EXPECT_TRUE(MethodSet().WithHead().empty());
}

TEST_F(RouterTest, FindsTheHandlerOfAPath) {
  Handler* const root = Add("/", {Method::kGet});
  Handler* const form = Add("/form", {Method::kPost});
  Create();
  EXPECT_EQ(Get("/"), root);
  EXPECT_EQ(match_.route, 1u);
  EXPECT_EQ(Find(Method::kPost, "/form").handler, form);
  EXPECT_EQ(match_.route, 2u);
  EXPECT_EQ(router_->route_count(), 2u);
}

TEST_F(RouterTest, HeadComesWithGet) {
  Handler* const root = Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  Create();
  EXPECT_EQ(Find(Method::kHead, "/").handler, root);
  EXPECT_EQ(Status(Method::kHead, "/form"), 405);
}

TEST_F(RouterTest, OtherPathsAreNotFound) {
  Add("/a", {Method::kGet});
  Create();
  for (const char* path : {"/", "/A", "/a/", "/ab", "//a", "/a%2F", "/%00"}) {
    EXPECT_EQ(Status(Method::kGet, path), 404) << path;
    EXPECT_EQ(match_.route, RouteMatch::kNoRoute) << path;
  }
}

TEST_F(RouterTest, R21PathsAreComparedDecoded) {
  Handler* const plain = Add("/a b", {Method::kGet});
  Handler* const encoded = Add("/caf%C3%A9", {Method::kGet});
  Handler* const secret = AddBeneath("/admin/", {Method::kGet});
  AddBeneath("/", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/a%20b"), plain);
  EXPECT_EQ(Get("/caf%c3%a9"), encoded);
  EXPECT_EQ(Get("/%61dmin/x"), secret);
  EXPECT_EQ(match_.below_prefix, "x");
}

TEST_F(RouterTest, R21APercentSignInARouteIsEncoded) {
  // The path "/a%41".
  Handler* const percent = Add("/a%2541", {Method::kGet});
  Handler* const letter = Add("/aA", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/a%2541"), percent);
  EXPECT_EQ(Get("/a%41"), letter);
  EXPECT_EQ(Get("/aA"), letter);
}

TEST_F(RouterTest, R21PathsThatLeadElsewhereAreNobodys) {
  AddBeneath("/", {Method::kGet});
  Create();
  EXPECT_NE(Get("/.hidden"), nullptr);
  for (const char* path :
       {"/.", "/..", "/a/../b", "/a/./b", "/a/..", "/%2e%2E/b", "/a/%2e",
        "/.%2e", "/a%2fb", "/a%5Cb"}) {
    EXPECT_EQ(Status(Method::kGet, path), 404) << path;
  }
}

TEST_F(RouterTest, OtherMethodsAreToldWhichAreAllowed) {
  Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  Create();
  EXPECT_EQ(Status(Method::kDelete, "/"), 405);
  EXPECT_EQ(match_.handler, nullptr);
  EXPECT_EQ(match_.route, 1u);
  EXPECT_THAT(Answer(Method::kTrace, "/"),
              HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(Answer(Method::kGet, "/form"),
              HasSubstr("\r\nAllow: POST, OPTIONS\r\n"));
}

TEST_F(RouterTest, MethodsOfAPathMayHaveHandlersOfTheirOwn) {
  Handler* const read = Add("/a", {Method::kGet});
  Handler* const write = Add("/a", {Method::kPut, Method::kDelete});
  Create();
  EXPECT_EQ(Get("/a"), read);
  EXPECT_EQ(Find(Method::kPut, "/a").handler, write);
  EXPECT_EQ(match_.route, 2u);
  EXPECT_THAT(Answer(Method::kPost, "/a"),
              HasSubstr("\r\nAllow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"));
  EXPECT_EQ(match_.route, 1u) << "the first counts what none has";
}

TEST_F(RouterTest, UnknownMethodsAre501OnEveryPath) {
  Add("/", {Method::kGet});
  Create();
  EXPECT_EQ(Status(Method::kUnknown, "/"), 501);
  EXPECT_EQ(Status(Method::kUnknown, "/b"), 501);
}

TEST_F(RouterTest, OptionsOfTheServerAreThoseOfAllRoutes) {
  Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  Create();
  EXPECT_EQ(Status(Method::kOptions, "*"), 204);
  EXPECT_THAT(Answer(Method::kOptions, "*"),
              HasSubstr("\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"));
}

TEST_F(RouterTest, OptionsOfAPathComeByThemselves) {
  Handler* const root = Add("/", {Method::kOptions});
  Add("/a", {Method::kGet});
  Create();
  EXPECT_EQ(Find(Method::kOptions, "/").handler, root);
  EXPECT_EQ(Status(Method::kOptions, "/a"), 204);
  EXPECT_THAT(Answer(Method::kOptions, "/a"),
              HasSubstr("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_EQ(Status(Method::kOptions, "/b"), 404);
}

TEST_F(RouterTest, WithoutRoutesNothingIsFound) {
  Create();
  EXPECT_EQ(Status(Method::kGet, "/"), 404);
  EXPECT_THAT(Answer(Method::kOptions, "*"),
              HasSubstr("\r\nAllow: OPTIONS\r\n"));
}

// Prefixes and parameters.

TEST_F(RouterTest, APrefixIsAllThatIsBeneath) {
  Handler* const files = AddBeneath("/files/", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/files/"), files);
  EXPECT_EQ(match_.below_prefix, "");
  EXPECT_EQ(Get("/files/a%20b/c"), files);
  EXPECT_EQ(match_.below_prefix, "a%20b/c");
  EXPECT_EQ(Get("/files//a"), files);
  EXPECT_EQ(match_.below_prefix, "/a");
  EXPECT_EQ(Status(Method::kGet, "/filesystem"), 404);
  EXPECT_EQ(Status(Method::kGet, "/"), 404);
}

TEST_F(RouterTest, APrefixWithoutItsSlashIsRedirected) {
  AddBeneath("/files/", {Method::kGet});
  AddBeneath("//a/", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/files"), nullptr);
  EXPECT_EQ(match_.page, nullptr);
  EXPECT_EQ(match_.route, 1u);
  // Never to another host.
  EXPECT_EQ(Status(Method::kGet, "//a"), 404);
}

TEST_F(RouterTest, ThePrefixOfAllIsTheRoot) {
  Handler* const all = AddBeneath("/", {Method::kGet});
  Handler* const one = Add("/one", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/"), all);
  EXPECT_EQ(Get("/a/b"), all);
  EXPECT_EQ(match_.below_prefix, "a/b");
  EXPECT_EQ(Get("/one"), one);
  EXPECT_EQ(match_.below_prefix, "");
}

TEST_F(RouterTest, ParametersAreSegments) {
  Handler* const posts = Add("/users/{user}/posts/{post}", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/users/j%C3%B6rg/posts/7"), posts);
  EXPECT_EQ(match_.parameter("user"), "j\xC3\xB6rg");
  EXPECT_EQ(match_.parameter("post"), "7");
  EXPECT_EQ(match_.parameter("other"), "");
  for (const char* path : {"/users//posts/7", "/users/a/posts/",
                           "/users/a/posts", "/users/a/b/posts/7"}) {
    EXPECT_EQ(Status(Method::kGet, path), 404) << path;
  }
}

TEST_F(RouterTest, EachMethodNamesItsOwnParameters) {
  Add("/{a}", {Method::kGet});
  Add("/{b}", {Method::kPost});
  Create();
  EXPECT_EQ(Find(Method::kGet, "/x").parameter("a"), "x");
  EXPECT_EQ(Find(Method::kPost, "/x").parameter("b"), "x");
  EXPECT_EQ(match_.parameter("a"), "");
}

TEST_F(RouterTest, WhatSaysMostWins) {
  Handler* const all = AddBeneath("/a/", {Method::kGet});
  Handler* const parameter = Add("/a/{x}", {Method::kGet});
  Handler* const literal = Add("/a/b", {Method::kGet});
  Handler* const beneath = AddBeneath("/a/b/", {Method::kGet});
  Handler* const deep = Add("/a/{x}/c", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/a/b"), literal);
  EXPECT_EQ(Get("/a/d"), parameter);
  EXPECT_EQ(match_.parameter("x"), "d");
  EXPECT_EQ(Get("/a/b/c"), beneath);
  EXPECT_EQ(Get("/a/d/c"), deep);
  // Goes back from where it finds nothing.
  EXPECT_EQ(Get("/a/d/e"), all);
  EXPECT_EQ(match_.below_prefix, "d/e");
  EXPECT_TRUE(match_.parameters.empty());
}

TEST_F(RouterTest, Regression_AStarInAPathIsAStar) {
  Handler* const star = Add("/a/*", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/a/*"), star);
  EXPECT_EQ(Get("/a/%2A"), star);
  EXPECT_EQ(Status(Method::kGet, "/a/b"), 404);
  EXPECT_EQ(Status(Method::kGet, "/a"), 404);
}

TEST_F(RouterTest, Regression_AnEncodedBraceIsABrace) {
  Handler* const brace = Add("/%7Bx%7D", {Method::kGet});
  Create();
  EXPECT_EQ(Get("/%7Bx%7D"), brace);
  EXPECT_EQ(Status(Method::kGet, "/y"), 404);
  EXPECT_TRUE(match_.parameters.empty());
}

// Hosts.

TEST_F(RouterTest, RoutesMayBelongToHosts) {
  Handler* const any = Add("/", {Method::kGet});
  Handler* const one = Add("/", {Method::kGet}, {"One.example"});
  Handler* const beneath = Add("/", {Method::kGet}, {"*.example", "b.test"});
  Create();
  EXPECT_EQ(Get("/", "one.example"), one);
  EXPECT_EQ(Get("/", "ONE.example.:8080"), one);
  EXPECT_EQ(Get("/", "two.example:80"), beneath);
  EXPECT_EQ(Get("/", "a.one.example"), beneath);
  EXPECT_EQ(Get("/", "b.test"), beneath);
  EXPECT_EQ(Get("/", "example"), any);
  EXPECT_EQ(Get("/", "[::1]:80"), any);
  EXPECT_EQ(Get("/", ""), any);
}

TEST_F(RouterTest, HostsMayBeAddresses) {
  Handler* const any = Add("/", {Method::kGet});
  Handler* const ipv4 = Add("/", {Method::kGet}, {"192.0.2.1"});
  Handler* const ipv6 = Add("/", {Method::kGet}, {"[2001:db8::1]"});
  Create();
  for (const absl::string_view port : {"", ":80"}) {
    EXPECT_EQ(Get("/", absl::StrCat("192.0.2.1", port)), ipv4);
    EXPECT_EQ(Get("/", absl::StrCat("192.0.2.2", port)), any);
    EXPECT_EQ(Get("/", absl::StrCat("[2001:db8::1]", port)), ipv6);
    EXPECT_EQ(Get("/", absl::StrCat("[2001:DB8::1]", port)), ipv6);
    EXPECT_EQ(Get("/", absl::StrCat("[2001:db8::2]", port)), any);
  }
}

TEST_F(RouterTest, WhatAHostDoesNotHaveIsEverybodys) {
  Handler* const health = Add("/health", {Method::kGet});
  Add("/", {Method::kGet}, {"a.example"});
  Create();
  EXPECT_EQ(Get("/health", "a.example"), health);
}

TEST_F(RouterTest, Regression_WhatANameDoesNotHaveIsThatOfAllAboveIt) {
  Handler* const health = Add("/health", {Method::kGet}, {"*.example.org"});
  Handler* const all = Add("/all", {Method::kGet}, {"*.org"});
  Handler* const any = Add("/any", {Method::kGet});
  Add("/", {Method::kGet}, {"a.example.org"});
  Create();
  EXPECT_EQ(Get("/health", "a.example.org"), health);
  EXPECT_EQ(Get("/all", "a.example.org"), all);
  EXPECT_EQ(Get("/any", "a.example.org"), any);
  EXPECT_EQ(Get("/none", "a.example.org"), nullptr);
  EXPECT_EQ(match_.page->status(), 404);
}

TEST_F(RouterTest, TheNarrowestHostWithThePathDecides) {
  Add("/x", {Method::kGet});
  Handler* const beneath = AddBeneath("/", {Method::kGet}, {"a.example.org"});
  Create();
  EXPECT_EQ(Get("/x", "a.example.org"), beneath);
  EXPECT_EQ(Find(Method::kPost, "/x", "a.example.org").page->status(), 405);
}

TEST_F(RouterTest, Regression_ParametersOfAnotherHostAreForgotten) {
  Handler* const any = Add("//x", {Method::kGet});
  AddBeneath("//{a}/", {Method::kGet}, {"a.example"});
  Create();
  EXPECT_EQ(Get("//x", "a.example"), any);
  EXPECT_TRUE(match_.parameters.empty());
}

TEST_F(RouterTest, NamesItsRoutes) {
  routes_.push_back({.path = "/a",
                     .methods = {Method::kGet},
                     .handler = std::make_unique<IdleHandler>(),
                     .name = "the a"});
  Add("/b", {Method::kGet});
  Create();
  EXPECT_EQ(router_->route_name(1), "the a");
  EXPECT_EQ(router_->route_name(2), "/b");
  EXPECT_EQ(router_->route_name(RouteMatch::kNoRoute), "none");
}

// What cannot be.

TEST_F(RouterTest, AMethodOfAPathMayStandOnlyOnce) {
  for (const char* same : {"/a/{x}", "/%61/{y}"}) {
    routes_.clear();
    Add("/a/{x}", {Method::kGet, Method::kPut});
    Add(same, {Method::kHead});
    const absl::Status status = CreateFails();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(),
              absl::StrCat("path \"", same, "\" stands twice"));
  }
}

TEST_F(RouterTest, APathStartsWithASlash) {
  for (const char* path : {"a", "", "*"}) {
    routes_.clear();
    Add(path, {Method::kGet});
    EXPECT_THAT(CreateFails().message(), HasSubstr("does not start with /"));
  }
}

TEST_F(RouterTest, APathWithAllBeneathEndsInASlash) {
  AddBeneath("/files", {Method::kGet});
  EXPECT_EQ(CreateFails().message(),
            "path \"/files\" of all beneath does not end in /");
}

TEST_F(RouterTest, APathIsOneThatARequestCanHave) {
  for (const char* path : {"/a/../b", "/%2e", "/a%2Fb", "/%00", "/%zz"}) {
    routes_.clear();
    Add(path, {Method::kGet});
    EXPECT_THAT(CreateFails().message(), HasSubstr("none that a request"))
        << path;
  }
}

TEST_F(RouterTest, AHostIsAName) {
  for (const char* host : {"", "*", "a.*", "*.*.a"}) {
    routes_.clear();
    Add("/", {Method::kGet}, {host});
    EXPECT_THAT(CreateFails().message(), HasSubstr("is no name")) << host;
  }
}

}  // namespace
}  // namespace pollux
