// That README.md tells the truth: its tables are those that are made here by
// asking the parsers, and its example is the one that is compiled.
//
// When a verdict changes, the test shows the table that the README should have.

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/byte_range.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace pollux::http {
namespace {

using std::literals::string_view_literals::operator""sv;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// What stands between the two texts, each of which is there once.
std::string Between(absl::string_view text, absl::string_view begin,
                    absl::string_view end) {
  const size_t from = text.find(begin);
  EXPECT_NE(from, text.npos) << begin;
  if (from == text.npos) return "";
  const size_t to = text.find(end, from + begin.size());
  EXPECT_NE(to, text.npos) << end;
  return std::string(
      text.substr(from + begin.size(), to - from - begin.size()));
}

std::string Readme() { return ReadFile("httpd/http/README.md"); }

// ---------------------------------------------------------------------------
// What becomes of requests.

// Of what a row's input is.
enum class Kind {
  // A whole head.
  kHead,
  // What follows "GET / HTTP/1.1", the blank line not included.
  kFields,
  // The fields of a PUT that has a Host.
  kBodyFields,
  // A chunked body.
  kChunks,
  // The value of a Range field, of ten bytes.
  kRange,
};

struct Row {
  absl::string_view requirement;
  Kind kind;
  absl::string_view input;
};

constexpr Row kRows[] = {
    {"R1", Kind::kHead, "GET / HTTP/1.1\nHost: a\n\n"},
    {"R1", Kind::kFields, "Host: a\n\r\n"},
    {"R1", Kind::kFields, "Host: a\r\r\n"},
    {"R1", Kind::kFields, "Host: a\rX: b\r\n"},
    {"R2", Kind::kHead, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R2", Kind::kHead, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R2", Kind::kHead, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R2", Kind::kHead, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {"R2", Kind::kHead, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
    {"R3", Kind::kHead, "GET / HTTP/1.0\r\n\r\n"},
    {"R3", Kind::kHead, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
    {"R3", Kind::kHead, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {"R3", Kind::kHead, "GET /\r\n"},
    {"R4", Kind::kHead, "GET /a%2Fb?c HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET http://b/c HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R4", Kind::kHead, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R5", Kind::kHead, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"R6", Kind::kFields, "Host:\ta\t\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX: \xe4\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX : b\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX: b\r\n c\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX\r\n"},
    {"R6", Kind::kFields, "Host: a\r\n: b\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX(: b\r\n"},
    {"R6", Kind::kFields, "Host: a\r\nX: \0\r\n"sv},
    {"R6", Kind::kFields, "Host: a\r\nX: \x7f\r\n"},
    {"R7", Kind::kFields, ""},
    {"R7", Kind::kFields, "Host: a\r\nHost: a\r\n"},
    {"R7", Kind::kFields, "Host:\r\n"},
    {"R7", Kind::kFields, "Host: [::1]:65535\r\n"},
    {"R7", Kind::kFields, "Host: [::zz]\r\n"},
    {"R7", Kind::kFields, "Host: a:65536\r\n"},
    {"R7", Kind::kFields, "Host: a:\r\n"},
    {"R7", Kind::kFields, "Host: u@a\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 5\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 05\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: +5\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 5, 5\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 5\r\nContent-Length: 5\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 9223372036854775807\r\n"},
    {"R8", Kind::kBodyFields, "Content-Length: 9223372036854775808\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: chunked\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: \tCHUNKED \r\n"},
    {"R9", Kind::kBodyFields,
     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
    {"R9", Kind::kHead, "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding:\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: ,chunked\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: chunked;a=b\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: \"chunked\"\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: chunked, gzip\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: chunked, chunked\r\n"},
    {"R9", Kind::kBodyFields,
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: gzip, chunked\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: identity\r\n"},
    {"R9", Kind::kBodyFields, "Transfer-Encoding: xchunked\r\n"},
    {"R10", Kind::kChunks, "3\r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "3 ; a = \"b\"\r\nabc\r\n0\r\nA: b\r\n\r\n"},
    {"R10", Kind::kChunks, "3 \r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "3;\r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "3;a=\"b\r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "0x3\r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "00000000000000003\r\nabc\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "ffffffffffffffff\r\n"},
    {"R10", Kind::kChunks, "3\nabc\n0\n\n"},
    {"R10", Kind::kChunks, "3\r\nabcd\r\n0\r\n\r\n"},
    {"R10", Kind::kChunks, "0\r\nA : b\r\n\r\n"},
    {"R10", Kind::kChunks, "0\r\nA\r\n\r\n"},
    {"R14", Kind::kBodyFields, "Expect: 100-continue\r\n"},
    {"R14", Kind::kBodyFields, "Expect: 200-ok\r\n"},
    {"R20", Kind::kRange, "bytes=2-4"},
    {"R20", Kind::kRange, "bytes=5-"},
    {"R20", Kind::kRange, "bytes=-3"},
    {"R20", Kind::kRange, "bytes=10-"},
    {"R20", Kind::kRange, "bytes=0-1,3-4"},
    {"R20", Kind::kRange, "bytes=4-2"},
};

std::string Refusal(ParseError error) {
  return absl::StrCat(StatusOf(error), " ", Explain(error));
}

std::string JudgeHead(const std::string& message) {
  RequestParser parser;
  RequestHead head;
  const ParseOutcome outcome = parser.Parse(message, HeadLimits{}, head);
  if (outcome.kind == ParseOutcome::Kind::kNeedMore) return "more is needed";
  if (outcome.kind == ParseOutcome::Kind::kError) return Refusal(outcome.error);
  std::string verdict = "accepted";
  if (head.method == Method::kUnknown) verdict += ", method unknown";
  if (head.version == Version::kHttp10) verdict += " as HTTP/1.0";
  if (head.target_form == TargetForm::kAbsolute) {
    absl::StrAppend(&verdict, ", of host ", head.authority);
  }
  if (head.expects_continue) verdict += ", awaits 100";
  switch (head.body_framing) {
    case BodyFraming::kNone:
      return verdict;
    case BodyFraming::kContentLength:
      return absl::StrCat(verdict, ", ", head.content_length, " bytes follow");
    case BodyFraming::kChunked:
      return verdict + ", chunks follow";
  }
  return verdict;
}

std::string JudgeChunks(absl::string_view body) {
  ChunkedDecoder decoder(/*max_body_bytes=*/1 << 20);
  std::string content;
  while (true) {
    const BodyOutcome outcome = decoder.Decode(body);
    if (outcome.kind == BodyOutcome::Kind::kNeedMore) return "more is needed";
    if (outcome.kind == BodyOutcome::Kind::kError) {
      return Refusal(outcome.error);
    }
    if (outcome.kind == BodyOutcome::Kind::kComplete) {
      return absl::StrCat("accepted, content ", content);
    }
    absl::StrAppend(&content, outcome.data);
    body.remove_prefix(outcome.bytes);
  }
}

std::string JudgeRange(absl::string_view value) {
  ByteRange range;
  switch (ReadByteRange(value, /*size_bytes=*/10, range)) {
    case RangeVerdict::kWhole:
      return "200, all of it";
    case RangeVerdict::kPart:
      return absl::StrCat("206, bytes ", range.first, " to ", range.last);
    case RangeVerdict::kUnsatisfiable:
      return "416";
  }
  return "";
}

std::string Judge(const Row& row) {
  switch (row.kind) {
    case Kind::kHead:
      return JudgeHead(std::string(row.input));
    case Kind::kFields:
      return JudgeHead(absl::StrCat("GET / HTTP/1.1\r\n", row.input, "\r\n"));
    case Kind::kBodyFields:
      return JudgeHead(
          absl::StrCat("PUT / HTTP/1.1\r\nHost: a\r\n", row.input, "\r\n"));
    case Kind::kChunks:
      return JudgeChunks(row.input);
    case Kind::kRange:
      return JudgeRange(row.input);
  }
  return "";
}

absl::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kHead:
      return "head";
    case Kind::kFields:
      return "fields";
    case Kind::kBodyFields:
      return "fields of a PUT";
    case Kind::kChunks:
      return "chunks";
    case Kind::kRange:
      return "Range of 10 bytes";
  }
  return "";
}

TEST(ReadmeTest, R1_To_R20_VerdictsAreThoseOfTheParsers) {
  std::string table = "\n| | | input | verdict |\n| --- | --- | --- | --- |\n";
  for (const Row& row : kRows) {
    const std::string input = absl::StrReplaceAll(
        absl::CHexEscape(row.input), {{"|", "\\|"}, {"\\\"", "\""}});
    absl::StrAppend(&table, "| ", row.requirement, " | ", NameOf(row.kind),
                    " | ", input.empty() ? "(none)" : "`" + input + "`", " | ",
                    Judge(row), " |\n");
  }
  EXPECT_EQ(Between(Readme(), "<!-- verdicts -->", "<!-- end -->"), table)
      << table;
}

// ---------------------------------------------------------------------------
// Errors.

constexpr absl::string_view kErrorNames[] = {
    "kNone",
    "kBareCr",
    "kBareLf",
    "kExtraEmptyLine",
    "kBadMethod",
    "kBadTarget",
    "kBadVersion",
    "kBadFieldName",
    "kSpaceBeforeColon",
    "kFoldedLine",
    "kBadFieldValue",
    "kMissingHost",
    "kRepeatedHost",
    "kBadHost",
    "kBadContentLength",
    "kRepeatedContentLength",
    "kBadTransferEncoding",
    "kTransferEncodingInHttp10",
    "kTransferEncodingWithContentLength",
    "kBadChunkSize",
    "kBadChunkExtension",
    "kBadChunkEnd",
    "kChunkLineTooLong",
    "kTrailersTooLong",
    "kBodyTooLarge",
    "kTargetTooLong",
    "kHeadTooLong",
    "kTooManyFields",
    "kHttpsTarget",
    "kUnknownExpectation",
    "kConnectMethod",
    "kMethodTooLong",
    "kUnknownTransferCoding",
    "kUnsupportedVersion",
};
static_assert(std::size(kErrorNames) == kParseErrors);

TEST(ReadmeTest, ErrorsAreThoseOfTheHeader) {
  std::string table =
      "\n| `ParseError` | status | sentence |\n| --- | --- | --- |\n";
  for (size_t i = 1; i < kParseErrors; ++i) {
    const ParseError error = static_cast<ParseError>(i);
    absl::StrAppend(&table, "| `", kErrorNames[i], "` | ", StatusOf(error),
                    " | ", Explain(error), " |\n");
  }
  EXPECT_EQ(Between(Readme(), "<!-- errors -->", "<!-- end -->"), table)
      << table;
  // The names stand in the header in this order.
  const std::string header = ReadFile("httpd/http/parse_error.h");
  size_t position = 0;
  for (const absl::string_view name : kErrorNames) {
    position = header.find(absl::StrCat("  ", name, ",\n"), position);
    ASSERT_NE(position, header.npos) << name;
  }
}

TEST(ReadmeTest, TheExampleIsTheOneThatIsCompiled) {
  EXPECT_EQ(Between(Readme(), "```cpp\n", "```"),
            Between(ReadFile("httpd/http/readme_example_test.cc"),
                    "// [README\n", "// README]"));
}

}  // namespace
}  // namespace pollux::http
