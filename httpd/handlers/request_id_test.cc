#include "httpd/handlers/request_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/handlers/noting_handler.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/recording_exchange.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;

constexpr absl::string_view kGenerated = "0123456789abcdef00000000000000ff";

class RequestIdHandlerTest : public testing::Test {
 protected:
  // What the client is told, for a request with these field lines.
  std::string IdFor(absl::string_view field_lines) {
    notes_.ids.clear();
    RequestOf("GET /", field_lines).AskOf(handler_, exchange_);
    EXPECT_EQ(exchange_.answer().status, 200);
    EXPECT_THAT(notes_.ids, ElementsAre(exchange_.request_id));
    return exchange_.request_id;
  }

  NotingHandler::Notes notes_;
  RecordingExchange exchange_;
  RequestIdHandler handler_{NotingHandler::Make(notes_),
                            [next = false]() mutable -> uint64_t {
                              next = !next;
                              return next ? 0x0123456789abcdef : 0xff;
                            }};
};

TEST_F(RequestIdHandlerTest, NamesWhatHasNoName) {
  EXPECT_EQ(IdFor(""), kGenerated);
}

TEST_F(RequestIdHandlerTest, TakesOverAName) {
  for (const absl::string_view id :
       {"a", "f058ebd6-02f7-4d3f-942e-904344e8cde5",
        "Root=1-67891233:a@b~c/d+e"
        "_f.g"}) {
    EXPECT_EQ(IdFor(absl::StrCat("X-Request-Id: ", id, "\r\n")), id);
  }
}

TEST_F(RequestIdHandlerTest, TakesOverANameInAnyCase) {
  EXPECT_EQ(IdFor("x-request-ID: abc\r\n"), "abc");
}

TEST_F(RequestIdHandlerTest, TakesOverNothingThatLogsOrClientsCouldMisread) {
  for (const absl::string_view id :
       {"", "a b", "a,b", "a\"b", "<a>", "a;b", "a\tb", "\xc3\xa4", "a%0ab"}) {
    EXPECT_EQ(IdFor(absl::StrCat("X-Request-Id: ", id, "\r\n")), kGenerated)
        << id;
  }
}

TEST_F(RequestIdHandlerTest, TakesOverNoNameThatIsTooLong) {
  const std::string longest(RequestIdHandler::kMaxIdBytes, 'a');
  EXPECT_EQ(IdFor(absl::StrCat("X-Request-Id: ", longest, "\r\n")), longest);
  EXPECT_EQ(IdFor(absl::StrCat("X-Request-Id: ", longest, "a\r\n")),
            kGenerated);
}

TEST(RequestIdHandlerOwnBitsTest, NoTwoAreTheSame) {
  NotingHandler::Notes notes;
  RequestIdHandler handler(NotingHandler::Make(notes));
  RecordingExchange exchange;
  const RequestOf request("GET /");
  request.AskOf(handler, exchange);
  request.AskOf(handler, exchange);
  EXPECT_THAT(notes.ids[0], MatchesRegex("[0-9a-f]{32}"));
  EXPECT_THAT(notes.ids[1], MatchesRegex("[0-9a-f]{32}"));
  EXPECT_NE(notes.ids[0], notes.ids[1]);
}

}  // namespace
}  // namespace pollux
