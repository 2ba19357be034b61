// A timerfd.
#ifndef POLLUX_TESTING_FAKE_TIMER_FILE_H_
#define POLLUX_TESTING_FAKE_TIMER_FILE_H_

#include <time.h>

#include <cstdint>

#include "absl/types/span.h"
#include "testing/fake/open_file.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// timerfd_create(2): a timer on the world's monotonic or wall clock, to read
// from. A periodic one is not armed again before it is read, as in Linux: what
// it missed is in the count. As an OpenFile: shared by its descriptors, one
// thread; must not outlive `time`.
class TimerFile final : public OpenFile {
 public:
  enum class Clock : uint8_t { kMonotonic, kWall };

  TimerFile(VirtualTime& time, Clock clock);
  ~TimerFile() override;

  // timerfd_settime(2), with its flags.
  SysResult SetTime(int flags, const itimerspec& value, itimerspec* old);

  uint32_t Poll() override;
  SysResult Read(absl::Span<char> buffer) override;

 private:
  void Plan();
  void Fire();
  void OnWallClockStep();
  // Times on the clock that the deadline is on.
  int64_t NowNanos() const;
  // Lets the periods that have passed pass, and says how many that were.
  uint64_t Forward();

  VirtualTime& time_;
  const Clock clock_;
  const VirtualTime::WatchId wall_watch_;
  VirtualTime::PlanId plan_ = 0;
  // Whether the deadline moves with the wall clock: set as an absolute time.
  bool on_wall_clock_ = false;
  bool cancel_on_set_ = false;
  bool was_canceled_ = false;
  // Of nothing is planned: when it fired last.
  int64_t deadline_nanos_ = 0;
  int64_t interval_nanos_ = 0;
  bool is_armed_ = false;
  // Fired, and not read since.
  bool has_expired_ = false;
  uint64_t ticks_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_TIMER_FILE_H_
