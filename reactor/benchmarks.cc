// What the loop costs: bazel run -c opt //reactor:benchmarks
//
// Only ratios taken in one run travel from machine to machine: beside the
// dispatch of a ready descriptor stand the same system calls made by hand.
// "allocations" is per operation.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>

#include "absl/log/check.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "reactor/histogram.h"
#include "reactor/io_handler.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"
#include "testing/allocation_counter.h"

namespace pollux {
namespace {

// For timers that never fire.
void Nothing() {}

// Counts what the loop of a benchmark allocates on its thread.
class Allocations {
 public:
  explicit Allocations(benchmark::State& state) : state_(state) {}
  ~Allocations() {
    state_.counters["allocations"] = benchmark::Counter(
        static_cast<double>(CountAllocations().allocations - before_),
        benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  const uint64_t before_ = CountAllocations().allocations;
};

// Two connected sockets: one byte always waits at the near one.
class Pair {
 public:
  explicit Pair(Kernel& kernel) : kernel_(kernel) {
    CHECK(kernel
              .SocketPair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                          0, ends_)
              .ok());
    Put();
  }
  ~Pair() {
    for (int end : ends_) (void)kernel_.Close(end);
  }

  int near() const { return ends_[0]; }
  void Put() { CHECK(kernel_.Send(ends_[1], byte_, MSG_NOSIGNAL).ok()); }
  void Take() { CHECK(kernel_.Recv(ends_[0], absl::MakeSpan(byte_), 0).ok()); }

 private:
  Kernel& kernel_;
  std::array<int, 2> ends_ = {-1, -1};
  std::array<char, 1> byte_ = {'x'};
};

class Turner final : public IoHandler {
 public:
  explicit Turner(Pair& pair) : pair_(pair) {}
  void OnReady(Readiness) override {
    pair_.Take();
    pair_.Put();
  }

