#include "reactor/reactor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <typeinfo>
#include <utility>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "reactor/type_name.h"

namespace pollux {
namespace {

// What epoll gives back with an event: the descriptor, so that a trace can show
// it, and the generation of its registration.
uint64_t Token(int descriptor, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(descriptor);
}

// An event that epoll returned.
struct Event {
  explicit Event(const epoll_event& event)
      : descriptor(static_cast<int>(event.data.u64 & UINT32_MAX)),
        generation(static_cast<uint32_t>(event.data.u64 >> 32)),
        events(event.events) {}

  const int descriptor;
  const uint32_t generation;
  const uint32_t events;
};

bool Reads(Interest interest) {
  return interest == Interest::kRead || interest == Interest::kReadWrite;
}

bool Writes(Interest interest) {
  return interest == Interest::kWrite || interest == Interest::kReadWrite ||
         interest == Interest::kWriteAndPeerClosed;
}

bool WantsPeerClosed(Interest interest, const WatchOptions& options) {
  return interest == Interest::kPeerClosed ||
         interest == Interest::kWriteAndPeerClosed ||
         (options.peer_half_close && Reads(interest));
}

uint32_t EpollEvents(Interest interest, const WatchOptions& options) {
  uint32_t events = 0;
  if (Reads(interest)) events |= EPOLLIN;
  if (Writes(interest)) events |= EPOLLOUT;
  if (options.priority_data) events |= EPOLLPRI;
  if (WantsPeerClosed(interest, options)) events |= EPOLLRDHUP;
  switch (options.trigger) {
    case Trigger::kLevel:
      return events;
    case Trigger::kEdge:
      return events | EPOLLET;
    case Trigger::kOneShot:
      return events | EPOLLONESHOT;
    case Trigger::kExclusive:
      return events | EPOLLEXCLUSIVE;
  }
  return events;
}

// Without what is not wanted any more.
Readiness FromEpoll(uint32_t events, Interest interest,
                    const WatchOptions& options) {
  return {.readable = (events & EPOLLIN) != 0 && Reads(interest),
          .writable = (events & EPOLLOUT) != 0 && Writes(interest),
          .priority = (events & EPOLLPRI) != 0,
          .peer_closed =
              (events & EPOLLRDHUP) != 0 && WantsPeerClosed(interest, options),
          .broken = (events & (EPOLLERR | EPOLLHUP)) != 0};
}

#ifdef NDEBUG
constexpr bool kDebugging = false;
#else
constexpr bool kDebugging = true;
#endif

}  // namespace

#ifndef NDEBUG
EmbeddedRegistration::~EmbeddedRegistration() {
  CHECK(!active()) << "the registration of descriptor " << descriptor_
                   << " is destroyed while it is active; Reset() it before";
}
#endif

absl::Status EmbeddedRegistration::Start(Reactor& reactor, int descriptor,
                                         Interest interest,
                                         const WatchOptions& options,
                                         IoHandler& handler) {
  CHECK(!active());
  absl::Status status =
      reactor.StartWatching(descriptor, interest, options, handler);
  if (status.ok()) descriptor_ = descriptor;
  return status;
}

absl::Status EmbeddedRegistration::SetInterest(Reactor& reactor,
                                               Interest interest) {
  CHECK(active());
  reactor.CheckThread("SetInterest()", descriptor_);
  if (reactor.watches_[descriptor_].interest == interest) {
    return absl::OkStatus();
  }
  return reactor.Change(descriptor_, interest).ToStatus("epoll_ctl");
}

absl::Status EmbeddedRegistration::Rearm(Reactor& reactor) {
  CHECK(active());
  reactor.CheckThread("Rearm()", descriptor_);
  return reactor.Change(descriptor_, reactor.watches_[descriptor_].interest)
      .ToStatus("epoll_ctl");
}

void EmbeddedRegistration::Inject(Reactor& reactor, Readiness readiness) {
  CHECK(active());
  reactor.CheckThread("Inject()", descriptor_);
  Reactor::Watch& watch = reactor.watches_[descriptor_];
  watch.injected |= readiness;
  if (watch.is_injected) return;
  watch.is_injected = true;
  reactor.injected_.push_back({descriptor_, watch.generation});
}

void EmbeddedRegistration::Reset(Reactor& reactor) {
  if (active()) reactor.StopWatching(std::exchange(descriptor_, -1));
}

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  reactor_ = other.reactor_;
  embedded_.descriptor_ = std::exchange(other.embedded_.descriptor_, -1);
  return *this;
}

Reactor& Registration::reactor() const {
  CHECK(active());
  return *reactor_;
}

