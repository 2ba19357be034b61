#include "reactor/net/listener_group.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/fake_kernel.h"
#include "testing/fake_scheduler.h"
#include "testing/fake_world.h"
#include "testing/peer.h"

namespace pollux {
namespace {

using Strategy = ListenerGroup::Strategy;

std::string NameOf(const testing::TestParamInfo<Strategy>& info) {
  constexpr const char* kNames[] = {"ReusePort", "Exclusive", "HandOff"};
  return kNames[static_cast<size_t>(info.param)];
}

constexpr size_t kMembers = 3;
constexpr char kPath[] = "/tmp/listener-group";

// A reactor, and the connections that it got.
struct Worker final : ListenerGroup::Handler {
  explicit Worker(Kernel& kernel, const Reactor::Options& options = {})
      : reactor(*Reactor::Create(kernel, options)) {}

  void OnAccept(Socket connection,
                ListenerGroup::ConnectionCount count) override {
    connections.push_back({std::move(connection), std::move(count)});
  }

  const std::unique_ptr<Reactor> reactor;
  std::unique_ptr<ListenerGroup::Member> member;
  std::vector<std::pair<Socket, ListenerGroup::ConnectionCount>> connections;
};

class ListenerGroupTest : public testing::TestWithParam<Strategy> {
 protected:
  void SetUp() override {
    Create("127.0.0.1:80");
    for (size_t i = 0; i < kMembers; ++i) {
      workers_.push_back(std::make_unique<Worker>(kernel_));
      scheduler_.Add(*workers_[i]->reactor);
    }
  }

  void TearDown() override {
    peers_.clear();
    workers_.clear();
    group_.reset();
    EXPECT_EQ(kernel_.open_descriptors(), 0u);
    EXPECT_EQ(kernel_.bad_descriptor_calls(), 0u);
  }

  void Create(const std::string& address) {
    auto group = ListenerGroup::Create(kernel_, *Address::Parse(address),
                                       kMembers, {.strategy = GetParam()});
    ASSERT_TRUE(group.ok()) << group.status();
    group_ = *std::move(group);
  }

  void Join() {
    for (size_t i = 0; i < kMembers; ++i) {
      auto member = group_->Join(i, *workers_[i]->reactor, *workers_[i]);
      ASSERT_TRUE(member.ok()) << member.status();
      workers_[i]->member = *std::move(member);
    }
  }

  void Connect() {
    peers_.push_back(
        std::make_unique<Peer>(world_, absl::StrCat("client ", peers_.size())));
    peers_.back()->Connect(group_->address());
  }

  size_t Accepted() const {
    size_t accepted = 0;
    for (const auto& worker : workers_) accepted += worker->connections.size();
    return accepted;
  }

