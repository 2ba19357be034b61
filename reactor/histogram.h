// How long things take.
#ifndef POLLUX_REACTOR_HISTOGRAM_H_
#define POLLUX_REACTOR_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace pollux {

// Counts durations in buckets whose width grows with them: eight to each power
// of two, so that a bucket's bounds are within 12.5 % of each other, from 1 ns
// to 18 minutes (longer ones count as that).
//
// One thread records; any thread may read, without a lock: a reader may see a
// value counted here and not yet there. A member of whoever measures; 2.6 KiB;
// allocates nothing; nothing fails.
class Histogram {
 public:
  Histogram() = default;
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  // Negative durations count as zero.
  void Record(absl::Duration duration) {
    RecordNanos(absl::ToInt64Nanoseconds(duration));
  }
  // Records the same value `times` times.
  void RecordNanos(int64_t nanos, uint64_t times = 1) {
    const uint64_t value = nanos > 0 ? static_cast<uint64_t>(nanos) : 0;
    Add(buckets_[BucketOf(value)], times);
    Add(sum_nanos_, value * times);
  }

  // What was recorded, at one moment or nearly so.
  class Snapshot {
   public:
    uint64_t count() const { return count_; }
    absl::Duration sum() const {
      return absl::Nanoseconds(static_cast<int64_t>(sum_nanos_));
    }
    // The duration that `quantile` (0 to 1) of all are at or below, as the
    // upper bound of its bucket; zero if nothing was recorded.
    absl::Duration Quantile(double quantile) const;
    // How many were at or below `limit`, as far as the buckets tell: those of
    // limit's own bucket are counted.
    uint64_t CountAtMost(absl::Duration limit) const;

   private:
    friend class Histogram;
    uint64_t count_ = 0;
    uint64_t sum_nanos_ = 0;
    std::array<uint64_t, 8 * 38> counts_{};
  };
  Snapshot Read() const;

 private:
  static constexpr int kLinearBits = 3;
  static constexpr size_t kBuckets =
      std::tuple_size_v<decltype(Snapshot::counts_)>;

  static size_t BucketOf(uint64_t nanos) {
    // Below 8 ns each has its own.
    if (nanos < (1u << kLinearBits)) return nanos;
    const int log = std::bit_width(nanos) - 1;
    const size_t linear = (nanos >> (log - kLinearBits)) & 7;
    const size_t bucket =
        (static_cast<size_t>(log - kLinearBits + 1) << kLinearBits) + linear;
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  // The largest that falls into it.
  static uint64_t UpperBound(size_t bucket);

  // One writer: cheaper than a read-modify-write.
  static void Add(std::atomic<uint64_t>& counter, uint64_t value) {
    counter.store(counter.load(std::memory_order_relaxed) + value,
                  std::memory_order_relaxed);
  }

  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_nanos_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_HISTOGRAM_H_
