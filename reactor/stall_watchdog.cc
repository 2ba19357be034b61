#include "reactor/stall_watchdog.h"

#include <pthread.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/log/check.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "reactor/sys_result.h"
#include "reactor/type_name.h"

namespace pollux {
namespace {

constexpr int kMaxFrames = 64;
constexpr absl::Duration kSignalPatience = absl::Seconds(1);
// How many times a loop is looked at within the threshold.
constexpr int kLooks = 4;

std::string Symbol(void* address) {
  std::array<char, 512> name;
  return absl::Symbolize(address, name.data(), static_cast<int>(name.size()))
             ? std::string(name.data())
             : absl::StrFormat("%p", address);
}

// The instruction that the signal came before: walking the stack only finds who
// called. Null where that is not known.
void* InterruptedAt(const void* context) {
  [[maybe_unused]] const mcontext_t& machine =
      static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine.pc);
#else
  return nullptr;
#endif
}

}  // namespace

// Filled on the loop's thread, in the signal's handler, where little is
// allowed: signal-safety(7).
struct StallWatchdog::Capture {
  enum State : int { kIdle, kAsked, kTaken };

  const Reactor* reactor = nullptr;
  uint64_t progress = 0;
  void* interrupted_at = nullptr;
  // Of the callers.
  int frames = 0;
  std::array<void*, kMaxFrames> stack;
  std::array<Dispatch, DispatchLog::kSize> recent;
  std::atomic<int> state = kIdle;
};

StallWatchdog::StallWatchdog(const Options& options, OnStall on_stall,
                             OnAlive on_alive)
    : options_(options),
      on_stall_(std::move(on_stall)),
      on_alive_(std::move(on_alive)),
      capture_(std::make_unique<Capture>()) {}

absl::StatusOr<std::unique_ptr<StallWatchdog>> StallWatchdog::Create(
    const Options& options, OnStall on_stall, OnAlive on_alive) {
  CHECK_GT(options.threshold, absl::ZeroDuration());
  CHECK_GT(options.alive_interval, absl::ZeroDuration());
  std::unique_ptr<StallWatchdog> watchdog(
      new StallWatchdog(options, std::move(on_stall), std::move(on_alive)));
  struct sigaction action = {};
  action.sa_sigaction = OnSignal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (::sigaction(options.signal, &action, &watchdog->old_action_) != 0) {
    return SysResult::Error(errno).ToStatus("sigaction");
  }
  watchdog->handles_signal_ = true;
  watchdog->thread_ =
      std::thread([object = watchdog.get()] { object->Loop(); });
  return watchdog;
}

StallWatchdog::~StallWatchdog() {
  if (thread_.joinable()) {
    {
      absl::MutexLock lock(&mutex_);
      stops_ = true;
    }
    thread_.join();
  }
  if (capture_->state.load(std::memory_order_acquire) == Capture::kAsked) {
    // A thread that blocks the signal, or hangs in the kernel, may still get
    // to it: the handler and what it fills stay.
    (void)capture_.release();
    return;
  }
  if (handles_signal_)
    (void)::sigaction(options_.signal, &old_action_, nullptr);
}

void StallWatchdog::Watch(Reactor& reactor, std::string name) {
  absl::MutexLock lock(&mutex_);
  watched_.push_back({.reactor = &reactor, .name = std::move(name)});
}

void StallWatchdog::Unwatch(Reactor& reactor) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(watched_, [&](const Watched& watched) {
    return watched.reactor == &reactor;
  });
}

void StallWatchdog::OnSignal(int, siginfo_t* info, void* context) {
  // kill(2) sends the number alone.
  if (info->si_code != SI_QUEUE) return;
  auto* capture = static_cast<Capture*>(info->si_value.sival_ptr);
  if (capture->state.load(std::memory_order_acquire) != Capture::kAsked) return;
  const int error = errno;
  const Reactor& reactor = *capture->reactor;
  capture->progress = reactor.progress_.load(std::memory_order_relaxed);
  capture->recent = reactor.log_.Recent();
  capture->interrupted_at = InterruptedAt(context);
  // This function, and what the kernel put between it and the others.
  constexpr int kOwnFrames = 2;
  int dropped = 0;
  capture->frames = absl::GetStackTraceWithContext(
      capture->stack.data(), kMaxFrames, kOwnFrames, context, &dropped);
  capture->state.store(Capture::kTaken, std::memory_order_release);
  errno = error;
}

