#include "httpd/handlers/basic_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/credential_check.h"
#include "httpd/handlers/echo.h"
#include "httpd/handlers/noting_handler.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/handler.h"
#include "httpd/server/recording_exchange.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of "secret".
constexpr absl::string_view kHash =
    "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAK"
    "mFFlrjEwSXGo2kgY5hR2.peKEg2VGUqIJJu1";

std::string Authorization(absl::string_view value) {
  return absl::StrCat("Authorization: ", value, "\r\n");
}

std::string Basic(absl::string_view credentials) {
  return Authorization(absl::StrCat("Basic ", absl::Base64Escape(credentials)));
}

// The hash of the longest password: 511 times "a".
constexpr absl::string_view kLongestHash =
    "$6$rounds=1000$abcdefgh$poc60jbADoABMBJnQVL1oFE3FM09LyACzsrlRdojDZYasYtFrr"
    "nnkseSC9gi4rwrfWKVBkCI1dbVwFN62PIT/1";

class BasicAuthHandlerTest : public testing::Test {
 protected:
  void SetUp() override { Wrap(NotingHandler::Make(notes_), "the realm"); }

  void Wrap(std::unique_ptr<Handler> inner, absl::string_view realm) {
    auto handler = BasicAuthHandler::Create(
        std::move(inner), realm,
        *CredentialCheck::Create(
            *reactor_,
            {{"ann", std::string(kHash)}, {"bea", std::string(kLongestHash)}},
            {.max_waiting = 2}));
    ASSERT_TRUE(handler.ok()) << handler.status();
    handler_ = *std::move(handler);
  }

  void Ask(absl::string_view field_lines) {
    RequestOf("GET /a", field_lines).AskOf(*handler_, exchange_);
  }

