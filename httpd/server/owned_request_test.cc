#include "httpd/server/owned_request.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/field_name.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/recording_exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/route_match.h"

namespace pollux {
namespace {

// Keeps a request whose bytes and match are overwritten before anybody looks.
std::unique_ptr<OwnedRequest> Keep(std::string bytes, std::string parameter,
                                   std::string id, Exchange& exchange) {
  auto head = std::make_unique<http::RequestHead>();
  (void)http::RequestParser().Parse(bytes, http::HeadLimits(), *head);
  auto match = std::make_unique<RouteMatch>();
  match->parameters.emplace_back("name", parameter);
  match->below_prefix = absl::string_view(parameter).substr(1);
  match->route = 7;
  Request request(*head, *match, exchange);
  request.set_id(id);
  auto kept = std::make_unique<OwnedRequest>(request);
  bytes.assign(bytes.size(), '!');
  parameter.assign(parameter.size(), '!');
  id.assign(id.size(), '!');
  return kept;
}

TEST(OwnedRequestTest, KeepsAllThatARequestSays) {
  RecordingExchange exchange;
  const auto kept = Keep(
      "POST /a%20b?c=d HTTP/1.1\r\nHost: example.org:1\r\nX-One: 1\r\n"
      "Content-Length: 12\r\nExpect: 100-continue\r\nx-one: 2\r\n\r\n",
      "value", "the id", exchange);
  const Request request = kept->request();
  EXPECT_EQ(request.method(), http::Method::kPost);
  EXPECT_EQ(request.path(), "/a%20b");
  EXPECT_EQ(request.query(), "c=d");
  EXPECT_EQ(request.authority(), "example.org:1");
  EXPECT_EQ(request.fields().size(), 5u);
  EXPECT_EQ(request.field("X-One"), "1");
  EXPECT_EQ(request.fields()[4].value, "2");
  EXPECT_EQ(request.field(http::FieldName::kExpect), "100-continue");
  EXPECT_TRUE(request.has_body());
  EXPECT_TRUE(request.head().expects_continue);
  EXPECT_EQ(request.head().content_length, 12u);
  EXPECT_EQ(request.head().body_framing, http::BodyFraming::kContentLength);
  EXPECT_EQ(request.head().method_token, "POST");
  EXPECT_EQ(request.head().target, "/a%20b?c=d");
  EXPECT_EQ(request.parameter("name"), "value");
  EXPECT_EQ(request.below_prefix(), "alue");
  EXPECT_EQ(request.id(), "the id");
  EXPECT_EQ(&request.client(), &exchange.client_address);
}

TEST(OwnedRequestTest, KeepsMoreFieldsThanFitInline) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 99; ++i) absl::StrAppend(&bytes, "N", i, ": ", i, "\r\n");
  RecordingExchange exchange;
  const auto kept = Keep(absl::StrCat(bytes, "\r\n"), "v", "", exchange);
  EXPECT_EQ(kept->request().fields().size(), 100u);
  EXPECT_EQ(kept->request().field("N98"), "98");
  EXPECT_FALSE(kept->request().has_body());
  EXPECT_GT(kept->held_bytes(), bytes.size());
}

}  // namespace
}  // namespace pollux
