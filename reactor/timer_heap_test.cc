#include "reactor/timer_heap.h"

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/monotonic_time.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Node final : public TimerNode {
 public:
  explicit Node(int name) : name_(name) {}
  int name() const { return name_; }
  void OnDeadline() override {}

 private:
  const int name_;
};

MonotonicTime At(int64_t nanos) { return MonotonicTime::FromNanos(nanos); }

// The names of what is due at `now`, in the order in which it is taken out.
std::vector<int> PopAll(TimerHeap& heap, int64_t now) {
  std::vector<int> names;
  const uint64_t armings = heap.armings();
  while (TimerNode* node = heap.PopDue(At(now), armings)) {
    EXPECT_FALSE(node->armed());
    names.push_back(static_cast<Node*>(node)->name());
  }
  return names;
}

class TimerHeapTest : public testing::Test {
 protected:
  TimerHeap heap_;
  Node a_{1}, b_{2}, c_{3};
};

TEST_F(TimerHeapTest, EmptyHeapHasNoDeadline) {
  EXPECT_TRUE(heap_.empty());
  EXPECT_EQ(heap_.NextDeadline(), MonotonicTime::Infinite());
  EXPECT_THAT(PopAll(heap_, INT64_MAX), IsEmpty());
}

TEST_F(TimerHeapTest, EarliestComesFirst) {
  heap_.Arm(a_, At(30));
  heap_.Arm(b_, At(10));
  heap_.Arm(c_, At(20));
  EXPECT_EQ(heap_.size(), 3u);
  EXPECT_EQ(heap_.NextDeadline(), At(10));
  EXPECT_THAT(PopAll(heap_, 30), ElementsAre(2, 3, 1));
  EXPECT_TRUE(heap_.empty());
}

TEST_F(TimerHeapTest, OnlyWhatIsDueIsTakenOut) {
  heap_.Arm(a_, At(10));
  heap_.Arm(b_, At(11));
  EXPECT_THAT(PopAll(heap_, 9), IsEmpty());
  EXPECT_THAT(PopAll(heap_, 10), ElementsAre(1));
  EXPECT_THAT(PopAll(heap_, 11), ElementsAre(2));
}

TEST_F(TimerHeapTest, EqualDeadlinesComeInArmingOrder) {
  heap_.Arm(c_, At(5));
  heap_.Arm(a_, At(5));
  heap_.Arm(b_, At(5));
  EXPECT_THAT(PopAll(heap_, 5), ElementsAre(3, 1, 2));
}

TEST_F(TimerHeapTest, ArmingAgainAtTheSameTimeGoesBehind) {
  heap_.Arm(a_, At(5));
  heap_.Arm(b_, At(5));
  heap_.Arm(a_, At(5));
  EXPECT_THAT(PopAll(heap_, 5), ElementsAre(2, 1));
}

TEST_F(TimerHeapTest, MovedEarlier) {
  heap_.Arm(a_, At(10));
  heap_.Arm(b_, At(20));
  heap_.Arm(b_, At(5));
  EXPECT_EQ(heap_.size(), 2u);
  EXPECT_EQ(b_.deadline(), At(5));
  EXPECT_EQ(heap_.NextDeadline(), At(5));
  EXPECT_THAT(PopAll(heap_, 20), ElementsAre(2, 1));
}

TEST_F(TimerHeapTest, MovedLater) {
  heap_.Arm(a_, At(10));
  heap_.Arm(b_, At(20));
  heap_.Arm(a_, At(30));
  EXPECT_EQ(a_.deadline(), At(30));
  EXPECT_EQ(heap_.NextDeadline(), At(20));
  EXPECT_THAT(PopAll(heap_, 29), ElementsAre(2));
  EXPECT_THAT(PopAll(heap_, 30), ElementsAre(1));
}

TEST_F(TimerHeapTest, MovedLaterAndEarlierAgain) {
  heap_.Arm(a_, At(10));
  heap_.Arm(b_, At(20));
  heap_.Arm(a_, At(30));
  heap_.Arm(a_, At(15));
  EXPECT_EQ(heap_.NextDeadline(), At(15));
  EXPECT_THAT(PopAll(heap_, 14), IsEmpty());
  EXPECT_THAT(PopAll(heap_, 30), ElementsAre(1, 2));
}

TEST_F(TimerHeapTest, NextDeadlineIsExactWhenAllMovedLater) {
  heap_.Arm(a_, At(1));
  heap_.Arm(b_, At(2));
  heap_.Arm(c_, At(3));
  heap_.Arm(a_, At(40));
  heap_.Arm(b_, At(20));
  heap_.Arm(c_, At(30));
  EXPECT_EQ(heap_.NextDeadline(), At(20));
}

