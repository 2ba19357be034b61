#include "reactor/reactor_group.h"

#include <pthread.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/blocking_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

using Worker = ReactorGroup::Worker;

// Notes where it lives and dies.
class Noter final : public Worker {
 public:
  explicit Noter(std::atomic<int>& alive)
      : alive_(alive), thread_(std::this_thread::get_id()) {
    ++alive_;
  }
  ~Noter() override {
    EXPECT_EQ(std::this_thread::get_id(), thread_);
    --alive_;
  }

 private:
  std::atomic<int>& alive_;
  const std::thread::id thread_;
};

class ReactorGroupTest : public testing::Test {
 protected:
  std::unique_ptr<ReactorGroup> Make(const ReactorGroup::Options& options) {
    return *ReactorGroup::Create(kernel_, options);
  }
  ReactorGroup::MakeWorker MakeNoter() {
    return [this](Reactor&, size_t) { return std::make_unique<Noter>(alive_); };
  }

  LinuxKernel kernel_;
  std::atomic<int> alive_ = 0;
};

TEST_F(ReactorGroupTest, EachWorkerLivesAndDiesOnAThreadOfItsOwn) {
  const auto group = Make({.reactors = 3});
  std::set<std::thread::id> threads;
  std::vector<size_t> indices;
  ASSERT_TRUE(group
                  ->Start([&](Reactor&, size_t index) {
                    threads.insert(std::this_thread::get_id());
                    indices.push_back(index);
                    return std::make_unique<Noter>(alive_);
                  })
                  .ok());
  EXPECT_EQ(alive_, 3);
  EXPECT_EQ(threads.size(), 3u);
  EXPECT_EQ(threads.count(std::this_thread::get_id()), 0u);
  EXPECT_THAT(indices, testing::ElementsAre(0, 1, 2));
  group->Stop();
  group->Join();
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReactorGroupTest, TasksRunOnTheReactorsThread) {
  const auto group = Make({.reactors = 2});
  std::array<std::thread::id, 2> threads;
  ASSERT_TRUE(group
                  ->Start([&](Reactor&, size_t index) {
                    threads[index] = std::this_thread::get_id();
                    return std::make_unique<Noter>(alive_);
                  })
                  .ok());
  absl::BlockingCounter ran(2);
  for (size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(group->reactor(i)
                    .Post([&, i] {
                      EXPECT_EQ(std::this_thread::get_id(), threads[i]);
                      ran.DecrementCount();
                    })
                    .ok());
  }
  ran.Wait();
}

TEST_F(ReactorGroupTest, DestroyingItStopsAndJoins) {
  ASSERT_TRUE(Make({.reactors = 2})->Start(MakeNoter()).ok());
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReactorGroupTest, AGroupThatNeverStartedCanGo) {
  EXPECT_EQ(Make({.reactors = 2})->size(), 2u);
}

TEST_F(ReactorGroupTest, AWorkerThatCannotBeMadeEndsTheOthers) {
  const auto group = Make({.reactors = 3});
  const absl::Status status = group->Start(
      [&](Reactor&, size_t index) -> absl::StatusOr<std::unique_ptr<Worker>> {
        if (index == 2) return absl::UnavailableError("no");
        return std::make_unique<Noter>(alive_);
      });
  EXPECT_EQ(status, absl::UnavailableError("no"));
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReactorGroupTest, AReactorMayStopTheGroup) {
  const auto group = Make({.reactors = 2});
  ASSERT_TRUE(group->Start(MakeNoter()).ok());
  ASSERT_TRUE(group->reactor(1).Post([&] { group->Stop(); }).ok());
  group->Join();
  EXPECT_EQ(alive_, 0);
}

TEST_F(ReactorGroupTest, StartAndStopRaceWithPosts) {
  for (int round = 0; round < 50; ++round) {
    const auto group = Make({.reactors = 2});
    std::atomic<int> ran = 0;
    ASSERT_TRUE(group->Start(MakeNoter()).ok());
    std::vector<std::thread> posters;
    for (size_t i = 0; i < 2; ++i) {
      posters.emplace_back([&, i] {
        for (int post = 0; post < 50; ++post) {
          const absl::Status posted = group->reactor(i).Post([&] { ++ran; });
          // The reactor's thread may have ended.
          ASSERT_TRUE(posted.ok() || absl::IsCancelled(posted)) << posted;
        }
      });
    }
    group->Stop();
    for (std::thread& poster : posters) poster.join();
    group->Join();
    EXPECT_LE(ran, 100);
  }
}