 private:
  Pair& pair_;
};

// What the loop does twice in each iteration.
void BM_Clock(benchmark::State& state) {
  LinuxKernel kernel;
  for (auto _ : state) {
    benchmark::DoNotOptimize(kernel.ClockGetTime(CLOCK_MONOTONIC));
  }
}
BENCHMARK(BM_Clock);

// A wait, a read and a write for each event, without a loop around them; with
// a deadline, as in every service, the wait has a timeout, for which the clock
// must be known, and somebody wants to know the time afterwards.
enum class Deadline : int { kNone, kInAnHour };

void BM_DispatchByHand(benchmark::State& state) {
  const bool has_deadline =
      static_cast<Deadline>(state.range(0)) == Deadline::kInAnHour;
  LinuxKernel kernel;
  Pair pair(kernel);
  const int epoll = kernel.EpollCreate1(EPOLL_CLOEXEC).descriptor();
  epoll_event event = {.events = EPOLLIN, .data = {.fd = pair.near()}};
  CHECK(kernel.EpollCtl(epoll, EPOLL_CTL_ADD, pair.near(), &event).ok());
  std::array<epoll_event, 512> events;
  const int64_t deadline =
      kernel.ClockGetTime(CLOCK_MONOTONIC).value() + int64_t{3'600'000'000'000};
  for (auto _ : state) {
    const absl::Duration timeout =
        has_deadline
            ? absl::Nanoseconds(deadline -
                                kernel.ClockGetTime(CLOCK_MONOTONIC).value())
            : absl::InfiniteDuration();
    CHECK_EQ(kernel.EpollPwait2(epoll, absl::MakeSpan(events), timeout).value(),
             1);
    benchmark::DoNotOptimize(kernel.ClockGetTime(CLOCK_MONOTONIC));
    pair.Take();
    pair.Put();
  }
  (void)kernel.Close(epoll);
}
BENCHMARK(BM_DispatchByHand)->ArgName("deadline")->Arg(0)->Arg(1);

void BM_Dispatch(benchmark::State& state) {
  LinuxKernel kernel;
  Reactor::Options options;
  options.observe = static_cast<Reactor::Observe>(state.range(1));
  const auto reactor = *Reactor::Create(kernel, options);
  Pair pair(kernel);
  Turner turner(pair);
  Registration registration =
      *reactor->Register(pair.near(), Interest::kRead, turner);
  Timer timer(*reactor, &Nothing);
  if (static_cast<Deadline>(state.range(0)) == Deadline::kInAnHour) {
    timer.ArmAfter(absl::Hours(1));
  }
  const Allocations allocations(state);
  for (auto _ : state) reactor->RunOnce(absl::InfiniteDuration());
}
BENCHMARK(BM_Dispatch)
    ->ArgNames({"deadline", "observe"})
    ->ArgsProduct({{0, 1}, {0, 1, 2}});

// The loop as services run it.
void BM_DispatchInRun(benchmark::State& state) {
  class Stopper final : public IoHandler {
   public:
    Stopper(Pair& pair, Reactor& reactor, int64_t times)
        : pair_(pair), reactor_(reactor), left_(times) {}
    void OnReady(Readiness) override {
      pair_.Take();
      pair_.Put();
      if (--left_ == 0) reactor_.Stop();
    }

   private:
    Pair& pair_;
    Reactor& reactor_;
    int64_t left_;
  };
  constexpr int64_t kTimes = 1000;
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  Pair pair(kernel);
  Timer timer(*reactor, &Nothing);
  timer.ArmAfter(absl::Hours(1));
  while (state.KeepRunningBatch(kTimes)) {
    Stopper stopper(pair, *reactor, kTimes);
    Registration registration =
        *reactor->Register(pair.near(), Interest::kRead, stopper);
    reactor->Run();
  }
}
BENCHMARK(BM_DispatchInRun);

void BM_RegisterAndUnregister(benchmark::State& state) {
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  Pair pair(kernel);
  Turner turner(pair);
  const Allocations allocations(state);
  for (auto _ : state) {
    Registration registration =
        *reactor->Register(pair.near(), Interest::kRead, turner);
  }
}
BENCHMARK(BM_RegisterAndUnregister);

// `count` timers with deadlines spread over a minute, an hour away.
std::deque<Timer> MakeTimers(Reactor& reactor, int64_t count) {
  std::deque<Timer> timers;
  uint64_t random = 1;
  for (int64_t i = 0; i < count; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    timers.emplace_back(reactor, &Nothing);
    timers.back().ArmAfter(absl::Hours(1) + absl::Milliseconds(random >> 48));
  }
  return timers;
}

template <typename Step>
void RunTimerBenchmark(benchmark::State& state, Step step) {
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  std::deque<Timer> timers = MakeTimers(*reactor, state.range(0));
  uint64_t random = 1;
  const Allocations allocations(state);
  for (auto _ : state) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    step(timers[(random >> 33) % timers.size()], random >> 48);
  }
}

// The usual fate of a timeout: put off before it is due.
void BM_TimerRearmLater(benchmark::State& state) {
  absl::Duration later = absl::Hours(2);
  RunTimerBenchmark(state, [&](Timer& timer, uint64_t) {
    later += absl::Nanoseconds(1);
    timer.ArmAfter(later);
  });
}
BENCHMARK(BM_TimerRearmLater)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void BM_TimerRearmAnywhere(benchmark::State& state) {
  RunTimerBenchmark(state, [](Timer& timer, uint64_t random) {
    timer.ArmAfter(absl::Hours(1) + absl::Milliseconds(random));
  });
}
BENCHMARK(BM_TimerRearmAnywhere)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void BM_TimerCancelAndArm(benchmark::State& state) {
  RunTimerBenchmark(state, [](Timer& timer, uint64_t random) {
    timer.Disarm();
    timer.ArmAfter(absl::Hours(1) + absl::Milliseconds(random));
  });
}
BENCHMARK(BM_TimerCancelAndArm)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void BM_PostWithinTheLoop(benchmark::State& state) {
  constexpr int kBatch = 1000;
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  int64_t ran = 0;
  const Allocations allocations(state);
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      CHECK(reactor->Post([&ran] { ++ran; }).ok());
    }
    reactor->RunOnce(absl::ZeroDuration());
  }
}
BENCHMARK(BM_PostWithinTheLoop);

