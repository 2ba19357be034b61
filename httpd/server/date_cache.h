// The Date of responses, made once a second.
#ifndef POLLUX_HTTPD_SERVER_DATE_CACHE_H_
#define POLLUX_HTTPD_SERVER_DATE_CACHE_H_

#include "httpd/http/http_date.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"

namespace pollux {

// Owned by the server; one thread. Reads the wall clock and writes the text at
// most once a second of the loop's time, so a date is never more than a second
// old, and follows when the clock is set.
class DateCache {
 public:
  explicit DateCache(Kernel& kernel) : kernel_(kernel) {}

  // The date at `now`, the loop's time. Valid until the next call.
  const http::HttpDate& At(MonotonicTime now) {
    if (now >= refresh_at_) Refresh(now);
    return date_;
  }

 private:
  void Refresh(MonotonicTime now);

  Kernel& kernel_;
  MonotonicTime refresh_at_;
  http::HttpDate date_{};
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_DATE_CACHE_H_
