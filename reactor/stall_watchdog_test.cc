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
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/thread.h"
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
using testing::IsEmpty;
using testing::Not;

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

// A loop on a thread that blocks the watchdog's signal, and stalls.
class DeafLoop {
 public:
  explicit DeafLoop(Kernel& kernel) : reactor_(*Reactor::Create(kernel)) {}

  Reactor& reactor() { return *reactor_; }

  void Start() {
    EXPECT_TRUE(reactor_
                    ->Post([this] {
                      Mask(SIG_BLOCK);
                      HogTheLoop(may_go_);
                    })
                    .ok());
    thread_ = *Thread::Start("deaf", [this] {
      reactor_->Run();
      ended_.Notify();
      may_hear_.WaitForNotification();
      // Delivers the pending signal.
      Mask(SIG_UNBLOCK);
    });
  }
  // Ends the stall and the loop. The thread still blocks the signal.
  void End() {
    __atomic_store_n(&may_go_, true, __ATOMIC_RELEASE);
    reactor_->Stop();
    ended_.WaitForNotification();
  }
  void DestroyReactor() { reactor_.reset(); }
  void Hear() {
    may_hear_.Notify();
    thread_.Join();
  }

 private:
  static void Mask(int how) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGURG);
    ASSERT_EQ(pthread_sigmask(how, &signals, nullptr), 0);
  }

  std::unique_ptr<Reactor> reactor_;
  bool may_go_ = false;
  absl::Notification ended_;
  absl::Notification may_hear_;
  Thread thread_;
};

class DeafThreadTest : public StallWatchdogTest {
 protected:
  std::unique_ptr<StallWatchdog> Make() {
    return *StallWatchdog::Create(
        {.threshold = kThreshold, .stack_timeout = kThreshold},
        [this](const StallReport& report) {
          if (report.reactor == "main") {
            reports_.push_back(report);
            __atomic_store_n(&hog_may_go_, true, __ATOMIC_RELEASE);
            told_.Notify();
          } else {
            deaf_reports_.push_back(report);
            told_of_deaf_.Notify();
          }
        });
  }

  absl::Notification told_of_deaf_;
  std::vector<StallReport> deaf_reports_;
};

TEST_F(DeafThreadTest, IsReportedWithoutAStackAndSilencesNobody) {
  struct sigaction before;
  ASSERT_EQ(::sigaction(SIGURG, nullptr, &before), 0);
  DeafLoop deaf(kernel_);
  auto watchdog = Make();
  watchdog->Watch(deaf.reactor(), "deaf");
  watchdog->Watch(*reactor_, "main");
  deaf.Start();
  told_of_deaf_.WaitForNotification();
  // While the first stall goes on.
  ASSERT_TRUE(reactor_->Post([this] { HogTheLoop(hog_may_go_); }).ok());
  RunUntilTold();
  deaf.End();
  deaf.Hear();
  watchdog.reset();
  ASSERT_EQ(deaf_reports_.size(), 1u);
  EXPECT_EQ(deaf_reports_[0].reactor, "deaf");
  EXPECT_GE(deaf_reports_[0].running_for, kThreshold);
  EXPECT_THAT(deaf_reports_[0].stack, IsEmpty());
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].dispatch.kind, Dispatch::Kind::kTask);
  EXPECT_THAT(reports_[0].stack, Not(IsEmpty()));
  struct sigaction after;
  ASSERT_EQ(::sigaction(SIGURG, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

// The signal handler must not read the reactor, which is destroyed.
TEST_F(DeafThreadTest, HearsAfterItsReactorIsDestroyed) {
  DeafLoop deaf(kernel_);
  auto watchdog = Make();
  watchdog->Watch(deaf.reactor(), "deaf");
  deaf.Start();
  told_of_deaf_.WaitForNotification();
  deaf.End();
  watchdog->Unwatch(deaf.reactor());
  deaf.DestroyReactor();
  deaf.Hear();
  watchdog.reset();
  EXPECT_EQ(deaf_reports_.size(), 1u);
}

TEST_F(DeafThreadTest, HearsAfterTheWatchdogIsDestroyed) {
  DeafLoop deaf(kernel_);
  auto watchdog = Make();
  watchdog->Watch(deaf.reactor(), "deaf");
  deaf.Start();
  told_of_deaf_.WaitForNotification();
  deaf.End();
  watchdog.reset();
  // The signal handler must still be installed, and its capture allocated.
  deaf.Hear();
  EXPECT_EQ(deaf_reports_.size(), 1u);
  ::signal(SIGURG, SIG_DFL);
}

// A loop that is not in Run() is not watched, however long its callback runs.
TEST_F(StallWatchdogTest, StalledForeignLoopIsNotReportedAndStillFeeds) {
  absl::Notification fed;
  std::atomic<bool> is_stalled = false;
  std::atomic<int> fed_while_stalled = 0;
  auto watchdog = *StallWatchdog::Create(
      {.threshold = absl::Milliseconds(4),
       .alive_interval = absl::Milliseconds(1)},
      [this](const StallReport& report) { reports_.push_back(report); },
      [&] {
        // Enough looks to cover several thresholds.
        if (is_stalled && ++fed_while_stalled == 20) fed.Notify();
      });
  watchdog->Watch(*reactor_, "foreign");
  ASSERT_TRUE(reactor_
                  ->Post([&] {
                    is_stalled = true;
                    fed.WaitForNotification();
                    is_stalled = false;
                  })
                  .ok());
  reactor_->RunOnce(absl::ZeroDuration());
  watchdog.reset();
  EXPECT_THAT(reports_, IsEmpty());
}

}  // namespace
}  // namespace pollux
