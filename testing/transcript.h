// What a program asked of its kernel, and when.
#ifndef POLLUX_TESTING_TRANSCRIPT_H_
#define POLLUX_TESTING_TRANSCRIPT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reactor/monotonic_time.h"
#include "reactor/syscall_record.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// Keeps the last calls that a TracingKernel tells, with their virtual time, and
// counts all. Shown as lines only when somebody asks, so it can always be on.
//
// Owned by the test, must outlive the TracingKernel; one thread. Allocates only
// when it is made, so it does not disturb the counting of allocations.
class Transcript final : public SyscallObserver {
 public:
  // Keeps the last `kept` calls, at least 1; `time` must outlive it.
  explicit Transcript(const VirtualTime& time, size_t kept = 100)
      : time_(time), start_(time.Now()), entries_(kept) {}

  void OnSyscall(const SyscallRecord& record) override;

  // All calls, whether kept or not. Not clock_gettime, which the vDSO answers.
  uint64_t calls() const { return calls_; }
  // Calls of one kind, clock_gettime included.
  uint64_t calls(SyscallKind kind) const {
    return calls_by_kind_[static_cast<size_t>(kind)];
  }

  // The calls that are kept, oldest first.
  std::vector<SyscallRecord> records() const;

  // The calls that are kept, a line each, with the seconds since the start:
  // "0.001500 recv(5, ...) = 78".
  std::string ToString() const;

  // A number that two runs share only if they made the same calls, at the same
  // times, with the same results: all of them, not only those kept.
  uint64_t fingerprint() const { return fingerprint_; }

  void Clear();

 private:
  struct Entry {
    MonotonicTime time;
    SyscallRecord record;
  };

  template <typename Visit>
  void ForEachKept(Visit visit) const;
  void Mix(uint64_t value);

  const VirtualTime& time_;
  const MonotonicTime start_;
  std::vector<Entry> entries_;
  uint64_t calls_ = 0;
  std::array<uint64_t, kSyscallKinds> calls_by_kind_{};
  uint64_t fingerprint_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_TRANSCRIPT_H_
