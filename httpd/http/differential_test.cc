// The parsers against the reference, on mutated messages. How many is said by
// the environment's POLLUX_DIFFERENTIAL_INPUTS; without it a million heads and
// half as many bodies.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/decode_in_pieces.h"
#include "httpd/http/field.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/mutator.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/reference_parser.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

constexpr uint32_t kShards = 8;
constexpr size_t kMaxTestBytes = 16 * 1024;

size_t InputsPerShard(size_t without_environment) {
  const char* const text = getenv("POLLUX_DIFFERENTIAL_INPUTS");
  size_t inputs = without_environment;
  if (text != nullptr && !absl::SimpleAtoi(text, &inputs)) abort();
  return inputs / kShards;
}

constexpr absl::string_view kHeads[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\nGET /a%41?b HTTP/1.1\r\nHost: a.example:80\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: [::1]:8080\r\nExpect: 100-continue\r\n"
    "Content-Length: 12\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://[::ffff:1.2.3.4]:8/b?c HTTP/1.1\r\nHost: b\r\n\r\n",
    "GET http://a?b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n"
    "Accept: */*\r\nX-Long-Name_with.marks: \t v \x80 \t\r\n\r\n",
    "GET /articles/2024?utm_source=feed HTTP/1.1\r\n"
    "Host: www.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n"
    "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=7d1f2b0c9a8e4f63; theme=dark\r\n"
    "If-None-Match: \"5f3a-626a1c\"\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"
    "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
};

constexpr absl::string_view kHeadPieces[] = {
    "\r\n"sv,
    "\r"sv,
    "\n"sv,
    " "sv,
    "\t"sv,
    "\0"sv,
    "\x7f"sv,
    "\x80"sv,
    ":"sv,
    ","sv,
    ";"sv,
    "%"sv,
    "%41"sv,
    "%00"sv,
    "/"sv,
    "?"sv,
    "#"sv,
    "["sv,
    "]"sv,
    "*"sv,
    "|"sv,
    "`"sv,
    "@"sv,
    "0"sv,
    "1"sv,
    "9223372036854775807"sv,
    "9223372036854775808"sv,
    "HTTP/1.1"sv,
    "HTTP/2.0"sv,
    "HTTP/1.0"sv,
    "http://"sv,
    "https://a"sv,
    "\r\n\r\n"sv,
    "\r\n "sv,
    "Host: b\r\n"sv,
    "Host:\r\n"sv,
    "Content-Length: 5\r\n"sv,
    "Content-Length: 05\r\n"sv,
    "content-length:6\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "transfer-encoding:\tCHUNKED \r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "chunked"sv,
    "Expect: 100-continue\r\n"sv,
    "Expect: a\r\n"sv,
    "Connection: close\r\n"sv,
    "CONNECT "sv,
    "OPTIONS "sv,
    ":65535"sv,
    ":65536"sv,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"sv,
};

class HeadDifferentialTest : public testing::TestWithParam<uint32_t> {
 protected:
  void ExpectSame(const ReferenceHead& expected, const RequestHead& head) {
    EXPECT_EQ(head.method_token, expected.method);
    EXPECT_EQ(head.version == Version::kHttp10 ? 0 : 1, expected.minor_version);
    EXPECT_EQ(head.target, expected.target);
    EXPECT_EQ(head.path, expected.path);
    EXPECT_EQ(head.query, expected.query);
    EXPECT_EQ(head.authority, expected.authority);
    EXPECT_EQ(head.body_framing == BodyFraming::kChunked, expected.is_chunked);
    EXPECT_EQ(head.body_framing == BodyFraming::kContentLength,
              expected.has_content_length);
    EXPECT_EQ(head.content_length, expected.content_length);
    EXPECT_EQ(head.persistence == Persistence::kClose, expected.closes);
    EXPECT_EQ(head.expects_continue, expected.expects_continue);
    ASSERT_EQ(head.fields.size(), expected.fields.size());
    for (size_t i = 0; i < expected.fields.size(); ++i) {
      EXPECT_EQ(head.fields[i].name, expected.fields[i].first);
      EXPECT_EQ(head.fields[i].value, expected.fields[i].second);
    }
  }

  // Whether parser and reference agree on `message`, cut at `cut`.
  void Compare(absl::string_view message, size_t cut, ScanKernel kernel,
               const HeadLimits& limits) {
    ReferenceHead expected;
    const ReferenceVerdict verdict =
        ReferenceParseHead(message, limits, expected);
    RequestParser parser(kernel);
    ParseOutcome outcome =
        parser.Parse(buffer_.Show(message.substr(0, cut)), limits, head_);
    if (outcome.kind == ParseOutcome::Kind::kNeedMore) {
      outcome = parser.Parse(buffer_.Show(message), limits, head_);
    }
    switch (outcome.kind) {
      case ParseOutcome::Kind::kComplete:
        ++accepted_;
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kAccepted);
        ASSERT_EQ(outcome.bytes, verdict.bytes);
        ExpectSame(expected, head_);
        return;
      case ParseOutcome::Kind::kNeedMore:
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kNeedsMore);
        return;
      case ParseOutcome::Kind::kError:
        ++refused_;
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kRefused);
        ASSERT_EQ(StatusOf(outcome.error), verdict.status)
            << Explain(outcome.error) << " at " << outcome.bytes;
        return;
    }
  }

  GuardedBuffer buffer_{kMaxTestBytes};
  RequestHead head_;
  size_t accepted_ = 0;
  size_t refused_ = 0;
};

