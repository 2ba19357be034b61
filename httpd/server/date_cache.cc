#include "httpd/server/date_cache.h"

#include <cstdint>

#include "absl/log/check.h"
#include "absl/time/time.h"

namespace pollux {

void DateCache::Refresh(MonotonicTime now) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  const SysResult clock = kernel_.ClockGetTime(CLOCK_REALTIME);
  CHECK(clock.ok()) << clock.ToStatus("clock_gettime");
  date_ = http::FormatHttpDate(clock.value() / kNanosPerSecond);
  // When the second that it shows is over.
  refresh_at_ = now + absl::Nanoseconds(kNanosPerSecond -
                                        clock.value() % kNanosPerSecond);
}

}  // namespace pollux