  [[nodiscard]] bool RunUntilAccepted(size_t count) {
    return scheduler_.RunUntil([&] { return Accepted() >= count; });
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  FakeScheduler scheduler_{world_};
  std::unique_ptr<ListenerGroup> group_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

INSTANTIATE_TEST_SUITE_P(Strategies, ListenerGroupTest,
                         testing::Values(Strategy::kReusePort,
                                         Strategy::kExclusive,
                                         Strategy::kHandOff),
                         NameOf);

TEST_P(ListenerGroupTest, EveryConnectionGoesToOneMember) {
  Join();
  for (int i = 0; i < 30; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(30));
  uint64_t accepted = 0;
  for (size_t i = 0; i < kMembers; ++i) {
    const ListenerGroup::Counters counters = group_->counters(i);
    EXPECT_EQ(counters.accepted, workers_[i]->connections.size());
    EXPECT_EQ(counters.active, counters.accepted);
    EXPECT_EQ(counters.dropped, 0u);
    accepted += counters.accepted;
  }
  EXPECT_EQ(accepted, 30u);
}

TEST_P(ListenerGroupTest, WhatEndsIsNotActiveAnyMore) {
  Join();
  for (int i = 0; i < 6; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(6));
  for (auto& worker : workers_) worker->connections.clear();
  for (size_t i = 0; i < kMembers; ++i) {
    EXPECT_EQ(group_->counters(i).active, 0u);
  }
}

TEST_P(ListenerGroupTest, SaysWhichPortTheKernelPicked) {
  group_.reset();
  Create("127.0.0.1:0");
  EXPECT_NE(group_->address().port(), 0);
  Join();
  Connect();
  EXPECT_TRUE(RunUntilAccepted(1));
}

TEST_P(ListenerGroupTest, SaysThatTheAddressIsInUse) {
  const Socket other =
      *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:81"));
  EXPECT_EQ(ListenerGroup::Create(kernel_, *Address::Parse("127.0.0.1:81"),
                                  kMembers, {.strategy = GetParam()})
                .status()
                .message(),
            "bind 127.0.0.1:81: Address already in use");
}

TEST_P(ListenerGroupTest, UnixSocketsCannotBeSeveral) {
  const auto group =
      ListenerGroup::Create(kernel_, *Address::Parse("unix:@group"), kMembers,
                            {.strategy = GetParam()});
  EXPECT_EQ(group.ok(), GetParam() != Strategy::kReusePort);
  EXPECT_EQ(absl::IsInvalidArgument(group.status()),
            GetParam() == Strategy::kReusePort);
}

using HandOffTest = ListenerGroupTest;

INSTANTIATE_TEST_SUITE_P(Strategy, HandOffTest,
                         testing::Values(Strategy::kHandOff));

TEST_P(HandOffTest, TheLeastBusyGetsTheNext) {
  Join();
  for (int i = 0; i < 9; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(9));
  for (auto& worker : workers_) EXPECT_EQ(worker->connections.size(), 3u);
  // All of one's connections end: it gets the next three.
  workers_[1]->connections.clear();
  for (int i = 0; i < 3; ++i) Connect();
  ASSERT_TRUE(scheduler_.RunUntil(
      [&] { return workers_[1]->connections.size() == 3; }));
  EXPECT_EQ(group_->counters(1).accepted, 6u);
}

TEST_P(HandOffTest, WhoHasNotJoinedGetsNothing) {
  workers_[0]->member = *group_->Join(0, *workers_[0]->reactor, *workers_[0]);
  for (int i = 0; i < 4; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(4));
  EXPECT_EQ(workers_[0]->connections.size(), 4u);
}

TEST_P(HandOffTest, WhatIsOnItsWayToOneThatLeavesIsClosed) {
  Join();
  for (int i = 0; i < 9; ++i) Connect();
  // Accepted, and posted to the others.
  ASSERT_TRUE(
      scheduler_.RunUntil([&] { return group_->counters(1).accepted == 3; }));
  workers_[1]->member.reset();
  ASSERT_TRUE(scheduler_.RunUntil([&] {
    return workers_[1]->connections.size() + group_->counters(1).dropped == 3;
  }));
  EXPECT_EQ(group_->counters(1).active, workers_[1]->connections.size());
}

TEST_P(HandOffTest, MemberThatHasLeftGetsNoMore) {
  Join();
  workers_[1]->member.reset();
  for (int i = 0; i < 6; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(6));
  EXPECT_EQ(workers_[0]->connections.size(), 3u);
  EXPECT_EQ(workers_[2]->connections.size(), 3u);
  EXPECT_EQ(group_->counters(1).accepted, 0u);
  EXPECT_EQ(group_->counters(1).dropped, 0u);
}

TEST_P(HandOffTest, ReactorOfAMemberThatHasLeftMayBeDestroyed) {
  Join();
  // No connection is in flight to the last member.
  workers_[2]->member.reset();
  workers_[2]->connections.clear();
  FakeScheduler others(world_);
  others.Add(*workers_[0]->reactor);
  others.Add(*workers_[1]->reactor);
  workers_.pop_back();
  for (int i = 0; i < 4; ++i) Connect();
  ASSERT_TRUE(others.RunUntil([&] { return Accepted() >= 4; }));
}

// Returns the errno with which a client's connect(2) to kPath fails, or 0.
int ErrorOfConnect(Kernel& kernel) {
  const Address address = *Address::Parse(absl::StrCat("unix:", kPath));
  const Socket client(
      kernel,
      kernel.Socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0).descriptor());
  return kernel.Connect(client.descriptor(), address.data(), address.length())
      .error();
}

// No member accepts any more, so no client may wait in the backlog.
TEST_P(HandOffTest, FirstMemberUnlinksTheUnixPath) {
  group_.reset();
  Create(absl::StrCat("unix:", kPath));
  Join();
  workers_[1]->member.reset();
  EXPECT_EQ(ErrorOfConnect(kernel_), 0);
  workers_[0]->member.reset();
  EXPECT_EQ(ErrorOfConnect(kernel_), ENOENT);
}

using ExclusiveTest = ListenerGroupTest;

INSTANTIATE_TEST_SUITE_P(Strategy, ExclusiveTest,
                         testing::Values(Strategy::kExclusive));

TEST_P(ExclusiveTest, LastMemberUnlinksTheUnixPath) {
  group_.reset();
  Create(absl::StrCat("unix:", kPath));
  Join();
  for (size_t i = 0; i < kMembers; ++i) {
    EXPECT_EQ(ErrorOfConnect(kernel_), 0) << i;
    workers_[i]->member.reset();
  }
  EXPECT_EQ(ErrorOfConnect(kernel_), ENOENT);
  // No socket of the group listens any more either.
  const Socket next =
      *Socket::Listen(kernel_, *Address::Parse(absl::StrCat("unix:", kPath)));
  group_.reset();
  EXPECT_EQ(ErrorOfConnect(kernel_), 0);
}

TEST_P(ExclusiveTest, GroupUnlinksTheUnixPathThatSomeDidNotJoin) {
  group_.reset();
  Create(absl::StrCat("unix:", kPath));
  workers_[0]->member = *group_->Join(0, *workers_[0]->reactor, *workers_[0]);
  workers_[0]->member.reset();
  EXPECT_EQ(ErrorOfConnect(kernel_), 0);
  group_.reset();
  EXPECT_EQ(ErrorOfConnect(kernel_), ENOENT);
}

TEST_P(ExclusiveTest, OthersGoOnWhenTheFirstMemberOfAUnixPathLeaves) {
  group_.reset();
  Create(absl::StrCat("unix:", kPath));
  Join();
  workers_[0]->member.reset();
  for (int i = 0; i < 3; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(3));
  EXPECT_TRUE(workers_[0]->connections.empty());
}

// Even though both use SO_REUSEPORT and belong to one user.
TEST_P(ListenerGroupTest, SecondGroupAtItsAddressIsRefused) {
  const auto second = ListenerGroup::Create(kernel_, group_->address(),
                                            kMembers, {.strategy = GetParam()});
  EXPECT_EQ(second.status().message(),
            "bind 127.0.0.1:80: Address already in use");
}

TEST_P(HandOffTest, EqualsTakeTurns) {
  Join();
  for (size_t i = 0; i < 2 * kMembers; ++i) {
    Connect();
    ASSERT_TRUE(RunUntilAccepted(1));
    for (auto& worker : workers_) worker->connections.clear();
  }
  for (size_t i = 0; i < kMembers; ++i) {
    EXPECT_EQ(group_->counters(i).accepted, 2u) << i;
  }
}

TEST_P(HandOffTest, ConnectionForAFullQueueIsDroppedAndCounted) {
  Reactor::Options options;
  options.max_queued_tasks = 1;
  Worker busy(kernel_, options);
  workers_[0]->member = *group_->Join(0, *workers_[0]->reactor, *workers_[0]);
  busy.member = *group_->Join(1, *busy.reactor, busy);
  ASSERT_TRUE(busy.reactor->Post([] {}).ok());
  for (int i = 0; i < 2; ++i) Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  ASSERT_TRUE(
      scheduler_.RunUntil([&] { return group_->counters(1).dropped == 1; }));
  EXPECT_EQ(group_->counters(1).active, 0u);
}

using ListenerGroupDeathTest = ListenerGroupTest;

INSTANTIATE_TEST_SUITE_P(Strategies, ListenerGroupDeathTest,
                         testing::Values(Strategy::kReusePort,
                                         Strategy::kExclusive,
                                         Strategy::kHandOff),
                         NameOf);

TEST_P(ListenerGroupDeathTest, JoiningTwiceIsABug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Join();
  workers_[1]->member.reset();
  EXPECT_DEATH((void)group_->Join(1, *workers_[1]->reactor, *workers_[1]),
               "member 1 has joined before");
}

// Remembers the events for which the last listener was added to epoll.
class WatchingKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override {
    if (operation == EPOLL_CTL_ADD) events_ = event->events;
    return InterceptingKernel::EpollCtl(epoll, operation, descriptor, event);
  }
  bool last_is_exclusive() const { return (events_ & EPOLLEXCLUSIVE) != 0; }

 private:
  SysResult Intercept(SyscallRecord&, Proceed proceed) override {
    return proceed(SIZE_MAX);
  }

  uint32_t events_ = 0;
};

TEST(ListenerGroupWakeUpTest, NotAllAreWokenForASharedListener) {
  FakeWorld world;
  FakeKernel fake(world);
  WatchingKernel kernel(fake);
  const auto group =
      *ListenerGroup::Create(kernel, *Address::Parse("127.0.0.1:80"), 2,
                             {.strategy = Strategy::kExclusive});
  for (size_t i = 0; i < 2; ++i) {
    Worker worker(kernel);
    worker.member = *group->Join(i, *worker.reactor, worker);
    EXPECT_TRUE(kernel.last_is_exclusive());
  }
}

}  // namespace
}  // namespace pollux
