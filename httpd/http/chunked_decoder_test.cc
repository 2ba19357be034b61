#include "httpd/http/chunked_decoder.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/decode_in_pieces.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

constexpr size_t kMaxTestBytes = 64 * 1024;
constexpr size_t kMaxBytesForTwoCuts = 64;
constexpr uint64_t kNoLimit = std::numeric_limits<int64_t>::max();
constexpr absl::string_view kNextRequest = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";

class ChunkedDecoderTest : public testing::Test {
 protected:
  // R18: what becomes of a body, which is the same however it is cut.
  Decoded DecodeEveryWay(absl::string_view body,
                         uint64_t max_body_bytes = kNoLimit) {
    const Decoded whole = DecodeInPieces(body, {}, max_body_bytes, buffer_);
    EXPECT_EQ(Describe(DecodeByteByByte(body, max_body_bytes, buffer_)),
              Describe(whole));
    for (size_t first = 0; first <= body.size(); ++first) {
      EXPECT_EQ(
          Describe(DecodeInPieces(body, {first}, max_body_bytes, buffer_)),
          Describe(whole))
          << first;
      if (body.size() > kMaxBytesForTwoCuts) continue;
      for (size_t second = first; second <= body.size(); ++second) {
        EXPECT_EQ(Describe(DecodeInPieces(body, {first, second}, max_body_bytes,
                                          buffer_)),
                  Describe(whole))
            << first << " and " << second;
      }
    }
    return whole;
  }

  void ExpectRefused(absl::string_view body, ParseError error, size_t offset,
                     uint64_t max_body_bytes = kNoLimit) {
    const Decoded decoded = DecodeEveryWay(body, max_body_bytes);
    EXPECT_EQ(decoded.kind, BodyOutcome::Kind::kError);
    EXPECT_EQ(decoded.error, error) << Describe(decoded);
    EXPECT_EQ(decoded.bytes, offset);
  }

  GuardedBuffer buffer_{kMaxTestBytes};
};

struct AcceptedCase {
  absl::string_view name;
  absl::string_view body;
  absl::string_view content;
};

void PrintTo(const AcceptedCase& accepted, std::ostream* out) {
  *out << accepted.name;
}

class AcceptedBodyTest : public ChunkedDecoderTest,
                         public testing::WithParamInterface<AcceptedCase> {};

TEST_P(AcceptedBodyTest, R10_IsTheSameHoweverItIsCut) {
  const Decoded decoded = DecodeEveryWay(GetParam().body);
  EXPECT_EQ(decoded.kind, BodyOutcome::Kind::kComplete) << Describe(decoded);
  EXPECT_EQ(decoded.bytes, GetParam().body.size());
  EXPECT_EQ(decoded.content, GetParam().content);
}

