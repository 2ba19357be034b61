#include "httpd/http/prepared_response.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/http/http_date.h"
#include "httpd/http/reason_phrase.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

constexpr int64_t kNow = 784'111'777;
constexpr char kDate[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

std::string Bytes(const PreparedResponse& response,
                  ConnectionOption connection = ConnectionOption::kNone,
                  BodyPresence presence = BodyPresence::kHeadAndBody) {
  std::string out;
  response.AppendTo(out, FormatHttpDate(kNow), connection, presence);
  return out;
}

PreparedResponse Make(int status, const std::vector<Field>& fields,
                      absl::string_view body) {
  absl::StatusOr<PreparedResponse> response =
      PreparedResponse::Create(status, fields, body);
  EXPECT_TRUE(response.ok()) << response.status();
  return *std::move(response);
}

TEST(PreparedResponseTest, R22_ExactBytes) {
  const PreparedResponse response =
      Make(200, {{"Content-Type", "text/plain"}, {"X-A", "b"}}, "Hello\n");
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body_bytes(), 6u);
  EXPECT_EQ(Bytes(response),
            "HTTP/1.1 200 OK\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\n"
            "X-A: b\r\n"
            "Content-Length: 6\r\n"
            "\r\n"
            "Hello\n");
}

TEST(PreparedResponseTest, R15_EachConnectionOption) {
  const PreparedResponse response = Make(404, {}, "no\n");
  const std::string status_line = "HTTP/1.1 404 Not Found\r\n";
  const std::string rest = "Content-Length: 3\r\n\r\nno\n";
  EXPECT_EQ(Bytes(response, ConnectionOption::kNone),
            status_line + kDate + rest);
  EXPECT_EQ(Bytes(response, ConnectionOption::kKeepAlive),
            status_line + kDate + "Connection: keep-alive\r\n" + rest);
  EXPECT_EQ(Bytes(response, ConnectionOption::kClose),
            status_line + kDate + "Connection: close\r\n" + rest);
}

TEST(PreparedResponseTest, R20_HeadSaysWhatGetSays) {
  const PreparedResponse response =
      Make(200, {{"Content-Type", "text/plain"}}, "Hello\n");
  for (const ConnectionOption option :
       {ConnectionOption::kNone, ConnectionOption::kKeepAlive,
        ConnectionOption::kClose}) {
    EXPECT_EQ(Bytes(response, option, BodyPresence::kHeadOnly) + "Hello\n",
              Bytes(response, option, BodyPresence::kHeadAndBody));
  }
}

TEST(PreparedResponseTest, R22_AppendsBehindWhatIsThere) {
  const PreparedResponse response = Make(200, {}, "");
  std::string out = "before";
  response.AppendTo(out, FormatHttpDate(0), ConnectionOption::kNone,
                    BodyPresence::kHeadAndBody);
  response.AppendTo(out, FormatHttpDate(1), ConnectionOption::kClose,
                    BodyPresence::kHeadOnly);
  EXPECT_EQ(out,
            "before"
            "HTTP/1.1 200 OK\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Content-Length: 0\r\n"
            "\r\n"
            "HTTP/1.1 200 OK\r\n"
            "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
            "Connection: close\r\n"
            "Content-Length: 0\r\n"
            "\r\n");
}

TEST(PreparedResponseTest, BodiesMayHoldAnything) {
  const absl::string_view body = "a\0b\r\n\r\nHTTP/1.1 200 OK\r\n\xff"sv;
  EXPECT_THAT(Bytes(Make(200, {}, body)),
              testing::EndsWith(std::string("\r\n\r\n") + std::string(body)));
}

TEST(PreparedResponseTest, R20_NoContentHasNeitherBodyNorLength) {
  EXPECT_EQ(Bytes(Make(204, {{"Allow", "GET"}}, "")),
            std::string("HTTP/1.1 204 No Content\r\n") + kDate +
                "Allow: GET\r\n\r\n");
  EXPECT_FALSE(PreparedResponse::Create(204, {}, "a").ok());
}

TEST(PreparedResponseTest, R20_NotModifiedHasNeitherBodyNorLength) {
  EXPECT_EQ(Bytes(Make(304, {{"ETag", "\"a\""}}, "")),
            std::string("HTTP/1.1 304 Not Modified\r\n") + kDate +
                "ETag: \"a\"\r\n\r\n");
  EXPECT_FALSE(PreparedResponse::Create(304, {}, "a").ok());
}

