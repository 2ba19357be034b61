// Random scripts of system calls on Linux and on the fake kernel, side by side.
// Every result must be the same; where Linux may do one thing or another, it is
// said in the code, under "Allowed".
//
// A failure shows the seed and a script that was made shorter. To run one seed:
//
//   bazel test //testing:kernel_differential_test --test_arg=--seed=N

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/sys_result.h"
#include "testing/fake/random.h"
#include "testing/fake_kernel.h"
#include "testing/kernel_script.h"

namespace pollux {
namespace {

using Call = Step::Call;

// Seeds of a run, and the steps of each.
constexpr int64_t kSeeds = 80;
constexpr size_t kSteps = 1000;

// Of one call: more than a unix datagram socket takes from who it does not
// answer.
constexpr int64_t kMostMessages = 12;

// Unix paths of a script.
constexpr int kPaths = 31;

// How long Linux may take to deliver on the loopback interface.
constexpr absl::Duration kPatience = absl::Seconds(2);

std::optional<int64_t> only_seed;

// The first of as many numbers as a script needs. Numbers before, if free, are
// taken for the rest of the program.
int FirstDescriptorOfScripts(Kernel& kernel) {
  std::vector<int> run;
  while (run.size() < ScriptRunner::kMaxDescriptors) {
    const int next = kernel.EventFd(0, EFD_CLOEXEC).descriptor();
    if (!run.empty() && next != run.back() + 1) run.clear();
    run.push_back(next);
  }
  for (int descriptor : run) (void)kernel.Close(descriptor);
  return run.front();
}

// The two kernels, in step.
class SideBySide {
 public:
  SideBySide()
      : name_(NextName()),
        first_linux_(FirstDescriptorOfScripts(linux_kernel_)),
        linux_(linux_kernel_, DupOnLinux, first_linux_, name_),
        fake_(
            fake_kernel_,
            [this](int descriptor) { return fake_kernel_.Dup(descriptor); },
            FirstDescriptorOfScripts(fake_kernel_), name_) {}
  ~SideBySide() {
    ::close(echo_);
    for (int i = 0; i < kPaths; ++i) {
      ::unlink(absl::StrCat(name_, i).c_str());
    }
  }

  // What both did; else what each did, in words.
  struct Comparison {
    Outcome outcome;
    std::string difference;
  };

  Comparison Run(const Step& step) {
    const Outcome fake = fake_.Run(step);
    Outcome real = linux_.Run(step);
    const absl::Time deadline = absl::Now() + kPatience;
    AwaitDatagrams(step.call);
    if (step.call == Call::kShutdown) AwaitFin(step.descriptor, deadline);
    if (step.call == Call::kAccept && real.result.ok()) {
      // Its listener may have been shut down before it listened.
      AwaitFin(real.result.descriptor(), deadline);
    }
    while (real != fake && MayComeLater(step, real, fake) &&
           absl::Now() < deadline) {
      absl::SleepFor(absl::Microseconds(100));
      RunAgain(step, fake, real);
    }
    if (real == fake) return {fake, ""};
    return {fake, absl::StrCat("  Linux: ", ToString(real),
                               "\n  fake:  ", ToString(fake), "\n")};
  }

  // On each until it says EAGAIN.
  void RunUntilItWouldBlock(const Step& step) {
    for (ScriptRunner* runner : {&linux_, &fake_}) {
      SysResult last = SysResult::Ok();
      for (int tries = 0; tries < 10'000 && last.ok(); ++tries) {
        last = runner->Run(step).result;
        if (!last.would_block() || runner == &fake_) continue;
        // What is on the way on the loopback interface.
        absl::SleepFor(absl::Milliseconds(5));
        last = runner->Run(step).result;
      }
      EXPECT_EQ(last, SysResult::Error(EAGAIN)) << ToString(step);
    }
  }

 private:
  static SysResult DupOnLinux(int descriptor) {
    const int copy = ::dup(descriptor);
    return copy < 0 ? SysResult::Error(errno) : SysResult::Ok(copy);
  }

  static std::string NextName() {
    static int runs = 0;
    return absl::StrCat("s", ::getpid(), "-", runs++, "-");
  }

