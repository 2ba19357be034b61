// What needs threads and the real kernel.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reactor/io_handler.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

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

// Somebody else's loop, as it is written everywhere: poll(2) with a timeout.
class ForeignLoopTest : public ReactorLinuxTest {
 protected:
  // Until `done()`.
  template <typename Predicate>
  void PollUntil(Predicate done) {
    while (!done()) {
      const absl::Duration left =
          std::min(absl::Ceil(reactor_->TimeUntilWork(), absl::Milliseconds(1)),
                   absl::Seconds(10));
      pollfd watched = {.fd = reactor_->pollable_descriptor(),
                        .events = POLLIN,
                        .revents = 0};
      ASSERT_GE(::poll(&watched, 1,
                       static_cast<int>(absl::ToInt64Milliseconds(left))),
                0);
      ++polls_;
      reactor_->RunOnce(absl::ZeroDuration());
    }
  }
  int polls_ = 0;
};

TEST_F(ForeignLoopTest, HearsOfDescriptors) {
  struct Reader final : IoHandler {
    void OnReady(Readiness) override { ++calls; }
    int calls = 0;
  } reader;
  std::array<int, 2> pair;
  ASSERT_TRUE(kernel_.SocketPair(AF_UNIX, SOCK_STREAM, 0, pair).ok());
  Registration registration =
      *reactor_->Register(pair[0], Interest::kRead, reader);
  std::thread writer([&] {
    ASSERT_TRUE(kernel_.Send(pair[1], {"x", 1}, 0).ok());
  });
  PollUntil([&] { return reader.calls > 0; });
  EXPECT_EQ(polls_, 1);
  writer.join();
  registration.Reset();
  for (int end : pair) ASSERT_TRUE(kernel_.Close(end).ok());
}

TEST_F(ForeignLoopTest, FiresTimers) {
  bool fired = false;
  Timer timer(*reactor_, [&] { fired = true; });
  timer.ArmAfter(absl::Milliseconds(3));
  PollUntil([&] { return fired; });
  EXPECT_LE(polls_, 2);
}

TEST_F(ForeignLoopTest, RunsWhatOtherThreadsPost) {
  for (int round = 0; round < 100; ++round) {
    bool ran = false;
    std::thread poster(
        [&] { ASSERT_TRUE(reactor_->Post([&] { ran = true; }).ok()); });
    PollUntil([&] { return ran; });
    poster.join();
  }
}

TEST_F(ForeignLoopTest, RunsWhatItPostsItself) {
  bool ran = false;
  ASSERT_TRUE(reactor_->Post([&] { ran = true; }).ok());
  PollUntil([&] { return ran; });
  EXPECT_EQ(polls_, 1);
}

}  // namespace
}  // namespace pollux
