// What the server answers to what requests, on the wire. Names say which of the
// textbook server's faults must not come back, and R-numbers which requirement
// of the framing is meant.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "httpd/http/http_date.h"
#include "reactor/syscall_record.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ServerRequestsTest : public ServerTest {
 protected:
  // The only response to `bytes`, behind which the server must close.
  ReceivedResponse OnlyResponseTo(absl::string_view bytes) {
    TestClient client = Connect();
    client.Write(bytes);
    client.FinishWriting();
    const std::vector<ReceivedResponse> responses =
        ParseResponses(client.ReadToEnd());
    EXPECT_THAT(responses, SizeIs(1));
    return responses.empty() ? ReceivedResponse() : responses[0];
  }

  std::string HttpDateNow() {
    const int64_t nanos = kernel_->ClockGetTime(CLOCK_REALTIME).value();
    const http::HttpDate date = http::FormatHttpDate(nanos / 1'000'000'000);
    return std::string(date.data(), date.size());
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ServerRequestsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string Requests(int count) {
  std::string requests;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&requests, Get(absl::StrCat("/", i)));
  }
  return requests;
}

TEST_P(ServerRequestsTest, Fault7AnswersAreFramedExactly) {
  TestClient client = Connect();
  client.Write(Get("/"));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(response.Field("Content-Length"), "4");
  EXPECT_EQ(response.Field("Content-Type"), "text/plain");
  EXPECT_EQ(response.Field("Connection"), "");
  EXPECT_EQ(response.body, "ha?\n");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
}

TEST_P(ServerRequestsTest, R22EveryAnswerIsDated) {
  TestClient client = Connect();
  const std::string before = HttpDateNow();
  client.Write(Get("/") + Get("/nowhere") + "nonsense\r\n\r\n");
  for (const ReceivedResponse& response : client.ReadResponses(3)) {
    EXPECT_THAT(response.Field("Date"), AnyOf(before, HttpDateNow()));
  }
}

// How the bytes are cut does not matter.

TEST_P(ServerRequestsTest, Fault2ARequestComesByteByByte) {
  TestClient client = Connect();
  for (const char byte : Get("/7")) {
    EXPECT_EQ(client.ReadAvailable(), "");
    client.Write(absl::string_view(&byte, 1));
    LetServerWork();
  }
  EXPECT_EQ(client.ReadResponse().body, "7");
}

TEST_P(ServerRequestsTest, Fault2ARequestIsCutInItsBlankLine) {
  const std::string request = Get("/7");
  for (size_t behind = 1; behind <= 3; ++behind) {
    TestClient client = Connect();
    client.Write(request.substr(0, request.size() - behind));
    LetServerWork();
    EXPECT_EQ(client.ReadAvailable(), "");
    client.Write(request.substr(request.size() - behind));
    EXPECT_EQ(client.ReadResponse().body, "7");
  }
}

TEST_P(ServerRequestsTest, R18TwoRequestsAreCutAnywhere) {
  const std::string requests = Post("/form", "a=b") + Get("/7");
  TestClient client = Connect();
  for (size_t cut = 1; cut < requests.size(); ++cut) {
    client.Write(requests.substr(0, cut));
    LetServerWork();
    client.Write(requests.substr(cut));
    const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
    ASSERT_EQ(responses[0].body, "thanks\n") << "cut at " << cut;
    ASSERT_EQ(responses[1].body, "7") << "cut at " << cut;
  }
}

// Persistence and pipelining.

TEST_P(ServerRequestsTest, Fault12ConnectionsAreKeptAlive) {
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Write(Get(absl::StrCat("/", i)));
    EXPECT_EQ(client.ReadResponse().body, absl::StrCat(i));
  }
  EXPECT_EQ(server().connection_count(), 1u);
}