TEST_P(AcceptedBodyTest, R10_EndsWhereTheNextRequestBegins) {
  const Decoded decoded = DecodeInPieces(
      absl::StrCat(GetParam().body, kNextRequest), {}, kNoLimit, buffer_);
  EXPECT_EQ(decoded.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(decoded.bytes, GetParam().body.size());
}

constexpr AcceptedCase kAccepted[] = {
    {"Empty", "0\r\n\r\n", ""},
    {"One", "3\r\nabc\r\n0\r\n\r\n", "abc"},
    {"Several", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", "abcdef"},
    {"HexadecimalInEitherCase",
     "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
    {"LeadingZeros", "0003\r\nabc\r\n000\r\n\r\n", "abc"},
    {"SixteenDigits", "0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n",
     "abc"},
    {"DataLikeFraming", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n"},
    {"AnyByteInData", "4\r\n\0\xff\n\r\r\n0\r\n\r\n"sv, "\0\xff\n\r"sv},
    {"Extension", "3;a\r\nabc\r\n0\r\n\r\n", "abc"},
    {"ExtensionWithValue", "3;a=b\r\nabc\r\n0\r\n\r\n", "abc"},
    {"ExtensionWithQuotedValue", "3;a=\"b c\"\r\nabc\r\n0\r\n\r\n", "abc"},
    {"ExtensionWithEmptyQuotedValue", "3;a=\"\"\r\nabc\r\n0\r\n\r\n", "abc"},
    {"ExtensionWithQuotedPairs", "3;a=\"\\\"\\\\;\\\t\"\r\nabc\r\n0\r\n\r\n",
     "abc"},
    {"ExtensionWithObsText", "3;a=\"\x80\xff\"\r\nabc\r\n0\r\n\r\n", "abc"},
    {"ExtensionInWhiteSpace", "3 \t; \ta \t= \tb \t;c\r\nabc\r\n0\r\n\r\n",
     "abc"},
    {"SeveralExtensions", "3;a;b=c;d=\"e\";f\r\nabc\r\n0;g=h;i\r\n\r\n", "abc"},
    {"SpaceAfterQuotedValueBeforeAnother", "0;a=\"b\" ;c\r\n\r\n", ""},
    {"Trailer", "0\r\nA: b\r\n\r\n", ""},
    {"Trailers", "1\r\na\r\n0\r\nA: b\r\nC:\r\nD:\t\x80 e\r\n\r\n", "a"},
    // Discarded: it frames nothing.
    {"TrailerOfFraming",
     "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
};

template <typename CaseType>
std::string NameOf(const testing::TestParamInfo<CaseType>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(All, AcceptedBodyTest, testing::ValuesIn(kAccepted),
                         NameOf<AcceptedCase>);

struct RefusedCase {
  absl::string_view name;
  // The error stands between these two.
  absl::string_view before;
  absl::string_view from_error_on;
  ParseError error;
};

void PrintTo(const RefusedCase& refused, std::ostream* out) {
  *out << refused.name;
}

class RefusedBodyTest : public ChunkedDecoderTest,
                        public testing::WithParamInterface<RefusedCase> {};

TEST_P(RefusedBodyTest, R10_IsRefusedThereHoweverItIsCut) {
  ExpectRefused(absl::StrCat(GetParam().before, GetParam().from_error_on),
                GetParam().error, GetParam().before.size());
}

TEST_P(RefusedBodyTest, R1_IsRefusedAsSoonAsTheByteIsThere) {
  const std::string until_error =
      absl::StrCat(GetParam().before, GetParam().from_error_on.substr(0, 1));
  EXPECT_EQ(DecodeInPieces(GetParam().before, {}, kNoLimit, buffer_).kind,
            BodyOutcome::Kind::kNeedMore);
  EXPECT_EQ(DecodeInPieces(until_error, {}, kNoLimit, buffer_).kind,
            BodyOutcome::Kind::kError);
}

constexpr RefusedCase kRefused[] = {
    {"NoSize", "", "\r\n\r\n", ParseError::kBadChunkSize},
    {"NoDigit", "", "g\r\n", ParseError::kBadChunkSize},
    {"Sign", "", "+3\r\nabc\r\n", ParseError::kBadChunkSize},
    {"NegativeSign", "", "-1\r\n", ParseError::kBadChunkSize},
    {"Prefix", "0", "x3\r\nabc\r\n", ParseError::kBadChunkSize},
    {"LeadingSpace", "", " 3\r\nabc\r\n", ParseError::kBadChunkSize},
    {"SeventeenDigits", "0000000000000000", "3\r\nabc\r\n",
     ParseError::kBadChunkSize},
    {"Overflow", "1000000000000000", "0\r\n", ParseError::kBadChunkSize},
    {"Comma", "3", ",3\r\nabc\r\n", ParseError::kBadChunkSize},
    {"Underscore", "1", "_0\r\n", ParseError::kBadChunkSize},
    {"NulInSize", "3", "\0\r\n"sv, ParseError::kBadChunkSize},
    {"ExtensionWithoutSemicolon", "3", "a=b\r\n"sv.substr(1),
     ParseError::kBadChunkSize},
    {"TrailingSpace", "3 ", "\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"TrailingTab", "3\t", "\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"SpaceInSize", "3 ", "3\r\n", ParseError::kBadChunkExtension},
    {"BareSemicolon", "3;", "\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"TwoSemicolons", "3;", ";a\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"SemicolonAtTheEnd", "3;a;", "\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"ExtensionWithoutName", "3;", "=a\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"BadExtensionName", "3;a", "(\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"NonAsciiExtensionName", "3;", "\xc3\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"SpaceAfterExtension", "3;a ", "\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"SpaceInExtension", "3;a ", "b\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"NoValue", "3;a=", "\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"NoValueBeforeAnother", "3;a=", ";b\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"TwoEquals", "3;a=", "=b\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"EqualsInValue", "3;a=b", "=c\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"SpaceAfterValue", "3;a=b ", "\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"OpenQuotes", "3;a=\"b", "\r\nabc\r\n", ParseError::kBadChunkExtension},
    {"TextAfterQuotes", "3;a=\"b\"", "c\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"ControlInQuotes", "3;a=\"", "\x01\"\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"DeleteInQuotes", "3;a=\"", "\x7f\"\r\nabc\r\n",
     ParseError::kBadChunkExtension},
    {"NulInQuotedPair", "3;a=\"\\", "\0\"\r\n"sv,
     ParseError::kBadChunkExtension},
    {"CrInQuotedPair", "3;a=\"\\", "\r\n\"\r\n",
     ParseError::kBadChunkExtension},
    {"NulInExtension", "3;a", "\0\r\nabc\r\n"sv,
     ParseError::kBadChunkExtension},

    {"LfAfterSize", "3", "\nabc\r\n0\r\n\r\n", ParseError::kBareLf},
    {"LfAfterExtension", "3;a", "\nabc\r\n", ParseError::kBareLf},
    {"LfInExtension", "3;", "\nabc\r\n", ParseError::kBareLf},
    {"LfInQuotes", "3;a=\"", "\n\"\r\nabc\r\n", ParseError::kBareLf},
    {"LfForSize", "", "\n", ParseError::kBareLf},
    {"CrAfterSize", "3\r", "abc\r\n", ParseError::kBareCr},
    {"TwoCr", "3\r", "\r\nabc\r\n", ParseError::kBareCr},
    {"LfAfterData", "3\r\nabc", "\n0\r\n\r\n", ParseError::kBareLf},
    {"CrAfterData", "3\r\nabc\r", "0\r\n\r\n", ParseError::kBareCr},
    {"DataTooLong", "3\r\nabc", "d\r\n0\r\n\r\n", ParseError::kBadChunkEnd},
    {"DataTooShort", "3\r\nab\r", "\n0\r\n\r\n"sv.substr(1),
     ParseError::kBadChunkEnd},
    {"SpaceAfterData", "3\r\nabc", " \r\n0\r\n\r\n", ParseError::kBadChunkEnd},

    {"LfAfterLastChunk", "0\r\n", "\n", ParseError::kBareLf},
    {"CrAfterLastChunk", "0\r\n\r", "G", ParseError::kBareCr},
    {"RequestAfterLastChunk", "0\r\nGET", " / HTTP/1.1\r\n\r\n",
     ParseError::kSpaceBeforeColon},
    {"TrailerWithoutColon", "0\r\nA", "\r\n\r\n", ParseError::kBadFieldName},
    {"TrailerWithSpaceBeforeColon", "0\r\nA", " : b\r\n\r\n",
     ParseError::kSpaceBeforeColon},
    {"TrailerWithoutName", "0\r\n", ": b\r\n\r\n", ParseError::kBadFieldName},
    {"TrailerWithBadName", "0\r\nA", "[: b\r\n\r\n", ParseError::kBadFieldName},
    {"FoldedTrailer", "0\r\nA: b\r\n", " c\r\n\r\n", ParseError::kFoldedLine},
    {"NulInTrailer", "0\r\nA: ", "\0\r\n\r\n"sv, ParseError::kBadFieldValue},
    {"LfInTrailer", "0\r\nA: b", "\n\r\n", ParseError::kBareLf},
    {"LfInTrailerName", "0\r\nA", "\n\r\n", ParseError::kBareLf},
    {"CrInTrailer", "0\r\nA: b\r", "c\r\n\r\n", ParseError::kBareCr},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedBodyTest, testing::ValuesIn(kRefused),
                         NameOf<RefusedCase>);

// ---------------------------------------------------------------------------
// Limits, each at the limit and one beyond.

TEST_F(ChunkedDecoderTest, R10_BodyAtItsLimit) {
  const std::string body = "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
  EXPECT_EQ(DecodeEveryWay(body, 5).content, "abcde");
  // Told by the byte behind the size.
  ExpectRefused(body, ParseError::kBodyTooLarge, strlen("2\r\nab\r\n3"), 4);
  ExpectRefused(body, ParseError::kBodyTooLarge, strlen("2"), 1);
  EXPECT_EQ(DecodeEveryWay("0\r\n\r\n", 0).kind, BodyOutcome::Kind::kComplete);
  ExpectRefused("1\r\n", ParseError::kBodyTooLarge, 1, 0);
}

TEST_F(ChunkedDecoderTest, R10_SumsCannotOverflow) {
  const std::string huge = "ffffffffffffffff";
  ExpectRefused(huge + "\r\n", ParseError::kBodyTooLarge, huge.size());
  ExpectRefused(absl::StrCat("1\r\na\r\n", huge, "\r\n"),
                ParseError::kBodyTooLarge, strlen("1\r\na\r\n") + huge.size(),
                std::numeric_limits<uint64_t>::max());
}

TEST_F(ChunkedDecoderTest, R10_ChunkLineOf4096Bytes) {
  const auto line = [](size_t bytes) {
    return absl::StrCat("0;", std::string(bytes - 2, 'a'));
  };
  EXPECT_EQ(DecodeInPieces(line(4096) + "\r\n\r\n", {}, kNoLimit, buffer_).kind,
            BodyOutcome::Kind::kComplete);
  const Decoded refused =
      DecodeInPieces(line(4097) + "\r\n\r\n", {}, kNoLimit, buffer_);
  EXPECT_EQ(refused.error, ParseError::kChunkLineTooLong);
  EXPECT_EQ(refused.bytes, 4096u);
  EXPECT_EQ(DecodeByteByByte(line(4097), kNoLimit, buffer_), refused);
  // Each line anew, and white space counts.
  const std::string two = absl::StrCat(
      "1;", std::string(4094, 'a'), "\r\nb\r\n1", std::string(4094, ' '), ";");
  const Decoded second = DecodeInPieces(two + "c\r\n", {}, kNoLimit, buffer_);
  EXPECT_EQ(second.error, ParseError::kChunkLineTooLong);
  EXPECT_EQ(second.bytes, two.size());
}

TEST_F(ChunkedDecoderTest, R10_TrailersOf8192Bytes) {
  const auto trailers = [](size_t bytes) {
    return absl::StrCat("0\r\nA: b\r\nC:", std::string(bytes - 10, 'd'),
                        "\r\n\r\n");
  };
  EXPECT_EQ(DecodeInPieces(trailers(8192), {}, kNoLimit, buffer_).kind,
            BodyOutcome::Kind::kComplete);
  const Decoded refused = DecodeInPieces(trailers(8193), {}, kNoLimit, buffer_);
  EXPECT_EQ(refused.error, ParseError::kTrailersTooLong);
  EXPECT_EQ(refused.bytes, strlen("0\r\n") + 8192);
  EXPECT_EQ(DecodeByteByByte(trailers(8193), kNoLimit, buffer_), refused);
}

// Attacks that cost the server more than the client.

TEST_F(ChunkedDecoderTest, R10_TinyChunks) {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "1\r\na\r\n";
  const Decoded decoded =
      DecodeInPieces(body + "0\r\n\r\n", {}, /*max_body_bytes=*/5000, buffer_);
  EXPECT_EQ(decoded.kind, BodyOutcome::Kind::kComplete);
  EXPECT_EQ(decoded.content, std::string(5000, 'a'));
}

TEST_F(ChunkedDecoderTest, DataIsNotCopied) {
  const absl::string_view body = "3\r\nabc\r\n0\r\n\r\n";
  ChunkedDecoder decoder(kNoLimit);
  const BodyOutcome outcome = decoder.Decode(body);
  EXPECT_EQ(outcome.kind, BodyOutcome::Kind::kData);
  EXPECT_EQ(outcome.data.data(), body.data() + 3);
  EXPECT_EQ(outcome.bytes, 6u);
}

}  // namespace
}  // namespace pollux::http
