#include "httpd/http/response_writer.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr absl::string_view kDateLine =
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

constexpr Recipient kGet11 = {};
constexpr Recipient kHead11 = {.method = Method::kHead};
constexpr Recipient kGet10 = {.version = Version::kHttp10,
                              .persistence = Persistence::kClose};
constexpr Recipient kGet10KeepAlive = {.version = Version::kHttp10};
constexpr Recipient kHead10 = {.method = Method::kHead,
                               .version = Version::kHttp10};

class ResponseWriterTest : public testing::Test {
 protected:
  // A whole response of one piece.
  std::string Write(const Recipient& recipient, int status,
                    std::optional<uint64_t> body_bytes,
                    absl::string_view body) {
    std::string out;
    ResponseWriter writer(out, recipient);
    EXPECT_TRUE(writer.WriteHead(status, date_, {{"A", "b"}}, body_bytes).ok());
    EXPECT_TRUE(writer.WriteBody(body).ok());
    EXPECT_TRUE(writer.Finish().ok());
    closes_ = writer.closes();
    return out;
  }

  const HttpDate date_ = FormatHttpDate(784111777);
  bool closes_ = false;
};

TEST_F(ResponseWriterTest, KnownLength) {
  EXPECT_EQ(Write(kGet11, 200, 3, "abc"),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "A: b\r\nContent-Length: 3\r\n\r\nabc"));
  EXPECT_FALSE(closes_);
  EXPECT_EQ(Write(kGet11, 200, 0, ""),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "A: b\r\nContent-Length: 0\r\n\r\n"));
}

TEST_F(ResponseWriterTest, UnknownLengthIsChunked) {
  EXPECT_EQ(Write(kGet11, 200, std::nullopt, "abc"),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\n\r\n"));
}

TEST_F(ResponseWriterTest, UnknownLengthToHttp10EndsWithTheConnection) {
  EXPECT_EQ(Write(kGet10KeepAlive, 200, std::nullopt, "abc"),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "Connection: close\r\nA: b\r\n\r\nabc"));
  EXPECT_TRUE(closes_);
}

