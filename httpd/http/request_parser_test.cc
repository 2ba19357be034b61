#include "httpd/http/request_parser.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/http/guarded_buffer.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/parse_in_pieces.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

constexpr size_t kMaxTestBytes = 128 * 1024;
constexpr size_t kMaxBytesForTwoCuts = 64;
constexpr absl::string_view kGet = "GET / HTTP/1.1\r\n";
constexpr absl::string_view kHost = "Host: a\r\n";
constexpr absl::string_view kNextRequest =
    "GET /next HTTP/1.1\r\nHost: b\r\n\r\n";

class RequestParserTest : public testing::Test {
 protected:
  Parsed ParseWhole(absl::string_view message, const HeadLimits& limits = {}) {
    return ParseInPieces(message, {}, limits, buffer_);
  }

  // R18: a message's outcome, which is the same however it is cut.
  Parsed ParseEveryWay(absl::string_view message,
                       const HeadLimits& limits = {}) {
    const Parsed whole = ParseWhole(message, limits);
    const auto expect_same = [&](const Parsed& cut, absl::string_view how) {
      EXPECT_EQ(Describe(cut.outcome), Describe(whole.outcome)) << how;
      EXPECT_EQ(cut.head, whole.head) << how;
    };
    expect_same(ParseByteByByte(message, limits, buffer_), "byte by byte");
    for (size_t first = 0; first <= message.size(); ++first) {
      expect_same(ParseInPieces(message, {first}, limits, buffer_),
                  absl::StrCat("cut at ", first));
      if (message.size() > kMaxBytesForTwoCuts) continue;
      for (size_t second = first; second <= message.size(); ++second) {
        expect_same(ParseInPieces(message, {first, second}, limits, buffer_),
                    absl::StrCat("cut at ", first, " and ", second));
      }
    }
    return whole;
  }

  void ExpectComplete(const Parsed& parsed, size_t bytes) {
    EXPECT_EQ(Describe(parsed.outcome),
              Describe(ParseOutcome{ParseOutcome::Kind::kComplete,
                                    ParseError::kNone, bytes}));
  }

  void ExpectRefused(const Parsed& parsed, ParseError error, size_t offset) {
    EXPECT_EQ(Describe(parsed.outcome),
              Describe(ParseOutcome{ParseOutcome::Kind::kError, error, offset}))
        << Explain(parsed.outcome.error);
  }

  GuardedBuffer buffer_{kMaxTestBytes};
};

// ---------------------------------------------------------------------------
// What is accepted.

struct AcceptedCase {
  absl::string_view name;
  absl::string_view input;
  // Lines of Describe(RequestHead).
  std::vector<absl::string_view> says;
};

void PrintTo(const AcceptedCase& accepted, std::ostream* out) {
  *out << accepted.name;
}

class AcceptedTest : public RequestParserTest,
                     public testing::WithParamInterface<AcceptedCase> {};

TEST_P(AcceptedTest, IsTheSameHoweverItIsCut) {
  const Parsed parsed = ParseEveryWay(GetParam().input);
  ExpectComplete(parsed, GetParam().input.size());
  for (const absl::string_view line : GetParam().says) {
    EXPECT_THAT(parsed.head, testing::HasSubstr(absl::StrCat(line, "\n")));
  }
}

TEST_P(AcceptedTest, EndsWhereTheNextRequestBegins) {
  const Parsed alone = ParseWhole(GetParam().input);
  const Parsed followed =
      ParseWhole(absl::StrCat(GetParam().input, kNextRequest));
  ExpectComplete(followed, GetParam().input.size());
  EXPECT_EQ(followed.head, alone.head);
}

