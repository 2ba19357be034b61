#include "reactor/histogram.h"

#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pollux {
namespace {

TEST(HistogramTest, AnEmptyOneHasNothing) {
  const Histogram histogram;
  const Histogram::Snapshot read = histogram.Read();
  EXPECT_EQ(read.count(), 0u);
  EXPECT_EQ(read.sum(), absl::ZeroDuration());
  EXPECT_EQ(read.Quantile(0.5), absl::ZeroDuration());
  EXPECT_EQ(read.CountAtMost(absl::InfiniteDuration()), 0u);
}

TEST(HistogramTest, EachQuantileIsWithinAnEighthAboveTheTruth) {
  for (int64_t nanos = 1; nanos < int64_t{1} << 39; nanos = nanos * 5 / 3 + 1) {
    Histogram histogram;
    histogram.RecordNanos(nanos);
    const absl::Duration told = histogram.Read().Quantile(1);
    EXPECT_GE(told, absl::Nanoseconds(nanos));
    EXPECT_LE(told, absl::Nanoseconds(nanos + nanos / 8));
  }
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int64_t nanos = 0; nanos < 16; ++nanos) histogram.RecordNanos(nanos);
  const Histogram::Snapshot read = histogram.Read();
  for (int64_t nanos = 0; nanos < 16; ++nanos) {
    EXPECT_EQ(read.CountAtMost(absl::Nanoseconds(nanos)),
              static_cast<uint64_t>(nanos) + 1);
  }
}

TEST(HistogramTest, QuantilesAreInOrder) {
  Histogram histogram;
  for (int64_t i = 1; i <= 1000; ++i) histogram.Record(absl::Microseconds(i));
  const Histogram::Snapshot read = histogram.Read();
  EXPECT_EQ(read.count(), 1000u);
  EXPECT_EQ(read.sum(), absl::Microseconds(500'500));
  EXPECT_NEAR(absl::ToDoubleMicroseconds(read.Quantile(0.5)), 500, 70);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(read.Quantile(0.99)), 990, 130);
  EXPECT_LE(read.Quantile(0), absl::Nanoseconds(1125));
  EXPECT_GE(read.Quantile(1), absl::Microseconds(1000));
}

TEST(HistogramTest, WhatIsBeyondItsRangeCountsAsItsEnd) {
  Histogram histogram;
  histogram.RecordNanos(std::numeric_limits<int64_t>::max());
  histogram.RecordNanos(-5);
  const Histogram::Snapshot read = histogram.Read();
  EXPECT_EQ(read.count(), 2u);
  EXPECT_EQ(read.CountAtMost(absl::ZeroDuration()), 1u);
  EXPECT_GE(read.Quantile(1), absl::Minutes(18));
  EXPECT_EQ(read.CountAtMost(absl::InfiniteDuration()), 2u);
}

}  // namespace
}  // namespace pollux
