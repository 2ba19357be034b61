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
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
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
constexpr int64_t kSeeds = 40;
constexpr size_t kSteps = 1000;

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
    const bool reads = step.call == Call::kRecv || step.call == Call::kRead;
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
// - SO_REUSEPORT: which listener gets a connection is a hash of its ports.
// - SO_REUSEADDR after bind(2): Linux remembers what it was.
// - A socket that connects to itself.
// - bind(2) to the port of a connection: Linux remembers those that are over
//   (TIME_WAIT), the fake kernel does not.
// - More than eight bytes for an eventfd, which only new kernels refuse.
// - More than a few KiB on the way, and backlogs that get full: see the tests
//   of their own below and in kernel_conformance_test.
class Generator {
 public:
  explicit Generator(uint64_t seed)
      : random_(seed), kinds_(ScriptRunner::kMaxDescriptors) {}

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
    const int descriptor = Pick(Open());
    if (random_.Chance(5)) return With(Call::kClose, descriptor);
    if (random_.Chance(1)) return With(Call::kDup, descriptor);
    return Sensible(descriptor);
  }

  // Told of every step that Next() gave.
  void Learn(const Step& step, const Outcome& outcome) {
    const bool ok = outcome.result.ok();
    const std::shared_ptr<Kind> kind = KindOf(step.descriptor);
    switch (step.call) {
      case Call::kSocket:
        if (ok) {
          Made(outcome.result.value(),
               step.number == AF_UNIX ? Kind::kUnix : Kind::kTcp);
        }
        break;
      case Call::kSocketPair:
        if (ok) {
          // "3 and 5".
          const size_t space = outcome.text.find(' ');
          for (const std::string& number :
               {outcome.text.substr(0, space),
                outcome.text.substr(outcome.text.rfind(' ') + 1)}) {
            Made(std::stoi(number), Kind::kConnection);
          }
        }
        break;
      case Call::kEventFd:
        if (ok) Made(outcome.result.value(), Kind::kEventFd);
        break;
      case Call::kEpollCreate:
        if (ok) Made(outcome.result.value(), Kind::kEpoll);
        break;
      case Call::kDup:
        if (ok) KindOf(static_cast<int>(outcome.result.value())) = kind;
        break;
      case Call::kAccept:
        if (ok) Made(outcome.result.value(), Kind::kConnection);
        break;
      case Call::kClose:
        KindOf(step.descriptor) = nullptr;
        break;
      case Call::kBind:
        if (ok && *kind == Kind::kTcp) *kind = Kind::kBoundTcp;
        if (ok && *kind == Kind::kUnix) *kind = Kind::kBoundUnix;
        break;
      case Call::kListen:
        if (ok) *kind = Kind::kListener;
        break;
      case Call::kConnect:
        if (ok || outcome.result.error() == EINPROGRESS) {
          *kind = Kind::kConnection;
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
    kEventFd,
    kEpoll,
  };

  static Step With(Call call, int descriptor, int64_t number = 0) {
    return {.call = call, .descriptor = descriptor, .number = number};
  }

  std::shared_ptr<Kind>& KindOf(int descriptor) {
    return kinds_[static_cast<size_t>(descriptor)];
  }
  void Made(int64_t descriptor, Kind kind) {
    KindOf(static_cast<int>(descriptor)) = std::make_shared<Kind>(kind);
  }

  std::vector<int> Of(std::vector<Kind> wanted) const {
    std::vector<int> found;
    for (size_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i] != nullptr &&
          std::count(wanted.begin(), wanted.end(), *kinds_[i]) > 0) {
        found.push_back(static_cast<int>(i));
      }
    }
    return found;
  }
  std::vector<int> Open() const {
    std::vector<int> found;
    for (size_t i = 0; i < kinds_.size(); ++i) {
      if (kinds_[i] != nullptr) found.push_back(static_cast<int>(i));
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

  Step Sending(Call call, int descriptor) {
    return {.call = call,
            .descriptor = descriptor,
            .number = Size(),
            .flags = static_cast<int>(steps_ % 26)};
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
    if (roll < 25) {
      return {.call = Call::kEventFd,
              .number = random_.Between(0, 2),
              .flags = random_.Chance(30)  ? EFD_SEMAPHORE
                       : random_.Chance(3) ? 1 << 5
                                           : 0};
    }
    if (roll < 45) {
      return {.call = Call::kSocketPair,
              .number = random_.Chance(95) ? AF_UNIX : AF_INET};
    }
    return {.call = Call::kSocket,
            .number = random_.Chance(70)   ? AF_INET
                      : random_.Chance(97) ? AF_UNIX
                                           : 999};
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
    const std::shared_ptr<Kind> file = KindOf(step.descriptor);
    const Kind kind = file == nullptr ? Kind::kEpoll : *file;
    if (step.call == Call::kReuseAddress && kind != Kind::kTcp) {
      step.call = Call::kGetError;
    }
    if (step.call == Call::kConnect && step.place == Place::kOfDescriptor &&
        step.number == step.descriptor) {
      step.place = Place::kNobody;
    }
    if (step.call == Call::kListen) step.number = 100;
    if (step.call == Call::kRecv) step.flags &= MSG_PEEK;
    if (step.call == Call::kWrite && kind == Kind::kEventFd) step.number %= 9;
    return step;
  }

  Step Bind(int descriptor, bool unix_name) {
    Step step = With(Call::kBind, descriptor, random_.Between(0, 3));
    const uint64_t roll = random_.Below(100);
    if (roll < 4) {
      step.place = Place::kTooShort;
    } else if (roll < 16) {
      step.place = Place::kOfDescriptor;
      step.number = Pick(Of({Kind::kTcp, Kind::kBoundTcp, Kind::kUnix,
                             Kind::kBoundUnix, Kind::kListener}));
    } else if (unix_name) {
      step.place = random_.Chance(60) ? Place::kAbstractName : Place::kPath;
      if (step.place == Place::kPath)
        step.number = random_.Between(0, kPaths - 1);
    } else {
      step.place = random_.Chance(70) ? Place::kLoopback : Place::kEverywhere;
    }
    return step;
  }

  Step Connect(int descriptor, bool unix_name) {
    Step step = With(Call::kConnect, descriptor, random_.Between(0, 3));
    const std::vector<int> listeners = Of({Kind::kListener});
    const uint64_t roll = random_.Below(100);
    if (roll < 4) {
      step.place = Place::kTooShort;
    } else if (roll < 10) {
      step.place = Place::kOfDescriptor;
      step.number = Pick(Open());
    } else if (roll < 75 && !listeners.empty()) {
      step.place = Place::kOfDescriptor;
      step.number = Pick(listeners);
    } else if (unix_name) {
      step.place = random_.Chance(60) ? Place::kAbstractName : Place::kPath;
    } else {
      step.place = Place::kNobody;
    }
    return Safe(step);
  }

  Step Sensible(int descriptor) {
    const uint64_t roll = random_.Below(100);
    const Kind kind = *KindOf(descriptor);
    switch (kind) {
      case Kind::kTcp:
      case Kind::kUnix:
        if (roll < 45) return Bind(descriptor, kind == Kind::kUnix);
        if (roll < 85) return Connect(descriptor, kind == Kind::kUnix);
        if (roll < 90 && kind == Kind::kTcp) {
          return With(Call::kReuseAddress, descriptor, random_.Between(0, 1));
        }
        break;
      case Kind::kBoundTcp:
      case Kind::kBoundUnix:
        if (roll < 65) return With(Call::kListen, descriptor, 100);
        if (roll < 75) return Bind(descriptor, kind == Kind::kBoundUnix);
        if (roll < 85) return Connect(descriptor, kind == Kind::kBoundUnix);
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
        if (roll < 38) return Sending(Call::kSend, descriptor);
        if (roll < 75) {
          return {.call = random_.Chance(90) ? Call::kRecv : Call::kRead,
                  .descriptor = descriptor,
                  .number = random_.Chance(70) ? 4096 : Size(),
                  .flags = random_.Chance(10) ? MSG_PEEK : 0};
        }
        if (roll < 80) return Sending(Call::kWrite, descriptor);
        break;
      case Kind::kEventFd:
        if (roll < 50) {
          return With(Call::kWriteCount, descriptor,
                      random_.Chance(5)    ? -1
                      : random_.Chance(10) ? -2
                                           : random_.Between(0, 3));
        }
        return With(Call::kRead, descriptor, random_.Chance(95) ? 8 : 7);
      case Kind::kEpoll:
        break;
    }
    // What can be asked of every socket.
    switch (random_.Below(8)) {
      case 0:
      case 1:
        return With(Call::kShutdown, descriptor,
                    random_.Chance(3) ? 7 : random_.Between(0, 2));
      case 2:
        return With(Call::kLinger, descriptor, random_.Between(0, 1));
      case 3:
        return With(Call::kGetSockName, descriptor);
      case 4:
        return Connect(descriptor, random_.Chance(20));
      case 5:
        return With(Call::kRecv, descriptor, Size());
      case 6:
        return Sending(Call::kSend, descriptor);
      default:
        return With(Call::kGetError, descriptor);
    }
  }

  Random random_;
  // By number; shared by those that were dup'ed.
  std::vector<std::shared_ptr<Kind>> kinds_;
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
