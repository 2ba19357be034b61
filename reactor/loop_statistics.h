// What a reactor knows of itself.
#ifndef POLLUX_REACTOR_LOOP_STATISTICS_H_
#define POLLUX_REACTOR_LOOP_STATISTICS_H_

#include <atomic>
#include <cstdint>

#include "reactor/histogram.h"

namespace pollux {

// A number that one thread counts and any thread reads, without a lock. A
// member of whoever counts.
class Counter {
 public:
  void Add(uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count,
                 std::memory_order_relaxed);
  }
  uint64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// A number that goes up and down; one thread changes it, any thread reads it. A
// member of whoever counts.
class Gauge {
 public:
  void Add(int64_t change) {
    value_.store(Read() + change, std::memory_order_relaxed);
  }
  int64_t Read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// Counters and timings of one reactor, since its creation. Owned and written by
// the reactor; may be read from any thread for as long as the reactor lives.
// Counting makes no system call and allocates nothing.
struct LoopStatistics {
  Counter iterations;
  // Readiness that was told to handlers, the injected included.
  Counter events;
  // Events of registrations that had gone: dropped.
  Counter stale_events;
  Counter timers;
  Counter tasks;
  // Times that a bound of Reactor::Options ended a step early; what was left
  // came in the next iteration.
  Counter event_bound_hits;
  Counter timer_bound_hits;
  Counter task_bound_hits;

  // Reactor::Observe::kIterations and up:
  // From the end of a wait to the end of the iteration.
  Histogram iteration_time;
  // How much later than asked for a wait came back that nothing but time ended.
  Histogram poll_delay;
  // From a deadline to the beginning of the iteration that fired its timer.
  Histogram timer_lateness;
  // From a Post() that woke the loop to the step that ran its task.
  Histogram task_wait;
  // Reactor::Observe::kCallbacks only: each callback, timer and task.
  Histogram callback_time;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_LOOP_STATISTICS_H_