TEST_P(ServerRequestsTest, Fault12TwoRequestsInOneWriteGetOneSend) {
  TestClient client = Connect();
  client.Write(Get("/1") + Get("/2"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "1");
  EXPECT_EQ(responses[1].body, "2");
  EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
}

TEST_P(ServerRequestsTest, R16SixteenRequestsAreAnsweredInOrder) {
  TestClient client = Connect();
  client.Write(Requests(16));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(16);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(responses[i].body, absl::StrCat(i));
  EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
}

TEST_P(ServerRequestsTest, R15CloseEndsTheConnection) {
  const ReceivedResponse response =
      OnlyResponseTo(Get("/", "Connection: close\r\n") + Get("/1"));
  EXPECT_EQ(response.body, "ha?\n");
  EXPECT_EQ(response.Field("Connection"), "close");
}

TEST_P(ServerRequestsTest, R15CloseIsFoundInAnyLineAndCase) {
  const ReceivedResponse response = OnlyResponseTo(
      Get("/", "Connection: closed, x\r\nconnection: a , CLOSE\r\n") +
      Get("/1"));
  EXPECT_EQ(response.Field("Connection"), "close");
}

TEST_P(ServerRequestsTest, R15Http10ClosesByItself) {
  const ReceivedResponse response =
      OnlyResponseTo("GET / HTTP/1.0\r\n\r\nGET /1 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(response.status_line, "HTTP/1.1 200 OK");
  EXPECT_EQ(response.Field("Connection"), "close");
}

TEST_P(ServerRequestsTest, R15Http10IsKeptAliveOnRequest) {
  TestClient client = Connect();
  for (int i = 0; i < 2; ++i) {
    client.Write("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    EXPECT_EQ(client.ReadResponse().Field("Connection"), "keep-alive");
  }
}

// Methods and paths.

TEST_P(ServerRequestsTest, HeadGetsTheHeadThatGetWouldGet) {
  TestClient client = Connect();
  client.Write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const ReceivedResponse response = client.ReadResponse(ExpectBody::kNo);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Field("Content-Length"), "4");
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(ServerRequestsTest, HeadOfNothingHasNoBodyEither) {
  TestClient client = Connect();
  client.Write("HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/1"));
  EXPECT_EQ(client.ReadResponse(ExpectBody::kNo).status, 404);
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(ServerRequestsTest, UnknownPathsGet404AndTheConnectionLives) {
  TestClient client = Connect();
  client.Write(Get("/nowhere") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 404);
  EXPECT_THAT(responses[0].body, Not(HasSubstr("nowhere")));
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, R5KnownMethodsGet405AndAllow) {
  TestClient client = Connect();
  client.Write("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/form"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 405);
  EXPECT_EQ(responses[0].Field("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(responses[1].status, 405);
  EXPECT_EQ(responses[1].Field("Allow"), "POST, OPTIONS");
}

TEST_P(ServerRequestsTest, R5UnknownMethodsGet501AndTheConnectionLives) {
  TestClient client = Connect();
  client.Write("BREW / HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 501);
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, R5TraceEchoesNothing) {
  TestClient client = Connect();
  client.Write("TRACE / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n");
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 405);
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
}

TEST_P(ServerRequestsTest, R4OptionsOfTheServerAreWhatItsRoutesAllow) {
  TestClient client = Connect();
  client.Write("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 204);
  EXPECT_EQ(responses[0].Field("Allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(responses[0].Field("Content-Length"), "");
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, QueriesAreNoPartOfThePath) {
  TestClient client = Connect();
  client.Write(Get("/1?a=/2"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

// Requests that are refused.

struct BadRequest {
  std::string what;
  int status;
  std::string bytes;
};

std::vector<BadRequest> BadRequests() {
  const std::string many_fields = [] {
    std::string fields;
    for (int i = 0; i < 101; ++i) absl::StrAppend(&fields, "A: b\r\n");
    return fields;
  }();
  return {
      {"R1 bare LF", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"R2 two blanks", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"R3 HTTP/0.9", 400, "GET /\r\n"},
      {"R3 HTTP/2", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"R3 preface of HTTP/2", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"fault 4, not UTF-8", 400, "GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"fault 4, not text", 400, "\x16\x03\x01\x02"},
      {"R4 https", 421, "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"R4 CONNECT", 501, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"R6 space before colon", 400, Get("/", "A : b\r\n")},
      {"R6 NUL", 400, Get("/", absl::string_view("A: \0\r\n", 6))},
      {"R7 no host", 400, "GET / HTTP/1.1\r\n\r\n"},
      {"R7 two hosts", 400, Get("/", "Host: b\r\n")},
      {"R8 list of lengths", 400, Get("/", "Content-Length: 1, 1\r\n\r\na")},
      {"R9 two lengths", 400,
       Get("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") +
           "0\r\n\r\n"},
      {"R9 unknown coding", 501, Get("/", "Transfer-Encoding: gzip\r\n")},
      {"R11 long target", 414, Get("/" + std::string(9000, 'a'))},
      {"R11 long head", 431, Get("/", "A: " + std::string(40'000, 'b'))},
      {"R11 many fields", 431, Get("/", many_fields)},
      {"R14 other expectation", 417, Get("/", "Expect: miracles\r\n")},
  };
}

TEST_P(ServerRequestsTest, R12RefusedRequestsAreTheLastOnes) {
  for (const BadRequest& request : BadRequests()) {
    SCOPED_TRACE(request.what);
    // The second request is what an attacker would smuggle.
    const ReceivedResponse response = OnlyResponseTo(request.bytes + Get("/1"));
    EXPECT_EQ(response.status, request.status);
    EXPECT_EQ(response.Field("Connection"), "close");
    EXPECT_THAT(response.Field("Date"), EndsWith(" GMT"));
    EXPECT_THAT(response.body, StartsWith(absl::StrCat(request.status)));
  }
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(ServerRequestsTest, R12WhatCameBeforeARefusedRequestIsAnswered) {
  TestClient client = Connect();
  client.Write(Get("/1") + "nonsense\r\n\r\n" + Get("/2"));
  client.FinishWriting();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(2));
  EXPECT_EQ(responses[0].body, "1");
  EXPECT_EQ(responses[1].status, 400);
}

TEST_P(ServerRequestsTest, R12ARefusalBehindAHeadRequestHasItsBody) {
  TestClient client = Connect();
  client.Write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n");
  client.ReadResponse(ExpectBody::kNo);
  EXPECT_THAT(client.ReadResponse().body, StartsWith("400"));
}

// RFC 9110 §9.3.2.
TEST_P(ServerRequestsTest, R12TheRefusalOfAHeadRequestHasNoBody) {
  for (const absl::string_view before : {"", "\r\n"}) {
    TestClient client = Connect();
    client.Write(absl::StrCat(before, "HEAD / HTTP/1.1\r\nX : y\r\n\r\n"));
    const std::string answer = client.ReadToEnd();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
  }
}

TEST_P(ServerRequestsTest, R12ARefusalReachesAClientThatGoesOnSending) {
  TestClient client = ConnectTcp();
  client.Write("nonsense\r\n\r\n");
  const std::string more(16 * 1024, 'x');
  for (int i = 0; i < 64; ++i) client.Write(more);
  client.FinishWriting();
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_EQ(responses[0].status, 400);
  EXPECT_EQ(client.error(), 0);
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(ServerRequestsTest, R12NobodyMaySendForEverAfterARefusal) {
  options_.stream.max_linger_bytes = 100'000;
  TestClient client = Connect();
  client.Write("nonsense\r\n\r\n");
  const std::string more(200'000, 'x');
  size_t sent = 0;
  EXPECT_TRUE(RunUntil([&] {
    sent += server().connection_count() > 0 ? client.WriteSome(more) : 0;
    return server().connection_count() == 0;
  }));
  EXPECT_GE(sent, options_.stream.max_linger_bytes);
}

// Bodies.

TEST_P(ServerRequestsTest, R13BodiesThatNobodyWantsAreReadAndDiscarded) {
  TestClient client = Connect();
  client.Write(Post("/", "who reads this?") + Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 405);
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, R13ABodyIsNeverReadAsARequest) {
  TestClient client = Connect();
  client.Write(Post("/form", Get("/1") + Get("/2")) + Get("/3"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "thanks\n");
  EXPECT_EQ(responses[1].body, "3");
}

TEST_P(ServerRequestsTest, R13TheAnswerWaitsForTheWholeBody) {
  const std::string request = Post("/form", std::string(100, 'a'));
  TestClient client = Connect();
  client.Write(request.substr(0, request.size() - 1));
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  client.Write("a");
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
}

TEST_P(ServerRequestsTest, R13ALargeBodyIsAnsweredFirst) {
  TestClient client = ConnectTcp();
  client.Write(Post("/form", std::string(options_.max_body_bytes, 'a')));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.body, "thanks\n");
  EXPECT_EQ(response.Field("Connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
}

// A POST of chunks, as they stand.
std::string PostChunked(absl::string_view path, absl::string_view chunks) {
  return absl::StrCat("POST ", path,
                      " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
                      "\r\n\r\n",
                      chunks);
}

TEST_P(ServerRequestsTest, R10ChunkedBodiesAreReadAndDiscarded) {
  TestClient client = Connect();
  client.Write(PostChunked("/form", "5;a=b\r\nhello\r\n1F\r\n" +
                                        std::string(31, 'x') +
                                        "\r\n0\r\nA: b\r\n\r\n") +
               Get("/1"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "thanks\n");
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, R10ChunksAreNeverReadAsARequest) {
  const std::string smuggled = Get("/1");
  TestClient client = Connect();
  client.Write(
      PostChunked("/form", absl::StrFormat("%x\r\n%s\r\n0\r\n\r\n",
                                           smuggled.size(), smuggled)) +
      Get("/2"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "thanks\n");
  EXPECT_EQ(responses[1].body, "2");
}

TEST_P(ServerRequestsTest, R10ChunksComeByteByByte) {
  TestClient client = Connect();
  for (const char byte :
       PostChunked("/form", "5\r\nhello\r\n0\r\n\r\n") + Get("/1")) {
    client.Write({&byte, 1});
    LetServerWork();
  }
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "thanks\n");
  EXPECT_EQ(responses[1].body, "1");
}

TEST_P(ServerRequestsTest, R10MalformedChunksGet400AndTheConnectionEnds) {
  for (const absl::string_view chunks :
       {"5 \r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n", "\r\n", "5;\r\nhello\r\n0\r\n\r\n",
        "11111111111111111\r\n", "0\r\nA b: c\r\n\r\n"}) {
    SCOPED_TRACE(chunks);
    EXPECT_EQ(OnlyResponseTo(PostChunked("/form", chunks) + Get("/1")).status,
              400);
  }
}

TEST_P(ServerRequestsTest, R10ChunksBeyondTheLimitGet413) {
  options_.max_body_bytes = 10;
  EXPECT_EQ(OnlyResponseTo(
                PostChunked("/form", "5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n"))
                .status,
            413);
}

TEST_P(ServerRequestsTest, R17ChunksThatEndTooSoonGet400) {
  TestClient client = Connect();
  client.Write(PostChunked("/form", "5\r\nhello\r\n"));
  client.FinishWriting();
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(ServerRequestsTest, R8BodiesBeyondTheLimitGet413) {
  options_.max_body_bytes = 10;
  EXPECT_EQ(OnlyResponseTo(Post("/form", "12345678901") + Get("/1")).status,
            413);
  EXPECT_EQ(OnlyResponseTo(Post("/form", "1234567890")).body, "thanks\n");
}

TEST_P(ServerRequestsTest, R17ABodyThatEndsTooSoonGets400) {
  TestClient client = Connect();
  client.Write(
      "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  client.FinishWriting();
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server().connection_count(), 0u);
}

constexpr absl::string_view kExpecting =
    "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    "Expect: 100-continue\r\n\r\n";

TEST_P(ServerRequestsTest, R14AClientThatWaitsIsToldToContinue) {
  TestClient client = Connect();
  client.Write(kExpecting);
  const ReceivedResponse interim = client.ReadResponse();
  EXPECT_EQ(interim.status_line, "HTTP/1.1 100 Continue");
  EXPECT_THAT(interim.fields, IsEmpty());
  client.Write("a=b");
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
  client.Write(Get("/1"));
  EXPECT_EQ(client.ReadResponse().body, "1");
}

TEST_P(ServerRequestsTest, R14AClientThatDoesNotWaitIsNotToldToContinue) {
  TestClient client = Connect();
  client.Write(absl::StrCat(kExpecting, "a=b"));
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
}

TEST_P(ServerRequestsTest, R14ABodyThatIsRefusedIsNotAskedFor) {
  options_.max_body_bytes = 2;
  TestClient client = Connect();
  client.Write(kExpecting);
  EXPECT_EQ(client.ReadResponse().status, 413);
}

TEST_P(ServerRequestsTest, R14Http10KnowsNoInterimResponse) {
  TestClient client = Connect();
  client.Write(
      "POST /form HTTP/1.0\r\nContent-Length: 3\r\n"
      "Expect: 100-continue\r\n\r\n");
  LetServerWork();
  EXPECT_EQ(client.ReadAvailable(), "");
  client.Write("a=b");
  EXPECT_EQ(client.ReadResponse().body, "thanks\n");
}

}  // namespace
}  // namespace pollux