  // Allowed: TCP segments of the loopback interface are handled in a softirq,
  // which nearly always is over when the call returns, but need not be. What
  // only says that something has not come is asked again for a while. Never
  // the other way round: what Linux does and the fake kernel does not is wrong.
  static bool MayComeLater(const Step& step, const Outcome& real,
                           const Outcome& fake) {
    switch (step.call) {
      case Call::kAccept:
        return real.result.error() == EAGAIN;
      case Call::kConnect:
        return real.result.error() == EALREADY;
      case Call::kGetError:
        return real.text == "none";
      // It is connected as long as its end has not come.
      case Call::kGetPeerName:
        return real.result.ok();
      case Call::kRecvMMsg:
        return real.result.error() == EAGAIN;
      case Call::kRecvMsg:
      case Call::kRecv:
      case Call::kRead:
        return real.result.error() == EAGAIN ||
               (real.result.ok() && real.result.value() < fake.result.value());
      case Call::kEpollWait:
        return real.result.ok() && fake.result.ok() &&
               std::all_of(real.events.begin(), real.events.end(),
                           [&](const auto& event) {
                             const auto found = fake.events.find(event.first);
                             return found != fake.events.end() &&
                                    (event.second & ~found->second) == 0;
                           });
      default:
        return false;
    }
  }

  // Allowed: datagrams, and ICMP's answers to them, take the same way. What is
  // sent behind them is there when they are.
  void AwaitDatagrams(Call call) {
    switch (call) {
      case Call::kSend:
      case Call::kSendTo:
      case Call::kSendMsg:
      case Call::kSendMMsg:
      case Call::kPass:
      case Call::kWrite: {
        char byte = 0;
        EXPECT_EQ(::send(echo_, &byte, sizeof(byte), 0), 1);
        EXPECT_EQ(::recv(echo_, &byte, sizeof(byte), 0), 1);
        break;
      }
      default:
        break;
    }
  }

  // Allowed: Linux wakes once more when the acknowledgement of a FIN comes,
  // which the peer may delay for 40 ms. Waited for, so that this edge is part
  // of the shutdown.
  void AwaitFin(int descriptor, absl::Time deadline) {
    while (absl::Now() < deadline) {
      tcp_info info = {};
      socklen_t length = sizeof(info);
      if (::getsockopt(first_linux_ + descriptor, IPPROTO_TCP, TCP_INFO, &info,
                       &length) != 0 ||
          (info.tcpi_state != TCP_FIN_WAIT1 && info.tcpi_state != TCP_CLOSING &&
           info.tcpi_state != TCP_LAST_ACK)) {
        return;
      }
      absl::SleepFor(absl::Microseconds(100));
    }
  }

  void RunAgain(const Step& step, const Outcome& fake, Outcome& real) {
    const bool reads = step.call == Call::kRecv ||
                       step.call == Call::kRecvMsg || step.call == Call::kRead;
    if (step.call == Call::kEpollWait) {
      // The events of one wait may come in two.
      for (const auto& [data, events] : linux_.Run(step).events) {
        real.events[data] |= events;
      }
      real.result = SysResult::Ok(static_cast<int64_t>(real.events.size()));
    } else if (reads && real.result.ok() && (step.flags & MSG_PEEK) == 0) {
      Step rest = step;
      rest.number = fake.result.value() - real.result.value();
      const Outcome more = linux_.Run(rest);
      if (!more.result.ok()) return;
      real.result = SysResult::Ok(real.result.value() + more.result.value());
      real.text += more.text;
    } else {
      real = linux_.Run(step);
    }
  }

  // A UDP socket that is connected to itself.
  static int MakeEcho() {
    const int echo = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    socklen_t length = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(echo, raw, length), 0);
    EXPECT_EQ(::getsockname(echo, raw, &length), 0);
    EXPECT_EQ(::connect(echo, raw, length), 0);
    return echo;
  }

  const int echo_ = MakeEcho();
  LinuxKernel linux_kernel_;
  FakeKernel fake_kernel_;
  // Unix names of this run begin with it.
  const std::string name_;
  const int first_linux_;
  ScriptRunner linux_;
  ScriptRunner fake_;
};

// Makes up steps that mostly make sense, from what came of those before.
//
// Allowed, by not being asked for:
// - SO_REUSEPORT: which socket gets a connection or a datagram is a hash of its
//   ports.
// - SO_REUSEADDR after bind(2): Linux remembers what it was. With UDP: who of
//   several gets a datagram depends on who was connected when.
// - A TCP socket that connects to itself.
// - bind(2) to the port of a connection: Linux remembers those that are over
//   (TIME_WAIT), the fake kernel does not.
// - bind(2) to a port of the other protocol, TCP or UDP: it may be somebody
//   else's.
// - More than eight bytes for an eventfd, which only new kernels refuse.
// - More than a few KiB on the way, and backlogs that get full: see the tests
//   of their own below and in kernel_conformance_test.
// - Unix sockets in messages: those that nobody can receive any more are closed
//   by Linux in its own time. See kernel_messages_conformance_test.
// - IPv4 on IPv6 sockets: the fake has none, so all have IPV6_V6ONLY.
class Generator {
 public:
  explicit Generator(uint64_t seed)
      : random_(seed), files_(ScriptRunner::kMaxDescriptors) {}

