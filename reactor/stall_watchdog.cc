#include "reactor/stall_watchdog.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/debugging/leak_check.h"
#include "absl/debugging/stacktrace.h"
#include "absl/debugging/symbolize.h"
#include "absl/log/check.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "reactor/sys_result.h"
#include "reactor/type_name.h"

namespace pollux {
namespace {

constexpr int kMaxFrames = 64;
// How many times a loop is looked at within the threshold.
constexpr int kLooks = 4;
// The interval between looks at a thread whose stack was requested.
constexpr absl::Duration kAnswerInterval = absl::Milliseconds(1);

MonotonicTime Now() {
  timespec now;
  CHECK_EQ(::clock_gettime(CLOCK_MONOTONIC, &now), 0);
  return MonotonicTime() + absl::DurationFromTimespec(now);
}

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
  enum State : int {
    // No signal is pending.
    kIdle,
    // A signal is pending.
    kAsked,
    // The signal handler is writing.
    kFilling,
    kFilled,
    // A signal is pending whose result is no longer wanted: the reactor may be
    // destroyed.
    kAbandoned,
  };

  const Reactor* reactor = nullptr;
  uint64_t progress = 0;
  void* interrupted_at = nullptr;
  // Of the callers.
  int frames = 0;
  std::array<void*, kMaxFrames> stack;
  std::array<Dispatch, DispatchLog::kSize> recent;
  std::atomic<int> state = kIdle;
};

struct StallWatchdog::Watched {
  Reactor* reactor;
  std::string name;
  uint64_t progress = 0;
  MonotonicTime since = {};
  // Filled by the thread's signal handler. Allocated before the reactor is
  // watched, so that it exists before the handler reads it.
  std::unique_ptr<Capture> capture;
  bool is_asked = false;
  // When the stack was first requested in this stall; infinite if it was not.
  MonotonicTime asked_at = MonotonicTime::Infinite();
  bool reported = false;
};

StallWatchdog::StallWatchdog(const Options& options, OnStall on_stall,
                             OnAlive on_alive)
    : options_(options),
      on_stall_(std::move(on_stall)),
      on_alive_(std::move(on_alive)) {}

absl::StatusOr<std::unique_ptr<StallWatchdog>> StallWatchdog::Create(
    const Options& options, OnStall on_stall, OnAlive on_alive) {
  CHECK_GT(options.threshold, absl::ZeroDuration());
  CHECK_GT(options.stack_timeout, absl::ZeroDuration());
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
  absl::StatusOr<Thread> thread = Thread::Start(
      "stall-watchdog", [object = watchdog.get()] { object->Loop(); });
  if (!thread.ok()) return thread.status();
  watchdog->thread_ = *std::move(thread);
  return watchdog;
}

StallWatchdog::~StallWatchdog() {
  {
    absl::MutexLock lock(&mutex_);
    stops_ = true;
  }
  thread_.Join();
  absl::MutexLock lock(&mutex_);
  while (!watched_.empty()) Forget(watched_.size() - 1);
  bool keeps_handler = false;
  for (std::unique_ptr<Capture>& capture : abandoned_) {
    if (capture->state.load(std::memory_order_acquire) == Capture::kIdle) {
      continue;
    }
    // A thread that blocks the signal, or hangs in the kernel, may still get
    // to it: the handler stays installed, and the capture stays allocated.
    (void)absl::IgnoreLeak(capture.release());
    keeps_handler = true;
  }
  if (handles_signal_ && !keeps_handler) {
    (void)::sigaction(options_.signal, &old_action_, nullptr);
  }
}

void StallWatchdog::Watch(Reactor& reactor, std::string name) {
  absl::MutexLock lock(&mutex_);
  watched_.push_back({.reactor = &reactor,
                      .name = std::move(name),
                      .capture = std::make_unique<Capture>()});
}

void StallWatchdog::Unwatch(Reactor& reactor) {
  absl::MutexLock lock(&mutex_);
  for (size_t i = watched_.size(); i > 0; --i) {
    if (watched_[i - 1].reactor == &reactor) Forget(i - 1);
  }
}

void StallWatchdog::Forget(size_t index) {
  Watched& watched = watched_[index];
  if (watched.is_asked) Abandon(*watched.capture);
  if (watched.capture->state.load(std::memory_order_acquire) !=
      Capture::kIdle) {
    abandoned_.push_back(std::move(watched.capture));
  }
  watched_.erase(watched_.begin() + static_cast<ptrdiff_t>(index));
}

void StallWatchdog::OnSignal(int, siginfo_t* info, void* context) {
  // kill(2) sends the number alone.
  if (info->si_code != SI_QUEUE) return;
  auto* capture = static_cast<Capture*>(info->si_value.sival_ptr);
  int state = Capture::kAsked;
  if (!capture->state.compare_exchange_strong(state, Capture::kFilling,
                                              std::memory_order_acquire)) {
    capture->state.store(Capture::kIdle, std::memory_order_release);
    return;
  }
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
  capture->state.store(Capture::kFilled, std::memory_order_release);
  errno = error;
}

void StallWatchdog::Loop() {
  const absl::Duration look_interval = options_.threshold / kLooks;
  MonotonicTime next_alive = Now() + options_.alive_interval;
  absl::Duration wait = look_interval;
  while (true) {
    std::vector<StallReport> reports;
    bool all_alive = false;
    {
      absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stops_), wait)) return;
      all_alive = Look(Now(), reports);
      std::erase_if(abandoned_, [](const std::unique_ptr<Capture>& capture) {
        return capture->state.load(std::memory_order_acquire) == Capture::kIdle;
      });
      const bool is_asking =
          std::any_of(watched_.begin(), watched_.end(),
                      [](const Watched& watched) { return watched.is_asked; });
      wait =
          is_asking ? std::min(look_interval, kAnswerInterval) : look_interval;
    }
    for (const StallReport& report : reports) on_stall_(report);
    const MonotonicTime now = Now();
    if (!all_alive || now < next_alive) continue;
    next_alive = now + options_.alive_interval;
    on_alive_();
  }
}

