// Scripts of system calls, to be run on more than one kernel.
#ifndef POLLUX_TESTING_KERNEL_SCRIPT_H_
#define POLLUX_TESTING_KERNEL_SCRIPT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

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
  // The same with IPv6: [::1], [::] and [::1].
  kLoopback6,
  kEverywhere6,
  kNobody6,
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
    kSocket,          // number: the domain; flags: wrong ones, or 0
    kSocketPair,      // number: the domain
    kDatagramSocket,  // number: the domain
    kDatagramPair,    // number: the domain
    kEventFd,         // number: the initial count; flags: EFD_SEMAPHORE
    kEpollCreate,     // flags: wrong ones, or 0
    kDup,
    kClose,
    kBind,     // place, number
    kConnect,  // place, number
    kListen,   // number: the backlog
    kAccept,   // flags: wrong ones, or 0
    kDisconnect,
    kGetSockName,
    kGetPeerName,
    kReuseAddress,  // number: on or off
    kLinger,        // number: on, with 0 seconds; off, with 0 or 9
    kGetOption,     // number: SO_TYPE and such
    kGetError,
    kRecv,        // number: bytes; flags
    kSend,        // number: bytes; flags: which
    kSendTo,      // place, number; bytes; flags: which
    kRecvMsg,     // number: bytes, in two pieces; bytes: of control data; flags
    kSendMsg,     // number: bytes, in two pieces; flags: which
    kPass,        // the same, with the descriptor `other` `bytes` times
    kRecvMMsg,    // number: of messages; bytes: of each
    kSendMMsg,    // number: of messages; bytes: of each; flags: which
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
  int64_t bytes = 0;
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
  // Of a message: its sender, its flags, its descriptors as the script counts.
  std::string envelope;
  std::vector<int> descriptors;
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
  // The fake has no IPv4 on IPv6 sockets (IPV6_V6ONLY).
  void BeAlone(SysResult socket, int family);
  Address AddressOf(const Step& step);
  Outcome GetName(const Step& step);
  Outcome Receive(const Step& step);
  Outcome ReceiveSeveral(const Step& step);
  SysResult Send(const Step& step);
  SysResult SendSeveral(const Step& step);
  Outcome Wait(int descriptor);

  Kernel& kernel_;
  const std::function<SysResult(int)> dup_;
  const int first_;
  const std::string name_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_KERNEL_SCRIPT_H_