  Step Next() {
    ++steps_;
    if (Open().size() < 6 || (random_.Chance(12) && Open().size() < 48)) {
      return Create();
    }
    if (Open().size() >= 48) return With(Call::kClose, Pick(Open()));
    // Waits find most of what can be wrong.
    const std::vector<int> sets = Of({Kind::kEpoll});
    if (!sets.empty() && random_.Chance(30)) {
      return With(Call::kEpollWait, Pick(sets));
    }
    if (!sets.empty() && random_.Chance(25)) return Watch(Pick(sets));
    if (random_.Chance(4)) return Nonsense();
    // Often the same one again: queues get long, and are emptied.
    const bool again = random_.Chance(40) && FileOf(last_) != nullptr;
    const int descriptor = again ? last_ : Pick(Open());
    last_ = descriptor;
    if (random_.Chance(5)) return With(Call::kClose, descriptor);
    if (random_.Chance(1)) return With(Call::kDup, descriptor);
    return Sensible(descriptor);
  }

  // Told of every step that Next() gave.
  void Learn(const Step& step, const Outcome& outcome) {
    const bool ok = outcome.result.ok();
    const std::shared_ptr<File> file = FileOf(step.descriptor);
    const int domain = static_cast<int>(step.number);
    switch (step.call) {
      case Call::kSocket:
        if (ok) {
          Made(outcome.result.value(),
               {.kind = domain == AF_UNIX ? Kind::kUnix : Kind::kTcp,
                .family = domain});
        }
        break;
      case Call::kDatagramSocket:
        if (ok) Made(outcome.result.value(), {Kind::kDatagrams, domain});
        break;
      case Call::kSocketPair:
      case Call::kDatagramPair:
        for (int descriptor : outcome.descriptors) {
          Made(descriptor, {step.call == Call::kSocketPair ? Kind::kConnection
                                                           : Kind::kDatagrams,
                            domain});
        }
        break;
      case Call::kRecvMsg:
        // Nobody keeps account of what was sent.
        for (int descriptor : outcome.descriptors) {
          Made(descriptor, {Kind::kReceived, AF_UNSPEC});
        }
        break;
      case Call::kEventFd:
        if (ok) Made(outcome.result.value(), {Kind::kEventFd, AF_UNSPEC});
        break;
      case Call::kEpollCreate:
        if (ok) Made(outcome.result.value(), {Kind::kEpoll, AF_UNSPEC});
        break;
      case Call::kDup:
        if (ok) FileOf(static_cast<int>(outcome.result.value())) = file;
        break;
      case Call::kAccept:
        if (ok) {
          Made(outcome.result.value(), {Kind::kConnection, file->family});
        }
        break;
      case Call::kClose:
        FileOf(step.descriptor) = nullptr;
        break;
      case Call::kBind:
        if (ok && file->kind == Kind::kTcp) file->kind = Kind::kBoundTcp;
        if (ok && file->kind == Kind::kUnix) file->kind = Kind::kBoundUnix;
        break;
      case Call::kListen:
        if (ok) file->kind = Kind::kListener;
        break;
      case Call::kShutdown:
        if (file != nullptr) file->was_shut_down = true;
        break;
      case Call::kConnect:
        if (file != nullptr && file->kind == Kind::kDatagrams) break;
        if (ok || outcome.result.error() == EINPROGRESS) {
          file->kind = Kind::kConnection;
        }
        break;
      default:
        break;
    }
  }

 private:
  enum class Kind : uint8_t {
    kTcp,
    kBoundTcp,
    kUnix,
    kBoundUnix,
    kListener,
    kConnection,
    kDatagrams,
    kEventFd,
    kEpoll,
    // Came in a message.
    kReceived,
  };
  struct File {
    Kind kind;
    int family;
    // Its port is told, but no longer its own.
    bool was_shut_down = false;
  };

  static Step With(Call call, int descriptor, int64_t number = 0) {
    return {.call = call, .descriptor = descriptor, .number = number};
  }

  std::shared_ptr<File>& FileOf(int descriptor) {
    return files_[static_cast<size_t>(descriptor)];
  }
  void Made(int64_t descriptor, const File& file) {
    FileOf(static_cast<int>(descriptor)) = std::make_shared<File>(file);
  }

