#include "testing/fake/epoll_set.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "testing/fake/event_counter.h"

namespace pollux {
namespace {

// Sets that watch one file, with somebody waiting on each or not. What does not
// need that is in //testing:kernel_conformance_test.
class ExclusiveTest : public testing::Test {
 protected:
  static constexpr int kDescriptor = 3;

  void Watch(EpollSet& set, uint32_t events) {
    const epoll_event event = {.events = events, .data = {.fd = kDescriptor}};
    ASSERT_TRUE(set.Add(kDescriptor, file_, event).ok());
  }
  void WatchExclusively(EpollSet& set) {
    Watch(set, EPOLLIN | uint32_t{EPOLLET} | EPOLLEXCLUSIVE);
  }
  void Ring() {
    constexpr uint64_t kOne = 1;
    std::array<char, sizeof(kOne)> bytes;
    std::memcpy(bytes.data(), &kOne, sizeof(kOne));
    ASSERT_TRUE(file_.Write(bytes).ok());
  }
  // Those of the sets that have an event; takes it.
  std::vector<int> Told() {
    std::vector<int> told;
    for (int i = 0; i < static_cast<int>(sets_.size()); ++i) {
      std::array<epoll_event, 4> events;
      if (sets_[static_cast<size_t>(i)].Collect(absl::MakeSpan(events)) > 0) {
        told.push_back(i);
      }
    }
    return told;
  }

  EventCounter file_{0, EventCounter::Mode::kCounter};
  std::array<EpollSet, 3> sets_;
};

TEST_F(ExclusiveTest, OneOfThoseWhoWaitIsToldInTurn) {
  for (EpollSet& set : sets_) {
    WatchExclusively(set);
    set.set_is_waited_on(true);
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3; ++i) {
      Ring();
      EXPECT_EQ(Told(), std::vector<int>{i});
      sets_[static_cast<size_t>(i)].set_is_waited_on(true);
    }
  }
}

TEST_F(ExclusiveTest, WhoWasWokenWaitsNoMore) {
  for (EpollSet& set : sets_) {
    WatchExclusively(set);
    set.set_is_waited_on(true);
  }
  // It has not run yet.
  Ring();
  Ring();
  EXPECT_EQ(Told(), (std::vector<int>{0, 1}));
}

TEST_F(ExclusiveTest, AllAreToldIfNobodyWaits) {
  for (EpollSet& set : sets_) WatchExclusively(set);
  Ring();
  EXPECT_EQ(Told(), (std::vector<int>{0, 1, 2}));
}

TEST_F(ExclusiveTest, WhoDoesNotWaitTakesNothingFromWhoDoes) {
  for (EpollSet& set : sets_) WatchExclusively(set);
  sets_[1].set_is_waited_on(true);
  Ring();
  EXPECT_EQ(Told(), (std::vector<int>{0, 1}));
}

TEST_F(ExclusiveTest, SharersAreAlwaysTold) {
  WatchExclusively(sets_[0]);
  WatchExclusively(sets_[1]);
  Watch(sets_[2], EPOLLIN);
  for (EpollSet& set : sets_) set.set_is_waited_on(true);
  Ring();
  EXPECT_EQ(Told(), (std::vector<int>{0, 2}));
}

TEST_F(ExclusiveTest, WhoWantsSomethingElseIsPassedOver) {
  Watch(sets_[0], EPOLLOUT | uint32_t{EPOLLET} | EPOLLEXCLUSIVE);
  WatchExclusively(sets_[1]);
  WatchExclusively(sets_[2]);
  EXPECT_EQ(Told(), std::vector<int>{0});
  for (EpollSet& set : sets_) set.set_is_waited_on(true);
  Ring();
  EXPECT_EQ(Told(), std::vector<int>{1});
}

}  // namespace
}  // namespace pollux
