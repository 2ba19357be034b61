#include "httpd/http/request_head.h"

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pollux::http {
namespace {

TEST(MethodTest, R5_EveryNameAndBack) {
  const struct {
    Method method;
    absl::string_view name;
  } kMethods[] = {
      {Method::kGet, "GET"},         {Method::kHead, "HEAD"},
      {Method::kPost, "POST"},       {Method::kPut, "PUT"},
      {Method::kDelete, "DELETE"},   {Method::kConnect, "CONNECT"},
      {Method::kOptions, "OPTIONS"}, {Method::kTrace, "TRACE"},
      {Method::kPatch, "PATCH"},
  };
  for (const auto& [method, name] : kMethods) {
    EXPECT_EQ(MethodFromToken(name), method) << name;
    EXPECT_EQ(MethodName(method), name);
  }
}

TEST(MethodTest, R5_OtherTokensAreUnknown) {
  for (const absl::string_view token :
       {"", "get", "Get", "GE", "GETT", "POST ", "PRI", "unknown"}) {
    EXPECT_EQ(MethodFromToken(token), Method::kUnknown) << token;
  }
  EXPECT_EQ(MethodName(Method::kUnknown), "unknown");
}

TEST(RequestHeadTest, IsEmptyAtFirst) {
  const RequestHead head;
  EXPECT_EQ(head.method, Method::kUnknown);
  EXPECT_EQ(head.body_framing, BodyFraming::kNone);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.fields.empty());
}

}  // namespace
}  // namespace pollux::http