// From a post on one thread to its run on another, whose loop was idle; and
// back. The time of one way is in the counters.
void BM_PostAcrossThreads(benchmark::State& state) {
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  Histogram latency;
  std::thread loop([&] { reactor->Run(); });
  const auto now = [&] { return kernel.ClockGetTime(CLOCK_MONOTONIC).value(); };
  for (auto _ : state) {
    std::atomic<bool> ran = false;
    const int64_t posted = now();
    CHECK(reactor
              ->Post([&, posted] {
                latency.RecordNanos(now() - posted);
                ran.store(true, std::memory_order_release);
                ran.notify_one();
              })
              .ok());
    ran.wait(false, std::memory_order_acquire);
  }
  reactor->Stop();
  loop.join();
  const Histogram::Snapshot read = latency.Read();
  state.counters["p50_ns"] =
      static_cast<double>(absl::ToInt64Nanoseconds(read.Quantile(0.5)));
  state.counters["p99_ns"] =
      static_cast<double>(absl::ToInt64Nanoseconds(read.Quantile(0.99)));
}
BENCHMARK(BM_PostAcrossThreads)->UseRealTime();

// The least that a wake-up of another thread costs here: a write to an eventfd
// that it waits for, without a loop around it. Most of it is the time that an
// idle CPU takes to wake.
void BM_WakeAcrossThreadsByHand(benchmark::State& state) {
  LinuxKernel kernel;
  const int epoll = kernel.EpollCreate1(EPOLL_CLOEXEC).descriptor();
  const int wake = kernel.EventFd(0, EFD_NONBLOCK | EFD_CLOEXEC).descriptor();
  epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = wake}};
  CHECK(kernel.EpollCtl(epoll, EPOLL_CTL_ADD, wake, &event).ok());
  const auto now = [&] { return kernel.ClockGetTime(CLOCK_MONOTONIC).value(); };
  Histogram latency;
  std::atomic<int64_t> written_at = 0;
  std::atomic<bool> stops = false;
  std::thread waiter([&] {
    std::array<epoll_event, 1> events;
    while (!stops.load()) {
      CHECK(kernel
                .EpollPwait2(epoll, absl::MakeSpan(events),
                             absl::InfiniteDuration())
                .ok());
      latency.RecordNanos(now() - written_at.load());
      written_at.store(0);
      written_at.notify_one();
    }
  });
  const uint64_t one = 1;
  const absl::Span<const char> bytes(reinterpret_cast<const char*>(&one),
                                     sizeof(one));
  const auto wake_it = [&] {
    const int64_t time = now();
    written_at.store(time);
    CHECK(kernel.Write(wake, bytes).ok());
    written_at.wait(time);
  };
  for (auto _ : state) wake_it();
  stops.store(true);
  wake_it();
  waiter.join();
  (void)kernel.Close(wake);
  (void)kernel.Close(epoll);
  const Histogram::Snapshot read = latency.Read();
  state.counters["p50_ns"] =
      static_cast<double>(absl::ToInt64Nanoseconds(read.Quantile(0.5)));
  state.counters["p99_ns"] =
      static_cast<double>(absl::ToInt64Nanoseconds(read.Quantile(0.99)));
}
BENCHMARK(BM_WakeAcrossThreadsByHand)->UseRealTime();

void BM_DeleteSoon(benchmark::State& state) {
  constexpr int kBatch = 1000;
  LinuxKernel kernel;
  const auto reactor = *Reactor::Create(kernel);
  while (state.KeepRunningBatch(kBatch)) {
    for (int i = 0; i < kBatch; ++i) {
      reactor->DeleteSoon(std::make_unique<int>(i));
    }
    reactor->RunOnce(absl::ZeroDuration());
  }
}
BENCHMARK(BM_DeleteSoon);

}  // namespace
}  // namespace pollux