Reactor::Reactor(Kernel& kernel, const Options& options)
    : kernel_(kernel),
      options_(options),
      process_(kDebugging ? ::getpid() : 0),
      events_(options.max_events_per_iteration) {}

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create(
    Kernel& kernel, const Options& options) {
  CHECK_GE(options.max_events_per_iteration, 1);
  CHECK_LE(options.max_events_per_iteration, 65536);
  CHECK_GE(options.max_timers_per_iteration, 1);
  CHECK_GE(options.max_tasks_per_iteration, 1);
  CHECK_GE(options.max_queued_tasks, 1u);
  std::unique_ptr<Reactor> reactor(new Reactor(kernel, options));
  if (absl::Status status = reactor->OpenDescriptors(); !status.ok()) {
    return status;
  }
  reactor->now_ = reactor->ReadClock();
  return reactor;
}

absl::Status Reactor::OpenDescriptors() {
  const SysResult epoll = kernel_.EpollCreate1(EPOLL_CLOEXEC);
  if (!epoll.ok()) return epoll.ToStatus("epoll_create1");
  epoll_ = epoll.descriptor();

  const SysResult wake = kernel_.EventFd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!wake.ok()) return wake.ToStatus("eventfd");
  wake_ = wake.descriptor();

  // Edge-triggered and never read: each write is an edge of its own, which
  // saves the read. The count cannot overflow in a machine's life.
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = Token(wake_, 0);
  return kernel_.EpollCtl(epoll_, EPOLL_CTL_ADD, wake_, &event)
      .ToStatus("epoll_ctl");
}

Reactor::~Reactor() {
  CHECK(!is_running()) << "a reactor is destroyed inside of its own callback; "
                       << "Stop() it, and destroy it when Run() has returned";
  DiscardWork();
  for (size_t fd = 0; watch_count_ > 0 && fd < watches_.size(); ++fd) {
    CHECK(watches_[fd].handler == nullptr)
        << "descriptor " << fd << " is still registered, for a "
        << TypeName(typeid(*watches_[fd].handler))
        << ", with a reactor that is being destroyed";
  }
  CHECK(timers_.empty()) << timers_.size() << " timers are still armed on a "
                         << "reactor that is being destroyed";
  if (wake_ >= 0) {
    // Its failure changes nothing: what is closed is gone.
    (void)kernel_.EpollCtl(epoll_, EPOLL_CTL_DEL, wake_, nullptr);
    (void)kernel_.Close(wake_);
  }
  if (epoll_ >= 0) (void)kernel_.Close(epoll_);
}

void Reactor::Run() {
  EnterLoop("Run()");
  SetRunningThread(pthread_self());
  while (!stop_.load(std::memory_order_acquire)) {
    Iterate(absl::InfiniteDuration());
  }
  stop_.store(false, std::memory_order_relaxed);
  SetRunningThread(kNoThread);
  LeaveLoop();
}

bool Reactor::RunOnce(absl::Duration max_wait) {
  EnterLoop("RunOnce()");
  Iterate(std::max(max_wait, absl::ZeroDuration()));
  const bool stopped = stop_.exchange(false, std::memory_order_acquire);
  LeaveLoop();
  return stopped;
}

void Reactor::EnterLoop(const char* caller) {
  pthread_t running = kNoThread;
  if (loop_thread_.compare_exchange_strong(running, pthread_self(),
                                           std::memory_order_relaxed)) {
    return;
  }
  LOG(FATAL) << caller
             << (pthread_equal(running, pthread_self())
                     ? " is called inside of the reactor's own callback; "
                       "return from it, and the loop goes on"
                     : " is called while another thread runs the reactor");
}

void Reactor::LeaveLoop() {
  // The caller may block, so the cached clock is stale from here on.
  is_idle_since_fresh_ = false;
  loop_thread_.store(kNoThread, std::memory_order_relaxed);
}

void Reactor::SetRunningThread(pthread_t thread) {
  absl::MutexLock lock(&watch_mutex_);
  running_thread_ = thread;
}

void Reactor::Iterate(absl::Duration max_wait) {
  if (kDebugging) CheckProcess();
  const size_t count = Wait(WaitLimit(max_wait));
  progress_.store(progress_.load(std::memory_order_relaxed) | 1,
                  std::memory_order_relaxed);
  last_call_end_ = now_;
  DispatchInjected(count);
  DispatchEvents(count);
  FireTimers();
  RunTasks();
  DeleteDoomed();
  statistics_.iterations.Add();
  if (is_observing()) {
    ReadIdleSince();
    statistics_.iteration_time.RecordNanos(idle_since_.nanos() - now_.nanos());
  }
  progress_.store(progress_.load(std::memory_order_relaxed) + 1,
                  std::memory_order_relaxed);
}