void StallWatchdog::Loop() {
  const absl::Duration look_interval = options_.threshold / kLooks;
  absl::Time next_alive = absl::Now() + options_.alive_interval;
  while (true) {
    std::vector<StallReport> reports;
    bool all_alive = false;
    {
      absl::MutexLock lock(&mutex_);
      const bool stops =
          mutex_.AwaitWithTimeout(absl::Condition(&stops_), look_interval);
      if (stops) return;
      all_alive = Look(absl::Now(), reports);
    }
    for (const StallReport& report : reports) on_stall_(report);
    const absl::Time now = absl::Now();
    if (!all_alive || now < next_alive) continue;
    next_alive = now + options_.alive_interval;
    on_alive_();
  }
}

bool StallWatchdog::Look(absl::Time now, std::vector<StallReport>& reports) {
  bool all_alive = true;
  for (Watched& watched : watched_) {
    const uint64_t progress =
        watched.reactor->progress_.load(std::memory_order_relaxed);
    const bool calls_back = progress % 2 == 1;
    if (!calls_back || progress != watched.progress) {
      watched.progress = progress;
      watched.since = now;
      watched.told = false;
      continue;
    }
    const absl::Duration running_for = now - watched.since;
    if (running_for < options_.threshold) continue;
    all_alive = false;
    if (watched.told) continue;
    StallReport report;
    report.reactor = watched.name;
    report.running_for = running_for;
    if (!Describe(watched, report)) continue;
    watched.told = true;
    reports.push_back(std::move(report));
  }
  return all_alive;
}

bool StallWatchdog::Describe(const Watched& watched, StallReport& report) {
  Capture& capture = *capture_;
  if (capture.state.load(std::memory_order_acquire) == Capture::kAsked) {
    // An earlier one was never answered.
    return false;
  }
  capture.reactor = watched.reactor;
  capture.state.store(Capture::kAsked, std::memory_order_release);
  {
    // The thread cannot end while this is held.
    absl::MutexLock lock(&watched.reactor->watch_mutex_);
    const pthread_t thread = watched.reactor->running_thread_;
    sigval value;
    value.sival_ptr = &capture;
    if (thread == Reactor::kNoThread ||
        pthread_sigqueue(thread, options_.signal, value) != 0) {
      capture.state.store(Capture::kIdle, std::memory_order_release);
      return false;
    }
  }
  const absl::Time deadline = absl::Now() + kSignalPatience;
  while (capture.state.load(std::memory_order_acquire) != Capture::kTaken) {
    if (absl::Now() > deadline) return false;
    std::this_thread::yield();
  }
  capture.state.store(Capture::kIdle, std::memory_order_relaxed);
  // It ended just when it was asked: no stall any more.
  if (capture.progress != watched.progress) return false;
  if (capture.interrupted_at != nullptr) {
    report.stack.push_back(Symbol(capture.interrupted_at));
  }
  for (int i = 0; i < capture.frames; ++i) {
    // The call, not what it returns to.
    void* const returns_to = capture.stack[static_cast<size_t>(i)];
    report.stack.push_back(Symbol(static_cast<char*>(returns_to) - 1));
  }
  for (const Dispatch& dispatch : capture.recent) {
    if (dispatch.kind != Dispatch::Kind::kNone) {
      report.recent.push_back(dispatch);
    }
  }
  report.dispatch = report.recent.back();
  if (report.dispatch.handler != nullptr) {
    report.handler = TypeName(*report.dispatch.handler);
  }
  return true;
}

}  // namespace pollux
