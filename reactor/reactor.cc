#include "reactor/reactor.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace pollux {
namespace {

// What epoll gives back with an event: the descriptor, so that a trace can show
// it, and the generation of its registration.
uint64_t Token(int descriptor, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(descriptor);
}

uint32_t EpollEvents(Interest interest) {
  switch (interest) {
    case Interest::kNone:
      return 0;
    case Interest::kRead:
      return EPOLLIN;
    case Interest::kWrite:
      return EPOLLOUT;
    case Interest::kReadWrite:
      return EPOLLIN | EPOLLOUT;
  }
  return 0;
}

Readiness FromEpoll(uint32_t events) {
  return {.readable = (events & EPOLLIN) != 0,
          .writable = (events & EPOLLOUT) != 0,
          .broken = (events & (EPOLLERR | EPOLLHUP)) != 0};
}

}  // namespace

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  reactor_ = std::exchange(other.reactor_, nullptr);
  descriptor_ = std::exchange(other.descriptor_, -1);
  return *this;
}

absl::Status Registration::SetInterest(Interest interest) {
  CHECK(active());
  Reactor::Watch& watch = reactor_->watches_[descriptor_];
  if (watch.interest == interest) return absl::OkStatus();
  const SysResult result =
      reactor_->Control(EPOLL_CTL_MOD, descriptor_, interest);
  if (!result.ok()) return result.ToStatus("epoll_ctl");
  watch.interest = interest;
  return absl::OkStatus();
}

void Registration::Inject(Readiness readiness) {
  CHECK(active());
  reactor_->injected_.push_back(
      {descriptor_, reactor_->watches_[descriptor_].generation, readiness});
}

void Registration::Reset() {
  if (!active()) return;
  std::exchange(reactor_, nullptr)->Unregister(descriptor_);
}

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create(
    Kernel& kernel, const Options& options) {
  CHECK_GE(options.max_events_per_iteration, 1);
  CHECK_GE(options.max_queued_tasks, 1u);
  std::unique_ptr<Reactor> reactor(new Reactor(kernel, options));
  if (absl::Status status = reactor->OpenDescriptors(); !status.ok()) {
    return status;
  }
  reactor->RefreshNow();
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
  // The destructors of either may add to the other.
  while (DestroyTasks() || !doomed_.empty()) DeleteDoomed();
  for (size_t fd = 0; watch_count_ > 0 && fd < watches_.size(); ++fd) {
    CHECK(watches_[fd].handler == nullptr)
        << "descriptor " << fd << " is still registered with a reactor that "
        << "is being destroyed";
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
  while (!stop_.load(std::memory_order_acquire)) {
    RunOnce(absl::InfiniteDuration());
  }
  stop_.store(false, std::memory_order_relaxed);
}

void Reactor::RunOnce(absl::Duration max_wait) {
  loop_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  const size_t count =
      Wait(WaitLimit(std::max(max_wait, absl::ZeroDuration())));
  RefreshNow();
  DispatchInjected();
  DispatchEvents(count);
  FireTimers();
  RunTasks();
  DeleteDoomed();
  loop_thread_.store(std::thread::id(), std::memory_order_relaxed);
}

void Reactor::Stop() {
  stop_.store(true, std::memory_order_release);
  Wake();
}

absl::Status Reactor::Post(Task task) {
  {
    absl::MutexLock lock(&mutex_);
    if (tasks_.size() >= max_queued_tasks_) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the reactor's queue is full: ", tasks_.size(), " tasks"));
    }
    tasks_.push_back(std::move(task));
    has_tasks_.store(true, std::memory_order_release);
    if (std::exchange(wake_sent_, true)) return absl::OkStatus();
  }
  // Inside an iteration the loop looks at its tasks before it waits again.
  if (loop_thread_.load(std::memory_order_relaxed) !=
      std::this_thread::get_id()) {
    Wake();
  }
  return absl::OkStatus();
}

absl::StatusOr<Registration> Reactor::Register(int descriptor,
                                               Interest interest,
                                               IoHandler& handler) {
  CHECK_GE(descriptor, 0);
  const size_t index = static_cast<size_t>(descriptor);
  if (index >= watches_.size()) {
    watches_.resize(std::max(index + 1, watches_.size() * 2));
  }
  Watch& watch = watches_[index];
  CHECK(watch.handler == nullptr)
      << "descriptor " << descriptor << " is already registered";
  ++watch.generation;
  const SysResult result = Control(EPOLL_CTL_ADD, descriptor, interest);
  if (!result.ok()) return result.ToStatus("epoll_ctl");
  watch.handler = &handler;
  watch.interest = interest;
  ++watch_count_;
  return Registration(*this, descriptor);
}

