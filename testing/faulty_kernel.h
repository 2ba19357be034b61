// A kernel that fails as planned.
#ifndef POLLUX_TESTING_FAULTY_KERNEL_H_
#define POLLUX_TESTING_FAULTY_KERNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "reactor/kernel.h"
#include "reactor/syscall_record.h"
#include "testing/fake_world.h"
#include "testing/fault_plan.pb.h"

namespace pollux {

// Passes each call on to another kernel, unless a plan says that it fails. A
// call that fails never reaches the other kernel, so it has no effect there:
// what accept4 fails to take stays in the backlog. close is the exception, as
// in Linux.
//
// Owned by the test, which also owns the other kernel and the world (whose
// chance and time it uses); both must outlive it. One thread.
class FaultyKernel final : public Kernel {
 public:
  // `plan` must name calls and errors that exist; a wrong name ends the test.
  FaultyKernel(Kernel& kernel, FakeWorld& world, const FaultPlan& plan);

  // Calls so far, and faults among them. clock_gettime and sigprocmask, which
  // cannot fail, are not counted.
  uint64_t calls() const { return calls_; }
  uint64_t faults() const { return faults_; }

  // Fills `log` with the calls to come, in the order in which they begin: the
  // order in which a plan counts them. A call that makes time pass ends after
  // those that others make meanwhile. Null ends it.
  void set_log(std::vector<SyscallRecord>* log) { log_ = log; }

  // The first call that had a fault: its number, 0 if none had, and the
  // descriptor that it was about, -1 if it was about none.
  uint64_t first_fault() const { return first_fault_; }
  int first_fault_descriptor() const { return first_fault_descriptor_; }

  SysResult Socket(int domain, int type, int protocol) override;
  SysResult SocketPair(int domain, int type, int protocol,
                       std::array<int, 2>& sockets) override;
  SysResult Bind(int socket, const sockaddr* address,
                 socklen_t length) override;
  SysResult Listen(int socket, int backlog) override;
  SysResult Accept4(int listener, sockaddr* peer, socklen_t* peer_length,
                    int flags) override;
  SysResult Connect(int socket, const sockaddr* address,
                    socklen_t length) override;
  SysResult GetSockName(int socket, sockaddr* address,
                        socklen_t* length) override;
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override;
  SysResult GetSockOpt(int socket, int level, int option, void* value,
                       socklen_t* length) override;
  SysResult Recv(int socket, absl::Span<char> buffer, int flags) override;
  SysResult Send(int socket, absl::Span<const char> bytes, int flags) override;
  SysResult Shutdown(int socket, int how) override;
  SysResult Close(int descriptor) override;
  SysResult Read(int descriptor, absl::Span<char> buffer) override;
  SysResult Write(int descriptor, absl::Span<const char> bytes) override;
  SysResult EpollCreate1(int flags) override;
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override;
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override;
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override;
  SysResult EventFd(unsigned int initial, int flags) override;
  SysResult ClockGetTime(clockid_t clock) override;
  SysResult SignalFd(int descriptor, const sigset_t& signals,
                     int flags) override;
  SysResult SigProcMask(int how, const sigset_t& signals,
                        sigset_t* old) override;

 private:
  // A Fault with its names looked up.
  struct Planned {
    bool any_kind = false;
    SyscallKind kind = SyscallKind::kClose;
    uint64_t first = 0;
    uint64_t times = 1;
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

  // Counts the call. `numbers` as in its SyscallRecord.
  Effect Next(SyscallKind kind, std::array<int64_t, 4> numbers);
  void NoteFault(const SyscallRecord& record);
  bool AddByChance(const SyscallRecord& record, Effect& effect);
  template <typename Call>
  SysResult Pass(SyscallKind kind, std::array<int64_t, 4> numbers, Call call);
  template <typename Wait>
  SysResult PassWait(SyscallKind kind, int epoll,
                     absl::Span<epoll_event> events, Wait wait);
  size_t AddSpurious(int epoll, uint64_t which, absl::Span<epoll_event> events,
                     size_t count) const;

  Kernel& kernel_;
  FakeWorld& world_;
  const RandomFaults random_;
  const bool has_chance_;
  std::vector<Planned> planned_;
  std::vector<SyscallRecord>* log_ = nullptr;
  uint64_t calls_ = 0;
  uint64_t faults_ = 0;
  uint64_t first_fault_ = 0;
  int first_fault_descriptor_ = -1;
  std::array<uint64_t, kSyscallKinds> calls_by_kind_{};
  // What is watched, for spurious events: by epoll set and descriptor.
  std::map<std::pair<int, int>, epoll_event> watched_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAULTY_KERNEL_H_