  std::vector<int> Of(std::vector<Kind> wanted) const {
    std::vector<int> found;
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i] != nullptr &&
          std::count(wanted.begin(), wanted.end(), files_[i]->kind) > 0) {
        found.push_back(static_cast<int>(i));
      }
    }
    return found;
  }
  std::vector<int> Open() const {
    std::vector<int> found;
    for (size_t i = 0; i < files_.size(); ++i) {
      if (files_[i] != nullptr) found.push_back(static_cast<int>(i));
    }
    return found;
  }

  template <typename T>
  T Pick(const std::vector<T>& from) {
    return from[static_cast<size_t>(random_.Below(from.size()))];
  }

  int64_t Size() {
    if (random_.Chance(5)) return 0;
    return random_.Chance(70) ? random_.Between(1, 20)
                              : random_.Between(1, 1000);
  }
  // Many of them fit into any buffer.
  int64_t DatagramSize() { return random_.Between(0, 20); }
  int WhichLetters() const { return static_cast<int>(steps_ % 26); }

  Step Sending(Call call, int descriptor) {
    return {.call = call,
            .descriptor = descriptor,
            .number = Size(),
            .flags = WhichLetters()};
  }

  uint32_t Events() {
    static constexpr uint32_t kBits[] = {
        EPOLLIN,           EPOLLIN,           EPOLLIN,
        EPOLLOUT,          EPOLLOUT,          EPOLLRDHUP,
        EPOLLRDHUP,        EPOLLPRI,          EPOLLRDNORM,
        EPOLLWRNORM,       EPOLLWRBAND,       EPOLLRDBAND,
        uint32_t{EPOLLET}, uint32_t{EPOLLET}, uint32_t{EPOLLET},
        uint32_t{EPOLLET}, EPOLLONESHOT,      EPOLLONESHOT};
    uint32_t events = random_.Chance(90) ? uint32_t{EPOLLIN} : 0;
    for (int64_t i = random_.Between(0, 5); i > 0; --i) {
      events |= kBits[random_.Below(std::size(kBits))];
    }
    return random_.Chance(4) ? events | EPOLLEXCLUSIVE : events;
  }

  Step Create() {
    const uint64_t roll = random_.Below(100);
    if (roll < 10 || Of({Kind::kEpoll}).empty()) {
      // More than four in a chain are another limit (ELOOP).
      if (Of({Kind::kEpoll}).size() < 5) {
        return {.call = Call::kEpollCreate, .flags = random_.Chance(5) ? 1 : 0};
      }
    }
    if (roll < 28) {
      return {.call = Call::kEventFd,
              .number = random_.Between(0, 2),
              .flags = random_.Chance(30)  ? EFD_SEMAPHORE
                       : random_.Chance(3) ? 1 << 5
                                           : 0};
    }
    if (roll < 40) {
      return {.call = Call::kSocketPair,
              .number = random_.Chance(95) ? AF_UNIX : AF_INET};
    }
    if (roll < 46) {
      return {.call = Call::kDatagramPair,
              .number = random_.Chance(95) ? AF_UNIX : AF_INET6};
    }
    const int64_t domain = random_.Chance(45)   ? AF_INET
                           : random_.Chance(45) ? AF_INET6
                           : random_.Chance(97) ? AF_UNIX
                                                : 999;
    return {.call = roll < 75 ? Call::kSocket : Call::kDatagramSocket,
            .number = domain};
  }

  Step Watch(int set) {
    const int other =
        random_.Chance(95)
            ? Pick(Open())
            : static_cast<int>(random_.Below(ScriptRunner::kMaxDescriptors));
    const uint64_t roll = random_.Below(100);
    return {.call = roll < 55   ? Call::kEpollAdd
                    : roll < 88 ? Call::kEpollModify
                                : Call::kEpollRemove,
            .descriptor = set,
            .other = other,
            .number = static_cast<int64_t>(steps_ * 1'000'000'007),
            .events = Events()};
  }

  // Any call on any number.
  Step Nonsense() {
    Step step = Sensible(Pick(Open()));
    step.descriptor =
        static_cast<int>(random_.Below(ScriptRunner::kMaxDescriptors));
    if (random_.Chance(30)) {
      step.call = static_cast<Call>(
          random_.Between(static_cast<int64_t>(Call::kGetError),
                          static_cast<int64_t>(Call::kEpollWait)));
    }
    return Safe(step);
  }

  Step Safe(Step step) {
    const std::shared_ptr<File> file = FileOf(step.descriptor);
    const Kind kind = file == nullptr ? Kind::kEpoll : file->kind;
    const bool is_datagrams = kind == Kind::kDatagrams;
    if (step.call == Call::kReuseAddress && kind != Kind::kTcp) {
      step.call = Call::kGetError;
    }
    if (step.call == Call::kDisconnect && !is_datagrams) {
      step.call = Call::kGetError;
    }
    if (step.call == Call::kConnect && step.place == Place::kOfDescriptor &&
        !is_datagrams && step.number == step.descriptor) {
      step.place = Place::kNobody;
    }
    if (step.call == Call::kBind && step.place == Place::kOfDescriptor) {
      const std::shared_ptr<File> other = FileOf(static_cast<int>(step.number));
      if (other != nullptr && other->family != AF_UNIX &&
          (is_datagrams != (other->kind == Kind::kDatagrams) ||
           other->was_shut_down)) {
        step.place = Place::kTooShort;
      }
    }
    if (step.call == Call::kListen) step.number = 100;
    if (step.call == Call::kRecv) step.flags &= MSG_PEEK;
    if (step.call == Call::kRecvMsg) {
      step.number = std::clamp<int64_t>(step.number, 0, 4096);
      step.bytes = std::clamp<int64_t>(step.bytes, 0, 100);
      step.flags &= MSG_PEEK | MSG_TRUNC;
    }
    if (step.call == Call::kRecvMMsg) step.flags &= MSG_PEEK;
    if (step.call == Call::kRecvMMsg || step.call == Call::kSendMMsg) {
      step.number = std::clamp<int64_t>(step.number, 0, kMostMessages);
      step.bytes = std::clamp<int64_t>(step.bytes, 0, 20);
    }
    if (step.call == Call::kSendTo) {
      step.number = std::clamp<int64_t>(step.number, 0, 3);
      step.bytes = std::clamp<int64_t>(step.bytes, 0, 20);
    }
    if (step.call == Call::kPass) step = SafePass(step);
    const bool sends = step.call == Call::kSend ||
                       step.call == Call::kSendMsg || step.call == Call::kPass;
    if (sends && is_datagrams) step.number %= 21;
    if (step.call == Call::kWrite &&
        (kind == Kind::kEventFd || kind == Kind::kReceived || is_datagrams)) {
      step.number %= 9;
    }
    // More bytes than eight, in pieces, for what may be an eventfd.
    if (step.call == Call::kWrite && kind == Kind::kReceived) {
      step.call = Call::kSend;
    }
    return step;
  }

  // Unix sockets and sets are not passed.
  Step SafePass(Step step) {
    step.bytes = std::clamp<int64_t>(step.bytes, 0, 3);
    const std::shared_ptr<File> other = FileOf(step.other);
    if (other != nullptr &&
        (other->family == AF_UNIX || other->kind == Kind::kEpoll)) {
      step.bytes = 0;
    }
    return step;
  }

  static Place Somewhere(int family) {
    return family == AF_INET6 ? Place::kLoopback6 : Place::kLoopback;
  }
  static Place Nobody(int family) {
    return family == AF_INET6 ? Place::kNobody6 : Place::kNobody;
  }
  static Place Everywhere(int family) {
    return family == AF_INET6 ? Place::kEverywhere6 : Place::kEverywhere;
  }
  // Now and then another one.
  int FamilyNear(int descriptor) {
    static constexpr int kFamilies[] = {AF_INET, AF_INET6, AF_UNIX};
    const int family = FileOf(descriptor)->family;
    return random_.Chance(4) || family == AF_UNSPEC
               ? kFamilies[random_.Below(std::size(kFamilies))]
               : family;
  }

  Step Bind(int descriptor) {
    Step step = With(Call::kBind, descriptor, random_.Between(0, 3));
    const int family = FamilyNear(descriptor);
    const uint64_t roll = random_.Below(100);
    if (roll < 4) {
      step.place = Place::kTooShort;
    } else if (roll < 16) {
      step.place = Place::kOfDescriptor;
      step.number =
          Pick(Of({Kind::kTcp, Kind::kBoundTcp, Kind::kUnix, Kind::kBoundUnix,
                   Kind::kListener, Kind::kDatagrams}));
    } else if (family == AF_UNIX) {
      step.place = random_.Chance(60) ? Place::kAbstractName : Place::kPath;
      if (step.place == Place::kPath) {
        step.number = random_.Between(0, kPaths - 1);
      }
    } else {
      step.place = random_.Chance(70) ? Somewhere(family) : Everywhere(family);
    }
    return Safe(step);
  }

  // Fills in where to: mostly to one of `wanted`.
  Step To(Step step, const std::vector<int>& wanted) {
    const int family = FamilyNear(step.descriptor);
    const uint64_t roll = random_.Below(100);
    step.number = random_.Between(0, 3);
    if (roll < 4) {
      step.place = Place::kTooShort;
    } else if (roll < 10) {
      step.place = Place::kOfDescriptor;
      step.number = Pick(Open());
    } else if (roll < 75 && !wanted.empty()) {
      step.place = Place::kOfDescriptor;
      step.number = Pick(wanted);
    } else if (family == AF_UNIX) {
      step.place = random_.Chance(60) ? Place::kAbstractName : Place::kPath;
    } else {
      step.place = Nobody(family);
    }
    return Safe(step);
  }

  // Those of a kind; if there are any of its family, those.
  std::vector<int> Near(int descriptor, Kind kind) {
    std::vector<int> found;
    for (int other : Of({kind})) {
      if (FileOf(other)->family == FileOf(descriptor)->family) {
        found.push_back(other);
      }
    }
    return found.empty() ? Of({kind}) : found;
  }

  Step Connect(int descriptor) {
    const bool is_datagrams = FileOf(descriptor)->kind == Kind::kDatagrams;
    return To(
        With(Call::kConnect, descriptor),
        Near(descriptor, is_datagrams ? Kind::kDatagrams : Kind::kListener));
  }

  Step Receiving(int descriptor) {
    const uint64_t roll = random_.Below(100);
    const int64_t most = random_.Chance(70) ? 4096 : Size();
    const int peek = random_.Chance(10) ? MSG_PEEK : 0;
    if (roll < 50) {
      return {.call = Call::kRecv,
              .descriptor = descriptor,
              .number = most,
              .flags = peek};
    }
    if (roll < 60) return With(Call::kRead, descriptor, most);
    if (roll < 66) {
      return Safe({.call = Call::kRecvMMsg,
                   .descriptor = descriptor,
                   .number = random_.Between(0, kMostMessages),
                   .bytes = DatagramSize(),
                   .flags = peek});
    }
    const int64_t control = random_.Chance(60) ? 64 : random_.Between(0, 40);
    return Safe({.call = Call::kRecvMsg,
                 .descriptor = descriptor,
                 .number = most,
                 .bytes = control,
                 .flags = peek | (random_.Chance(10) ? MSG_TRUNC : 0)});
  }

  Step Passing(int descriptor) {
    return Safe({.call = Call::kPass,
                 .descriptor = descriptor,
                 .other = random_.Chance(95)
                              ? Pick(Open())
                              : static_cast<int>(random_.Below(
                                    ScriptRunner::kMaxDescriptors)),
                 .number = DatagramSize(),
                 .bytes = random_.Between(0, 3),
                 .flags = WhichLetters()});
  }

  Step SendingMessage(int descriptor) {
    return Safe(random_.Chance(80)
                    ? Sending(Call::kSendMsg, descriptor)
                    : Step{.call = Call::kSendMMsg,
                           .descriptor = descriptor,
                           .number = random_.Between(0, kMostMessages),
                           .bytes = DatagramSize(),
                           .flags = WhichLetters()});
  }

  Step OnDatagrams(int descriptor) {
    const uint64_t roll = random_.Below(100);
    if (roll < 12) return Bind(descriptor);
    if (roll < 22) return Connect(descriptor);
    if (roll < 25) return With(Call::kDisconnect, descriptor);
    if (roll < 40) {
      Step step = {.call = Call::kSendTo,
                   .descriptor = descriptor,
                   .bytes = DatagramSize(),
                   .flags = WhichLetters()};
      return To(step, Near(descriptor, Kind::kDatagrams));
    }
    if (roll < 50) return Safe(Sending(Call::kSend, descriptor));
    if (roll < 56) return SendingMessage(descriptor);
    if (roll < 62) return Passing(descriptor);
    if (roll < 88) return Receiving(descriptor);
    return OnAnySocket(descriptor);
  }

  // What can be asked of every socket.
  Step OnAnySocket(int descriptor) {
    static constexpr int kOptions[] = {SO_TYPE,       SO_DOMAIN, SO_PROTOCOL,
                                       SO_ACCEPTCONN, SO_LINGER, SO_REUSEADDR,
                                       9999};
    switch (random_.Below(13)) {
      case 0:
      case 1:
        return With(Call::kShutdown, descriptor,
                    random_.Chance(3) ? 7 : random_.Between(0, 2));
      case 2:
        return With(Call::kLinger, descriptor, random_.Between(0, 2));
      case 3:
        return With(Call::kGetSockName, descriptor);
      case 4:
      case 5:
        return With(Call::kGetPeerName, descriptor);
      case 6:
        return Connect(descriptor);
      case 7:
        return Receiving(descriptor);
      case 8:
        return Safe(Sending(Call::kSend, descriptor));
      case 9:
        return With(Call::kGetOption, descriptor,
                    kOptions[random_.Below(std::size(kOptions))]);
      case 10:
        return To({.call = Call::kSendTo,
                   .descriptor = descriptor,
                   .bytes = DatagramSize(),
                   .flags = WhichLetters()},
                  Open());
      case 11:
        // Also if it is connected; with IP see above.
        if (FileOf(descriptor)->family == AF_UNIX) return Bind(descriptor);
        [[fallthrough]];
      default:
        return With(Call::kGetError, descriptor);
    }
  }

  Step Sensible(int descriptor) {
    const uint64_t roll = random_.Below(100);
    switch (FileOf(descriptor)->kind) {
      case Kind::kTcp:
      case Kind::kUnix:
        if (roll < 45) return Bind(descriptor);
        if (roll < 85) return Connect(descriptor);
        if (roll < 90) {
          return Safe(
              With(Call::kReuseAddress, descriptor, random_.Between(0, 1)));
        }
        break;
      case Kind::kBoundTcp:
      case Kind::kBoundUnix:
        if (roll < 65) return With(Call::kListen, descriptor, 100);
        if (roll < 75) return Bind(descriptor);
        if (roll < 85) return Connect(descriptor);
        break;
      case Kind::kListener:
        if (roll < 80) {
          return {.call = Call::kAccept,
                  .descriptor = descriptor,
                  .flags = random_.Chance(2) ? 1 : 0};
        }
        if (roll < 82) return With(Call::kListen, descriptor, 100);
        break;
      case Kind::kConnection:
        if (roll < 24) return Sending(Call::kSend, descriptor);
        if (roll < 36) return SendingMessage(descriptor);
        if (roll < 46) return Passing(descriptor);
        if (roll < 80) return Receiving(descriptor);
        if (roll < 84) return Sending(Call::kWrite, descriptor);
        break;
      case Kind::kDatagrams:
        return OnDatagrams(descriptor);
      case Kind::kEventFd:
        if (roll < 50) {
          return With(Call::kWriteCount, descriptor,
                      random_.Chance(5)    ? -1
                      : random_.Chance(10) ? -2
                                           : random_.Between(0, 3));
        }
        return With(Call::kRead, descriptor, random_.Chance(95) ? 8 : 7);
      case Kind::kReceived:
        if (roll < 40) return With(Call::kClose, descriptor);
        if (roll < 60) return Receiving(descriptor);
        if (roll < 70) return Sending(Call::kSend, descriptor);
        if (roll < 80) return With(Call::kWriteCount, descriptor, 1);
        if (roll < 90) return With(Call::kGetPeerName, descriptor);
        return With(Call::kGetError, descriptor);
      case Kind::kEpoll:
        break;
    }
    return OnAnySocket(descriptor);
  }

  Random random_;
  // By number; shared by those that were dup'ed.
  std::vector<std::shared_ptr<File>> files_;
  int last_ = 0;
  uint64_t steps_ = 0;
};

