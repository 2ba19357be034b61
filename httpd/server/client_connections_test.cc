#include "httpd/server/client_connections.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "httpd/server/client_address.h"
#include "reactor/net/address.h"

namespace pollux {
namespace {

ClientAddress Client(absl::string_view address) {
  return ClientAddress(Address::Parse(address).value());
}

TEST(ClientConnectionsTest, EachClientIsCountedByItself) {
  ClientConnections connections;
  EXPECT_EQ(connections.Add(Client("192.0.2.1:1")), 1u);
  EXPECT_EQ(connections.Add(Client("192.0.2.1:2")), 2u);
  EXPECT_EQ(connections.Add(Client("192.0.2.2:1")), 1u);
  EXPECT_EQ(connections.client_count(), 2u);
  connections.Remove(Client("192.0.2.1:3"));
  EXPECT_EQ(connections.Add(Client("192.0.2.1:1")), 2u);
}

TEST(ClientConnectionsTest, AClientThatHasNoneIsForgotten) {
  ClientConnections connections;
  connections.Add(Client("192.0.2.1:1"));
  connections.Remove(Client("192.0.2.1:1"));
  EXPECT_EQ(connections.client_count(), 0u);
}

TEST(ClientConnectionsTest, ThreadsTogetherNeverHaveMoreThanAreAllowed) {
  constexpr size_t kThreads = 4;
  constexpr int kRounds = 2'000;
  ClientConnections connections;
  std::atomic<int> miscounted = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const size_t count = connections.Add(Client("192.0.2.1:1"));
        if (count < 1 || count > kThreads) ++miscounted;
        connections.Remove(Client("192.0.2.1:1"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(miscounted, 0);
  EXPECT_EQ(connections.client_count(), 0u);
}

TEST(ClientConnectionsDeathTest, NobodyIsTakenOffWhoWasNotCounted) {
  ClientConnections connections;
  EXPECT_DEATH(connections.Remove(Client("192.0.2.1:1")), "was not counted");
}

}  // namespace
}  // namespace pollux