const AcceptedCase kAccepted[] = {
    {"R2_Shortest",
     "GET / HTTP/1.0\r\n\r\n"sv,
     {"method GET GET", "version 0", "target 0 /", "path /", "query ",
      "authority ", "body 0", "length 0", "close 1", "continue 0"}},
    {"R2_Plain",
     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method GET GET", "version 1", "target 0 /", "path /", "query ",
      "authority a", "body 0", "length 0", "close 0", "continue 0",
      "field <Host> <a>"}},
    {"R2_OneEmptyLineBefore",
     "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method GET GET", "field <Host> <a>"}},
    {"R3_MinorVersionTwo",
     "GET / HTTP/1.2\r\nHost: a\r\n\r\n"sv,
     {"version 1"}},
    {"R3_MinorVersionNine",
     "GET / HTTP/1.9\r\nHost: a\r\n\r\n"sv,
     {"version 1"}},

    {"R4_EveryByteOfAPath",
     "GET /azAZ09-._~!$&'()*+,;=:@/%41%fF HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"path /azAZ09-._~!$&'()*+,;=:@/%41%fF", "query "}},
    {"R4_Query",
     "GET /a?b=c&d HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"target 0 /a?b=c&d", "path /a", "query b=c&d"}},
    {"R4_QueryWithQuestionMarkAndSlash",
     "GET /?/a?b HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"path /", "query /a?b"}},
    {"R4_EmptyQuery",
     "GET /? HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"target 0 /?", "path /", "query "}},
    {"R4_TwoSlashes",
     "GET //a HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"target 0 //a", "path //a", "authority b"}},
    {"R4_EncodedSlashStaysEncoded",
     "GET /%2F HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"path /%2F"}},
    {"R4_NotQuiteNul",
     "GET /%01%10%30 HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"path /%01%10%30"}},
    {"R4_Asterisk",
     "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method OPTIONS OPTIONS", "target 2 *", "path *", "authority a"}},
    {"R4_OptionsOfAPath",
     "OPTIONS /* HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"target 0 /*", "path /*"}},
    {"R4_Absolute",
     "GET http://b:80/c?d HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"target 1 http://b:80/c?d", "path /c", "query d", "authority b:80",
      "field <Host> <a>"}},
    {"R4_AbsoluteSchemeInAnyCase",
     "GET hTtP://b/ HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"authority b", "path /"}},
    {"R4_AbsoluteWithoutPath",
     "GET http://b HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"target 1 http://b", "path /", "query ", "authority b"}},
    {"R4_AbsoluteWithoutPathWithQuery",
     "GET http://b?/c HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"path /", "query /c", "authority b"}},
    {"R4_AbsoluteIpv6",
     "GET http://[::1]:8/ HTTP/1.1\r\nHost: b\r\n\r\n"sv,
     {"authority [::1]:8", "path /"}},
    {"R4_AbsoluteInHttp10WithoutHost",
     "GET http://b/c HTTP/1.0\r\n\r\n"sv,
     {"authority b", "path /c"}},

    {"R5_UnknownMethod",
     "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method unknown BREW"}},
    {"R5_MethodsAreCaseSensitive",
     "get / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method unknown get"}},
    {"R5_EveryByteOfAMethod",
     "a!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method unknown a!#$%&'*+-.^_`|~9"}},
    {"R5_LowerCaseConnect",
     "connect / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     {"method unknown connect"}},

    {"R6_NoWhiteSpace",
     "GET / HTTP/1.1\r\nHost:a\r\n\r\n"sv,
     {"field <Host> <a>"}},
    {"R6_TabIsWhiteSpace",
     "GET / HTTP/1.1\r\nHost:\t \ta\t \t\r\n\r\n"sv,
     {"field <Host> <a>", "authority a"}},
    {"R6_EmptyValue",
     "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n"sv,
     {"field <X> <>"}},
    {"R6_BlankValue",
     "GET / HTTP/1.1\r\nHost: a\r\nX: \t \r\n\r\n"sv,
     {"field <X> <>"}},
    {"R6_WhiteSpaceInside",
     "GET / HTTP/1.1\r\nHost: a\r\nX: a \tb\r\n\r\n"sv,
     {"field <X> <a \tb>"}},
    {"R6_ColonInValue",
     "GET / HTTP/1.1\r\nHost: a\r\nX::a:b\r\n\r\n"sv,
     {"field <X> <:a:b>"}},
    {"R6_ObsText",
     "GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\r\n\r\n"sv,
     {"field <X> <\x80\xff>"}},
    {"R6_EveryByteOfAName",
     "GET / HTTP/1.1\r\nHost: a\r\naZ09!#$%&'*+-.^_`|~: b\r\n\r\n"sv,
     {"field <aZ09!#$%&'*+-.^_`|~> <b>"}},
    {"R6_RepeatsInOrder",
     "GET / HTTP/1.1\r\nX: 1\r\nHost: a\r\nX: 2\r\nx: 3\r\n\r\n"sv,
     {"field <X> <1>\nfield <Host> <a>\nfield <X> <2>\nfield <x> <3>"}},

    {"R7_NameInAnyCase",
     "GET / HTTP/1.1\r\nhOST: a\r\n\r\n"sv,
     {"authority a"}},
    {"R7_Port",
     "GET / HTTP/1.1\r\nHost: a.example:65535\r\n\r\n"sv,
     {"authority a.example:65535"}},
    {"R7_Ipv6",
     "GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:0\r\n\r\n"sv,
     {"authority [::ffff:1.2.3.4]:0"}},
    {"R7_Http10WithHost",
     "GET / HTTP/1.0\r\nHost: a\r\n\r\n"sv,
     {"authority a"}},
    {"R7_HostLast",
     "GET / HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n"sv,
     {"authority a"}},

    {"R14_Expect",
     "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"sv,
     {"continue 1"}},
    {"R14_ExpectInAnyCase",
     "PUT / HTTP/1.1\r\nHost: a\r\nexpect: 100-CONTINUE\r\n\r\n"sv,
     {"continue 1"}},
    {"R14_ExpectTwice",
     "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue,,100-continue\r\n"
     "Expect:\r\n\r\n"sv,
     {"continue 1"}},
    {"R14_ExpectIgnoredInHttp10",
     "PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"sv,
     {"continue 0"}},
};

template <typename CaseType>
std::string NameOf(const testing::TestParamInfo<CaseType>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(All, AcceptedTest, testing::ValuesIn(kAccepted),
                         NameOf<AcceptedCase>);

// ---------------------------------------------------------------------------
// What is refused.

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

// Errors of the target's and the fields' meaning, told when the head is whole.
bool IsAboutMeaning(const RefusedCase& refused) {
  switch (refused.error) {
    case ParseError::kMissingHost:
    case ParseError::kRepeatedHost:
    case ParseError::kBadHost:
    case ParseError::kBadContentLength:
    case ParseError::kRepeatedContentLength:
    case ParseError::kBadTransferEncoding:
    case ParseError::kTransferEncodingInHttp10:
    case ParseError::kTransferEncodingWithContentLength:
    case ParseError::kHttpsTarget:
    case ParseError::kUnknownExpectation:
    case ParseError::kUnknownTransferCoding:
      return true;
    default:
      return refused.name.find("TargetMeaning") != refused.name.npos;
  }
}

class RefusedTest : public RequestParserTest,
                    public testing::WithParamInterface<RefusedCase> {
 protected:
  std::string Input() const {
    return absl::StrCat(GetParam().before, GetParam().from_error_on);
  }
};

TEST_P(RefusedTest, IsTheSameHoweverItIsCut) {
  ExpectRefused(ParseEveryWay(Input()), GetParam().error,
                GetParam().before.size());
}

// A desynchronised parser would find the request that follows.
TEST_P(RefusedTest, IsRefusedInFrontOfAnotherRequest) {
  ExpectRefused(ParseWhole(absl::StrCat(Input(), kNextRequest)),
                GetParam().error, GetParam().before.size());
}

TEST_P(RefusedTest, R1_IsRefusedAsSoonAsItCanBeKnown) {
  const Parsed parsed =
      ParseByteByByte(absl::StrCat(Input(), kNextRequest), {}, buffer_);
  const size_t offset = GetParam().before.size();
  const char byte = GetParam().from_error_on.front();
  size_t enough = offset + 1;
  if (byte == '\r' && GetParam().error != ParseError::kBareCr) {
    enough = offset + 2;
  }
  if (GetParam().error == ParseError::kConnectMethod) {
    enough = offset + strlen("CONNECT ");
  }
  if (GetParam().error == ParseError::kUnsupportedVersion) {
    enough = offset + strlen("2.0\r\n");
  }
  if (IsAboutMeaning(GetParam())) enough = Input().size();
  EXPECT_EQ(parsed.shown_bytes, enough);
}

TEST_P(RefusedTest, IsRefusedAgainWhenAskedAgain) {
  RequestParser parser;
  RequestHead head;
  const std::string input = Input();
  const ParseOutcome first = parser.Parse(buffer_.Show(input), {}, head);
  const ParseOutcome second = parser.Parse(buffer_.Show(input), {}, head);
  EXPECT_EQ(Describe(second), Describe(first));
}

constexpr RefusedCase kRefused[] = {
    // R1: lines end in CRLF.
    {"R1_LoneLfAfterRequestLine", "GET / HTTP/1.1", "\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LoneLfAfterField", "GET / HTTP/1.1\r\nHost: a", "\n\r\n",
     ParseError::kBareLf},
    {"R1_LoneLfAtTheEnd", "GET / HTTP/1.1\r\nHost: a\r\n", "\n",
     ParseError::kBareLf},
    {"R1_LfBeforeTheRequest", "", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfAfterTheEmptyLine", "\r\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfInMethod", "GE", "\nT / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfInTarget", "GET /", "\n HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfInTriplet", "GET /%", "\n HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfInVersion", "GET / HTTP", "\n/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfInFieldName", "GET / HTTP/1.1\r\nHo", "\nst: a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfAfterColon", "GET / HTTP/1.1\r\nHost:", "\n a\r\n\r\n",
     ParseError::kBareLf},
    {"R1_LfCr", "GET / HTTP/1.1", "\n\rHost: a\r\n\r\n", ParseError::kBareLf},
    {"R1_LoneCrAfterRequestLine", "GET / HTTP/1.1\r", "Host: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrAfterField", "GET / HTTP/1.1\r\nHost: a\r", "X: b\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrAtTheEnd", "GET / HTTP/1.1\r\nHost: a\r\n\r", "GET ",
     ParseError::kBareCr},
    {"R1_LoneCrBeforeTheRequest", "\r", "GET / HTTP/1.1\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInMethod", "GE\r", "T / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInTarget", "GET /\r", "a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInTriplet", "GET /%4\r", "1 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInVersion", "GET / HTTP/1\r", ".1\r\nHost: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInFieldName", "GET / HTTP/1.1\r\nHo\r", "st: a\r\n\r\n",
     ParseError::kBareCr},
    {"R1_LoneCrInFieldValue", "GET / HTTP/1.1\r\nHost: a\r", "b\r\n\r\n",
     ParseError::kBareCr},
    // nginx takes this for "value CRLF".
    {"R1_TwoCrThenLf", "GET / HTTP/1.1\r\nHost: a\r", "\r\n\r\n",
     ParseError::kBareCr},
    {"R1_TwoCrThenLfAfterRequestLine", "GET / HTTP/1.1\r",
     "\r\nHost: a\r\n\r\n", ParseError::kBareCr},

    // R2: the request line.
    {"R2_TwoEmptyLines", "\r\n", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kExtraEmptyLine},
    {"R2_LeadingSpace", "", " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadMethod},
    {"R2_LeadingTab", "", "\tGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadMethod},
    {"R2_TabAfterMethod", "GET", "\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadMethod},
    {"R2_MethodOnly", "GET", "\r\n\r\n", ParseError::kBadMethod},
    {"R2_ColonInMethod", "Host", ": a\r\n\r\n", ParseError::kBadMethod},
    {"R2_NonAsciiMethod", "G", "\xc3\x8bT / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadMethod},
    {"R2_NulFirst", "", "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     ParseError::kBadMethod},
    {"R2_TlsClientHello", "", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv,
     ParseError::kBadMethod},
    {"R2_TwoSpacesAfterMethod", "GET ", " / HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R2_TwoSpacesAfterTarget", "GET / ", " HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_TabAfterTarget", "GET /", "\tHTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R2_SpaceInTarget", "GET /a ", "b HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_SpaceAfterVersion", "GET / HTTP/1.1", " \r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_NoTarget", "GET ", "HTTP/1.1\r\nHost: a\r\n\r\n"sv.substr(8),
     ParseError::kBadTarget},
    {"R2_LowerCaseVersion", "GET / ", "http/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_OtherProtocol", "GET / HTTP", "S/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_LongMinorVersion", "GET / HTTP/1.1", "0\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_LeadingZeroInMinorVersion", "GET / HTTP/1.0", "1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_LongMajorVersion", "GET / HTTP/1", "1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_NoMinorVersion", "GET / HTTP/1", "\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_CommaInVersion", "GET / HTTP/1", ",1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},
    {"R2_SignInVersion", "GET / HTTP/", "+1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},

    // R3: other versions.
    {"R3_Http09", "GET /", "\r\n", ParseError::kBadVersion},
    {"R3_Http09WithSpace", "GET / ", "\r\n", ParseError::kBadVersion},
    {"R3_Version09", "GET / HTTP/", "0.9\r\nHost: a\r\n\r\n",
     ParseError::kUnsupportedVersion},
    {"R3_Version20", "GET / HTTP/", "2.0\r\nHost: a\r\n\r\n",
     ParseError::kUnsupportedVersion},
    {"R3_Version99", "GET / HTTP/", "9.9\r\nHost: a\r\n\r\n",
     ParseError::kUnsupportedVersion},
    {"R3_Http2Preface", "PRI * HTTP/", "2.0\r\n\r\nSM\r\n\r\n",
     ParseError::kUnsupportedVersion},
    {"R3_Version2WithoutMinor", "GET / HTTP/2", "\r\nHost: a\r\n\r\n",
     ParseError::kBadVersion},

    // R4: targets.
    {"R4_NoLeadingSlash", "GET ", ".. HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_OnlyQuery", "GET ", "?a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Fragment", "GET /", "#a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_FragmentBehindQuery", "GET /?a", "#b HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Backslash", "GET /", "\\ HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Quote", "GET /", "\" HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Less", "GET /", "< HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Brackets", "GET /", "[] HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_NonAscii", "GET /", "\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Overlong", "GET /", "\xc0\xaf HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_Nul", "GET /", "\0 HTTP/1.1\r\nHost: a\r\n\r\n"sv,
     ParseError::kBadTarget},
    {"R4_Delete", "GET /", "\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_BadTriplet", "GET /%", "g1 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_BadTripletSecond", "GET /%4", "g HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_BadTripletInQuery", "GET /?%", "%41 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_CutTriplet", "GET /%4", " HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_LonePercent", "GET /%", " HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_EncodedNul", "GET /%0", "0 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_EncodedNulInQuery", "GET /a?b=%0", "0 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_AsteriskAndMore", "OPTIONS *", "a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_AsteriskAndTriplet", "OPTIONS *", "%41 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_TargetMeaning_AsteriskWithGet", "GET ",
     "* HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_Relative", "GET ", "a/b HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_TargetMeaning_AuthorityForm", "GET ",
     "a:80 HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_OtherScheme", "GET ",
     "ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_SchemeOnly", "GET ", "http: HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_TargetMeaning_OneSlash", "GET ", "http:/a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_TargetMeaning_SchemeLongerThanHttp", "GET ",
     "httpx://a/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_EmptyHost", "GET ",
     "http:///a HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_NoHost", "GET ", "http:// HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kBadTarget},
    {"R4_TargetMeaning_PortOnly", "GET ",
     "http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_Userinfo", "GET ",
     "http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_UserinfoWithPassword", "GET ",
     "http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_BadPort", "GET ",
     "http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_BadIpv6", "GET ",
     "http://[::zz]/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_BracketsInAbsolutePath", "GET ",
     "http://a/[] HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_TargetMeaning_BracketsInAbsoluteQuery", "GET ",
     "http://a/?[ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_EncodedNulInAuthority", "GET http://a%0",
     "0/ HTTP/1.1\r\nHost: a\r\n\r\n", ParseError::kBadTarget},
    {"R4_Https", "GET ", "https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kHttpsTarget},
    {"R4_HttpsInAnyCase", "GET ", "HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kHttpsTarget},
    {"R4_Connect", "", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
     ParseError::kConnectMethod},
    {"R4_ConnectAfterEmptyLine", "\r\n", "CONNECT / HTTP/1.1\r\n\r\n",
     ParseError::kConnectMethod},

    // R6: fields.
    {"R6_FoldedLine", "GET / HTTP/1.1\r\nHost: a\r\n", " b\r\n\r\n",
     ParseError::kFoldedLine},
    {"R6_FoldedLineWithTab", "GET / HTTP/1.1\r\nHost: a\r\n", "\tb\r\n\r\n",
     ParseError::kFoldedLine},
    {"R6_FoldedFirstLine", "GET / HTTP/1.1\r\n", " Host: a\r\n\r\n",
     ParseError::kFoldedLine},
    {"R6_BlankLineOfWhiteSpace", "GET / HTTP/1.1\r\nHost: a\r\n", " \r\n\r\n",
     ParseError::kFoldedLine},
    {"R6_SpaceBeforeColon", "GET / HTTP/1.1\r\nHost", " : a\r\n\r\n",
     ParseError::kSpaceBeforeColon},
    {"R6_TabBeforeColon", "GET / HTTP/1.1\r\nHost", "\t: a\r\n\r\n",
     ParseError::kSpaceBeforeColon},
    {"R6_SpaceInName", "GET / HTTP/1.1\r\nTransfer",
     " Encoding: chunked\r\n\r\n", ParseError::kSpaceBeforeColon},
    {"R6_EmptyName", "GET / HTTP/1.1\r\nHost: a\r\n", ": b\r\n\r\n",
     ParseError::kBadFieldName},
    {"R6_NoColon", "GET / HTTP/1.1\r\nHost", "\r\n\r\n",
     ParseError::kBadFieldName},
    {"R6_NoColonInSecondField", "GET / HTTP/1.1\r\nHost: a\r\nb", "\r\n\r\n",
     ParseError::kBadFieldName},
    // nginx drops the line, and another server reads it.
    {"R6_NonAsciiName", "GET / HTTP/1.1\r\nTransfer-Encoding",
     "\x80: chunked\r\n\r\n", ParseError::kBadFieldName},
    {"R6_NulInName", "GET / HTTP/1.1\r\nHo", "\0st: a\r\n\r\n"sv,
     ParseError::kBadFieldName},
    {"R6_BracketInName", "GET / HTTP/1.1\r\nHost: a\r\n", "[: b\r\n\r\n",
     ParseError::kBadFieldName},
    {"R6_QuoteInName", "GET / HTTP/1.1\r\nHost: a\r\nb", "\": b\r\n\r\n",
     ParseError::kBadFieldName},
    {"R6_NulInValue", "GET / HTTP/1.1\r\nHost: a", "\0\r\n\r\n"sv,
     ParseError::kBadFieldValue},
    {"R6_NulFirstInValue", "GET / HTTP/1.1\r\nHost:", "\0a\r\n\r\n"sv,
     ParseError::kBadFieldValue},
    {"R6_EscapeInValue", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\x1b[m\r\n\r\n",
     ParseError::kBadFieldValue},
    {"R6_DeleteInValue", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\x7f\r\n\r\n",
     ParseError::kBadFieldValue},
    {"R6_FormFeedInValue", "GET / HTTP/1.1\r\nHost: a\r\nX: a", "\f\r\n\r\n",
     ParseError::kBadFieldValue},

    // R7: Host.
    {"R7_Missing", "GET / HTTP/1.1\r\n", "\r\n", ParseError::kMissingHost},
    {"R7_MissingWithOtherFields", "GET / HTTP/1.1\r\nHostt: a\r\n", "\r\n",
     ParseError::kMissingHost},
    {"R7_MissingInHttp12", "GET / HTTP/1.2\r\n", "\r\n",
     ParseError::kMissingHost},
    {"R7_MissingWithAbsoluteTarget", "GET http://a/ HTTP/1.1\r\n", "\r\n",
     ParseError::kMissingHost},
    {"R7_Repeated", "GET / HTTP/1.1\r\nHost: a\r\n", "Host: a\r\n\r\n",
     ParseError::kRepeatedHost},
    {"R7_RepeatedInAnotherCase", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n",
     "hOST: b\r\n\r\n", ParseError::kRepeatedHost},
    {"R7_RepeatedInHttp10", "GET / HTTP/1.0\r\nHost: a\r\n", "Host: a\r\n\r\n",
     ParseError::kRepeatedHost},
    {"R7_Empty", "GET / HTTP/1.1\r\n", "Host:\r\n\r\n", ParseError::kBadHost},
    {"R7_Blank", "GET / HTTP/1.1\r\n", "Host: \t\r\n\r\n",
     ParseError::kBadHost},
    {"R7_EmptyInHttp10", "GET / HTTP/1.0\r\n", "Host:\r\n\r\n",
     ParseError::kBadHost},
    {"R7_TwoNames", "GET / HTTP/1.1\r\n", "Host: a b\r\n\r\n",
     ParseError::kBadHost},
    {"R7_Path", "GET / HTTP/1.1\r\n", "Host: a/b\r\n\r\n",
     ParseError::kBadHost},
    {"R7_Userinfo", "GET / HTTP/1.1\r\n", "Host: u@a\r\n\r\n",
     ParseError::kBadHost},
    {"R7_EmptyPort", "GET / HTTP/1.1\r\n", "Host: a:\r\n\r\n",
     ParseError::kBadHost},
    {"R7_BadPort", "GET / HTTP/1.1\r\n", "Host: a:65536\r\n\r\n",
     ParseError::kBadHost},
    {"R7_BadIpv6", "GET / HTTP/1.1\r\n", "Host: [::zz]\r\n\r\n",
     ParseError::kBadHost},
    {"R7_BadTriplet", "GET / HTTP/1.1\r\n", "Host: a%zzb\r\n\r\n",
     ParseError::kBadHost},
    {"R7_NonAscii", "GET / HTTP/1.1\r\n", "Host: a\xc3\xa4\r\n\r\n",
     ParseError::kBadHost},
    {"R7_BadWithAbsoluteTarget", "GET http://b/ HTTP/1.1\r\n",
     "Host: [\r\n\r\n", ParseError::kBadHost},

    // R14: expectations.
    {"R14_OtherExpectation", "GET / HTTP/1.1\r\nHost: a\r\n",
     "Expect: 200-ok\r\n\r\n", ParseError::kUnknownExpectation},
    {"R14_OtherExpectationInList", "GET / HTTP/1.1\r\nHost: a\r\n",
     "Expect: 100-continue, b\r\n\r\n", ParseError::kUnknownExpectation},
    {"R14_ExpectationWithParameter", "GET / HTTP/1.1\r\nHost: a\r\n",
     "Expect: 100-continue;a=b\r\n\r\n", ParseError::kUnknownExpectation},
    {"R14_OtherExpectationInHttp10", "GET / HTTP/1.0\r\n", "Expect: a\r\n\r\n",
     ParseError::kUnknownExpectation},

    // Which of several errors counts.
    {"Order_GrammarBeforeMeaning",
     "GET http:// HTTP/1.1\r\nHost: [\r\nX: y\r\nX", " : z\r\n\r\n",
     ParseError::kSpaceBeforeColon},
    {"Order_TargetMeaning_BeforeFields", "GET ",
     "http:// HTTP/1.1\r\nHost: [\r\n\r\n", ParseError::kBadTarget},
    {"Order_FirstFieldCounts", "GET / HTTP/1.1\r\n",
     "Content-Length: x\r\nHost: [\r\nTransfer-Encoding: y\r\n\r\n",
     ParseError::kBadContentLength},
    {"Order_HostFieldCounts", "GET / HTTP/1.1\r\n",
     "Host: [\r\nContent-Length: x\r\n\r\n", ParseError::kBadHost},
    {"Order_MissingHostComesLast", "GET / HTTP/1.1\r\nX: y\r\n",
     "Expect: b\r\n\r\n", ParseError::kUnknownExpectation},
    {"Order_VersionBeforeTarget", "GET * HTTP/", "2.0\r\n\r\n",
     ParseError::kUnsupportedVersion},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedTest, testing::ValuesIn(kRefused),
                         NameOf<RefusedCase>);

// ---------------------------------------------------------------------------
// Body framing: every Content-Length with every Transfer-Encoding.

struct FramingCase {
  absl::string_view name;
  absl::string_view lines;
  ParseError error;
  uint64_t length = 0;
};

constexpr FramingCase kContentLengths[] = {
    {"None", "", ParseError::kNone},
    {"Zero", "Content-Length: 0\r\n", ParseError::kNone, 0},
    {"Five", "Content-Length: 5\r\n", ParseError::kNone, 5},
    {"InAnyCase", "cOnTeNt-lEnGtH:\t5\t\r\n", ParseError::kNone, 5},
    {"Largest", "Content-Length: 9223372036854775807\r\n", ParseError::kNone,
     9223372036854775807u},
    {"TooLarge", "Content-Length: 9223372036854775808\r\n",
     ParseError::kBadContentLength},
    {"TooLargeFor64Bits", "Content-Length: 18446744073709551621\r\n",
     ParseError::kBadContentLength},
    {"FarTooLarge", "Content-Length: 99999999999999999999999999999999\r\n",
     ParseError::kBadContentLength},
    {"Empty", "Content-Length:\r\n", ParseError::kBadContentLength},
    {"Blank", "Content-Length: \t\r\n", ParseError::kBadContentLength},
    {"Plus", "Content-Length: +5\r\n", ParseError::kBadContentLength},
    {"Minus", "Content-Length: -5\r\n", ParseError::kBadContentLength},
    {"LeadingZero", "Content-Length: 05\r\n", ParseError::kBadContentLength},
    {"TwoZeros", "Content-Length: 00\r\n", ParseError::kBadContentLength},
    {"Hexadecimal", "Content-Length: 0x5\r\n", ParseError::kBadContentLength},
    {"HexadecimalDigit", "Content-Length: a\r\n",
     ParseError::kBadContentLength},
    {"Fraction", "Content-Length: 5.0\r\n", ParseError::kBadContentLength},
    {"Exponent", "Content-Length: 5e1\r\n", ParseError::kBadContentLength},
    {"Underscore", "Content-Length: 5_0\r\n", ParseError::kBadContentLength},
    {"SpaceInside", "Content-Length: 5 5\r\n", ParseError::kBadContentLength},
    {"Quoted", "Content-Length: \"5\"\r\n", ParseError::kBadContentLength},
    {"NonAsciiDigit", "Content-Length: \xd9\xa5\r\n",
     ParseError::kBadContentLength},
    {"List", "Content-Length: 5, 5\r\n", ParseError::kBadContentLength},
    {"ListOfDifferent", "Content-Length: 5,6\r\n",
     ParseError::kBadContentLength},
    {"EmptyElement", "Content-Length: 5,\r\n", ParseError::kBadContentLength},
    {"Parameter", "Content-Length: 5;a\r\n", ParseError::kBadContentLength},
    {"Repeated", "Content-Length: 5\r\nContent-Length: 5\r\n",
     ParseError::kRepeatedContentLength},
    {"RepeatedDifferently", "Content-Length: 5\r\ncontent-length: 6\r\n",
     ParseError::kRepeatedContentLength},
    {"RepeatedAfterBad", "Content-Length: x\r\nContent-Length: 5\r\n",
     ParseError::kBadContentLength},
};

constexpr FramingCase kTransferEncodings[] = {
    {"None", "", ParseError::kNone},
    {"Chunked", "Transfer-Encoding: chunked\r\n", ParseError::kNone},
    {"ChunkedInAnyCase", "tRANSFER-eNCODING: cHuNkEd\r\n", ParseError::kNone},
    {"ChunkedInWhiteSpace", "Transfer-Encoding:\t chunked \t\r\n",
     ParseError::kNone},
    {"Empty", "Transfer-Encoding:\r\n", ParseError::kBadTransferEncoding},
    {"Blank", "Transfer-Encoding: \t\r\n", ParseError::kBadTransferEncoding},
    {"EmptyElementFirst", "Transfer-Encoding: ,chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"EmptyElementLast", "Transfer-Encoding: chunked,\r\n",
     ParseError::kBadTransferEncoding},
    {"EmptyElementBetween", "Transfer-Encoding: gzip, ,chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"OnlyComma", "Transfer-Encoding: ,\r\n", ParseError::kBadTransferEncoding},
    {"Twice", "Transfer-Encoding: chunked, chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"NotLast", "Transfer-Encoding: chunked, gzip\r\n",
     ParseError::kBadTransferEncoding},
    {"NotLastIdentity", "Transfer-Encoding: chunked,identity\r\n",
     ParseError::kBadTransferEncoding},
    {"TwiceAroundAnother", "Transfer-Encoding: chunked, gzip, chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"Parameter", "Transfer-Encoding: chunked;a=b\r\n",
     ParseError::kBadTransferEncoding},
    {"BareParameter", "Transfer-Encoding: chunked;\r\n",
     ParseError::kBadTransferEncoding},
    {"ParameterOfAnother", "Transfer-Encoding: gzip;q=1\r\n",
     ParseError::kBadTransferEncoding},
    {"Quoted", "Transfer-Encoding: \"chunked\"\r\n",
     ParseError::kBadTransferEncoding},
    {"SingleQuoted", "Transfer-Encoding: 'chunked'\r\n",
     ParseError::kUnknownTransferCoding},
    {"QuotedComma", "Transfer-Encoding: \"a, chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"SpaceInside", "Transfer-Encoding: chun ked\r\n",
     ParseError::kBadTransferEncoding},
    {"SpaceInsteadOfComma", "Transfer-Encoding: gzip chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"NonAscii", "Transfer-Encoding: chunked\xa0\r\n",
     ParseError::kBadTransferEncoding},
    {"Brackets", "Transfer-Encoding: [chunked]\r\n",
     ParseError::kBadTransferEncoding},
    {"Slash", "Transfer-Encoding: a/b\r\n", ParseError::kBadTransferEncoding},
    {"Gzip", "Transfer-Encoding: gzip\r\n", ParseError::kUnknownTransferCoding},
    {"GzipChunked", "Transfer-Encoding: gzip, chunked\r\n",
     ParseError::kUnknownTransferCoding},
    {"GzipTwiceChunked", "Transfer-Encoding: gzip,gzip,\tchunked\r\n",
     ParseError::kUnknownTransferCoding},
    {"Identity", "Transfer-Encoding: identity\r\n",
     ParseError::kUnknownTransferCoding},
    {"LongerName", "Transfer-Encoding: xchunked\r\n",
     ParseError::kUnknownTransferCoding},
    {"LongerNameBehind", "Transfer-Encoding: chunkedx\r\n",
     ParseError::kUnknownTransferCoding},
    {"TwoLines",
     "Transfer-Encoding: gzip\r\nX: y\r\nTransfer-Encoding: chunked\r\n",
     ParseError::kUnknownTransferCoding},
    {"TwoLinesTwice",
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"TwoLinesNotLast",
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
     ParseError::kBadTransferEncoding},
    {"TwoLinesFirstEmpty",
     "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n",
     ParseError::kBadTransferEncoding},
    {"TwoLinesLastEmpty",
     "Transfer-Encoding: chunked\r\ntransfer-encoding:\r\n",
     ParseError::kBadTransferEncoding},
    {"TwoLinesIdentityThenBad",
     "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked;a\r\n",
     ParseError::kBadTransferEncoding},
};

// R8 and R9 restated: what `content_length` and `transfer_encoding` make of
// each other.
ParseError ExpectedFramingError(const FramingCase& content_length,
                                const FramingCase& transfer_encoding,
                                bool is_http10, bool length_is_first) {
  const bool has_encoding = !transfer_encoding.lines.empty();
  if (length_is_first && content_length.error != ParseError::kNone) {
    return content_length.error;
  }
  if (!has_encoding) return content_length.error;
  if (is_http10) return ParseError::kTransferEncodingInHttp10;
  if (!content_length.lines.empty()) {
    return ParseError::kTransferEncodingWithContentLength;
  }
  return transfer_encoding.error;
}

TEST_F(RequestParserTest, R8_R9_EveryContentLengthWithEveryTransferEncoding) {
  for (const FramingCase& length : kContentLengths) {
    for (const FramingCase& encoding : kTransferEncodings) {
      for (const bool is_http10 : {false, true}) {
        for (const bool length_is_first : {false, true}) {
          SCOPED_TRACE(absl::StrCat("Content-Length ", length.name,
                                    ", Transfer-Encoding ", encoding.name,
                                    is_http10 ? ", 1.0" : ", 1.1",
                                    length_is_first ? "" : ", reversed"));
          const std::string input = absl::StrCat(
              "PUT / HTTP/1.", is_http10 ? "0" : "1", "\r\nHost: a\r\n",
              length_is_first ? length.lines : encoding.lines,
              length_is_first ? encoding.lines : length.lines, "\r\n");
          const ParseError error = ExpectedFramingError(
              length, encoding, is_http10, length_is_first);
          const Parsed parsed = ParseWhole(input);
          EXPECT_EQ(parsed.outcome.error, error);
          const Parsed dribbled = ParseByteByByte(input, {}, buffer_);
          EXPECT_EQ(Describe(dribbled.outcome), Describe(parsed.outcome));
          EXPECT_EQ(dribbled.head, parsed.head);
          if (error != ParseError::kNone) continue;
          const BodyFraming framing =
              !encoding.lines.empty() ? BodyFraming::kChunked
              : !length.lines.empty() ? BodyFraming::kContentLength
                                      : BodyFraming::kNone;
          EXPECT_THAT(parsed.head, testing::HasSubstr(absl::StrCat(
                                       "\nbody ", static_cast<int>(framing),
                                       "\nlength ", length.length, "\n")));
        }
      }
    }
  }
}

TEST_F(RequestParserTest, R9_BadTransferEncodingStandsAtItsFirstLine) {
  ExpectRefused(ParseEveryWay("GET / HTTP/1.1\r\nHost: a\r\n"
                              "Transfer-Encoding: chunked\r\n"
                              "Transfer-Encoding: b\r\n\r\n"),
                ParseError::kBadTransferEncoding,
                strlen("GET / HTTP/1.1\r\nHost: a\r\n"));
}

TEST_F(RequestParserTest, R8_RepeatedContentLengthStandsAtItsSecondLine) {
  const std::string before =
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n";
  ExpectRefused(ParseEveryWay(before + "Content-Length: 1\r\n\r\n"),
                ParseError::kRepeatedContentLength, before.size());
}

// ---------------------------------------------------------------------------
// R15: persistence.

struct ConnectionCase {
  absl::string_view name;
  absl::string_view lines;
  bool http11_persists;
  bool http10_persists;
};

void PrintTo(const ConnectionCase& connection, std::ostream* out) {
  *out << connection.name;
}

class ConnectionTest : public RequestParserTest,
                       public testing::WithParamInterface<ConnectionCase> {};

TEST_P(ConnectionTest, R15_Persistence) {
  const auto says = [](bool persists) {
    return testing::HasSubstr(persists ? "\nclose 0\n" : "\nclose 1\n");
  };
  const std::string fields =
      absl::StrCat("Host: a\r\n", GetParam().lines, "\r\n");
  EXPECT_THAT(ParseEveryWay(absl::StrCat("GET / HTTP/1.1\r\n", fields)).head,
              says(GetParam().http11_persists));
  EXPECT_THAT(ParseEveryWay(absl::StrCat("GET / HTTP/1.0\r\n", fields)).head,
              says(GetParam().http10_persists));
}

constexpr ConnectionCase kConnections[] = {
    {"None", "", true, false},
    {"Close", "Connection: close\r\n", false, false},
    {"CloseInAnyCase", "cONNECTION: cLoSe\r\n", false, false},
    {"KeepAlive", "Connection: keep-alive\r\n", true, true},
    {"KeepAliveInAnyCase", "Connection: Keep-Alive\r\n", true, true},
    {"CloseWins", "Connection: keep-alive, close\r\n", false, false},
    {"CloseWinsFromTheFront", "Connection: close,keep-alive\r\n", false, false},
    {"CloseInAnotherLine",
     "Connection: keep-alive\r\nX: y\r\nConnection:\tclose\r\n", false, false},
    {"CloseAmongOthers", "Connection: a ,\tclose\t, b\r\n", false, false},
    {"LongerToken", "Connection: closed, xclose, keep-alive2\r\n", true, false},
    {"CloseInQuotes", "Connection: \"close\"\r\n", true, false},
    {"CloseWithParameter", "Connection: close;a\r\n", true, false},
    {"CloseAndSpace", "Connection: close keep-alive\r\n", true, false},
    {"EmptyElements", "Connection: ,, ,close,\r\n", false, false},
    {"Empty", "Connection:\r\n", true, false},
    {"NoTokens", "Connection: (\x80), keep-alive\r\n", true, true},
    {"OtherField", "Proxy-Connection: close\r\n", true, false},
};

INSTANTIATE_TEST_SUITE_P(All, ConnectionTest, testing::ValuesIn(kConnections),
                         NameOf<ConnectionCase>);

// ---------------------------------------------------------------------------
// Every byte, everywhere. The sets are written as the RFCs write them, not as
// the parser's tables do.

constexpr absl::string_view kTcharMarks = "!#$%&'*+-.^_`|~";
constexpr absl::string_view kPcharMarks = "-._~!$&'()*+,;=:@";

bool IsAlphanumeric(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9');
}

bool IsOneOf(char byte, absl::string_view set) {
  return set.find(byte) != set.npos;
}

class EveryByteTest : public RequestParserTest {
 protected:
  // `before` + byte + `after` is complete exactly for the bytes in `is_allowed`
  // and else refused there, or one byte later if it is a CR. Not asked of
  // `others`, which end what is being tested or begin something else.
  void ExpectAllowed(absl::string_view before, absl::string_view after,
                     absl::string_view others,
                     const std::function<bool(char)>& is_allowed) {
    for (int i = 0; i <= 0xff; ++i) {
      const char byte = static_cast<char>(i);
      if (IsOneOf(byte, others)) continue;
      SCOPED_TRACE(absl::StrCat("byte ", i));
      const std::string input =
          absl::StrCat(before, absl::string_view(&byte, 1), after);
      const Parsed parsed = ParseEveryWay(input);
      if (is_allowed(byte)) {
        ExpectComplete(parsed, input.size());
      } else {
        ASSERT_EQ(parsed.outcome.kind, ParseOutcome::Kind::kError);
        EXPECT_EQ(parsed.outcome.bytes, before.size() + (byte == '\r' ? 1 : 0));
      }
    }
  }

  // The head at once, by every kernel, comes out as it does from the states.
  void ExpectSameByteByByte(absl::string_view input) {
    const Parsed whole = ParseWhole(input);
    const Parsed cut = ParseByteByByte(input, HeadLimits{}, buffer_);
    EXPECT_EQ(Describe(whole.outcome), Describe(cut.outcome)) << input;
    EXPECT_EQ(whole.head, cut.head) << input;
  }
};

TEST_F(EveryByteTest, R2_InAMethod) {
  ExpectAllowed("a", "b / HTTP/1.0\r\n\r\n", " ", [](char byte) {
    return IsAlphanumeric(byte) || IsOneOf(byte, kTcharMarks);
  });
}

TEST_F(EveryByteTest, R4_InAPath) {
  ExpectAllowed("GET /a", "b HTTP/1.0\r\n\r\n", " %", [](char byte) {
    return IsAlphanumeric(byte) || IsOneOf(byte, kPcharMarks) ||
           IsOneOf(byte, "/?");
  });
}

TEST_F(EveryByteTest, R4_InAQuery) {
  ExpectAllowed("GET /?a", "b HTTP/1.0\r\n\r\n", " %", [](char byte) {
    return IsAlphanumeric(byte) || IsOneOf(byte, kPcharMarks) ||
           IsOneOf(byte, "/?");
  });
}

TEST_F(EveryByteTest, R4_InATriplet) {
  ExpectAllowed("GET /%4", "b HTTP/1.0\r\n\r\n", "", [](char byte) {
    return IsOneOf(byte, "0123456789abcdefABCDEF");
  });
}

TEST_F(EveryByteTest, R6_InAFieldName) {
  ExpectAllowed("GET / HTTP/1.0\r\na", "b: c\r\n\r\n", ":", [](char byte) {
    return IsAlphanumeric(byte) || IsOneOf(byte, kTcharMarks);
  });
}

TEST_F(EveryByteTest, R6_FirstInALine) {
  ExpectAllowed("GET / HTTP/1.0\r\n", "b: c\r\n\r\n", "", [](char byte) {
    return IsAlphanumeric(byte) || IsOneOf(byte, kTcharMarks);
  });
}

TEST_F(EveryByteTest, R6_InAFieldValue) {
  ExpectAllowed("GET / HTTP/1.0\r\na: b", "c\r\n\r\n", "", [](char byte) {
    const int value = static_cast<unsigned char>(byte);
    return value == 0x09 || (value >= 0x20 && value != 0x7f);
  });
}

TEST_F(EveryByteTest, R3_AsTheMinorVersion) {
  ExpectAllowed("GET / HTTP/1.", "\r\nHost: a\r\n\r\n", "",
                [](char byte) { return IsOneOf(byte, "0123456789"); });
}

TEST_F(EveryByteTest, R3_AsTheMajorVersion) {
  ExpectAllowed("GET / HTTP/", ".1\r\nHost: a\r\n\r\n", "",
                [](char byte) { return byte == '1'; });
}

// Long enough for the widest kernel's steps.
TEST_F(EveryByteTest, R18_AtEveryPlaceOfAHead) {
  const std::string head =
      "GET /a?b%41 HTTP/1.1\r\nHost: a.b-c:8080\r\nX-Y:z\r\n"
      "Accept-Encoding: gzip, deflate\r\n\r\n";
  for (size_t place = 0; place < head.size(); ++place) {
    for (int byte = 0; byte <= 0xff; ++byte) {
      std::string input = head;
      input[place] = static_cast<char>(byte);
      ExpectSameByteByByte(input);
    }
  }
}

TEST_F(EveryByteTest, R18_AtEveryPlaceOfAPort) {
  for (const absl::string_view port :
       {"", "8", "80", "443", "8080", "65535", "65536", "000080"}) {
    for (size_t place = 0; place <= port.size(); ++place) {
      for (int byte = 0; byte <= 0xff; ++byte) {
        std::string text(port);
        text.insert(text.begin() + place, static_cast<char>(byte));
        ExpectSameByteByByte(
            absl::StrCat("GET /path HTTP/1.1\r\nHost: a:", text, "\r\n\r\n"));
      }
    }
  }
}

// ---------------------------------------------------------------------------
// R11: limits, each at the limit and one beyond.

TEST_F(RequestParserTest, R11_MethodOf64Bytes) {
  const std::string method(kMaxMethodBytes, 'M');
  const std::string input = method + " / HTTP/1.0\r\n\r\n";
  const Parsed parsed = ParseEveryWay(input);
  ExpectComplete(parsed, input.size());
  EXPECT_THAT(parsed.head,
              testing::HasSubstr("method unknown " + method + "\n"));
}

TEST_F(RequestParserTest, R11_MethodOf65Bytes) {
  const std::string method(kMaxMethodBytes + 1, 'M');
  ExpectRefused(ParseEveryWay(method), ParseError::kMethodTooLong,
                kMaxMethodBytes);
  ExpectRefused(ParseEveryWay(method + " / HTTP/1.0\r\n\r\n"),
                ParseError::kMethodTooLong, kMaxMethodBytes);
  ExpectRefused(ParseWhole("\r\n" + method), ParseError::kMethodTooLong,
                2 + kMaxMethodBytes);
}

// A request line of exactly `bytes`, its CRLF not counted.
std::string RequestLineOf(size_t bytes) {
  constexpr absl::string_view kBefore = "GET /";
  constexpr absl::string_view kAfter = " HTTP/1.1";
  return absl::StrCat(kBefore,
                      std::string(bytes - kBefore.size() - kAfter.size(), 'a'),
                      kAfter);
}

TEST_F(RequestParserTest, R11_RequestLineOf8000BytesIsAccepted) {
  const std::string input = RequestLineOf(8000) + "\r\nHost: a\r\n\r\n";
  ExpectComplete(ParseWhole(input), input.size());
}

TEST_F(RequestParserTest, R11_RequestLineAtTheDefaultLimit) {
  constexpr size_t kLimit = 8 * 1024;
  const size_t target_limit = kLimit - strlen(" HTTP/1.1");
  const std::string fits = RequestLineOf(kLimit) + "\r\nHost: a\r\n\r\n";
  ExpectComplete(ParseWhole(fits), fits.size());
  ExpectComplete(ParseWhole("\r\n" + fits), 2 + fits.size());
  ExpectRefused(ParseWhole(RequestLineOf(kLimit + 1) + "\r\nHost: a\r\n\r\n"),
                ParseError::kTargetTooLong, target_limit);
  // Neither sooner nor later.
  const std::string target = fits.substr(0, target_limit);
  EXPECT_EQ(ParseWhole(target).outcome.kind, ParseOutcome::Kind::kNeedMore);
  ExpectRefused(ParseWhole(target + "a"), ParseError::kTargetTooLong,
                target_limit);
}

TEST_F(RequestParserTest, R11_TargetAtASmallLimit) {
  const uint32_t limit_offset = strlen("GET ") + 8;
  const HeadLimits limits = {.max_request_line_bytes =
                                 limit_offset +
                                 static_cast<uint32_t>(strlen(" HTTP/1.1"))};
  const auto parse = [&](absl::string_view target) {
    return ParseEveryWay(
        absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n"), limits);
  };
  EXPECT_EQ(parse("/1234567").outcome.kind, ParseOutcome::Kind::kComplete);
  EXPECT_EQ(parse("/1234%41").outcome.kind, ParseOutcome::Kind::kComplete);
  EXPECT_EQ(parse("http://a").outcome.kind, ParseOutcome::Kind::kComplete);
  for (const absl::string_view too_long :
       {"/12345678", "/1234567%41", "/123456%41", "/12345%41", "http://ab",
        "/1234567?", "/12345678901234567890"}) {
    SCOPED_TRACE(too_long);
    ExpectRefused(parse(too_long), ParseError::kTargetTooLong, limit_offset);
  }
  // What breaks the grammar there breaks it all the same.
  ExpectRefused(parse("/1234567\n"), ParseError::kBareLf, limit_offset);
  ExpectRefused(parse("/1234567#"), ParseError::kBadTarget, limit_offset);
  ExpectRefused(parse("/12345%4g"), ParseError::kBadTarget, limit_offset);
}

TEST_F(RequestParserTest, R11_RequestLineLimitThatNoLineFits) {
  for (const uint32_t limit : {1, 9, 10, 13}) {
    SCOPED_TRACE(limit);
    ExpectRefused(ParseEveryWay("GET / HTTP/1.0\r\n\r\n",
                                {.max_request_line_bytes = limit}),
                  ParseError::kTargetTooLong, strlen("GET "));
  }
  const absl::string_view fits = "GET / HTTP/1.0\r\n\r\n";
  ExpectComplete(ParseEveryWay(fits, {.max_request_line_bytes = 14}),
                 fits.size());
}

// A head of exactly `bytes`.
std::string HeadOf(size_t bytes) {
  const std::string before = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string after = "\r\n\r\n";
  return before + std::string(bytes - before.size() - after.size(), 'y') +
         after;
}

TEST_F(RequestParserTest, R11_HeadAtTheDefaultLimit) {
  constexpr size_t kLimit = 32 * 1024;
  ExpectComplete(ParseWhole(HeadOf(kLimit)), kLimit);
  ExpectComplete(ParseWhole(HeadOf(kLimit) + "body"), kLimit);
  ExpectRefused(ParseWhole(HeadOf(kLimit + 1)), ParseError::kHeadTooLong,
                kLimit);
  // Neither sooner nor later.
  const std::string endless = HeadOf(2 * kLimit);
  EXPECT_EQ(ParseWhole(endless.substr(0, kLimit)).outcome.kind,
            ParseOutcome::Kind::kNeedMore);
  ExpectRefused(ParseWhole(endless.substr(0, kLimit + 1)),
                ParseError::kHeadTooLong, kLimit);
}

TEST_F(RequestParserTest, R11_HeadAtASmallLimit) {
  constexpr uint32_t kLimit = 48;
  const HeadLimits limits = {.max_head_bytes = kLimit};
  ExpectComplete(ParseEveryWay(HeadOf(kLimit), limits), kLimit);
  ExpectComplete(ParseEveryWay(HeadOf(kLimit) + "body", limits), kLimit);
  for (size_t bytes = kLimit + 1; bytes < kLimit + 10; ++bytes) {
    ExpectRefused(ParseEveryWay(HeadOf(bytes), limits),
                  ParseError::kHeadTooLong, kLimit);
  }
}

TEST_F(RequestParserTest, R11_AnEmptyLineDoesNotCountAgainstTheHead) {
  const HeadLimits limits = {.max_head_bytes = 48};
  ExpectComplete(ParseEveryWay("\r\n" + HeadOf(48), limits), 2 + 48);
  ExpectRefused(ParseEveryWay("\r\n" + HeadOf(49), limits),
                ParseError::kHeadTooLong, 2 + 48);
}

TEST_F(RequestParserTest, R11_EveryHeadLimitUpToTheHeadsSize) {
  const std::string input =
      "\r\nPUT http://a/%41?b HTTP/1.1\r\nHost: a\r\nX:y\r\n\r\n";
  const size_t head_bytes = input.size() - 2;
  for (uint32_t limit = 1; limit < head_bytes; ++limit) {
    SCOPED_TRACE(limit);
    ExpectRefused(ParseEveryWay(input, {.max_head_bytes = limit}),
                  ParseError::kHeadTooLong, 2 + limit);
  }
  const uint32_t enough = static_cast<uint32_t>(head_bytes);
  ExpectComplete(ParseEveryWay(input, {.max_head_bytes = enough}),
                 input.size());
}

std::string HeadWithFields(size_t fields) {
  std::string head = absl::StrCat(kGet, kHost);
  for (size_t i = 1; i < fields; ++i) absl::StrAppend(&head, "X: y\r\n");
  return head + "\r\n";
}

TEST_F(RequestParserTest, R11_FieldsAtTheDefaultLimit) {
  const std::string fits = HeadWithFields(100);
  ExpectComplete(ParseEveryWay(fits), fits.size());
  // The 101st begins where the blank line was.
  ExpectRefused(ParseEveryWay(HeadWithFields(101)), ParseError::kTooManyFields,
                fits.size() - 2);
}

TEST_F(RequestParserTest, R11_FieldsAtASmallLimit) {
  const HeadLimits limits = {.max_fields = 2};
  const std::string fits = HeadWithFields(2);
  ExpectComplete(ParseEveryWay(fits, limits), fits.size());
  ExpectRefused(ParseEveryWay(HeadWithFields(3), limits),
                ParseError::kTooManyFields, fits.size() - 2);
  ExpectRefused(
      ParseEveryWay(absl::StrCat(kGet, kHost, "X: y\r\n", "Z"), limits),
      ParseError::kTooManyFields, fits.size() - 2);
}

TEST_F(RequestParserTest, R11_EachHeadIsCountedAnew) {
  const HeadLimits limits = {.max_head_bytes = 48, .max_fields = 2};
  const std::string stream = "\r\n" + HeadOf(48) + HeadOf(48) + HeadOf(48);
  absl::string_view rest = stream;
  RequestParser parser;
  RequestHead head;
  for (const size_t bytes : {2 + 48, 48, 48}) {
    const ParseOutcome outcome = parser.Parse(buffer_.Show(rest), limits, head);
    ASSERT_EQ(outcome.kind, ParseOutcome::Kind::kComplete);
    EXPECT_EQ(outcome.bytes, bytes);
    EXPECT_EQ(head.method, Method::kGet);
    rest.remove_prefix(outcome.bytes);
  }
}

TEST_F(RequestParserTest, R11_LargestLimits) {
  const HeadLimits limits = {.max_head_bytes = HeadLimits::kLargestMaxHeadBytes,
                             .max_request_line_bytes = UINT32_MAX,
                             .max_fields = UINT32_MAX};
  const std::string input = HeadWithFields(200);
  ExpectComplete(ParseWhole(input, limits), input.size());
  ExpectComplete(ParseWhole("\r\n" + input, limits), 2 + input.size());
}

// ---------------------------------------------------------------------------
// One parser and one head, request after request.

TEST_F(RequestParserTest, R18_EmptyInputNeedsMore) {
  EXPECT_EQ(ParseWhole("").outcome.kind, ParseOutcome::Kind::kNeedMore);
}

TEST_F(RequestParserTest, R18_EveryPrefixNeedsMore) {
  const std::string input =
      "\r\nPOST /%41?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  for (size_t bytes = 0; bytes < input.size(); ++bytes) {
    EXPECT_EQ(ParseWhole(input.substr(0, bytes)).outcome.kind,
              ParseOutcome::Kind::kNeedMore)
        << bytes;
  }
}

TEST_F(RequestParserTest, R18_RequestsBehindEachOther) {
  RequestParser parser;
  RequestHead head;
  std::string stream =
      "PUT http://b/1?q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
      "Expect: 100-continue\r\nConnection: close\r\n\r\n"
      "\r\nGET /2 HTTP/1.0\r\n\r\n";
  ParseOutcome outcome = parser.Parse(buffer_.Show(stream), {}, head);
  ASSERT_EQ(outcome.kind, ParseOutcome::Kind::kComplete);
  EXPECT_EQ(head.content_length, 5u);
  stream.erase(0, outcome.bytes);

  const absl::string_view second = buffer_.Show(stream);
  outcome = parser.Parse(second, {}, head);
  ASSERT_EQ(outcome.kind, ParseOutcome::Kind::kComplete);
  EXPECT_EQ(outcome.bytes, stream.size());
  // Nothing of the first is left.
  RequestHead fresh;
  ASSERT_EQ(RequestParser().Parse(second, {}, fresh).kind,
            ParseOutcome::Kind::kComplete);
  EXPECT_EQ(Describe(head), Describe(fresh));
  EXPECT_EQ(head.path, "/2");
  EXPECT_TRUE(head.fields.empty());
}

TEST_F(RequestParserTest, R19_IsInProgressFromTheMethodsFirstByteOn) {
  RequestParser parser;
  RequestHead head;
  const std::string input = "\r\nGET / HTTP/1.0\r\n\r\n";
  EXPECT_FALSE(parser.in_progress());
  for (size_t bytes = 0; bytes < input.size(); ++bytes) {
    const ParseOutcome outcome =
        parser.Parse(buffer_.Show(input.substr(0, bytes)), {}, head);
    EXPECT_EQ(outcome.kind, ParseOutcome::Kind::kNeedMore);
    EXPECT_EQ(parser.in_progress(), bytes > 2) << bytes;
  }
  EXPECT_EQ(parser.Parse(buffer_.Show(input), {}, head).kind,
            ParseOutcome::Kind::kComplete);
  EXPECT_FALSE(parser.in_progress());
}

TEST_F(RequestParserTest, ViewsPointIntoTheLastBytesGiven) {
  RequestParser parser;
  RequestHead head;
  const std::string input =
      "GET http://a/b?c HTTP/1.1\r\nHost: d\r\nX: \t\r\n\r\n";
  ASSERT_EQ(parser.Parse(buffer_.Show(input.substr(0, 30)), {}, head).kind,
            ParseOutcome::Kind::kNeedMore);
  const absl::string_view shown = buffer_.Show(input);
  ASSERT_EQ(parser.Parse(shown, {}, head).kind, ParseOutcome::Kind::kComplete);
  std::vector<absl::string_view> views = {
      head.method_token, head.target, head.path, head.query, head.authority};
  for (const Field& field : head.fields) {
    views.push_back(field.name);
    views.push_back(field.value);
  }
  for (const absl::string_view view : views) {
    EXPECT_GE(view.data(), shown.data());
    EXPECT_LE(view.data() + view.size(), shown.data() + shown.size());
  }
}

TEST_F(RequestParserTest, MoreThan32Fields) {
  const std::string input = HeadWithFields(64);
  RequestParser parser;
  RequestHead head;
  ASSERT_EQ(parser.Parse(buffer_.Show(input), {}, head).kind,
            ParseOutcome::Kind::kComplete);
  EXPECT_EQ(head.fields.size(), 64u);
}

}  // namespace
}  // namespace pollux::http