  void AwaitAnswer() {
    while (exchange_.answer().status == 0) {
      reactor_->RunOnce(absl::InfiniteDuration());
    }
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  NotingHandler::Notes notes_;
  RecordingExchange exchange_;
  std::unique_ptr<BasicAuthHandler> handler_;
};

TEST_F(BasicAuthHandlerTest, AsksWhoeverSaysNothing) {
  Ask("");
  EXPECT_EQ(exchange_.answer().status, 401);
  EXPECT_THAT(exchange_.answer().message,
              HasSubstr("\r\nWWW-Authenticate: Basic realm=\"the realm\", "
                        "charset=\"UTF-8\"\r\n"));
  EXPECT_THAT(notes_.requests, IsEmpty());
}

TEST_F(BasicAuthHandlerTest, RefusesAtOnceWhatCannotBeRight) {
  const std::string good = absl::Base64Escape("ann:secret");
  for (const std::string& lines :
       {Authorization(""), Authorization("Basic"), Authorization("Basic "),
        Authorization("Bearer abc"), Authorization(good),
        Authorization("Basic *"), Authorization("Basic YW5u OnNlY3JldA=="),
        Authorization(absl::StrCat("Basic,", good)), Basic("ann"),
        Basic("ann:sec\nret"), Basic(absl::string_view("ann:secret\0", 11)),
        Basic("ann:\x7f"), Basic(absl::StrCat("ann:", std::string(512, 'a'))),
        absl::StrCat(Basic("ann:secret"), Basic("ann:secret"))}) {
    Ask(lines);
    EXPECT_EQ(exchange_.answer().status, 401) << lines;
  }
  EXPECT_THAT(notes_.requests, IsEmpty());
}

TEST_F(BasicAuthHandlerTest, VerifiesAndHandsOn) {
  Ask(Basic("ann:secret"));
  EXPECT_EQ(exchange_.answer().status, 0);
  EXPECT_TRUE(exchange_.is_body_paused);
  EXPECT_GT(exchange_.held_bytes, 0u);
  AwaitAnswer();
  EXPECT_EQ(exchange_.answer().body, "inner");
  EXPECT_FALSE(exchange_.is_body_paused);
  EXPECT_EQ(exchange_.held_bytes, 0u);
  EXPECT_THAT(notes_.requests, ElementsAre("GET /a"));
  EXPECT_EQ(exchange_.user, "ann");
  exchange_.user.clear();
  Ask(Basic("ann:secret"));
  EXPECT_EQ(exchange_.user, "ann") << "also when it is remembered";
}

TEST_F(BasicAuthHandlerTest, VerifiesTheLongestPassword) {
  Ask(Basic(absl::StrCat(
      "bea:", std::string(CredentialCheck::kMaxPasswordBytes, 'a'))));
  AwaitAnswer();
  EXPECT_EQ(exchange_.answer().status, 200);
}

TEST_F(BasicAuthHandlerTest, TheSchemesCaseDoesNotMatter) {
  Ask(Authorization(
      absl::StrCat("bAsIc   ", absl::Base64Escape("ann:secret"))));
  AwaitAnswer();
  EXPECT_EQ(exchange_.answer().status, 200);
}

TEST_F(BasicAuthHandlerTest, AnswersAtOnceWhatItHasVerified) {
  Ask(Basic("ann:secret"));
  AwaitAnswer();
  Ask(Basic("ann:secret"));
  EXPECT_EQ(exchange_.answer().body, "inner");
  EXPECT_FALSE(exchange_.is_body_paused);
}

TEST_F(BasicAuthHandlerTest, RefusesAWrongPasswordAndAnUnknownName) {
  for (const absl::string_view credentials :
       {"ann:Secret", "ann:", "ann:secret:", "bob:secret", ":secret", ":"}) {
    Ask(Basic(credentials));
    EXPECT_TRUE(exchange_.is_body_paused);
    AwaitAnswer();
    EXPECT_EQ(exchange_.answer().status, 401) << credentials;
    EXPECT_EQ(exchange_.held_bytes, 0u);
  }
  EXPECT_THAT(notes_.requests, IsEmpty());
}

TEST_F(BasicAuthHandlerTest, IsBusyWhenTooManyWait) {
  RecordingExchange others[2];
  RequestOf("GET /", Basic("ann:1")).AskOf(*handler_, others[0]);
  RequestOf("GET /", Basic("ann:2")).AskOf(*handler_, others[1]);
  Ask(Basic("ann:secret"));
  EXPECT_EQ(exchange_.answer().status, 503);
  EXPECT_THAT(exchange_.answer().message, HasSubstr("\r\nRetry-After: 1\r\n"));
  while (others[1].answer().status == 0) {
    reactor_->RunOnce(absl::InfiniteDuration());
  }
  Ask(Basic("ann:secret"));
  AwaitAnswer();
  EXPECT_EQ(exchange_.answer().status, 200);
}

TEST_F(BasicAuthHandlerTest, HandsNothingOnForAClientThatHasGone) {
  auto gone = std::make_unique<RecordingExchange>();
  RequestOf("GET /gone", Basic("ann:secret")).AskOf(*handler_, *gone);
  gone.reset();
  Ask(Basic("ann:wrong"));
  AwaitAnswer();
  EXPECT_THAT(notes_.requests, IsEmpty());
}

TEST_F(BasicAuthHandlerTest, MayGoWhileARequestWaits) {
  Ask(Basic("ann:secret"));
  handler_.reset();
  EXPECT_EQ(exchange_.answer().status, 500);
  reactor_->RunOnce(absl::ZeroDuration());
}

TEST_F(BasicAuthHandlerTest, ABodyReachesTheOtherHandlerLater) {
  Wrap(std::make_unique<EchoHandler>(), "");
  RequestOf("POST /", absl::StrCat(Basic("ann:secret"),
                                   "Content-Length: 5\r\n"
                                   "Content-Type: text/x-odd\r\n"))
      .AskOf(*handler_, exchange_);
  EXPECT_EQ(exchange_.receiver, nullptr);
  EXPECT_TRUE(exchange_.is_body_paused);
  while (exchange_.is_body_paused) {
    reactor_->RunOnce(absl::InfiniteDuration());
  }
  ASSERT_NE(exchange_.receiver, nullptr);
  exchange_.receiver->OnBody("hello");
  exchange_.receiver->OnBodyEnd();
  EXPECT_EQ(exchange_.answer().body, "hello");
  EXPECT_EQ(exchange_.answer().Field("Content-Type"), "text/x-odd");
}

TEST_F(BasicAuthHandlerTest, QuotesItsRealm) {
  Wrap(NotingHandler::Make(notes_), "a \"b\" \\c");
  Ask("");
  EXPECT_THAT(exchange_.answer().message,
              HasSubstr("realm=\"a \\\"b\\\" \\\\c\", charset"));
}

TEST_F(BasicAuthHandlerTest, RefusesARealmThatCannotBeWritten) {
  for (const absl::string_view realm : {"a\r\nb", "\xc3\xa4", "\x7f"}) {
    EXPECT_EQ(
        BasicAuthHandler::Create(
            NotingHandler::Make(notes_), realm,
            *CredentialCheck::Create(*reactor_, {{"ann", std::string(kHash)}}))
            .status()
            .code(),
        absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace pollux
