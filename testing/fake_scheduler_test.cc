#include "testing/fake_scheduler.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/timer.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

struct Host {
  explicit Host(FakeWorld& world)
      : kernel(world), reactor(*Reactor::Create(kernel)) {}

  FakeKernel kernel;
  std::unique_ptr<Reactor> reactor;
};

FakeWorld::Options Seeded(uint64_t seed) {
  FakeWorld::Options options;
  options.seed = seed;
  return options;
}

TEST(FakeSchedulerTest, TimersOfAllHostsFireInTheOrderOfTime) {
  FakeWorld world;
  Host a(world);
  Host b(world);
  FakeScheduler scheduler(world);
  scheduler.Add(*a.reactor);
  scheduler.Add(*b.reactor);

  std::string order;
  Timer a1(*a.reactor, [&] { order += "a1 "; });
  Timer b2(*b.reactor, [&] { order += "b2 "; });
  Timer a3(*a.reactor, [&] { order += "a3 "; });
  a3.ArmAfter(absl::Seconds(3));
  b2.ArmAfter(absl::Seconds(2));
  a1.ArmAfter(absl::Seconds(1));
  EXPECT_TRUE(scheduler.RunUntil([&] { return !a3.armed(); }));
  EXPECT_EQ(order, "a1 b2 a3 ");
}

// Answers each byte with the next letter, from another host.
TEST(FakeSchedulerTest, HostsTalkToEachOther) {
  FakeWorld world;
  Host server(world);
  Host client(world);
  const Address address = *Address::Parse("127.0.0.1:80");
  const Socket listener =
      *Socket::Listen(server.kernel, address, {.backlog = 8});

  struct Caller final : IoHandler {
    void OnReady(Readiness) override { connected = true; }
    bool connected = false;
  };
  const SysResult opened =
      client.kernel.Socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const Socket socket(client.kernel, opened.descriptor());
  EXPECT_EQ(client.kernel
                .Connect(opened.descriptor(), address.data(), address.length())
                .error(),
            EINPROGRESS);
  Caller caller;
  Registration registration =
      *client.reactor->Register(socket.descriptor(), Interest::kWrite, caller);

  FakeScheduler scheduler(world);
  scheduler.Add(*server.reactor);
  scheduler.Add(*client.reactor);
  EXPECT_TRUE(scheduler.RunUntil([&] { return caller.connected; }));
  // The same number on two hosts is two descriptors.
  EXPECT_EQ(listener.descriptor(), socket.descriptor());
}

// Two loops of one process, as the scheduler runs them: each waits, and then
// something comes.
TEST(FakeSchedulerTest, AnExclusiveEventWakesOneOfThoseWhoWait) {
  FakeWorld world;
  world.set_waits_return(true);
  FakeKernel kernel(world);
  const int counter = kernel.EventFd(0, 0).descriptor();
  std::array<int, 2> sets = {};
  std::array<epoll_event, 1> events;
  const auto wait = [&](int set, absl::Duration time) {
    return kernel.EpollPwait2(set, absl::MakeSpan(events), time).value();
  };
  for (int& set : sets) {
    set = kernel.EpollCreate1(0).descriptor();
    epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {}};
    ASSERT_TRUE(kernel.EpollCtl(set, EPOLL_CTL_ADD, counter, &event).ok());
    EXPECT_EQ(wait(set, absl::InfiniteDuration()), 0);
  }
  ASSERT_EQ(kernel.Write(counter, {"\1\0\0\0\0\0\0\0", 8}).value(), 8);
  EXPECT_EQ(wait(sets[0], absl::ZeroDuration()), 1);
  EXPECT_EQ(wait(sets[1], absl::ZeroDuration()), 0);
}

std::string OrderOfTasks(uint64_t seed) {
  FakeWorld world(Seeded(seed));
  std::vector<std::unique_ptr<Host>> hosts;
  FakeScheduler scheduler(world);
  std::string order;
  for (int i = 0; i < 6; ++i) {
    hosts.push_back(std::make_unique<Host>(world));
    scheduler.Add(*hosts.back()->reactor);
    EXPECT_TRUE(hosts.back()
                    ->reactor
                    ->Post([&order, i] { order += static_cast<char>('0' + i); })
                    .ok());
  }
  EXPECT_TRUE(scheduler.RunUntil([&] { return order.size() == 6; }));
  return order;
}

TEST(FakeSchedulerTest, TheSeedPicksTheOrder) {
  EXPECT_EQ(OrderOfTasks(1), OrderOfTasks(1));
  EXPECT_NE(OrderOfTasks(1), OrderOfTasks(2));
}

TEST(FakeSchedulerTest, SaysWhenNothingCanHappen) {
  FakeWorld world;
  std::string reason;
  world.set_on_stuck([&](const std::string& why) { reason = why; });
  Host host(world);
  FakeScheduler scheduler(world);
  scheduler.Add(*host.reactor);
  EXPECT_FALSE(scheduler.RunUntil([] { return false; }));
  EXPECT_NE(reason, "");
}

}  // namespace
}  // namespace pollux
