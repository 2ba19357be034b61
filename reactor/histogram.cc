#include "reactor/histogram.h"

#include <algorithm>
#include <cmath>

namespace pollux {

uint64_t Histogram::UpperBound(size_t bucket) {
  if (bucket < (1u << kLinearBits)) return bucket;
  const size_t shift = (bucket >> kLinearBits) - 1;
  const uint64_t first = (uint64_t{1} << kLinearBits) + (bucket & 7);
  return ((first + 1) << shift) - 1;
}

Histogram::Snapshot Histogram::Read() const {
  Snapshot snapshot;
  for (size_t i = 0; i < kBuckets; ++i) {
    snapshot.counts_[i] = buckets_[i].load(std::memory_order_relaxed);
    snapshot.count_ += snapshot.counts_[i];
  }
  snapshot.sum_nanos_ = sum_nanos_.load(std::memory_order_relaxed);
  return snapshot;
}

absl::Duration Histogram::Snapshot::Quantile(double quantile) const {
  if (count_ == 0) return absl::ZeroDuration();
  const double wanted =
      std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t rank = std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
  uint64_t seen = 0;
  size_t bucket = 0;
  for (; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) break;
  }
  return absl::Nanoseconds(static_cast<int64_t>(
      Histogram::UpperBound(std::min(bucket, counts_.size() - 1))));
}

uint64_t Histogram::Snapshot::CountAtMost(absl::Duration limit) const {
  const int64_t nanos = absl::ToInt64Nanoseconds(limit);
  if (nanos < 0) return 0;
  const size_t last = BucketOf(static_cast<uint64_t>(nanos));
  uint64_t count = 0;
  for (size_t i = 0; i <= last; ++i) count += counts_[i];
  return count;
}

}  // namespace pollux
