// Counts and reports what became of requests.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_RECORDER_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "httpd/server/exchange_observer.h"
#include "httpd/server/server_statistics.h"
#include "reactor/monotonic_time.h"
#include "reactor/reactor.h"

namespace pollux {

// Records each request that is over in the statistics and, where there is an
// observer, reports it.
//
// Durations are true even if a handler blocks the loop, whose own clock stands
// still meanwhile. The recorder reads the clock once for all requests that one
// event finishes. With an observer it reads the clock for each request, because
// the observer gets the duration at once.
//
// Owned by its HttpServer; must not outlive the reactor, the statistics or the
// observer. Reactor's thread only. The observer is called from inside Report()
// and must not call the recorder. Nothing fails, and nothing is allocated after
// the creation.
class ExchangeRecorder {
 public:
  // `observer` may be null.
  ExchangeRecorder(Reactor& reactor, ServerStatistics& statistics,
                   ExchangeObserver* observer);
  ExchangeRecorder(const ExchangeRecorder&) = delete;
  ExchangeRecorder& operator=(const ExchangeRecorder&) = delete;

  bool is_observed() const { return observer_ != nullptr; }

  // Counts a request for the route with the index `route`, whose head was
  // complete at `begun_at`. `status` as in ExchangeRecord.
  void Count(size_t route, int status, MonotonicTime begun_at,
             uint64_t sent_bytes) {
    statistics_.sent_bytes.Add(sent_bytes);
    // 0: the server ended the connection, and there was no response.
    if (status != 0) {
      statistics_.routes[route].responses[status / 100 - 1].Add();
    }
    if (!unfinished_.empty() && unfinished_.back().route == route &&
        unfinished_.back().begun_at == begun_at) {
      ++unfinished_.back().count;
    } else {
      CountAnother(route, begun_at);
    }
  }

  // Reports the request that was counted last. Only if is_observed(); the
  // duration of `record` is set here.
  void Report(ExchangeRecord& record);

  // Records the durations of all requests that were counted: they end now.
  void Flush() {
    if (!unfinished_.empty()) (void)FinishDurations();
  }

 private:
  // Requests with the same route and start, such as pipelined ones.
  struct Unfinished {
    size_t route;
    MonotonicTime begun_at;
    uint64_t count;
  };

  void CountAnother(size_t route, MonotonicTime begun_at);
  MonotonicTime FinishDurations();

  Reactor& reactor_;
  ServerStatistics& statistics_;
  ExchangeObserver* const observer_;
  // Counted, and their durations are not known yet.
  std::vector<Unfinished> unfinished_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EXCHANGE_RECORDER_H_
