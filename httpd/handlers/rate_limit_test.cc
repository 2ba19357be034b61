#include "httpd/handlers/rate_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/noting_handler.h"
#include "httpd/handlers/request_of.h"
#include "httpd/server/client_address.h"
#include "httpd/server/recording_exchange.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

using Options = RateLimit::Options;
using Scope = RateLimit::Scope;

class RateLimitHandlerTest : public testing::Test {
 protected:
  void Start(const Options& options) {
    auto limit = RateLimit::Create(options);
    ASSERT_TRUE(limit.ok()) << limit.status();
    limit_ = *std::move(limit);
    handler_ = std::make_unique<RateLimitHandler>(
        *reactor_, NotingHandler::Make(notes_), *limit_);
  }

  // What a client of that address gets.
  int Ask(absl::string_view ip) {
    exchange_.client_address =
        ip.empty() ? ClientAddress()
                   : ClientAddress(*Address::Parse(absl::StrCat(ip, ":1")));
    request_.AskOf(*handler_, exchange_);
    return exchange_.answer().status;
  }
  // How many of `requests` are let through.
  int Ask(absl::string_view ip, int requests) {
    int count = 0;
    for (int i = 0; i < requests; ++i) count += Ask(ip) == 200 ? 1 : 0;
    return count;
  }
  std::string RetryAfter() { return exchange_.answer().Field("Retry-After"); }

  void Pass(absl::Duration duration) {
    const MonotonicTime end = reactor_->Now() + duration;
    while (reactor_->Now() < end) reactor_->RunOnce(end - reactor_->Now());
  }

  FakeKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  NotingHandler::Notes notes_;
  RecordingExchange exchange_;
  const RequestOf request_{"GET /"};
  std::unique_ptr<RateLimit> limit_;
  std::unique_ptr<RateLimitHandler> handler_;
};

TEST_F(RateLimitHandlerTest, LetsABurstThroughAndNoMore) {
  Start({.interval = absl::Seconds(1), .burst_requests = 5});
  EXPECT_EQ(Ask("192.0.2.1", 10), 5);
  EXPECT_EQ(exchange_.answer().status, 429);
  EXPECT_EQ(notes_.requests.size(), 5u);
  EXPECT_EQ(exchange_.answers[4].Field("Retry-After"), "");
}

TEST_F(RateLimitHandlerTest, ATokenComesEachInterval) {
  Start({.interval = absl::Milliseconds(100), .burst_requests = 5});
  Ask("192.0.2.1", 10);
  Pass(absl::Milliseconds(99));
  EXPECT_EQ(Ask("192.0.2.1", 10), 0);
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Ask("192.0.2.1", 10), 1);
  Pass(absl::Milliseconds(350));
  EXPECT_EQ(Ask("192.0.2.1", 10), 3);
  Pass(absl::Milliseconds(50));
  EXPECT_EQ(Ask("192.0.2.1", 10), 1);
  Pass(absl::Hours(1));
  EXPECT_EQ(Ask("192.0.2.1", 10), 5);
}

TEST_F(RateLimitHandlerTest, SaysInSecondsWhenToComeAgain) {
  Start({.interval = absl::Milliseconds(2500), .burst_requests = 1});
  Ask("192.0.2.1", 2);
  EXPECT_EQ(RetryAfter(), "3");
  Pass(absl::Milliseconds(500));
  EXPECT_EQ(Ask("192.0.2.1"), 429);
  EXPECT_EQ(RetryAfter(), "2");
  Pass(absl::Milliseconds(1999));
  EXPECT_EQ(Ask("192.0.2.1"), 429);
  EXPECT_EQ(RetryAfter(), "1");
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Ask("192.0.2.1"), 200);
}

TEST_F(RateLimitHandlerTest, EachClientHasABucket) {
  Start({.burst_requests = 2});
  EXPECT_EQ(Ask("192.0.2.1", 3), 2);
  EXPECT_EQ(Ask("192.0.2.2", 3), 2);
  EXPECT_EQ(Ask("[2001:db8::1]", 3), 2);
  EXPECT_EQ(Ask("192.0.2.1"), 429);
}

