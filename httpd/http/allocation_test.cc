// That the hot path allocates nothing. A binary of its own, because it replaces
// the whole program's operator new.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "httpd/http/accept_encoding.h"
#include "httpd/http/body_decoder.h"
#include "httpd/http/byte_range.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/media_type.h"
#include "httpd/http/preconditions.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/http/response_writer.h"

namespace {
size_t allocations = 0;
}  // namespace

void* operator new(size_t size) {
  ++allocations;
  void* const memory = malloc(size);
  if (memory == nullptr) abort();
  return memory;
}

void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }

namespace pollux::http {
namespace {

std::string HeadWithFields(int fields) {
  std::string head =
      "POST http://[::1]:80/a%41?b HTTP/1.1\r\n"
      "Host: [::ffff:1.2.3.4]:80\r\n"
      "Transfer-Encoding: chunked\r\n"
      "Expect: 100-continue\r\n"
      "Connection: a, b, keep-alive\r\n";
  for (int i = 4; i < fields; ++i) {
    absl::StrAppend(&head, "A-field-with-a-long-name-", i,
                    ": and a value longer than any small string\r\n");
  }
  return head + "\r\n";
}

void ParseByteByByte(RequestParser& parser, const std::string& message,
                     RequestHead& head) {
  for (size_t bytes = 0; bytes < message.size(); ++bytes) {
    ASSERT_EQ(
        parser.Parse(absl::string_view(message.data(), bytes), {}, head).kind,
        ParseOutcome::Kind::kNeedMore);
  }
  ASSERT_EQ(parser.Parse(message, {}, head).kind,
            ParseOutcome::Kind::kComplete);
}

TEST(AllocationTest, TheCountWorks) {
  const size_t before = allocations;
  const std::string text(100, 'a');
  EXPECT_EQ(allocations, before + 1);
}

TEST(AllocationTest, HeadsOf32FieldsAllocateNothing) {
  const std::string message = HeadWithFields(32);
  RequestParser parser;
  RequestHead head;
  const size_t before = allocations;
  ParseByteByByte(parser, message, head);
  ASSERT_EQ(parser.Parse(message, {}, head).kind,
            ParseOutcome::Kind::kComplete);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(head.fields.size(), 32u);
}

TEST(AllocationTest, LongerHeadsAllocateOnce) {
  const std::string message = HeadWithFields(60);
  const std::string shorter = HeadWithFields(4);
  RequestParser parser;
  RequestHead head;
  ASSERT_EQ(parser.Parse(message, {}, head).kind,
            ParseOutcome::Kind::kComplete);
  const size_t before = allocations;
  ASSERT_EQ(parser.Parse(shorter, {}, head).kind,
            ParseOutcome::Kind::kComplete);
  ParseByteByByte(parser, message, head);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(head.fields.size(), 60u);
}

TEST(AllocationTest, RefusalsAllocateNothing) {
  RequestParser parser;
  RequestHead head;
  const size_t before = allocations;
  ASSERT_EQ(parser.Parse("GET / HTTP/1.1\r\nHost: [\r\n\r\n", {}, head).kind,
            ParseOutcome::Kind::kError);
  EXPECT_EQ(allocations, before);
}

TEST(AllocationTest, PreparedResponsesAllocateNothingWhereThereIsRoom) {
  const auto response = PreparedResponse::Create(
      200, {{"Content-Type", "text/plain"}}, "Hello\n");
  ASSERT_TRUE(response.ok());
  std::string out;
  out.reserve(4096);
  const size_t before = allocations;
  for (int i = 0; i < 16; ++i) {
    response->AppendTo(out, FormatHttpDate(i), ConnectionOption::kNone,
                       BodyPresence::kHeadAndBody);
  }
  EXPECT_EQ(allocations, before);
}

TEST(AllocationTest, BodiesAllocateNothing) {
  RequestHead head;
  head.body_framing = BodyFraming::kChunked;
  const absl::string_view body = "3;a=\"b\"\r\nabc\r\n0\r\nA: b\r\n\r\n";
  const size_t before = allocations;
  BodyDecoder decoder(head, /*max_body_bytes=*/100);
  size_t content_bytes = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    content_bytes += decoder.Decode(body.substr(i, 1)).data.size();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(content_bytes, 3u);
}

TEST(AllocationTest, WrittenResponsesAllocateNothingWhereThereIsRoom) {
  std::string out;
  out.reserve(4096);
  const HttpDate date = FormatHttpDate(0);
  const Field fields[] = {{"Content-Type", "text/plain"}};
  const size_t before = allocations;
  for (const std::optional<uint64_t> length :
       {std::optional<uint64_t>(5), std::optional<uint64_t>()}) {
    ResponseWriter writer(out, {});
    ASSERT_TRUE(writer.WriteInterim(100, {}).ok());
    ASSERT_TRUE(writer.WriteHead(200, date, fields, length).ok());
    ASSERT_TRUE(writer.WriteBody("Hello").ok());
    ASSERT_TRUE(writer.Finish().ok());
  }
  EXPECT_EQ(allocations, before);
}

TEST(AllocationTest, ValuesAllocateNothing) {
  const std::string message =
      "GET /a?b HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2\r\n"
      "If-None-Match: \"a\", W/\"b\"\r\nAccept-Encoding: gzip;q=0.5, br\r\n"
      "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
  RequestParser parser;
  RequestHead head;
  ASSERT_EQ(parser.Parse(message, {}, head).kind,
            ParseOutcome::Kind::kComplete);
  const Validators validators = {.entity_tag = EntityTag{"c"},
                                 .last_modified_unix_seconds = 0};
  const size_t before = allocations;
  EXPECT_EQ(JudgePreconditions(head, validators, 0), Precondition::kHolds);
  ByteRange range;
  EXPECT_EQ(JudgeRange(head, validators, 10, 0, range), RangeVerdict::kWhole);
  EXPECT_EQ(AcceptedCodings(head).WeightOf(ContentCoding::kGzip), 500);
  EXPECT_EQ(MediaTypeOfFile("a.html"), "text/html");
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace pollux::http
