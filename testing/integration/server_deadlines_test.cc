// Every phase of a connection has a deadline (fault 11). The tests run on
// virtual time, also with Linux's sockets, so that no result depends on how
// busy the machine is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::Duration kSoon = absl::Milliseconds(5);

// A monotonic clock that only waits advance: a wait that finds nothing ready
// returns at once, and advances the clock by its timeout. Socket pairs deliver
// within the call, so nothing could have become ready meanwhile.
class VirtualClockKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult ClockGetTime(clockid_t clock) override {
    if (clock != CLOCK_MONOTONIC) {
      return InterceptingKernel::ClockGetTime(clock);
    }
    return SysResult::Ok(absl::ToInt64Nanoseconds(now_));
  }
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override {
    const SysResult result = InterceptingKernel::EpollWait(epoll, events, 0);
    if (result.value() != 0) return result;
    EXPECT_NE(timeout, absl::InfiniteDuration()) << "the wait would never end";
    now_ += timeout;
    return result;
  }

 private:
  absl::Duration now_ = absl::Hours(1);
};

class DeadlinesTest : public ServerTest {
 protected:
  DeadlinesTest() {
    if (dynamic_cast<FakeKernel*>(kernel_.get()) == nullptr) {
      virtual_clock_.emplace(counted_kernel_);
      reactor_ = Reactor::Create(*virtual_clock_).value();
    }
    for (absl::Duration* timeout :
         {&options_.head_timeout, &options_.body_timeout,
          &options_.idle_timeout, &options_.write_timeout,
          &options_.drain_timeout, &options_.stream.linger_timeout}) {
      *timeout = absl::InfiniteDuration();
    }
  }

  void LetTimePass(absl::Duration duration) {
    bool passed = false;
    Timer timer(*reactor_, [&] { passed = true; });
    timer.ArmAfter(duration);
    while (!passed) reactor_->RunOnce(absl::InfiniteDuration());
  }

  // Sends a byte a millisecond until the server answers, and returns how many
  // bytes that were.
  size_t DribbleUntilAnswered(TestClient& client, absl::string_view bytes,
                              std::string& answer) {
    for (size_t sent = 0; sent < bytes.size(); ++sent) {
      client.Write(bytes.substr(sent, 1));
      LetTimePass(absl::Milliseconds(1));
      answer = client.ReadAvailable();
      if (!answer.empty()) return sent;
    }
    return bytes.size();
  }

