#include "httpd/server/exchange_recorder.h"

#include <ctime>

#include "absl/log/check.h"

namespace pollux {
namespace {

// Requests that one event finishes before their durations are recorded.
constexpr size_t kMaxUnfinished = 256;

}  // namespace

ExchangeRecorder::ExchangeRecorder(Reactor& reactor,
                                   ServerStatistics& statistics,
                                   ExchangeObserver* observer)
    : reactor_(reactor), statistics_(statistics), observer_(observer) {
  unfinished_.reserve(kMaxUnfinished);
}

void ExchangeRecorder::Count(size_t route, int status, MonotonicTime begun_at,
                             uint64_t sent_bytes) {
  statistics_.sent_bytes.Add(sent_bytes);
  // The server ended the connection, and nothing was responded.
  if (status != 0) statistics_.routes[route].responses[status / 100 - 1].Add();
  if (unfinished_.size() == kMaxUnfinished) (void)FinishDurations();
  unfinished_.push_back({route, begun_at});
}

void ExchangeRecorder::Report(ExchangeRecord& record) {
  const MonotonicTime begun_at = unfinished_.back().begun_at;
  record.duration = FinishDurations() - begun_at;
  observer_->OnExchange(record);
}

MonotonicTime ExchangeRecorder::FinishDurations() {
  const SysResult clock = reactor_.kernel().ClockGetTime(CLOCK_MONOTONIC);
  CHECK(clock.ok());
  const MonotonicTime now = MonotonicTime::FromNanos(clock.value());
  for (const Unfinished& exchange : unfinished_) {
    statistics_.routes[exchange.route].latency.RecordNanos(
        now.nanos() - exchange.begun_at.nanos());
  }
  unfinished_.clear();
  return now;
}

}  // namespace pollux