// The difference and the number of steps up to it; none if there is no
// difference.
struct Failure {
  size_t steps;
  std::string difference;
};

std::optional<Failure> Replay(const std::vector<Step>& script) {
  SideBySide both;
  for (size_t i = 0; i < script.size(); ++i) {
    const std::string difference = both.Run(script[i]).difference;
    if (!difference.empty()) return Failure{i + 1, difference};
  }
  return std::nullopt;
}

// Leaves out what is not needed for the last step to differ.
std::vector<Step> Shrink(std::vector<Step> script) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  for (size_t chunk = script.size() / 2; chunk > 0; chunk /= 2) {
    for (size_t at = 0; at < script.size() && absl::Now() < deadline;) {
      std::vector<Step> shorter = script;
      const auto from = shorter.begin() + static_cast<ptrdiff_t>(at);
      const size_t end = std::min(at + chunk, shorter.size());
      shorter.erase(from, shorter.begin() + static_cast<ptrdiff_t>(end));
      const std::optional<Failure> failure = Replay(shorter);
      if (failure.has_value() && failure->steps == shorter.size() &&
          end < script.size()) {
        script = std::move(shorter);
      } else {
        at += chunk;
      }
    }
  }
  return script;
}

std::string Describe(const std::vector<Step>& script) {
  SideBySide both;
  std::string text;
  for (const Step& step : script) {
    const auto [outcome, difference] = both.Run(step);
    absl::StrAppend(&text, ToString(step));
    if (!difference.empty()) return absl::StrCat(text, "\n", difference);
    absl::StrAppend(&text, " = ", ToString(outcome), "\n");
  }
  return text + "(no difference any more)\n";
}

