// The example of README.md, kept compiling. When you change one, change both.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/http/http_date.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"

namespace {

// NOLINTBEGIN(google-build-using-namespace)
// [README
using namespace pollux::http;

// Takes the first request off `input` and appends its answer to `output`.
// False if the connection must be closed once `output` has been sent.
bool Answer(RequestParser& parser, RequestHead& head, std::string& input,
            const PreparedResponse& hello, const HttpDate& date,
            std::string& output) {
  const ParseOutcome outcome = parser.Parse(input, HeadLimits{}, head);
  if (outcome.kind == ParseOutcome::Kind::kNeedMore) return true;
  if (outcome.kind == ParseOutcome::Kind::kError) {
    auto refusal = PreparedResponse::Create(
        StatusOf(outcome.error), {{"Content-Type", "text/plain"}},
        absl::StrCat(Explain(outcome.error), "\n"));
    refusal->AppendTo(output, date, ConnectionOption::kClose,
                      BodyPresence::kHeadAndBody);
    return false;
  }
  const bool closes = head.persistence == Persistence::kClose;
  const bool is_http10 = head.version == Version::kHttp10;
  hello.AppendTo(output, date,
                 closes      ? ConnectionOption::kClose
                 : is_http10 ? ConnectionOption::kKeepAlive
                             : ConnectionOption::kNone,
                 head.method == Method::kHead ? BodyPresence::kHeadOnly
                                              : BodyPresence::kHeadAndBody);
  // The views of `head` end here.
  input.erase(0, outcome.bytes);
  return !closes;
}
// README]
// NOLINTEND(google-build-using-namespace)

class ReadmeExampleTest : public testing::Test {
 protected:
  bool Answer(absl::string_view more) {
    input_.append(more.data(), more.size());
    return ::Answer(parser_, head_, input_, hello_, FormatHttpDate(0), output_);
  }

  RequestParser parser_;
  RequestHead head_;
  PreparedResponse hello_ = *PreparedResponse::Create(200, {}, "Hello\n");
  std::string input_;
  std::string output_;
};

TEST_F(ReadmeExampleTest, AnswersWhenTheHeadIsWhole) {
  EXPECT_TRUE(Answer("GET / HTT"));
  EXPECT_EQ(output_, "");
  EXPECT_TRUE(Answer("P/1.1\r\nHost: a\r\n\r\nGET"));
  EXPECT_EQ(input_, "GET");
  EXPECT_EQ(output_,
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Content-Length: 6\r\n\r\nHello\n");
}

TEST_F(ReadmeExampleTest, KeepsAnHttp10ConnectionOnRequestOnly) {
  EXPECT_TRUE(Answer("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_NE(output_.find("Connection: keep-alive\r\n"), output_.npos);
  EXPECT_FALSE(Answer("GET / HTTP/1.0\r\n\r\n"));
}

TEST_F(ReadmeExampleTest, RefusesAndCloses) {
  EXPECT_FALSE(Answer("GET / HTTP/1.1\nHost: a"));
  EXPECT_EQ(output_,
            "HTTP/1.1 400 Bad Request\r\n"
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Connection: close\r\n"
            "Content-Type: text/plain\r\n"
            "Content-Length: 47\r\n"
            "\r\n"
            "A line feed does not follow a carriage return.\n");
}

}  // namespace