TEST_P(HeadDifferentialTest, R1_To_R11_AgreesWithTheReference) {
  std::vector<ScanKernel> kernels;
  for (const ScanKernel kernel :
       {ScanKernel::kPortable, ScanKernel::kSse42, ScanKernel::kAvx2}) {
    if (IsSupported(kernel)) kernels.push_back(kernel);
  }
  Mutator mutator(kHeads, kHeadPieces, GetParam());
  const size_t inputs = InputsPerShard(1'000'000);
  for (size_t i = 0; i < inputs; ++i) {
    const std::string message = mutator.Next();
    HeadLimits limits;
    if (mutator.Below(8) == 0) {
      limits.max_head_bytes = 1 + mutator.Below(message.size() + 2);
      limits.max_request_line_bytes = 1 + mutator.Below(40);
      limits.max_fields = 1 + mutator.Below(4);
    }
    const size_t cut = mutator.Below(4) == 0 ? mutator.Below(message.size() + 1)
                                             : message.size();
    const ScanKernel kernel = kernels[mutator.Below(kernels.size())];
    Compare(message, cut, kernel, limits);
    if (HasFailure()) {
      FAIL() << "kernel " << static_cast<int>(kernel) << ", cut at " << cut
             << ", limits " << limits.max_head_bytes << " "
             << limits.max_request_line_bytes << " " << limits.max_fields
             << ": \"" << absl::CHexEscape(message) << "\"";
    }
  }
  // The mutations leave some of either.
  EXPECT_GT(accepted_, inputs / 20);
  EXPECT_GT(refused_, inputs / 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HeadDifferentialTest,
                         testing::Range(0u, kShards));

constexpr absl::string_view kBodies[] = {
    "0\r\n\r\n",
    "3\r\nabc\r\n0\r\n\r\n",
    "a;b=c\r\n0123456789\r\n0;d=\"e \\\" f\"\r\n\r\n",
    "1\r\na\r\n2 ;b ; c = d\r\nbc\r\n0\r\nA: b\r\nC:\t d \r\n\r\n",
    "0000000000000005\r\nhello\r\n00\r\nDigest: x\r\n\r\nGET / HTTP/1.1\r\n",
};

constexpr absl::string_view kBodyPieces[] = {
    "\r\n"sv,      "\r"sv,         "\n"sv,
    " "sv,         "\t"sv,         "\0"sv,
    ";"sv,         "="sv,          "\""sv,
    "\\"sv,        ":"sv,          "0"sv,
    "a"sv,         "F"sv,          "g"sv,
    ";a"sv,        ";a=b"sv,       "=\"c\""sv,
    "\x7f"sv,      "\x80"sv,       "ffffffffffffffff"sv,
    "0\r\n\r\n"sv, "1\r\nx\r\n"sv, "A: b\r\n"sv,
};

class BodyDifferentialTest : public testing::TestWithParam<uint32_t> {
 protected:
  GuardedBuffer buffer_{kMaxTestBytes};
};

TEST_P(BodyDifferentialTest, R10_AgreesWithTheReference) {
  Mutator mutator(kBodies, kBodyPieces, GetParam());
  const size_t inputs = InputsPerShard(500'000);
  size_t accepted = 0;
  size_t refused = 0;
  for (size_t i = 0; i < inputs; ++i) {
    const std::string body = mutator.Next();
    const uint64_t max_body_bytes =
        mutator.Below(4) == 0 ? mutator.Below(12) : 1'000'000;
    const size_t cut = mutator.Below(body.size() + 1);
    std::string content;
    const ReferenceVerdict verdict =
        ReferenceDecodeChunks(body, max_body_bytes, content);
    const Decoded decoded =
        DecodeInPieces(body, {cut}, max_body_bytes, buffer_);
    SCOPED_TRACE(absl::StrCat("limit ", max_body_bytes, ", cut at ", cut,
                              ": \"", absl::CHexEscape(body), "\""));
    switch (decoded.kind) {
      case BodyOutcome::Kind::kComplete:
        ++accepted;
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kAccepted);
        ASSERT_EQ(decoded.bytes, verdict.bytes);
        ASSERT_EQ(decoded.content, content);
        break;
      case BodyOutcome::Kind::kError:
        ++refused;
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kRefused);
        ASSERT_EQ(StatusOf(decoded.error), verdict.status) << Describe(decoded);
        break;
      default:
        ASSERT_EQ(verdict.kind, ReferenceVerdict::Kind::kNeedsMore);
        break;
    }
  }
  EXPECT_GT(accepted, inputs / 20);
  EXPECT_GT(refused, inputs / 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, BodyDifferentialTest,
                         testing::Range(0u, kShards));

}  // namespace
}  // namespace pollux::http
