#include "httpd/http/body_decoder.h"

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

class BodyDecoderTest : public testing::Test {
 protected:
  BodyOutcome Decode(BodyDecoder& decoder, absl::string_view input) {
    return decoder.Decode(buffer_.Show(input));
  }

  BodyDecoder ForLength(uint64_t length, uint64_t max_body_bytes) {
    head_.body_framing = BodyFraming::kContentLength;
    head_.content_length = length;
    return BodyDecoder(head_, max_body_bytes);
  }

  RequestHead head_;
  GuardedBuffer buffer_{/*capacity_bytes=*/4096};
};

TEST_F(BodyDecoderTest, NoBodyIsCompleteAtOnce) {
  BodyDecoder decoder(head_, /*max_body_bytes=*/0);
  const BodyOutcome outcome = Decode(decoder, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(outcome.bytes, 0u);
}

TEST_F(BodyDecoderTest, R8_ReadsAsManyBytesAsAnnounced) {
  BodyDecoder decoder = ForLength(5, /*max_body_bytes=*/5);
  EXPECT_EQ(Decode(decoder, "").kind, BodyOutcome::Kind::kNeedMore);
  BodyOutcome outcome = Decode(decoder, "ab");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kData);
  EXPECT_EQ(outcome.data, "ab");
  EXPECT_EQ(Decode(decoder, "").kind, BodyOutcome::Kind::kNeedMore);
  outcome = Decode(decoder, "cdeGET");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kData);
  EXPECT_EQ(outcome.data, "cde");
  EXPECT_EQ(outcome.bytes, 3u);
  outcome = Decode(decoder, "GET");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(outcome.bytes, 0u);
}

TEST_F(BodyDecoderTest, R8_TooLargeIsRefusedBeforeItComes) {
  BodyDecoder decoder = ForLength(6, /*max_body_bytes=*/5);
  const BodyOutcome outcome = Decode(decoder, "");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kError);
  EXPECT_EQ(outcome.error, ParseError::kBodyTooLarge);
  EXPECT_EQ(outcome.bytes, 0u);
}

TEST_F(BodyDecoderTest, R8_LengthZeroIsCompleteAtOnce) {
  BodyDecoder decoder = ForLength(0, /*max_body_bytes=*/0);
  EXPECT_EQ(Decode(decoder, "x").kind, BodyOutcome::Kind::kComplete);
}

TEST_F(BodyDecoderTest, R10_Chunks) {
  head_.body_framing = BodyFraming::kChunked;
  BodyDecoder decoder(head_, /*max_body_bytes=*/3);
  BodyOutcome outcome = Decode(decoder, "3\r\nabc");
  EXPECT_EQ(outcome.data, "abc");
  outcome = Decode(decoder, "\r\n0\r\n\r\nGET");
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(outcome.bytes, 7u);
  BodyDecoder another(head_, /*max_body_bytes=*/2);
  EXPECT_EQ(Decode(another, "3\r\n").error, ParseError::kBodyTooLarge);
}

}  // namespace
}  // namespace pollux::http
