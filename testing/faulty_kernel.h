// A kernel that fails as planned.
#ifndef POLLUX_TESTING_FAULTY_KERNEL_H_
#define POLLUX_TESTING_FAULTY_KERNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/syscall_record.h"
#include "testing/fake_world.h"
#include "testing/fault_menu.h"
#include "testing/fault_plan.pb.h"

namespace pollux {

// A call that was made, and the kind of its descriptor.
struct LoggedCall {
  SyscallRecord record;
  DescriptorKind descriptor = DescriptorKind::kOther;
};

// Passes each call on to another kernel, unless a plan says that it fails. A
// call that fails never reaches the other kernel, so it has no effect there:
// what accept4 fails to take stays in the backlog. close is the exception, as
// in Linux.
//
// Owned by the test, which also owns the other kernel and the world (whose
// chance and time it uses); both must outlive it. One thread.
class FaultyKernel final : public InterceptingKernel {
 public:
  // `plan` must name calls and errors that exist; a wrong name ends the test.
  FaultyKernel(Kernel& kernel, FakeWorld& world, const FaultPlan& plan);

  // Calls so far, and faults among them. clock_gettime and sigprocmask, which
  // cannot fail, are not counted: a plan's numbers stay the same when the loop
  // looks at the clock once more.
  uint64_t calls() const { return calls_; }
  uint64_t faults() const { return faults_; }

  // Fills `log` with the calls to come, in the order in which they begin: the
  // order in which a plan counts them. A call that makes time pass ends after
  // those that others make meanwhile. Null ends it.
  void set_log(std::vector<LoggedCall>* log) { log_ = log; }

  // The first call that had a fault: its number, 0 if none had, and the
  // descriptor that it was about, -1 if it was about none.
  uint64_t first_fault() const { return first_fault_; }
  int first_fault_descriptor() const { return first_fault_descriptor_; }

  // These also keep what is watched, for spurious events.
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override;
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override;
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override;

 private:
  // A Fault with its names looked up.
  struct Planned {
    bool any_kind = false;
    SyscallKind kind = SyscallKind::kClose;
    uint64_t first = 0;
    uint64_t times = 1;
    // Fields that the fault does not set are 0 or false.
    int error = 0;
    size_t at_most_bytes = 0;
    bool is_spurious = false;
    uint64_t spurious = 0;
    absl::Duration late;
  };
  // What is to happen to one call.
  struct Effect {
    int error = 0;
    size_t at_most_bytes = SIZE_MAX;
    bool is_spurious = false;
    uint64_t spurious = 0;
    absl::Duration late = absl::ZeroDuration();
  };

  SysResult Intercept(SyscallRecord& call, Proceed proceed) override;

  // Counts the call.
  Effect Next(const SyscallRecord& call);
  void NoteFault(const SyscallRecord& record);
  void ForgetWatched(int descriptor);
  // Returns the kind of a descriptor. NoteOpened() learns the kinds of those
  // that a call has opened.
  DescriptorKind KindOf(int64_t descriptor) const;
  void NoteOpened(const SyscallRecord& record);
  bool AddByChance(const SyscallRecord& record, Effect& effect);
  template <typename Wait>
  SysResult PassWait(SyscallKind kind, int epoll,
                     absl::Span<epoll_event> events, Wait wait);
  // Lets so much more time pass.
  void BeLate(absl::Duration late);
  size_t AddSpurious(int epoll, uint64_t which, absl::Span<epoll_event> events,
                     size_t count) const;

  FakeWorld& world_;
  const RandomFaults random_;
  const bool has_chance_;
  std::vector<Planned> planned_;
  std::vector<LoggedCall>* log_ = nullptr;
  uint64_t calls_ = 0;
  uint64_t faults_ = 0;
  uint64_t first_fault_ = 0;
  int first_fault_descriptor_ = -1;
  std::array<uint64_t, kSyscallKinds> calls_by_kind_{};
  // The kinds of open descriptors that are not kOther.
  std::map<int64_t, DescriptorKind> kinds_;
  // What is watched, for spurious events: by epoll set and descriptor.
  std::map<std::pair<int, int>, epoll_event> watched_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAULTY_KERNEL_H_