TEST_F(TimerHeapTest, DisarmedIsNotTakenOut) {
  for (Node* victim : {&a_, &b_, &c_}) {
    heap_.Arm(a_, At(1));
    heap_.Arm(b_, At(2));
    heap_.Arm(c_, At(3));
    heap_.Disarm(*victim);
    EXPECT_FALSE(victim->armed());
    EXPECT_EQ(heap_.size(), 2u);
    const std::vector<int> left = PopAll(heap_, 3);
    EXPECT_THAT(left, testing::Not(testing::Contains(victim->name())));
    EXPECT_EQ(left.size(), 2u);
  }
}

TEST_F(TimerHeapTest, DisarmingTwiceIsNothing) {
  heap_.Disarm(a_);
  heap_.Arm(a_, At(1));
  heap_.Disarm(a_);
  heap_.Disarm(a_);
  EXPECT_TRUE(heap_.empty());
}

TEST_F(TimerHeapTest, DisarmedAfterALazyMoveLeavesTheOthersInOrder) {
  heap_.Arm(a_, At(1));
  heap_.Arm(b_, At(2));
  heap_.Arm(c_, At(3));
  heap_.Arm(a_, At(9));
  heap_.Disarm(a_);
  EXPECT_EQ(heap_.NextDeadline(), At(2));
  EXPECT_THAT(PopAll(heap_, 9), ElementsAre(2, 3));
}

TEST_F(TimerHeapTest, WhatIsArmedDuringAPassWaitsForTheNext) {
  heap_.Arm(a_, At(5));
  const uint64_t armings = heap_.armings();
  ASSERT_EQ(heap_.PopDue(At(5), armings), &a_);
  heap_.Arm(a_, At(5));
  heap_.Arm(b_, At(5));
  EXPECT_EQ(heap_.PopDue(At(5), armings), nullptr);
  EXPECT_THAT(PopAll(heap_, 5), ElementsAre(1, 2));
}

TEST_F(TimerHeapTest, WhatIsArmedDuringAPassHoldsNothingBack) {
  heap_.Arm(a_, At(4));
  heap_.Arm(b_, At(5));
  const uint64_t armings = heap_.armings();
  ASSERT_EQ(heap_.PopDue(At(5), armings), &a_);
  heap_.Arm(a_, At(5));
  EXPECT_EQ(heap_.PopDue(At(5), armings), &b_);
  EXPECT_EQ(heap_.PopDue(At(5), armings), nullptr);
}

TEST_F(TimerHeapTest, WhatIsMovedDuringAPassWaitsForTheNext) {
  heap_.Arm(a_, At(4));
  heap_.Arm(b_, At(5));
  const uint64_t armings = heap_.armings();
  ASSERT_EQ(heap_.PopDue(At(5), armings), &a_);
  heap_.Arm(b_, At(5));
  EXPECT_EQ(heap_.PopDue(At(5), armings), nullptr);
}

// The heap against a multimap, in which equal keys keep the order of insertion.
class TimerHeapRandomTest : public testing::TestWithParam<int> {};

TEST_P(TimerHeapRandomTest, BehavesAsAMultimap) {
  std::mt19937 random(GetParam());
  // Few distinct times make ties, few nodes make moves.
  std::uniform_int_distribution<int> pick_node(0, 1 + GetParam() % 40);
  std::uniform_int_distribution<int> pick_action(0, 9);
  std::uniform_int_distribution<int> pick_delay(0, 1 + GetParam() * 3);

  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 0; i <= pick_node.max(); ++i) {
    nodes.push_back(std::make_unique<Node>(i));
  }
  TimerHeap heap;
  std::multimap<MonotonicTime, int> reference;
  const auto forget = [&](int name) {
    for (auto it = reference.begin(); it != reference.end(); ++it) {
      if (it->second == name) {
        reference.erase(it);
        return;
      }
    }
  };

  int64_t now = 0;
  for (int step = 0; step < 2000; ++step) {
    const int action = pick_action(random);
    Node& node = *nodes[pick_node(random)];
    if (action < 6) {
      const MonotonicTime deadline = At(now + pick_delay(random));
      heap.Arm(node, deadline);
      forget(node.name());
      reference.emplace(deadline, node.name());
    } else if (action < 8) {
      heap.Disarm(node);
      forget(node.name());
    } else {
      now += pick_delay(random);
      std::vector<int> due;
      while (!reference.empty() && reference.begin()->first <= At(now)) {
        due.push_back(reference.begin()->second);
        reference.erase(reference.begin());
      }
      ASSERT_EQ(PopAll(heap, now), due) << "step " << step;
    }
    ASSERT_EQ(heap.size(), reference.size()) << "step " << step;
    // Not always, or no lazy move would ever last.
    if (action % 3 == 0) {
      ASSERT_EQ(heap.NextDeadline(), reference.empty()
                                         ? MonotonicTime::Infinite()
                                         : reference.begin()->first)
          << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerHeapRandomTest, testing::Range(1, 101));

}  // namespace
}  // namespace pollux