bool StallWatchdog::Look(MonotonicTime now, std::vector<StallReport>& reports) {
  bool all_alive = true;
  for (Watched& watched : watched_) {
    const uint64_t progress =
        watched.reactor->progress_.load(std::memory_order_relaxed);
    const bool calls_back = progress % 2 == 1;
    if (!calls_back || progress != watched.progress) {
      watched.progress = progress;
      watched.since = now;
      watched.reported = false;
      watched.asked_at = MonotonicTime::Infinite();
      if (std::exchange(watched.is_asked, false)) Abandon(*watched.capture);
      continue;
    }
    const absl::Duration running_for = now - watched.since;
    if (running_for < options_.threshold) continue;
    const Next next = watched.reported ? Next::kWait : Ask(watched, now);
    if (next == Next::kIgnore) continue;
    all_alive = false;
    if (next == Next::kWait) continue;
    watched.reported = true;
    StallReport& report = reports.emplace_back();
    report.reactor = watched.name;
    report.running_for = running_for;
    if (next == Next::kReport) Describe(*watched.capture, report);
    if (std::exchange(watched.is_asked, false)) Abandon(*watched.capture);
  }
  return all_alive;
}

StallWatchdog::Next StallWatchdog::Ask(Watched& watched, MonotonicTime now) {
  Capture& capture = *watched.capture;
  const int state = capture.state.load(std::memory_order_acquire);
  if (watched.is_asked) {
    if (state != Capture::kFilled) {
      return now - watched.asked_at < options_.stack_timeout
                 ? Next::kWait
                 : Next::kReportWithoutStack;
    }
    if (capture.progress == watched.progress) return Next::kReport;
    // The callback ended before the signal arrived: the stall is over.
    watched.is_asked = false;
    Abandon(capture);
    return Next::kIgnore;
  }
  // The thread cannot end while this mutex is held.
  absl::MutexLock lock(&watched.reactor->watch_mutex_);
  const pthread_t thread = watched.reactor->running_thread_;
  if (thread == Reactor::kNoThread) return Next::kIgnore;
  // An earlier signal is still pending, and a standard signal is pending only
  // once.
  if (state != Capture::kIdle) return Next::kReportWithoutStack;
  watched.asked_at = std::min(watched.asked_at, now);
  capture.reactor = watched.reactor;
  capture.state.store(Capture::kAsked, std::memory_order_release);
  sigval value;
  value.sival_ptr = &capture;
  if (pthread_sigqueue(thread, options_.signal, value) == 0) {
    watched.is_asked = true;
    return Next::kWait;
  }
  capture.state.store(Capture::kIdle, std::memory_order_relaxed);
  return now - watched.asked_at < options_.stack_timeout
             ? Next::kWait
             : Next::kReportWithoutStack;
}

void StallWatchdog::Abandon(Capture& capture) {
  int state = Capture::kAsked;
  if (capture.state.compare_exchange_strong(state, Capture::kAbandoned,
                                            std::memory_order_acq_rel)) {
    return;
  }
  // The handler is running or has run: wait until it no longer uses the
  // reactor.
  while (capture.state.load(std::memory_order_acquire) != Capture::kFilled) {
    ::sched_yield();
  }
  capture.state.store(Capture::kIdle, std::memory_order_relaxed);
}

void StallWatchdog::Describe(const Capture& capture, StallReport& report) {
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
  if (report.recent.empty()) return;
  report.dispatch = report.recent.back();
  if (report.dispatch.handler != nullptr) {
    report.handler = TypeName(*report.dispatch.handler);
  }
}

}  // namespace pollux