TEST_F(ReactorGroupTest, ByDefaultThereIsOneForEachCpu) {
  cpu_set_t cpus;
  ASSERT_TRUE(kernel_.SchedGetAffinity(0, cpus).ok());
  EXPECT_EQ(Make({})->size(), static_cast<size_t>(CPU_COUNT(&cpus)));
  EXPECT_EQ(*ReactorGroup::CountCpus(kernel_), Make({})->size());
}

TEST_F(ReactorGroupTest, ThreadsStayOnTheirCpuIfAsked) {
  cpu_set_t all;
  ASSERT_TRUE(kernel_.SchedGetAffinity(0, all).ok());
  const auto group =
      Make({.reactors = 3, .affinity = ReactorGroup::Affinity::kOneCpuEach});
  std::vector<int> counts;
  ASSERT_TRUE(group
                  ->Start([&](Reactor&, size_t) {
                    cpu_set_t mine;
                    EXPECT_TRUE(kernel_.SchedGetAffinity(0, mine).ok());
                    counts.push_back(CPU_COUNT(&mine));
                    return std::make_unique<Noter>(alive_);
                  })
                  .ok());
  EXPECT_THAT(counts, testing::ElementsAre(1, 1, 1));
  cpu_set_t still;
  ASSERT_TRUE(kernel_.SchedGetAffinity(0, still).ok());
  EXPECT_TRUE(CPU_EQUAL(&all, &still));
}

TEST_F(ReactorGroupTest, ThreadsHaveNames) {
  const auto group = Make({.reactors = 2, .thread_name = "a-long-name-for-"});
  std::vector<std::string> names;
  ASSERT_TRUE(group
                  ->Start([&](Reactor&, size_t) {
                    std::array<char, 16> name;
                    pthread_getname_np(pthread_self(), name.data(),
                                       name.size());
                    names.emplace_back(name.data());
                    return std::make_unique<Noter>(alive_);
                  })
                  .ok());
  EXPECT_THAT(names,
              testing::ElementsAre("a-long-name-for", "a-long-name-for"));
}

TEST_F(ReactorGroupTest, TheFirstThreadsNumberCanBeChosen) {
  const auto group =
      Make({.reactors = 2, .thread_name = "worker", .first_thread_number = 1});
  std::vector<std::string> names;
  ASSERT_TRUE(group
                  ->Start([&](Reactor&, size_t) {
                    std::array<char, 16> name;
                    pthread_getname_np(pthread_self(), name.data(),
                                       name.size());
                    names.emplace_back(name.data());
                    return std::make_unique<Noter>(alive_);
                  })
                  .ok());
  EXPECT_THAT(names, testing::ElementsAre("worker1", "worker2"));
}

// Fails the calls of one kind.
class FailingKernel final : public InterceptingKernel {
 public:
  FailingKernel(Kernel& kernel, SyscallKind kind, int error)
      : InterceptingKernel(kernel), kind_(kind), error_(error) {}

 private:
  SysResult Intercept(SyscallRecord& call, Proceed proceed) override {
    return call.kind == kind_ ? SysResult::Error(error_) : proceed(SIZE_MAX);
  }

  const SyscallKind kind_;
  const int error_;
};

TEST_F(ReactorGroupTest, TellsWhatTheKernelRefuses) {
  FailingKernel no_epoll(kernel_, SyscallKind::kEpollCreate1, ENOMEM);
  EXPECT_FALSE(ReactorGroup::Create(no_epoll, {.reactors = 1}).ok());
  FailingKernel failing(kernel_, SyscallKind::kSchedSetAffinity, EPERM);
  const auto group = *ReactorGroup::Create(
      failing,
      {.reactors = 2, .affinity = ReactorGroup::Affinity::kOneCpuEach});
  EXPECT_EQ(group->Start(MakeNoter()).message(),
            "sched_setaffinity: Operation not permitted");
  EXPECT_EQ(alive_, 0);
}

// sched_getaffinity(2) fails if there are more CPUs than a cpu_set_t holds, and
// in some sandboxes.
TEST_F(ReactorGroupTest, CpusThatAreUnknownOnlyMatterWhereTheyAreUsed) {
  FailingKernel failing(kernel_, SyscallKind::kSchedGetAffinity, EINVAL);
  const auto group = ReactorGroup::Create(failing, {.reactors = 2});
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_TRUE((*group)->Start(MakeNoter()).ok());
  const std::string reason = "sched_getaffinity: Invalid argument";
  EXPECT_EQ(ReactorGroup::Create(failing, {}).status().message(), reason);
  EXPECT_EQ(ReactorGroup::Create(
                failing, {.reactors = 2,
                          .affinity = ReactorGroup::Affinity::kOneCpuEach})
                .status()
                .message(),
            reason);
}