 private:
  // Nothing on the fake kernel, whose time is virtual anyway.
  std::optional<VirtualClockKernel> virtual_clock_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, DeadlinesTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

// Between requests.

TEST_P(DeadlinesTest, AClientThatNeverSpeaksIsLeftWithoutAWord) {
  options_.idle_timeout = kSoon;
  TestClient client = Connect();
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(server().connection_count(), 0u);
}

TEST_P(DeadlinesTest, AClientThatHasNothingMoreToSayIsLeftWithoutAWord) {
  options_.idle_timeout = kSoon;
  TestClient client = Connect();
  client.Write(Get("/1"));
  EXPECT_THAT(ParseResponses(client.ReadToEnd()), SizeIs(1));
  EXPECT_EQ(client.error(), 0);
}

TEST_P(DeadlinesTest, AnEmptyLineIsNotARequestYet) {
  options_.idle_timeout = kSoon;
  TestClient client = Connect();
  client.Write("\r\n");
  EXPECT_EQ(client.ReadToEnd(), "");
}

// Within a head.

TEST_P(DeadlinesTest, AHeadThatStopsGets408) {
  options_.head_timeout = kSoon;
  TestClient client = Connect();
  client.Write("GET / HTTP/1.1\r\nHo");
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.Field("Connection"), "close");
  EXPECT_THAT(response.body, StartsWith("408"));
  // It has said its last word.
  EXPECT_EQ(client.ReadToEnd(), "");
  client.Close();
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(DeadlinesTest, R19AHeadThatDribblesGets408) {
  options_.head_timeout = kSoon;
  TestClient client = Connect();
  std::string answer;
  const std::string head = "GET /" + std::string(1000, 'a');
  EXPECT_LT(DribbleUntilAnswered(client, head, answer), 100u);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408"));
}

TEST_P(DeadlinesTest, A408BehindAHeadRequestHasItsBody) {
  options_.head_timeout = kSoon;
  TestClient client = Connect();
  client.Write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  client.ReadResponse(ExpectBody::kNo);
  client.Write("GET / HT");
  const std::vector<ReceivedResponse> responses =
      ParseResponses(client.ReadToEnd());
  ASSERT_THAT(responses, SizeIs(1));
  EXPECT_THAT(responses[0].body, StartsWith("408"));
}

TEST_P(DeadlinesTest, EachHeadHasADeadlineOfItsOwn) {
  options_.head_timeout = absl::Milliseconds(200);
  TestClient client = Connect();
  // Each write ends one head and begins another: one deadline for all of them
  // would be over.
  client.Write("GET /1 HT");
  for (int i = 0; i < 30; ++i) {
    LetTimePass(absl::Milliseconds(10));
    client.Write("TP/1.1\r\nHost: a\r\n\r\nGET /1 HT");
    ASSERT_EQ(client.ReadResponse().status, 200);
  }
}

// On the fake kernel, time can pass between two iterations.
class DeadlinesOnFakeTest : public DeadlinesTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, DeadlinesOnFakeTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

// The event comes first, the timer in the same iteration.
TEST_P(DeadlinesOnFakeTest,
       Regression_AConnectionThatEndsAsItsTimeIsUpEndsOnce) {
  options_.write_timeout = absl::Milliseconds(20);
  TestClient bystander = Connect();
  TestClient client = Connect();
  client.Write(Get("/big"));
  LetServerWork();
  VirtualTime& time = static_cast<FakeKernel&>(*kernel_).world().time();
  time.AdvanceTo(time.Now() + absl::Milliseconds(30));
  client.Close();
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(server().connection_count(), 1u);
  bystander.Write(Get("/1"));
  EXPECT_EQ(bystander.ReadResponse().body, "1");
}

// Within a body.

TEST_P(DeadlinesTest, ABodyThatStopsGets408) {
  options_.body_timeout = kSoon;
  TestClient client = Connect();
  client.Write(
      "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_EQ(client.ReadResponse().status, 408);
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_P(DeadlinesTest, R19ABodyThatDribblesGets408) {
  options_.body_timeout = kSoon;
  options_.min_bytes_per_second = 100'000;
  TestClient client = Connect();
  std::string answer;
  EXPECT_LT(DribbleUntilAnswered(client, Post("/form", std::string(1000, 'a')),
                                 answer),
            200u);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408"));
}

// After a refusal.

TEST_P(DeadlinesTest, ARefusedClientIsNotWaitedForForEver) {
  options_.stream.linger_timeout = kSoon;
  TestClient client = Connect();
  client.Write("nonsense\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 400);
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

// While the client does not read.

TEST_P(DeadlinesTest, AClientThatReadsNothingIsCutOff) {
  options_.write_timeout = kSoon;
  TestClient client = Connect();
  client.Write(Get("/big"));
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(DeadlinesTest, AClientThatIsToBeClosedAndReadsNothingIsCutOff) {
  options_.write_timeout = kSoon;
  TestClient client = Connect();
  client.Write(Get("/big", "Connection: close\r\n"));
  EXPECT_TRUE(RunUntilConnectionsAre(0));
}

TEST_P(DeadlinesTest, ASlowReaderIsNotCutOff) {
  options_.write_timeout = absl::Milliseconds(20);
  TestClient client = Connect();
  client.Write(Get("/big") + Get("/big") + Get("/big"));
  LetServerWork();
  std::string answers;
  for (std::string more; more = client.ReadAvailable(), !more.empty();) {
    answers += more;
    LetServerWork();
    LetTimePass(absl::Milliseconds(10));
  }
  EXPECT_THAT(ParseResponses(answers), SizeIs(3));
  EXPECT_EQ(server().connection_count(), 1u);
}

TEST_P(DeadlinesTest, AClientThatHasReadEverythingIsNotCutOff) {
  // What is sent in one go was high for a moment, too.
  options_.stream.high_watermark_bytes = 100;
  options_.write_timeout = kSoon;
  TestClient client = Connect();
  client.Write(Get("/1") + Get("/2"));
  client.ReadResponses(2);
  LetTimePass(3 * kSoon);
  EXPECT_EQ(server().connection_count(), 1u);
}

// While a handler thinks.

TEST_P(DeadlinesTest, AHandlerMayTakeItsTime) {
  options_.head_timeout = kSoon;
  options_.body_timeout = kSoon;
  options_.write_timeout = kSoon;
  TestClient client = Connect();
  client.Write(Get("/late"));
  LetTimePass(2 * kSoon);
  EXPECT_EQ(client.ReadAvailable(), "");
  AnswerLate();
  EXPECT_EQ(client.ReadResponse().body, "late\n");
}

}  // namespace
}  // namespace pollux