void Reactor::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

absl::Status Reactor::Post(Task task) {
  return Enqueue(std::move(task), options_.max_queued_tasks);
}

absl::Status Reactor::PostReserved(Task task) {
  return Enqueue(std::move(task), SIZE_MAX);
}

absl::Status Reactor::Enqueue(Task task, size_t max_queued_tasks) {
  // Inside of the loop, it looks at its tasks before it waits again.
  const bool is_inside = pthread_equal(
      loop_thread_.load(std::memory_order_relaxed), pthread_self());
  {
    absl::MutexLock lock(&mutex_);
    if (is_over_) return absl::CancelledError("the reactor does not run again");
    const size_t waiting =
        tasks_.size() + unrun_tasks_.load(std::memory_order_relaxed);
    if (waiting >= max_queued_tasks) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the reactor's queue is full: ", waiting, " tasks"));
    }
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_release);
    if (std::exchange(wake_sent_, true)) return absl::OkStatus();
    if (is_observing()) first_post_ = is_inside ? now_ : ReadClock();
  }
  if (!is_inside) Wake();
  return absl::OkStatus();
}

absl::StatusOr<Registration> Reactor::Register(int descriptor,
                                               Interest interest,
                                               const WatchOptions& options,
                                               IoHandler& handler) {
  Registration registration;
  registration.reactor_ = this;
  absl::Status status = registration.embedded_.Start(
      *this, descriptor, interest, options, handler);
  if (!status.ok()) return status;
  return registration;
}

absl::Status Reactor::StartWatching(int descriptor, Interest interest,
                                    const WatchOptions& options,
                                    IoHandler& handler) {
  CheckThread("Register()", descriptor);
  CHECK_GE(descriptor, 0);
  // EINVAL in Linux, which would tell of it less clearly.
  CHECK(options.trigger != Trigger::kExclusive ||
        (!options.priority_data && !options.peer_half_close));
  const size_t index = static_cast<size_t>(descriptor);
  if (index >= watches_.size()) {
    watches_.resize(std::max(index + 1, watches_.size() * 2));
  }
  Watch& watch = watches_[index];
  CHECK(watch.handler == nullptr)
      << "descriptor " << descriptor << " is already registered, for a "
      << TypeName(typeid(*watch.handler));
  watch = Watch{.generation = watch.generation + 1,
                .trigger = options.trigger,
                .priority_data = options.priority_data,
                .peer_half_close = options.peer_half_close};
  const SysResult result = Change(descriptor, interest);
  if (!result.ok()) return result.ToStatus("epoll_ctl");
  watch.handler = &handler;
  ++watch_count_;
  return absl::OkStatus();
}

SysResult Reactor::Control(int operation, int descriptor, Interest interest) {
  const Watch& watch = watches_[descriptor];
  epoll_event event = {};
  event.events = EpollEvents(interest, watch.options());
  event.data.u64 = Token(descriptor, watch.generation);
  return kernel_.EpollCtl(epoll_, operation, descriptor, &event);
}

SysResult Reactor::Change(int descriptor, Interest interest) {
  Watch& watch = watches_[descriptor];
  if (watch.trigger == Trigger::kExclusive && watch.is_in_epoll) {
    // epoll_ctl(2): an exclusive one cannot be modified.
    (void)kernel_.EpollCtl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    watch.is_in_epoll = false;
    watch.interest = Interest::kNone;
    if (interest == Interest::kNone) return SysResult::Ok();
  }
  const SysResult result = Control(
      watch.is_in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, interest);
  if (!result.ok()) return result;
  watch.is_in_epoll = true;
  watch.interest = interest;
  return result;
}

void Reactor::StopWatching(int descriptor) {
  CheckThread("the end of a Registration", descriptor);
  Watch& watch = watches_[descriptor];
  watch.handler = nullptr;
  --watch_count_;
  // If it fails, the generation keeps the handler from hearing more.
  if (watch.is_in_epoll) {
    (void)kernel_.EpollCtl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  }
}

void Reactor::NameOffender(const char* what, int descriptor) const {
  std::string whose;
  if (descriptor >= 0 && static_cast<size_t>(descriptor) < watches_.size() &&
      watches_[descriptor].handler != nullptr) {
    whose = absl::StrCat(" of descriptor ", descriptor, ", watched for a ",
                         TypeName(typeid(*watches_[descriptor].handler)), ",");
  }
  LOG(FATAL) << what << whose << " is called on another thread than the one "
             << "that the reactor runs on; Post() a task instead";
}

