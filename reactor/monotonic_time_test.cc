#include "reactor/monotonic_time.h"

#include <cstdint>
#include <ostream>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

constexpr int64_t kMin = INT64_MIN;
constexpr int64_t kMax = INT64_MAX;

MonotonicTime At(int64_t nanos) { return MonotonicTime::FromNanos(nanos); }

TEST(MonotonicTimeTest, StartsAtZero) { EXPECT_EQ(MonotonicTime(), At(0)); }

TEST(MonotonicTimeTest, IsOrdered) {
  EXPECT_LT(At(-1), At(0));
  EXPECT_LT(At(0), At(1));
  EXPECT_LT(At(kMax - 1), MonotonicTime::Infinite());
}

struct Sum {
  int64_t time;
  absl::Duration duration;
  int64_t sum;
};

void PrintTo(const Sum& row, std::ostream* out) {
  *out << row.time << " + " << row.duration;
}

class MonotonicTimeSumTest : public testing::TestWithParam<Sum> {};

TEST_P(MonotonicTimeSumTest, Saturates) {
  const Sum& row = GetParam();
  EXPECT_EQ((At(row.time) + row.duration).nanos(), row.sum);
}

INSTANTIATE_TEST_SUITE_P(Rows, MonotonicTimeSumTest,
                         testing::ValuesIn<Sum>({
                             {0, absl::ZeroDuration(), 0},
                             {5, absl::Nanoseconds(7), 12},
                             {5, absl::Nanoseconds(-7), -2},
                             {0, absl::Seconds(1), 1'000'000'000},
                             {kMax - 1, absl::Nanoseconds(1), kMax},
                             {kMax - 1, absl::Nanoseconds(2), kMax},
                             {1, absl::Hours(10'000'000), kMax},
                             {0, absl::InfiniteDuration(), kMax},
                             {1, absl::InfiniteDuration(), kMax},
                             {-1, absl::InfiniteDuration(), kMax},
                             {kMax, absl::InfiniteDuration(), kMax},
                             {kMin + 1, absl::Nanoseconds(-2), kMin},
                             {-1, -absl::InfiniteDuration(), kMin},
                         }));

TEST(MonotonicTimeTest, Difference) {
  EXPECT_EQ(At(12) - At(5), absl::Nanoseconds(7));
  EXPECT_EQ(At(5) - At(12), absl::Nanoseconds(-7));
}

TEST(MonotonicTimeTest, DifferenceHoldsWhatDoesNotFitInNanoseconds) {
  EXPECT_EQ(At(kMax - 1) - At(kMin), absl::Nanoseconds(kMax - 1) +
                                         absl::Nanoseconds(kMax) +
                                         absl::Nanoseconds(1));
}

TEST(MonotonicTimeTest, FromInfiniteItIsForEver) {
  EXPECT_EQ(MonotonicTime::Infinite() - At(5), absl::InfiniteDuration());
}

}  // namespace
}  // namespace pollux