SysResult Reactor::Control(int operation, int descriptor, Interest interest) {
  epoll_event event = {};
  event.events = EpollEvents(interest);
  event.data.u64 = Token(descriptor, watches_[descriptor].generation);
  return kernel_.EpollCtl(epoll_, operation, descriptor, &event);
}

void Reactor::Unregister(int descriptor) {
  watches_[descriptor].handler = nullptr;
  --watch_count_;
  // If it fails, the generation keeps the handler from hearing more.
  (void)kernel_.EpollCtl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

Reactor::Watch* Reactor::FindWatch(int descriptor, uint32_t generation) {
  const size_t index = static_cast<size_t>(descriptor);
  if (index >= watches_.size()) return nullptr;
  Watch& watch = watches_[index];
  const bool current =
      watch.handler != nullptr && watch.generation == generation;
  return current ? &watch : nullptr;
}

absl::Duration Reactor::WaitLimit(absl::Duration max_wait) {
  if (has_tasks_.load(std::memory_order_acquire) ||
      stop_.load(std::memory_order_acquire) || !injected_.empty() ||
      !doomed_.empty()) {
    return absl::ZeroDuration();
  }
  if (timers_.empty()) return max_wait;
  // Now() is as old as the last iteration's callbacks took.
  const SysResult clock = kernel_.ClockGetTime(CLOCK_MONOTONIC);
  CHECK(clock.ok());
  const absl::Duration left =
      timers_.NextDeadline() - MonotonicTime::FromNanos(clock.value());
  return std::clamp(left, absl::ZeroDuration(), max_wait);
}

size_t Reactor::Wait(absl::Duration limit) {
  const absl::Span<epoll_event> events = absl::MakeSpan(events_);
  SysResult result = SysResult::Error(ENOSYS);
  if (has_pwait2_) result = kernel_.EpollPwait2(epoll_, events, limit);
  if (result.error() == ENOSYS) {
    // Before Linux 5.11, or under a sandbox that does not know the call.
    has_pwait2_ = false;
    const absl::Duration ceiling =
        absl::Ceil(std::min(limit, absl::Hours(24)), absl::Milliseconds(1));
    result = kernel_.EpollWait(
        epoll_, events,
        limit == absl::InfiniteDuration()
            ? -1
            : static_cast<int>(absl::ToInt64Milliseconds(ceiling)));
  }
  // A signal ends the wait, and the iteration goes on without events.
  if (result.error() == EINTR) return 0;
  CHECK(result.ok()) << result.ToStatus("epoll_wait");
  return static_cast<size_t>(result.value());
}

void Reactor::RefreshNow() {
  const SysResult clock = kernel_.ClockGetTime(CLOCK_MONOTONIC);
  CHECK(clock.ok());
  now_ = MonotonicTime::FromNanos(clock.value());
}

void Reactor::DispatchInjected() {
  injecting_.swap(injected_);
  for (const Injected& injected : injecting_) {
    if (Watch* watch = FindWatch(injected.descriptor, injected.generation)) {
      watch->handler->OnReady(injected.readiness);
    }
  }
  injecting_.clear();
}

void Reactor::DispatchEvents(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const epoll_event& event = events_[i];
    const int descriptor = static_cast<int>(event.data.u64 & UINT32_MAX);
    const auto generation = static_cast<uint32_t>(event.data.u64 >> 32);
    // Not found: the wake-up, or an event of a registration that has gone.
    if (Watch* watch = FindWatch(descriptor, generation)) {
      watch->handler->OnReady(FromEpoll(event.events));
    }
  }
}

void Reactor::FireTimers() {
  const uint64_t armings = timers_.armings();
  while (TimerNode* node = timers_.PopDue(now_, armings)) node->OnDeadline();
}

void Reactor::RunTasks() {
  if (!has_tasks_.load(std::memory_order_acquire)) return;
  {
    absl::MutexLock lock(&mutex_);
    running_tasks_.swap(tasks_);
    wake_sent_ = false;
    has_tasks_.store(false, std::memory_order_relaxed);
  }
  for (Task& task : running_tasks_) {
    std::move(task)();
    // Here and outside of the lock: what it captured may post when destroyed.
    task = nullptr;
  }
  running_tasks_.clear();
}

bool Reactor::DestroyTasks() {
  // Outside of the lock: destructors of tasks may post.
  std::vector<Task> unrun;
  {
    absl::MutexLock lock(&mutex_);
    unrun.swap(tasks_);
  }
  return !unrun.empty();
}

void Reactor::DeleteDoomed() {
  // By index: destructors may add more.
  for (size_t i = 0; i < doomed_.size(); ++i) {
    const Doomed doomed = doomed_[i];
    doomed.destroy(doomed.object);
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
