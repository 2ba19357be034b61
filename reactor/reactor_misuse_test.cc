// What builds for debugging catch: use from the wrong thread, and after fork.

#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reactor/io_handler.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {
namespace {

// Optimised builds do not look.
#ifndef NDEBUG

class NobodysHandler final : public IoHandler {
 public:
  void OnReady(Readiness) override {}
};

class ReactorMisuseDeathTest : public testing::Test {
 protected:
  ReactorMisuseDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Does `misuse` while another thread runs the reactor.
  template <typename Misuse>
  void WhileItRuns(Misuse misuse) {
    absl::Notification runs;
    ASSERT_TRUE(reactor_->Post([&] { runs.Notify(); }).ok());
    std::thread loop([&] { reactor_->Run(); });
    runs.WaitForNotification();
    misuse();
    reactor_->Stop();
    loop.join();
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  NobodysHandler handler_;
};

TEST_F(ReactorMisuseDeathTest, RegisteringOnAnotherThreadIsNamed) {
  EXPECT_DEATH(WhileItRuns([&] {
                 (void)reactor_->Register(0, Interest::kRead, handler_);
               }),
               "Register.* is called on another thread.*Post");
}

TEST_F(ReactorMisuseDeathTest, ChangingOnAnotherThreadNamesTheHandler) {
  EXPECT_DEATH(
      {
        const int descriptor = kernel_.EventFd(0, 0).descriptor();
        Registration registration =
            *reactor_->Register(descriptor, Interest::kRead, handler_);
        WhileItRuns([&] { (void)registration.SetInterest(Interest::kNone); });
      },
      "SetInterest\\(\\) of descriptor [0-9]+, watched for a "
      "pollux::.*NobodysHandler");
}

TEST_F(ReactorMisuseDeathTest, EndingOnAnotherThreadIsNamed) {
  EXPECT_DEATH(
      {
        const int descriptor = kernel_.EventFd(0, 0).descriptor();
        Registration registration =
            *reactor_->Register(descriptor, Interest::kRead, handler_);
        WhileItRuns([&] { registration.Reset(); });
      },
      "the end of a Registration of descriptor [0-9]+");
}

TEST_F(ReactorMisuseDeathTest, ArmingATimerOnAnotherThreadIsNamed) {
  Timer timer(*reactor_, [] {});
  EXPECT_DEATH(WhileItRuns([&] { timer.ArmAfter(absl::Seconds(1)); }),
               "ArmAt.* is called on another thread");
}

TEST_F(ReactorMisuseDeathTest, DeletingOnAnotherThreadIsNamed) {
  EXPECT_DEATH(
      WhileItRuns([&] { reactor_->DeleteSoon(std::make_unique<int>(1)); }),
      "DeleteSoon.* is called on another thread");
}

TEST_F(ReactorMisuseDeathTest, UseAfterForkIsNamed) {
  EXPECT_DEATH(
      {
        const pid_t child = ::fork();
        if (child == 0) reactor_->RunOnce(absl::ZeroDuration());
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        // As the child went, so that its words are ours.
        if (WIFSIGNALED(status)) ::abort();
      },
      "a reactor is used after fork");
}

class BareTimer final : public EmbeddedTimer {
 public:
  using EmbeddedTimer::ArmAt;
  using EmbeddedTimer::Disarm;

 private:
  void OnDeadline() override {}
};

TEST_F(ReactorMisuseDeathTest, DestroyingAnArmedEmbeddedTimerIsNamed) {
  const auto destroy_armed = [&] {
    BareTimer timer;
    timer.ArmAt(*reactor_, reactor_->Now());
  };
  EXPECT_DEATH(destroy_armed(), "a timer is destroyed while it is armed");
  BareTimer timer;
  timer.ArmAt(*reactor_, reactor_->Now());
  timer.Disarm(*reactor_);
}

TEST_F(ReactorMisuseDeathTest, DestroyingAnActiveEmbeddedRegistrationIsNamed) {
  const int descriptor = kernel_.EventFd(0, 0).descriptor();
  const auto destroy_active = [&] {
    EmbeddedRegistration registration;
    ASSERT_TRUE(
        registration.Start(*reactor_, descriptor, Interest::kRead, {}, handler_)
            .ok());
  };
  EXPECT_DEATH(destroy_active(),
               "the registration of descriptor [0-9]+ is destroyed while it is "
               "active");
  EmbeddedRegistration registration;
  ASSERT_TRUE(
      registration.Start(*reactor_, descriptor, Interest::kRead, {}, handler_)
          .ok());
  registration.Reset(*reactor_);
  ASSERT_TRUE(kernel_.Close(descriptor).ok());
}

#endif  // NDEBUG

// Between runs any one thread may have it.
TEST(ReactorThreadTest, MayBeMadeOnOneThreadAndRunOnAnother) {
  LinuxKernel kernel;
  std::unique_ptr<Reactor> reactor = *Reactor::Create(kernel);
  bool fired = false;
  Timer timer(*reactor, [&] {
    fired = true;
    reactor->Stop();
  });
  timer.ArmAfter(absl::ZeroDuration());
  std::thread loop([&] { reactor->Run(); });
  loop.join();
  EXPECT_TRUE(fired);
  timer.ArmAfter(absl::ZeroDuration());
  reactor->RunOnce(absl::ZeroDuration());
}

}  // namespace
}  // namespace pollux