void Reactor::CheckProcess() const {
  CHECK_EQ(process_, ::getpid())
      << "a reactor is used after fork(2), in a child of the process that made "
      << "it: both would take each other's events; make another one there";
}

Reactor::Watch* Reactor::FindWatch(int descriptor, uint32_t generation) {
  const size_t index = static_cast<size_t>(descriptor);
  if (index >= watches_.size()) return nullptr;
  Watch& watch = watches_[index];
  const bool current =
      watch.handler != nullptr && watch.generation == generation;
  return current ? &watch : nullptr;
}

bool Reactor::HasWork() const {
  return has_tasks_.load(std::memory_order_acquire) ||
         next_task_ < running_tasks_.size() ||
         stop_.load(std::memory_order_acquire) || !injected_.empty() ||
         !doomed_.empty();
}

absl::Duration Reactor::TimeUntilWork() {
  if (HasWork()) return absl::ZeroDuration();
  if (timers_.empty()) return absl::InfiniteDuration();
  return std::max(timers_.NextDeadline() - ReadClock(), absl::ZeroDuration());
}

absl::Duration Reactor::WaitLimit(absl::Duration max_wait) {
  if (HasWork()) return absl::ZeroDuration();
  if (timers_.empty()) return max_wait;
  // Now() is as old as the last iteration's callbacks took.
  ReadIdleSince();
  return std::clamp(timers_.NextDeadline() - idle_since_, absl::ZeroDuration(),
                    max_wait);
}

void Reactor::ReadIdleSince() {
  if (std::exchange(is_idle_since_fresh_, true)) return;
  idle_since_ = ReadClock();
}

size_t Reactor::Wait(absl::Duration limit) {
  const bool is_timed = is_observing() && limit > absl::ZeroDuration() &&
                        limit < absl::InfiniteDuration();
  if (is_timed) ReadIdleSince();
  const absl::Span<epoll_event> events = absl::MakeSpan(events_);
  SysResult result = SysResult::Error(ENOSYS);
  if (has_pwait2_) result = kernel_.EpollPwait2(epoll_, events, limit);
  if (result.error() == ENOSYS || result.error() == EPERM) {
    // ENOSYS before Linux 5.11. A seccomp(2) sandbox that does not know the
    // call refuses it with either error.
    has_pwait2_ = false;
    const absl::Duration ceiling =
        absl::Ceil(std::min(limit, absl::Hours(24)), absl::Milliseconds(1));
    result = kernel_.EpollWait(
        epoll_, events,
        limit == absl::InfiniteDuration()
            ? -1
            : static_cast<int>(absl::ToInt64Milliseconds(ceiling)));
  }
  now_ = ReadClock();
  is_idle_since_fresh_ = false;
  // A signal ends the wait, and the iteration goes on without events.
  if (result.error() == EINTR) return 0;
  CHECK(result.ok()) << result.ToStatus("epoll_wait");
  const auto count = static_cast<size_t>(result.value());
  if (is_timed && count == 0) {
    statistics_.poll_delay.Record(now_ - (idle_since_ + limit));
  }
  if (count == events_.size()) statistics_.event_bound_hits.Add();
  return count;
}

MonotonicTime Reactor::ReadClock() const {
  const SysResult clock = kernel_.ClockGetTime(CLOCK_MONOTONIC);
  CHECK(clock.ok());
  return MonotonicTime::FromNanos(clock.value());
}

template <typename Callback>
void Reactor::Call(const Dispatch& dispatch, Callback callback) {
  log_.Note(dispatch);
  progress_.store(progress_.load(std::memory_order_relaxed) + 2,
                  std::memory_order_relaxed);
  callback();
  if (options_.observe != Observe::kCallbacks) return;
  const MonotonicTime end = ReadClock();
  statistics_.callback_time.RecordNanos(end.nanos() - last_call_end_.nanos());
  last_call_end_ = end;
}

Readiness Reactor::TakeInjected(Watch& watch) {
  watch.is_injected = false;
  return std::exchange(watch.injected, {});
}

// Only readiness injected by now is merged: readiness that a callback injects
// meanwhile is delivered in the next iteration.
void Reactor::FindInjectedEvents(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Event event(events_[i]);
    Watch* watch = FindWatch(event.descriptor, event.generation);
    if (watch != nullptr && watch->is_injected) watch->has_event = true;
  }
}