TEST(PreparedResponseTest, ResetContentHasAnEmptyBody) {
  EXPECT_THAT(Bytes(Make(205, {}, "")),
              testing::EndsWith("Content-Length: 0\r\n\r\n"));
  EXPECT_FALSE(PreparedResponse::Create(205, {}, "a").ok());
}

TEST(PreparedResponseTest, StatusesWithoutAName) {
  EXPECT_THAT(Bytes(Make(299, {}, "")),
              testing::StartsWith("HTTP/1.1 299 \r\n"));
  EXPECT_THAT(Bytes(Make(599, {}, "")),
              testing::StartsWith("HTTP/1.1 599 \r\n"));
}

TEST(PreparedResponseTest, StatusesThatAreNotFinal) {
  for (const int status : {-200, 0, 20, 100, 101, 199, 600, 1000}) {
    EXPECT_EQ(PreparedResponse::Create(status, {}, "").status().code(),
              absl::StatusCode::kInvalidArgument)
        << status;
  }
}

TEST(PreparedResponseTest, ServesAsOftenAsAsked) {
  const PreparedResponse response = Make(200, {}, "a");
  const std::string first = Bytes(response);
  EXPECT_EQ(Bytes(response, ConnectionOption::kClose).size(),
            first.size() + std::string("Connection: close\r\n").size());
  EXPECT_EQ(Bytes(response), first);
}

struct RefusedField {
  absl::string_view name;
  Field field;
  // Of the error message.
  absl::string_view mention;
};

void PrintTo(const RefusedField& refused, std::ostream* out) {
  *out << refused.name;
}

class RefusedFieldTest : public testing::TestWithParam<RefusedField> {};

TEST_P(RefusedFieldTest, IsNotWritten) {
  const absl::Status status =
      PreparedResponse::Create(200, {{"X", "y"}, GetParam().field}, "")
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), testing::HasSubstr(GetParam().mention));
}

constexpr RefusedField kRefusedFields[] = {
    {"InjectedField", {"Location", "/a\r\nSet-Cookie: b"}, "Location"},
    {"InjectedBody", {"Location", "/a\r\n\r\n<html>"}, "Location"},
    {"LoneCr", {"A", "b\rc"}, "\"A\""},
    {"LoneLf", {"A", "b\nc"}, "\"A\""},
    {"CrLfAtTheEnd", {"A", "b\r\n"}, "\"A\""},
    {"Nul", {"A", "b\0c"sv}, "\"A\""},
    {"Escape", {"A", "\x1b[m"}, "\"A\""},
    {"Delete", {"A", "\x7f"}, "\"A\""},
    {"EmptyName", {"", "b"}, "\"\""},
    {"ColonInName", {"A: b\r\nC", "d"}, "A: b\\r\\nC"},
    {"SpaceInName", {"A B", "c"}, "A B"},
    {"LfInName", {"A\n", "b"}, "A\\n"},
    {"NulInName", {"A\0"sv, "b"}, "A\\x00"},
    {"NonAsciiName", {"\xc3\xa4", "b"}, "\\xc3\\xa4"},
    {"Connection", {"connection", "close"}, "connection"},
    {"ContentLength", {"Content-Length", "1"}, "Content-Length"},
    {"Date", {"DATE", "today"}, "DATE"},
    {"TransferEncoding", {"Transfer-Encoding", "chunked"}, "Transfer-Encoding"},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedFieldTest,
                         testing::ValuesIn(kRefusedFields),
                         [](const testing::TestParamInfo<RefusedField>& info) {
                           return std::string(info.param.name);
                         });

TEST(ReasonPhraseTest, Examples) {
  EXPECT_EQ(ReasonPhrase(200), "OK");
  EXPECT_EQ(ReasonPhrase(100), "Continue");
  EXPECT_EQ(ReasonPhrase(413), "Content Too Large");
  EXPECT_EQ(ReasonPhrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(ReasonPhrase(511), "Network Authentication Required");
  EXPECT_EQ(ReasonPhrase(418), "");
  EXPECT_EQ(ReasonPhrase(0), "");
  EXPECT_EQ(ReasonPhrase(999), "");
}

}  // namespace
}  // namespace pollux::http