// One a run: it takes its time.
std::string MakeShorter(const std::vector<Step>& script) {
  static bool was_here = false;
  if (std::exchange(was_here, true)) return "";
  return absl::StrCat("\nShorter:\n", Describe(Shrink(script)));
}

class RandomScriptTest : public testing::TestWithParam<int64_t> {};

std::vector<int64_t> Seeds() {
  if (only_seed.has_value()) return {*only_seed};
  std::vector<int64_t> seeds;
  for (int64_t seed = 1; seed <= kSeeds; ++seed) seeds.push_back(seed);
  return seeds;
}

TEST_P(RandomScriptTest, IsTheSameOnBoth) {
  Generator generator(static_cast<uint64_t>(GetParam()));
  SideBySide both;
  std::vector<Step> script;
  while (script.size() < kSteps) {
    script.push_back(generator.Next());
    const auto [outcome, difference] = both.Run(script.back());
    if (!difference.empty()) {
      FAIL() << "seed " << GetParam() << ", step " << script.size() << ", "
             << ToString(script.back()) << "\n"
             << difference << MakeShorter(script);
    }
    generator.Learn(script.back(), outcome);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomScriptTest, testing::ValuesIn(Seeds()),
                         testing::PrintToStringParamName());

// Allowed: how many bytes fit, and how many must be read until it is writable
// again. That it gets full, says so, and becomes writable with one edge, is the
// same.
TEST(KernelDifferentialTest, FullBuffers) {
  for (int family : {AF_INET, AF_UNIX}) {
    SideBySide both;
    const auto must = [&](const Step& step, int64_t value) {
      const auto [outcome, difference] = both.Run(step);
      EXPECT_EQ(difference, "") << ToString(step);
      EXPECT_EQ(outcome.result, SysResult::Ok(value)) << ToString(step);
    };
    // 0 listens, 1 and 2 are connected, 3 is an epoll set.
    must({.call = Call::kSocket, .number = family}, 0);
    must({.call = Call::kBind,
          .place = family == AF_UNIX ? Place::kAbstractName : Place::kLoopback},
         0);
    must({.call = Call::kListen, .number = 1}, 0);
    must({.call = Call::kSocket, .number = family}, 1);
    (void)both.Run({.call = Call::kConnect,
                    .descriptor = 1,
                    .place = Place::kOfDescriptor});
    must({.call = Call::kAccept}, 2);
    must({.call = Call::kEpollCreate}, 3);
    must({.call = Call::kEpollAdd,
          .descriptor = 3,
          .other = 1,
          .events = EPOLLOUT | uint32_t{EPOLLET}},
         0);
    const Step wait = {.call = Call::kEpollWait, .descriptor = 3};
    must(wait, 1);
    for (int round = 0; round < 3; ++round) {
      both.RunUntilItWouldBlock(
          {.call = Call::kSend, .descriptor = 1, .number = 16 * 1024});
      must(wait, 0);
      both.RunUntilItWouldBlock(
          {.call = Call::kRecv, .descriptor = 2, .number = 16 * 1024});
      must(wait, 1);
      must(wait, 0);
      must({.call = Call::kSend, .descriptor = 1, .number = 10}, 10);
      must({.call = Call::kRecv, .descriptor = 2, .number = 100}, 10);
      // Unix tells of each message that is gone.
      must(wait, family == AF_UNIX ? 1 : 0);
    }
  }
}

}  // namespace
}  // namespace pollux

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    int64_t seed;
    if (absl::ConsumePrefix(&argument, "--seed=") &&
        absl::SimpleAtoi(argument, &seed)) {
      pollux::only_seed = seed;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  // write(2) has no MSG_NOSIGNAL, and unix paths are short.
  ::signal(SIGPIPE, SIG_IGN);
  const char* folder = std::getenv("TEST_TMPDIR");
  if (::chdir(folder != nullptr ? folder : "/tmp") != 0) return 1;
  return RUN_ALL_TESTS();
}
