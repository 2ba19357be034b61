#include "httpd/server/date_cache.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "httpd/http/http_date.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/sys_result.h"

namespace pollux {
namespace {

// A wall clock that the test sets.
class ClockKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult ClockGetTime(clockid_t clock) override {
    EXPECT_EQ(clock, CLOCK_REALTIME);
    ++readings;
    return SysResult::Ok(wall_nanos);
  }

  int64_t wall_nanos = 0;
  int readings = 0;
};

class DateCacheTest : public testing::Test {
 protected:
  // Both clocks go on.
  void Pass(absl::Duration duration) {
    now_ = now_ + duration;
    clock_.wall_nanos += absl::ToInt64Nanoseconds(duration);
  }
  void SetWallClock(absl::Duration since_epoch) {
    clock_.wall_nanos = absl::ToInt64Nanoseconds(since_epoch);
  }
  std::string Date() {
    const http::HttpDate& date = cache_.At(now_);
    return std::string(date.data(), date.size());
  }

  LinuxKernel linux_kernel_;
  ClockKernel clock_{linux_kernel_};
  DateCache cache_{clock_};
  MonotonicTime now_ = MonotonicTime::FromNanos(5'000'000'000);
};

TEST_F(DateCacheTest, ShowsTheWallClock) {
  SetWallClock(absl::Seconds(784111777));
  EXPECT_EQ(Date(), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_F(DateCacheTest, ReadsTheClockOnceASecond) {
  for (int i = 0; i < 1000; ++i) {
    Date();
    Pass(absl::Milliseconds(10));
  }
  EXPECT_EQ(clock_.readings, 10);
}

TEST_F(DateCacheTest, ReadsNoClockWhileNobodyAsks) {
  Date();
  Pass(absl::Hours(1));
  Date();
  EXPECT_EQ(clock_.readings, 2);
}

TEST_F(DateCacheTest, ChangesWithTheSecond) {
  SetWallClock(absl::Milliseconds(1999));
  EXPECT_EQ(Date(), "Thu, 01 Jan 1970 00:00:01 GMT");
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Date(), "Thu, 01 Jan 1970 00:00:02 GMT");
  Pass(absl::Milliseconds(999));
  EXPECT_EQ(Date(), "Thu, 01 Jan 1970 00:00:02 GMT");
  Pass(absl::Milliseconds(1));
  EXPECT_EQ(Date(), "Thu, 01 Jan 1970 00:00:03 GMT");
}

TEST_F(DateCacheTest, FollowsAWallClockThatIsSetForward) {
  Date();
  SetWallClock(absl::Hours(24));
  Pass(absl::Seconds(1));
  EXPECT_EQ(Date(), "Fri, 02 Jan 1970 00:00:01 GMT");
}

TEST_F(DateCacheTest, FollowsAWallClockThatIsSetBack) {
  SetWallClock(absl::Hours(24));
  EXPECT_EQ(Date(), "Fri, 02 Jan 1970 00:00:00 GMT");
  SetWallClock(absl::Hours(1));
  Pass(absl::Seconds(1));
  EXPECT_EQ(Date(), "Thu, 01 Jan 1970 01:00:01 GMT");
}

}  // namespace
}  // namespace pollux
