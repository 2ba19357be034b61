// Reactors on threads, on the real kernel.
#include <sys/socket.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/listener_group.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"

namespace pollux {
namespace {

using Strategy = ListenerGroup::Strategy;

std::string NameOf(const testing::TestParamInfo<Strategy>& info) {
  constexpr const char* kNames[] = {"ReusePort", "Exclusive", "HandOff"};
  return kNames[static_cast<size_t>(info.param)];
}

constexpr size_t kMembers = 3;
constexpr uint64_t kConnections = 60;

// Says one byte to each connection, and closes it.
struct Greeter final : ListenerGroup::Handler {
  void OnAccept(Socket connection,
                ListenerGroup::ConnectionCount count) override {
    (void)send(connection.descriptor(), "!", 1, MSG_NOSIGNAL);
    const ListenerGroup::ConnectionCount ended = std::move(count);
  }
};

class ListenerGroupLinuxTest : public testing::TestWithParam<Strategy> {};

INSTANTIATE_TEST_SUITE_P(Strategies, ListenerGroupLinuxTest,
                         testing::Values(Strategy::kReusePort,
                                         Strategy::kExclusive,
                                         Strategy::kHandOff),
                         NameOf);

TEST_P(ListenerGroupLinuxTest, ReactorsOnThreadsShareTheConnections) {
  LinuxKernel kernel;
  auto created = ListenerGroup::Create(kernel, *Address::Parse("127.0.0.1:0"),
                                       kMembers, {.strategy = GetParam()});
  ASSERT_TRUE(created.ok()) << created.status();
  ListenerGroup& group = **created;

  std::vector<std::unique_ptr<Reactor>> reactors;
  for (size_t i = 0; i < kMembers; ++i) {
    reactors.push_back(*Reactor::Create(kernel));
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kMembers; ++i) {
    threads.emplace_back([&, i] {
      Greeter greeter;
      auto member = group.Join(i, *reactors[i], greeter);
      EXPECT_TRUE(member.ok()) << member.status();
      reactors[i]->Run();
    });
  }

  const Address& address = group.address();
  for (uint64_t i = 0; i < kConnections; ++i) {
    const Socket client(kernel,
                        kernel.Socket(AF_INET, SOCK_STREAM, 0).descriptor());
    ASSERT_TRUE(
        kernel.Connect(client.descriptor(), address.data(), address.length())
            .ok());
    char byte = 0;
    EXPECT_EQ(recv(client.descriptor(), &byte, 1, MSG_WAITALL), 1);
    EXPECT_EQ(byte, '!');
  }

  for (auto& reactor : reactors) reactor->Stop();
  for (std::thread& thread : threads) thread.join();
  uint64_t accepted = 0;
  for (size_t i = 0; i < kMembers; ++i) {
    accepted += group.counters(i).accepted;
    EXPECT_EQ(group.counters(i).active, 0u);
  }
  EXPECT_EQ(accepted, kConnections);
  reactors.clear();
}

}  // namespace
}  // namespace pollux
