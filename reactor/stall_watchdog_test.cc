#include "reactor/stall_watchdog.h"

#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/dispatch_log.h"
#include "reactor/io_handler.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// Outside of the unnamed namespace, so that the stack can tell its name. Until
// somebody has told of it. Calls nothing, so that it is found in itself.
void HogTheLoop(const bool& told) {
  while (!__atomic_load_n(&told, __ATOMIC_ACQUIRE)) {
  }
}

namespace {

using testing::HasSubstr;

constexpr absl::Duration kThreshold = absl::Milliseconds(20);

// Never comes back before somebody has noticed.
class Hog final : public IoHandler {
 public:
  explicit Hog(const bool& told) : told_(told) {}

 private:
  void OnReady(Readiness) override { HogTheLoop(told_); }

  const bool& told_;
};

class StallWatchdogTest : public testing::Test {
 protected:
  std::unique_ptr<StallWatchdog> Make() {
    auto watchdog = *StallWatchdog::Create(
        {.threshold = kThreshold}, [this](const StallReport& report) {
          reports_.push_back(report);
          told_.Notify();
          __atomic_store_n(&hog_may_go_, true, __ATOMIC_RELEASE);
        });
    watchdog->Watch(*reactor_, "main");
    return watchdog;
  }
  void RunUntilTold() {
    std::thread loop([this] { reactor_->Run(); });
    told_.WaitForNotification();
    reactor_->Stop();
    loop.join();
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  absl::Notification told_;
  bool hog_may_go_ = false;
  std::vector<StallReport> reports_;
  std::atomic<bool> stalls_ = false;
  std::atomic<bool> wrongly_fed_ = false;
};

TEST_F(StallWatchdogTest, NamesTheHandlerAndItsStackAndWhatCameBefore) {
  Hog hog(hog_may_go_);
  const int descriptor = kernel_.EventFd(1, 0).descriptor();
  Registration registration;
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    registration =
                        *reactor_->Register(descriptor, Interest::kRead, hog);
                  })
                  .ok());
  auto watchdog = Make();
  // Ends the registration too: its readiness goes on for ever.
  std::thread loop([this] { reactor_->Run(); });
  told_.WaitForNotification();
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    registration.Reset();
                    reactor_->Stop();
                  })
                  .ok());
  loop.join();
  watchdog.reset();
  ASSERT_GE(reports_.size(), 1u);
  const StallReport& report = reports_[0];
  EXPECT_EQ(report.reactor, "main");
  EXPECT_THAT(report.handler, HasSubstr("Hog"));
  EXPECT_EQ(report.dispatch.kind, Dispatch::Kind::kEvent);
  EXPECT_EQ(report.dispatch.descriptor, descriptor);
  EXPECT_GE(report.running_for, kThreshold);
#ifndef __SANITIZE_THREAD__
  // ThreadSanitizer puts signals off.
  EXPECT_THAT(absl::StrJoin(report.stack, "\n"), HasSubstr("HogTheLoop"));
#endif
  ASSERT_GE(report.recent.size(), 2u);
  EXPECT_EQ(report.recent[0].kind, Dispatch::Kind::kTask);
  ASSERT_TRUE(kernel_.Close(descriptor).ok());
}

TEST_F(StallWatchdogTest, TellsOfATimerAndOfATask) {
  Timer timer(*reactor_, [&] { HogTheLoop(hog_may_go_); });
  timer.ArmAfter(absl::ZeroDuration());
  auto watchdog = Make();
  RunUntilTold();
  watchdog.reset();
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].dispatch.kind, Dispatch::Kind::kTimer);
  EXPECT_EQ(reports_[0].handler, "pollux::Timer");
}

TEST_F(StallWatchdogTest, TellsOfOneStallOnce) {
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    HogTheLoop(hog_may_go_);
                    // Several looks more.
                    const absl::Time end = absl::Now() + 5 * kThreshold;
                    while (absl::Now() < end) {
                    }
                  })
                  .ok());
  auto watchdog = Make();
  RunUntilTold();
  watchdog.reset();
  EXPECT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].dispatch.kind, Dispatch::Kind::kTask);
  EXPECT_EQ(reports_[0].handler, "");
}

TEST_F(StallWatchdogTest, AnIdleLoopIsAliveAndFeedsTheWatchdog) {
  std::atomic<int> fed = 0;
  absl::Notification enough;
  auto watchdog = *StallWatchdog::Create(
      {.threshold = kThreshold, .alive_interval = absl::Milliseconds(5)},
      [this](const StallReport& report) { reports_.push_back(report); },
      [&] {
        if (++fed == 5) enough.Notify();
      });
  watchdog->Watch(*reactor_, "main");
  std::thread loop([this] { reactor_->Run(); });
  enough.WaitForNotification();
  reactor_->Stop();
  loop.join();
  watchdog.reset();
  EXPECT_TRUE(reports_.empty());
}

TEST_F(StallWatchdogTest, AStalledLoopFeedsNothing) {
  std::atomic<int> fed = 0;
  auto watchdog = *StallWatchdog::Create(
      {.threshold = kThreshold, .alive_interval = absl::Milliseconds(1)},
      [&](const StallReport&) {
        // Called before the question whether to feed.
        fed = 0;
        __atomic_store_n(&hog_may_go_, true, __ATOMIC_RELEASE);
      },
      [&] {
        if (++fed > 0 && stalls_.load()) wrongly_fed_ = true;
      });
  watchdog->Watch(*reactor_, "main");
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    HogTheLoop(hog_may_go_);
                    stalls_ = true;
                    const absl::Time end = absl::Now() + 3 * kThreshold;
                    while (absl::Now() < end) {
                    }
                    stalls_ = false;
                    reactor_->Stop();
                  })
                  .ok());
  reactor_->Run();
  watchdog.reset();
  EXPECT_FALSE(wrongly_fed_);
}

TEST_F(StallWatchdogTest, AReactorCanBeUnwatched) {
  auto watchdog = Make();
  watchdog->Unwatch(*reactor_);
  reactor_.reset();
  watchdog.reset();
  EXPECT_TRUE(reports_.empty());
}

TEST_F(StallWatchdogTest, RestoresTheSignal) {
  struct sigaction before;
  ASSERT_EQ(::sigaction(SIGURG, nullptr, &before), 0);
  Make().reset();
  struct sigaction after;
  ASSERT_EQ(::sigaction(SIGURG, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST_F(StallWatchdogTest, RefusesASignalThatCannotBeHandled) {
  EXPECT_EQ(StallWatchdog::Create({.signal = SIGKILL}, [](const auto&) {})
                .status()
                .message(),
            "sigaction: Invalid argument");
}

}  // namespace
}  // namespace pollux
