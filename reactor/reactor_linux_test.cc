// What needs threads and the real kernel.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"

namespace pollux {
namespace {

class ReactorLinuxTest : public testing::Test {
 protected:
  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
};

void JoinAll(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ReactorLinuxTest, RunsAllThatAStormOfThreadsPostsInOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 10'000;
  std::vector<int> next(kThreads, 0);
  int left = kThreads * kPosts;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        ASSERT_TRUE(reactor_
                        ->Post([&, t, i] {
                          EXPECT_EQ(next[t]++, i);
                          if (--left == 0) reactor_->Stop();
                        })
                        .ok());
      }
    });
  }
  reactor_->Run();
  JoinAll(threads);
  EXPECT_EQ(left, 0);
}

TEST_F(ReactorLinuxTest, RunsWhatAFullQueueTookAndNothingElse) {
  reactor_ = *Reactor::Create(kernel_, {.max_queued_tasks = 4});
  constexpr int kThreads = 4;
  std::atomic<int> accepted = 0;
  std::atomic<int> finished = 0;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        if (reactor_->Post([&] { ++ran; }).ok()) ++accepted;
      }
      ++finished;
      reactor_->Stop();
    });
  }
  while (finished < kThreads) reactor_->Run();
  JoinAll(threads);
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(ran, accepted);
  EXPECT_GT(ran, 0);
}

TEST_F(ReactorLinuxTest, APostFromAnotherThreadEndsTheWait) {
  for (int round = 0; round < 200; ++round) {
    bool ran = false;
    std::thread poster(
        [&] { ASSERT_TRUE(reactor_->Post([&] { ran = true; }).ok()); });
    // Twice, should the wake-up of the round before still be on its way.
    while (!ran) reactor_->RunOnce(absl::InfiniteDuration());
    poster.join();
  }
}

TEST_F(ReactorLinuxTest, AStopFromAnotherThreadEndsRun) {
  for (int round = 0; round < 200; ++round) {
    absl::Notification running;
    ASSERT_TRUE(reactor_->Post([&] { running.Notify(); }).ok());
    std::thread stopper([&] {
      running.WaitForNotification();
      reactor_->Stop();
    });
    reactor_->Run();
    stopper.join();
  }
}

TEST_F(ReactorLinuxTest, PostsAndAStopAroundTheStartAndEndOfRunAreNotLost) {
  constexpr int kThreads = 3;
  constexpr int kPosts = 20;
  for (int round = 0; round < 300; ++round) {
    int ran = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kPosts; ++i) {
          ASSERT_TRUE(reactor_->Post([&] { ++ran; }).ok());
        }
      });
    }
    threads.emplace_back([&] { reactor_->Stop(); });
    reactor_->Run();
    JoinAll(threads);
    reactor_->RunOnce(absl::ZeroDuration());
    EXPECT_EQ(ran, kThreads * kPosts);
  }
}

TEST_F(ReactorLinuxTest, TasksOfAnotherThreadAreDestroyedWithTheReactor) {
  auto shared = std::make_shared<int>(0);
  std::thread poster([&] {
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(reactor_->Post([shared] { FAIL(); }).ok());
    }
  });
  poster.join();
  EXPECT_EQ(shared.use_count(), 101);
  reactor_.reset();
  EXPECT_EQ(shared.use_count(), 1);
}

TEST_F(ReactorLinuxTest, ASignalEndsTheWait) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  struct sigaction old;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);

  std::atomic<bool> returned = false;
  std::thread loop([&] {
    reactor_->RunOnce(absl::InfiniteDuration());
    returned = true;
  });
  // The first ones may come before it waits.
  for (int i = 0; i < 1'000'000 && !returned; ++i) {
    pthread_kill(loop.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  EXPECT_TRUE(returned);
  reactor_->Stop();
  loop.join();
  sigaction(SIGUSR1, &old, nullptr);
}

}  // namespace
}  // namespace pollux
