#include "httpd/http/chunked_encoder.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/decode_in_pieces.h"
#include "httpd/http/field.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

TEST(ChunkedEncoderTest, R10_WritesWhatTheDecoderReads) {
  std::string out;
  AppendChunk(out, "abc");
  AppendChunk(out, "");
  AppendChunk(out, std::string(300, 'd'));
  ASSERT_TRUE(AppendLastChunk(out, {{"Digest", "e"}, {"X", ""}}).ok());
  EXPECT_EQ(out, "3\r\nabc\r\n12c\r\n" + std::string(300, 'd') +
                     "\r\n0\r\nDigest: e\r\nX: \r\n\r\n");
  GuardedBuffer buffer(/*capacity_bytes=*/4096);
  const Decoded decoded =
      DecodeInPieces(out, {}, /*max_body_bytes=*/1000, buffer);
  EXPECT_EQ(decoded.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(decoded.bytes, out.size());
  EXPECT_EQ(decoded.content, "abc" + std::string(300, 'd'));
}

TEST(ChunkedEncoderTest, FramesDataThatStandsElsewhere) {
  std::string out;
  AppendChunkStart(out, 1 << 20);
  AppendChunkEnd(out);
  ASSERT_TRUE(AppendLastChunk(out, {}).ok());
  EXPECT_EQ(out, "100000\r\n\r\n0\r\n\r\n");
}

TEST(ChunkedEncoderTest, WritesNoTrailerThatIsNone) {
  std::string out = "before";
  for (const Field& field :
       {Field{"A", "b\r\nC: d"}, Field{"A\r\n", "b"}, Field{"", "b"},
        Field{"A", absl::string_view("\0", 1)}, Field{"Content-Length", "5"},
        Field{"transfer-encoding", "chunked"}, Field{"Host", "a"},
        Field{"Trailer", "A"}, Field{"Content-Type", "a/b"}}) {
    EXPECT_EQ(AppendLastChunk(out, {{"X", "y"}, field}).code(),
              absl::StatusCode::kInvalidArgument)
        << field.name;
  }
  EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace pollux::http
