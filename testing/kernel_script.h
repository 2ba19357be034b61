// Scripts of system calls, to be run on more than one kernel.
#ifndef POLLUX_TESTING_KERNEL_SCRIPT_H_
#define POLLUX_TESTING_KERNEL_SCRIPT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"

namespace pollux {

// Where a step binds or connects to.
enum class Place : uint8_t {
  // 127.0.0.1, a port that the kernel chooses.
  kLoopback,
  // 0.0.0.0, a port that the kernel chooses.
  kEverywhere,
  // 127.0.0.1, where nobody listens.
  kNobody,
  // What getsockname(2) says of the descriptor `number`.
  kOfDescriptor,
  // Unix names, by number.
  kAbstractName,
  kPath,
  // Of one byte.
  kTooShort,
};

// One call with its arguments. Descriptors are counted from 0, since both
// kernels give the lowest number that is free. Waits never wait.
struct Step {
  enum class Call : uint8_t {
    kSocket,       // number: the domain; flags: wrong ones, or 0
    kSocketPair,   // number: the domain
    kEventFd,      // number: the initial count; flags: EFD_SEMAPHORE
    kEpollCreate,  // flags: wrong ones, or 0
    kDup,
    kClose,
    kBind,     // place, number
    kConnect,  // place, number
    kListen,   // number: the backlog
    kAccept,   // flags: wrong ones, or 0
    kGetSockName,
    kReuseAddress,  // number: on or off
    kLinger,        // number: on, with 0 seconds, or off
    kGetError,
    kRecv,        // number: bytes; flags
    kSend,        // number: bytes; flags: which
    kShutdown,    // number: how
    kRead,        // number: bytes
    kWrite,       // number: bytes; flags: which
    kWriteCount,  // number: what to write to an eventfd
    kEpollAdd,    // other, events, number: the data
    kEpollModify,
    kEpollRemove,
    kEpollWait,
  };

  Call call = Call::kClose;
  int descriptor = 0;
  int other = 0;
  int64_t number = 0;
  int flags = 0;
  uint32_t events = 0;
  Place place = Place::kLoopback;
};

std::string ToString(const Step& step);

// What came of a step, without what may differ between two kernels.
struct Outcome {
  SysResult result = SysResult::Ok();
  // Bytes or an address. Ports are only told from 0.
  std::string text;
  // By data: the order of events is the kernel's business.
  std::map<uint64_t, uint32_t> events;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::string ToString(const Outcome& outcome);

// Runs steps on one kernel. Closes what is left when it goes. Owns nothing;
// the kernel must outlive it.
class ScriptRunner {
 public:
  // Numbers up to this many above the first are the script's.
  static constexpr int kMaxDescriptors = 64;

  // `dup` is dup(2), which is no call of Kernel. `first` is the first of
  // kMaxDescriptors numbers that are free. `name` makes unix names different
  // from those of other runs.
  ScriptRunner(Kernel& kernel, std::function<SysResult(int)> dup, int first,
               std::string name)
      : kernel_(kernel),
        dup_(std::move(dup)),
        first_(first),
        name_(std::move(name)) {}
  ScriptRunner(const ScriptRunner&) = delete;
  ScriptRunner& operator=(const ScriptRunner&) = delete;
  ~ScriptRunner();

  Outcome Run(const Step& step);

 private:
  // A new descriptor as the script counts.
  SysResult Counted(SysResult result) const;
  Address AddressOf(const Step& step);
  Outcome GetSockName(int descriptor);
  Outcome Wait(int descriptor);

  Kernel& kernel_;
  const std::function<SysResult(int)> dup_;
  const int first_;
  const std::string name_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_KERNEL_SCRIPT_H_
