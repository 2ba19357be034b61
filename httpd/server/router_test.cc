#include "httpd/server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"

namespace pollux {
namespace {

using http::Method;
using ::testing::HasSubstr;
using ::testing::Not;

class IdleHandler final : public Handler {
 public:
  void Handle(const Request&, Responder) override {}
};

// Routes to handlers that are only compared.
class RouterTest : public testing::Test {
 protected:
  // Returns the handler.
  Handler* Add(std::string path, MethodSet methods) {
    auto handler = std::make_unique<IdleHandler>();
    Handler* const added = handler.get();
    routes_.push_back({std::move(path), methods, std::move(handler)});
    return added;
  }

  absl::StatusOr<std::unique_ptr<Router>> Create() {
    return Router::Create(std::move(routes_));
  }

  std::vector<Route> routes_;
};

std::string TextOf(const http::PreparedResponse& response) {
  std::string text;
  response.AppendTo(text, http::FormatHttpDate(0),
                    http::ConnectionOption::kNone,
                    http::BodyPresence::kHeadAndBody);
  return text;
}

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

TEST_F(RouterTest, FindsTheHandlerOfAPath) {
  Handler* const root = Add("/", {Method::kGet});
  Handler* const form = Add("/form", {Method::kPost});
  const auto router = Create().value();
  EXPECT_EQ(router->Find(Method::kGet, "/").handler, root);
  EXPECT_EQ(router->Find(Method::kPost, "/form").handler, form);
}

TEST_F(RouterTest, HeadComesWithGet) {
  Handler* const root = Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  const auto router = Create().value();
  EXPECT_EQ(router->Find(Method::kHead, "/").handler, root);
  EXPECT_EQ(router->Find(Method::kHead, "/form").response->status(), 405);
}

TEST_F(RouterTest, ComparesPathsByteByByte) {
  Add("/a", {Method::kGet});
  const auto router = Create().value();
  for (const char* path : {"/", "/A", "/a/", "/ab", "/%61", "//a"}) {
    const Router::Match match = router->Find(Method::kGet, path);
    EXPECT_EQ(match.handler, nullptr) << path;
    EXPECT_EQ(match.response->status(), 404) << path;
  }
}

TEST_F(RouterTest, OtherMethodsAreToldWhichAreAllowed) {
  Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  const auto router = Create().value();
  const Router::Match match = router->Find(Method::kDelete, "/");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.response->status(), 405);
  EXPECT_THAT(TextOf(*match.response), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(TextOf(*router->Find(Method::kGet, "/form").response),
              HasSubstr("\r\nAllow: POST\r\n"));
}

TEST_F(RouterTest, UnknownMethodsAre501OnEveryPath) {
  Add("/", {Method::kGet});
  const auto router = Create().value();
  EXPECT_EQ(router->Find(Method::kUnknown, "/").response->status(), 501);
  EXPECT_EQ(router->Find(Method::kUnknown, "/b").response->status(), 501);
}

TEST_F(RouterTest, OptionsOfTheServerAreThoseOfAllRoutes) {
  Add("/", {Method::kGet});
  Add("/form", {Method::kPost});
  const auto router = Create().value();
  const Router::Match match = router->Find(Method::kOptions, "*");
  EXPECT_EQ(match.response->status(), 204);
  EXPECT_THAT(TextOf(*match.response),
              HasSubstr("\r\nAllow: GET, HEAD, POST\r\n"));
  EXPECT_THAT(TextOf(*match.response), Not(HasSubstr("Content-Length")));
}

TEST_F(RouterTest, OptionsOfAPathAreTheHandlersBusiness) {
  Handler* const root = Add("/", {Method::kOptions});
  Add("/a", {Method::kGet});
  const auto router = Create().value();
  EXPECT_EQ(router->Find(Method::kOptions, "/").handler, root);
  EXPECT_EQ(router->Find(Method::kOptions, "/a").response->status(), 405);
}

TEST_F(RouterTest, WithoutRoutesNothingIsFound) {
  const auto router = Create().value();
  EXPECT_EQ(router->Find(Method::kGet, "/").response->status(), 404);
  EXPECT_THAT(TextOf(*router->Find(Method::kOptions, "*").response),
              HasSubstr("\r\nAllow: \r\n"));
}

TEST_F(RouterTest, APathMayStandOnlyOnce) {
  Add("/a", {Method::kGet});
  Add("/a", {Method::kPost});
  const absl::Status status = Create().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "path \"/a\" stands twice");
}

TEST_F(RouterTest, APathStartsWithASlash) {
  for (const char* path : {"a", "", "*"}) {
    routes_.clear();
    Add(path, {Method::kGet});
    EXPECT_THAT(Create().status().message(),
                HasSubstr("does not start with /"));
  }
}

}  // namespace
}  // namespace pollux