TEST_F(ResponseWriterTest, R15_ConnectionIsSaidWhereItMustBe) {
  EXPECT_THAT(Write(kGet11, 200, 0, ""), Not(HasSubstr("Connection")));
  EXPECT_THAT(Write({.persistence = Persistence::kClose}, 200, 0, ""),
              HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(closes_);
  EXPECT_THAT(Write(kGet10, 200, 0, ""),
              HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(Write(kGet10KeepAlive, 200, 0, ""),
              HasSubstr("\r\nConnection: keep-alive\r\n"));
  EXPECT_FALSE(closes_);
}

TEST_F(ResponseWriterTest, HeadGetsTheFieldsOfGetAndNoBody) {
  EXPECT_EQ(Write(kHead11, 200, 3, "abc"),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "A: b\r\nContent-Length: 3\r\n\r\n"));
  // The content need not be made.
  EXPECT_EQ(Write(kHead11, 200, 3, ""), Write(kHead11, 200, 3, "abc"));
  EXPECT_EQ(Write(kHead11, 200, std::nullopt, "abc"),
            absl::StrCat("HTTP/1.1 200 OK\r\n", kDateLine,
                         "A: b\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_THAT(Write(kHead10, 200, std::nullopt, "abc"),
              HasSubstr("Connection: close\r\nA: b\r\n\r\n"));
}

TEST_F(ResponseWriterTest, R20_StatusesWithoutABody) {
  for (const Recipient& recipient : {kGet11, kHead11, kGet10KeepAlive}) {
    for (const std::optional<uint64_t> length :
         {std::optional<uint64_t>(0), std::optional<uint64_t>()}) {
      for (const int status : {204, 304}) {
        const std::string out = Write(recipient, status, length, "");
        EXPECT_THAT(out, Not(HasSubstr("Content-Length"))) << status;
        EXPECT_THAT(out, Not(HasSubstr("Transfer-Encoding"))) << status;
        EXPECT_THAT(out, testing::EndsWith("A: b\r\n\r\n")) << status;
      }
      EXPECT_THAT(Write(recipient, 205, length, ""),
                  testing::EndsWith("A: b\r\nContent-Length: 0\r\n\r\n"));
    }
  }
  std::string out;
  for (const int status : {204, 205, 304}) {
    ResponseWriter writer(out, kGet11);
    EXPECT_FALSE(writer.WriteHead(status, date_, {}, 1).ok());
    ASSERT_TRUE(writer.WriteHead(status, date_, {}, std::nullopt).ok());
    const std::string head = out;
    EXPECT_FALSE(writer.WriteBody("a").ok());
    EXPECT_EQ(out, head);
  }
}

TEST_F(ResponseWriterTest, R22_EveryFinalResponseHasADate) {
  for (int status = 200; status < 600; ++status) {
    EXPECT_THAT(Write(kGet11, status, 0, ""), HasSubstr(kDateLine));
  }
}

TEST_F(ResponseWriterTest, R14_InterimResponses) {
  std::string out;
  ResponseWriter writer(out, kGet11);
  EXPECT_TRUE(writer.WriteInterim(100, {}).ok());
  EXPECT_TRUE(writer.WriteInterim(103, {{"Link", "</a>"}}).ok());
  EXPECT_EQ(out,
            "HTTP/1.1 100 Continue\r\n\r\n"
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  for (const int status : {99, 101, 200}) {
    EXPECT_FALSE(writer.WriteInterim(status, {}).ok()) << status;
  }
  EXPECT_FALSE(writer.WriteInterim(103, {{"Link", "\n"}}).ok());
  EXPECT_TRUE(writer.WriteHead(200, date_, {}, 0).ok());
  EXPECT_FALSE(writer.WriteInterim(100, {}).ok());
}

TEST_F(ResponseWriterTest, R14_NoInterimResponseToHttp10) {
  std::string out;
  ResponseWriter writer(out, kGet10);
  EXPECT_TRUE(writer.WriteInterim(100, {}).ok());
  EXPECT_EQ(out, "");
}

TEST_F(ResponseWriterTest, NothingUnsafeIsWritten) {
  std::string out = "before";
  ResponseWriter writer(out, kGet11);
  for (const Field& field :
       {Field{"A", "b\r\nC: d"}, Field{"A", "b\r"}, Field{"A", "b\n"},
        Field{"A", absl::string_view("b\0", 2)}, Field{"A\r\nB", "c"},
        Field{"A ", "b"}, Field{"", "b"}, Field{"Content-Length", "1"},
        Field{"transfer-encoding", "chunked"}, Field{"Connection", "close"},
        Field{"Date", "today"}}) {
    const absl::Status status =
        writer.WriteHead(200, date_, {{"X", "y"}, field}, 0);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  for (const int status : {-1, 0, 100, 199, 600, 1200}) {
    EXPECT_FALSE(writer.WriteHead(status, date_, {}, 0).ok()) << status;
  }
  EXPECT_EQ(out, "before");
  EXPECT_TRUE(writer.WriteHead(200, date_, {}, 0).ok());
}

TEST_F(ResponseWriterTest, TrailersGoWithChunks) {
  std::string out;
  ResponseWriter writer(out, kGet11);
  ASSERT_TRUE(writer.WriteHead(200, date_, {}, std::nullopt).ok());
  EXPECT_FALSE(writer.Finish({{"Digest", "\r"}}).ok());
  EXPECT_FALSE(writer.Finish({{"Content-Length", "3"}}).ok());
  EXPECT_TRUE(writer.Finish({{"Digest", "a"}}).ok());
  EXPECT_THAT(out, testing::EndsWith("\r\n\r\n0\r\nDigest: a\r\n\r\n"));

  out.clear();
  ResponseWriter counted(out, kGet11);
  ASSERT_TRUE(counted.WriteHead(200, date_, {}, 0).ok());
  EXPECT_FALSE(counted.Finish({{"Digest", "\r"}}).ok());
  EXPECT_TRUE(counted.Finish({{"Digest", "a"}}).ok());
  EXPECT_THAT(out, Not(HasSubstr("Digest")));
}

TEST_F(ResponseWriterTest, TheBodyIsAsLongAsAnnounced) {
  std::string out;
  ResponseWriter writer(out, kGet11);
  ASSERT_TRUE(writer.WriteHead(200, date_, {}, 3).ok());
  EXPECT_TRUE(writer.WriteBody("ab").ok());
  EXPECT_FALSE(writer.WriteBody("cd").ok());
  EXPECT_THAT(out, testing::EndsWith("\r\n\r\nab"));
  EXPECT_FALSE(writer.closes());
  EXPECT_FALSE(writer.Finish().ok());
  EXPECT_TRUE(writer.closes());
}

TEST_F(ResponseWriterTest, CallsComeInTheirOrder) {
  std::string out;
  ResponseWriter writer(out, kGet11);
  EXPECT_FALSE(writer.WriteBody("a").ok());
  EXPECT_FALSE(writer.Finish().ok());
  ASSERT_TRUE(writer.WriteHead(200, date_, {}, 0).ok());
  EXPECT_FALSE(writer.WriteHead(200, date_, {}, 0).ok());
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_FALSE(writer.Finish().ok());
  EXPECT_FALSE(writer.WriteBody("").ok());
}

}  // namespace
}  // namespace pollux::http
