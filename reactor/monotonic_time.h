// Points on the clock that no one sets.
#ifndef POLLUX_REACTOR_MONOTONIC_TIME_H_
#define POLLUX_REACTOR_MONOTONIC_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace pollux {

// A point on CLOCK_MONOTONIC, in nanoseconds. Not `absl::Time`, which is wall
// time and may step. A trivially copyable value; arithmetic saturates.
class MonotonicTime {
 public:
  constexpr MonotonicTime() = default;
  static constexpr MonotonicTime FromNanos(int64_t nanos) {
    return MonotonicTime(nanos);
  }
  // Later than every other point.
  static constexpr MonotonicTime Infinite() {
    return MonotonicTime(std::numeric_limits<int64_t>::max());
  }

  constexpr int64_t nanos() const { return nanos_; }

  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) = default;

  // InfiniteDuration() gives Infinite().
  friend MonotonicTime operator+(MonotonicTime time, absl::Duration duration) {
    if (duration == absl::InfiniteDuration()) return Infinite();
    int64_t sum;
    // ToInt64Nanoseconds saturates; so does this.
    if (__builtin_add_overflow(time.nanos_, absl::ToInt64Nanoseconds(duration),
                               &sum)) {
      return duration < absl::ZeroDuration()
                 ? FromNanos(std::numeric_limits<int64_t>::min())
                 : Infinite();
    }
    return FromNanos(sum);
  }

  friend absl::Duration operator-(MonotonicTime a, MonotonicTime b) {
    if (a == Infinite()) return absl::InfiniteDuration();
    int64_t nanos;
    // The usual case: one conversion, not two.
    if (!__builtin_sub_overflow(a.nanos_, b.nanos_, &nanos)) {
      return absl::Nanoseconds(nanos);
    }
    return absl::Nanoseconds(a.nanos_) - absl::Nanoseconds(b.nanos_);
  }

 private:
  explicit constexpr MonotonicTime(int64_t nanos) : nanos_(nanos) {}

  int64_t nanos_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_MONOTONIC_TIME_H_