void Reactor::DispatchInjected(size_t event_count) {
  if (injected_.empty()) return;
  FindInjectedEvents(event_count);
  injecting_.swap(injected_);
  for (const Injected& injected : injecting_) {
    Watch* watch = FindWatch(injected.descriptor, injected.generation);
    if (watch == nullptr || watch->has_event) continue;
    const Readiness readiness = TakeInjected(*watch);
    statistics_.events.Add();
    Call({Dispatch::Kind::kInjected, injected.descriptor,
          &typeid(*watch->handler)},
         [&] { watch->handler->OnReady(readiness); });
  }
  injecting_.clear();
}

void Reactor::DispatchEvents(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Event event(events_[i]);
    Watch* watch = FindWatch(event.descriptor, event.generation);
    if (watch == nullptr) {
      if (event.descriptor != wake_) statistics_.stale_events.Add();
      continue;
    }
    Readiness readiness =
        FromEpoll(event.events, watch->interest, watch->options());
    const bool is_merged = watch->has_event;
    if (is_merged) {
      watch->has_event = false;
      readiness |= TakeInjected(*watch);
    }
    if (!is_merged && !readiness.any()) continue;
    statistics_.events.Add();
    Call({Dispatch::Kind::kEvent, event.descriptor, &typeid(*watch->handler)},
         [&] { watch->handler->OnReady(readiness); });
  }
}

void Reactor::FireTimers() {
  const uint64_t armings = timers_.armings();
  for (int fired = 0;; ++fired) {
    if (fired == options_.max_timers_per_iteration) {
      if (timers_.NextDeadline() <= now_) statistics_.timer_bound_hits.Add();
      return;
    }
    TimerNode* node = timers_.PopDue(now_, armings);
    if (node == nullptr) return;
    statistics_.timers.Add();
    if (is_observing()) {
      statistics_.timer_lateness.RecordNanos(now_.nanos() -
                                             node->deadline().nanos());
    }
    Call({Dispatch::Kind::kTimer, -1, &typeid(*node)},
         [&] { node->OnDeadline(); });
  }
}

void Reactor::RunTasks() {
  if (next_task_ == running_tasks_.size()) {
    running_tasks_.clear();
    next_task_ = 0;
    if (!has_tasks_.load(std::memory_order_acquire)) return;
    absl::MutexLock lock(&mutex_);
    running_tasks_.swap(tasks_);
    wake_sent_ = false;
    has_tasks_.store(false, std::memory_order_relaxed);
    unrun_tasks_.store(running_tasks_.size(), std::memory_order_relaxed);
    if (is_observing()) {
      statistics_.task_wait.RecordNanos(now_.nanos() - first_post_.nanos());
    }
  }
  const size_t end = std::min(
      running_tasks_.size(),
      next_task_ + static_cast<size_t>(options_.max_tasks_per_iteration));
  for (; next_task_ < end; ++next_task_) {
    statistics_.tasks.Add();
    unrun_tasks_.store(running_tasks_.size() - next_task_ - 1,
                       std::memory_order_relaxed);
    Call({Dispatch::Kind::kTask, -1, nullptr}, [this] {
      Task task = std::move(running_tasks_[next_task_]);
      std::move(task)();
      // What it captured is destroyed here, outside of the lock: it may post.
    });
  }
  if (next_task_ < running_tasks_.size()) statistics_.task_bound_hits.Add();
}

void Reactor::DiscardWork() {
  CHECK(!is_running()) << "DiscardWork() is called inside of a callback";
  // The destructors of either may add to the other.
  do {
    DeleteDoomed();
  } while (DestroyTasks());
}

bool Reactor::DestroyTasks() {
  // Outside of the lock: destructors of tasks may post.
  std::vector<Task> unrun = std::exchange(running_tasks_, {});
  next_task_ = 0;
  unrun_tasks_.store(0, std::memory_order_relaxed);
  if (!unrun.empty()) return true;
  absl::MutexLock lock(&mutex_);
  is_over_ = tasks_.empty();
  unrun.swap(tasks_);
  return !unrun.empty();
}

void Reactor::DeleteDoomed() {
  // By index: destructors may add more.
  for (size_t i = 0; i < doomed_.size(); ++i) {
    const Doomed doomed = doomed_[i];
    Call({Dispatch::Kind::kDeletion, -1, nullptr},
         [&] { doomed.destroy(doomed.object); });
  }
  doomed_.clear();
}

void Reactor::Wake() {
  constexpr uint64_t kOne = 1;
  const auto* bytes = reinterpret_cast<const char*>(&kOne);
  const SysResult result = RetryOnSignal([&] {
    return kernel_.Write(wake_, {bytes, sizeof(kOne)});
  });
  // EAGAIN: so many wake-ups are on their way that one more changes nothing.
  CHECK(result.ok() || result.would_block()) << result.ToStatus("write");
}

}  // namespace pollux