TEST_F(RateLimitHandlerTest, ANetworkIsOneClient) {
  Start({.burst_requests = 2});
  EXPECT_EQ(Ask("[2001:db8::1]", 1), 1);
  EXPECT_EQ(Ask("[2001:db8::ffff:1]", 1), 1);
  EXPECT_EQ(Ask("[2001:db8::2]", 1), 0);
  EXPECT_EQ(Ask("[2001:db8:0:1::2]", 1), 1);
}

TEST_F(RateLimitHandlerTest, ClientsWithoutAddressAreNotLimitedOneByOne) {
  Start({.burst_requests = 1});
  EXPECT_EQ(Ask("", 100), 100);
}

TEST_F(RateLimitHandlerTest, AllClientsShareABucket) {
  Start({.scope = Scope::kAllClients, .burst_requests = 2});
  EXPECT_EQ(Ask("192.0.2.1", 1), 1);
  EXPECT_EQ(Ask("", 1), 1);
  EXPECT_EQ(Ask("192.0.2.2", 1), 0);
}

TEST_F(RateLimitHandlerTest, NobodyIsLimitedBecauseOfTooManyOthers) {
  Start({.interval = absl::Hours(1), .burst_requests = 1});
  int refused = 0;
  for (int i = 0; i < 3 * static_cast<int>(RateLimit::kBuckets); ++i) {
    const int status = Ask(
        absl::StrCat("10.", i >> 16 & 255, ".", i >> 8 & 255, ".", i & 255));
    refused += status == 429 ? 1 : 0;
    exchange_.answers.clear();
  }
  EXPECT_EQ(refused, 0);
}

TEST_F(RateLimitHandlerTest, FewOthersDoNotMakeAnEmptyBucketForgotten) {
  Start({.interval = absl::Hours(1), .burst_requests = 10});
  EXPECT_EQ(Ask("192.0.2.1", 20), 10);
  // Theirs are fuller.
  for (int i = 0; i < 3 * static_cast<int>(RateLimit::kBuckets); ++i) {
    Ask(absl::StrCat("10.", i >> 16 & 255, ".", i >> 8 & 255, ".", i & 255));
    exchange_.answers.clear();
  }
  EXPECT_EQ(Ask("192.0.2.1"), 429);
}

TEST_F(RateLimitHandlerTest, RefusesWhatIsNoLimit) {
  for (const Options& options :
       {Options{.interval = absl::ZeroDuration()},
        Options{.interval = absl::Seconds(-1)},
        Options{.interval = absl::InfiniteDuration()},
        Options{.burst_requests = 0}, Options{.burst_requests = -1},
        Options{.burst_requests = INT64_MAX}}) {
    EXPECT_EQ(RateLimit::Create(options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(RateLimitHandlerTest, HandlersMayHaveALimitInCommon) {
  Start({.interval = absl::Seconds(1), .burst_requests = 3});
  RateLimitHandler other(*reactor_, NotingHandler::Make(notes_), *limit_);
  EXPECT_EQ(Ask("192.0.2.1", 2), 2);
  request_.AskOf(other, exchange_);
  EXPECT_EQ(exchange_.answer().status, 200);
  request_.AskOf(other, exchange_);
  EXPECT_EQ(exchange_.answer().status, 429);
  EXPECT_EQ(Ask("192.0.2.1"), 429);
  EXPECT_EQ(Ask("192.0.2.2"), 200);
}

TEST(RateLimitTest, ThreadsTogetherTakeNoMoreTokensThanThereAre) {
  for (const Scope scope : {Scope::kEachClient, Scope::kAllClients}) {
    const auto limit = RateLimit::Create({.scope = scope,
                                          .interval = absl::Hours(1),
                                          .burst_requests = 1000})
                           .value();
    const ClientAddress client(Address::Parse("192.0.2.1:1").value());
    std::atomic<int> taken = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const MonotonicTime now;
        for (int request = 0; request < 500; ++request) {
          const absl::Duration wait = scope == Scope::kAllClients
                                          ? limit->TakeToken(now)
                                          : limit->TakeTokenOf(client, now);
          if (wait == absl::ZeroDuration()) ++taken;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(taken, 1000);
  }
}

}  // namespace
}  // namespace pollux