// A kernel whose CPU numbers differ from their indices. Records the CPUs that
// threads are bound to.
class SparseCpus final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult SchedGetAffinity(pid_t, cpu_set_t& cpus) override {
    CPU_ZERO(&cpus);
    CPU_SET(3, &cpus);
    CPU_SET(70, &cpus);
    return SysResult::Ok();
  }
  SysResult SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) override {
    EXPECT_EQ(thread, 0);
    EXPECT_EQ(CPU_COUNT(&cpus), 1);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &cpus)) bound_to_.push_back(cpu);
    }
    return SysResult::Ok();
  }
  const std::vector<int>& bound_to() const { return bound_to_; }

 private:
  SysResult Intercept(SyscallRecord&, Proceed proceed) override {
    return proceed(SIZE_MAX);
  }

  std::vector<int> bound_to_;
};

TEST_F(ReactorGroupTest, ThreadsAreBoundToTheCpusThatTheProcessMayUse) {
  SparseCpus kernel(kernel_);
  const auto group = *ReactorGroup::Create(
      kernel, {.reactors = 3, .affinity = ReactorGroup::Affinity::kOneCpuEach});
  ASSERT_TRUE(group->Start(MakeNoter()).ok());
  EXPECT_THAT(kernel.bound_to(), testing::ElementsAre(3, 70, 3));
  EXPECT_EQ(*ReactorGroup::CountCpus(kernel), 2u);
  EXPECT_EQ((*ReactorGroup::Create(kernel, {}))->size(), 2u);
}

// A worker whose destructor posts a task and calls DeleteSoon(); both objects
// must be destroyed on its thread.
class Leaver final : public Worker {
 public:
  Leaver(Reactor& reactor, std::atomic<int>& alive)
      : reactor_(reactor), alive_(alive) {}
  ~Leaver() override {
    reactor_.DeleteSoon(std::make_unique<Noter>(alive_));
    EXPECT_TRUE(
        reactor_.Post([noter = std::make_unique<Noter>(alive_)] { FAIL(); })
            .ok());
  }

 private:
  Reactor& reactor_;
  std::atomic<int>& alive_;
};

TEST_F(ReactorGroupTest, WhatHasNotRunIsDestroyedOnItsThread) {
  const auto group = Make({.reactors = 2});
  ASSERT_TRUE(group
                  ->Start([this](Reactor& reactor, size_t) {
                    return std::make_unique<Leaver>(reactor, alive_);
                  })
                  .ok());
  group->Stop();
  group->Join();
  EXPECT_EQ(alive_, 0);
  // A later task could only be destroyed on another thread, so it is refused.
  EXPECT_TRUE(absl::IsCancelled(group->reactor(1).Post([] {})));
}

TEST_F(ReactorGroupTest, WhatAWorkerLeftThatCouldNotBeMadeIsDestroyedThere) {
  const auto group = Make({.reactors = 1});
  const absl::Status status =
      group->Start([this](Reactor& reactor,
                          size_t) -> absl::StatusOr<std::unique_ptr<Worker>> {
        reactor.DeleteSoon(std::make_unique<Noter>(alive_));
        return absl::UnavailableError("no");
      });
  EXPECT_EQ(status, absl::UnavailableError("no"));
  EXPECT_EQ(alive_, 0);
}

// Makes later threads fail to start: their stacks are larger than any machine
// has room for.
void AskForImpossibleStacks() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size_t{1} << 55);
  ASSERT_EQ(pthread_setattr_default_np(&attributes), 0);
  pthread_attr_destroy(&attributes);
}

TEST_F(ReactorGroupTest, ThreadThatCannotBeMadeEndsTheOthersWithAReason) {
  pthread_attr_t before;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  const auto group = Make({.reactors = 3});
  const absl::Status status = group->Start([&](Reactor&, size_t index) {
    if (index == 1) AskForImpossibleStacks();
    return std::make_unique<Noter>(alive_);
  });
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(
      std::string(status.message()),
      testing::StartsWith("cannot start the thread \"reactor2\": Resource "
                          "temporarily unavailable: raise the limit"));
  EXPECT_EQ(alive_, 0);
  ASSERT_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&before);
}

}  // namespace
}  // namespace pollux
