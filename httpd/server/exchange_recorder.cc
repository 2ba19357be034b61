#include "httpd/server/exchange_recorder.h"

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

void ExchangeRecorder::CountAnother(size_t route, MonotonicTime begun_at) {
  if (unfinished_.size() == kMaxUnfinished) (void)FinishDurations();
  unfinished_.push_back({route, begun_at, 1});
}

void ExchangeRecorder::Report(ExchangeRecord& record) {
  const MonotonicTime begun_at = unfinished_.back().begun_at;
  record.duration = FinishDurations() - begun_at;
  observer_->OnExchange(record);
}

MonotonicTime ExchangeRecorder::FinishDurations() {
  const MonotonicTime now = reactor_.ReadClock();
  for (const Unfinished& exchange : unfinished_) {
    statistics_.routes[exchange.route].latency.RecordNanos(
        now.nanos() - exchange.begun_at.nanos(), exchange.count);
  }
  unfinished_.clear();
  return now;
}

}  // namespace pollux
