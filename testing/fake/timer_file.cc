#include "testing/fake/timer_file.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "reactor/monotonic_time.h"

namespace pollux {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

bool IsValid(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 &&
         time.tv_nsec < kNanosPerSecond;
}

// As far as the clock goes.
int64_t ToNanos(const timespec& time) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (time.tv_sec >= kMost / kNanosPerSecond) return kMost;
  return time.tv_sec * kNanosPerSecond + time.tv_nsec;
}

int64_t SaturatedSum(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum)
             ? std::numeric_limits<int64_t>::max()
             : sum;
}

timespec ToTimespec(int64_t nanos) {
  return {.tv_sec = nanos / kNanosPerSecond,
          .tv_nsec = nanos % kNanosPerSecond};
}

}  // namespace

TimerFile::TimerFile(VirtualTime& time, Clock clock)
    : time_(time),
      clock_(clock),
      wall_watch_(time.WatchWallClock([this] { OnWallClockStep(); })) {}

TimerFile::~TimerFile() {
  time_.UnwatchWallClock(wall_watch_);
  time_.Cancel(plan_);
}

int64_t TimerFile::NowNanos() const {
  return on_wall_clock_ ? time_.WallNanos() : time_.Now().nanos();
}

uint64_t TimerFile::Forward() {
  const int64_t now = NowNanos();
  if (now < deadline_nanos_) return 0;
  const int64_t passed = (now - deadline_nanos_) / interval_nanos_;
  // Only the last step can go beyond the clock.
  deadline_nanos_ =
      SaturatedSum(deadline_nanos_ + passed * interval_nanos_, interval_nanos_);
  return static_cast<uint64_t>(passed) + 1;
}

void TimerFile::Plan() {
  time_.Cancel(plan_);
  const int64_t wait = deadline_nanos_ - std::min(deadline_nanos_, NowNanos());
  plan_ = time_.At(
      MonotonicTime::FromNanos(SaturatedSum(time_.Now().nanos(), wait)),
      [this] { Fire(); });
}

void TimerFile::Fire() {
  is_armed_ = false;
  has_expired_ = true;
  ++ticks_;
  Notify(EPOLLIN);
}

void TimerFile::OnWallClockStep() {
  if (cancel_on_set_) {
    was_canceled_ = true;
    ++ticks_;
    Notify(EPOLLIN);
  }
  if (is_armed_ && on_wall_clock_) Plan();
}

SysResult TimerFile::SetTime(int flags, const itimerspec& value,
                             itimerspec* old) {
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 ||
      !IsValid(value.it_value) || !IsValid(value.it_interval)) {
    return SysResult::Error(EINVAL);
  }
  if (old != nullptr) {
    if (has_expired_ && interval_nanos_ > 0) Forward();
    const bool runs = is_armed_ || (has_expired_ && interval_nanos_ > 0);
    old->it_value = ToTimespec(
        runs ? std::max<int64_t>(deadline_nanos_ - NowNanos(), 0) : 0);
    old->it_interval = ToTimespec(interval_nanos_);
  }
  const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
  time_.Cancel(plan_);
  has_expired_ = false;
  ticks_ = 0;
  // A relative time is not moved by a clock that is set: timer_settime(2).
  on_wall_clock_ = absolute && clock_ == Clock::kWall;
  cancel_on_set_ = on_wall_clock_ && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
  interval_nanos_ = ToNanos(value.it_interval);
  const int64_t first = ToNanos(value.it_value);
  is_armed_ = first > 0;
  if (is_armed_) {
    deadline_nanos_ = absolute ? first : SaturatedSum(NowNanos(), first);
    Plan();
  }
  if (!cancel_on_set_) was_canceled_ = false;
  if (is_armed_ && was_canceled_) {
    was_canceled_ = false;
    return SysResult::Error(ECANCELED);
  }
  return SysResult::Ok();
}

uint32_t TimerFile::Poll() { return ticks_ > 0 ? uint32_t{EPOLLIN} : 0; }

SysResult TimerFile::Read(absl::Span<char> buffer) {
  if (buffer.size() < sizeof(ticks_)) return SysResult::Error(EINVAL);
  if (ticks_ == 0) return SysResult::Error(EAGAIN);
  if (was_canceled_) {
    was_canceled_ = false;
    has_expired_ = false;
    ticks_ = 0;
    return SysResult::Error(ECANCELED);
  }
  if (has_expired_ && interval_nanos_ > 0) {
    ticks_ += Forward() - 1;
    is_armed_ = true;
    Plan();
  }
  has_expired_ = false;
  std::memcpy(buffer.data(), &ticks_, sizeof(ticks_));
  ticks_ = 0;
  return SysResult::Ok(sizeof(ticks_));
}

}  // namespace pollux
