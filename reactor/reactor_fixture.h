// What the tests of the loop, and of what stands on it, share.
#ifndef POLLUX_REACTOR_REACTOR_FIXTURE_H_
#define POLLUX_REACTOR_REACTOR_FIXTURE_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "reactor/tracing_kernel.h"
#include "testing/kernel_under_test.h"

namespace pollux {

// A registration, its handler, and what the handler was told.
class Watcher final : public IoHandler {
 public:
  using Callback = std::function<void(Readiness)>;

  Watcher(Reactor& reactor, int descriptor, Interest interest,
          Callback on_ready = nullptr)
      : Watcher(reactor, descriptor, interest, WatchOptions(),
                std::move(on_ready)) {}
  Watcher(Reactor& reactor, int descriptor, Interest interest,
          const WatchOptions& options, Callback on_ready = nullptr)
      : on_ready_(std::move(on_ready)),
        registration(*reactor.Register(descriptor, interest, options, *this)) {}

  int calls() const { return calls_; }
  Readiness last() const { return last_; }

 private:
  void OnReady(Readiness readiness) override {
    ++calls_;
    last_ = readiness;
    if (on_ready_) on_ready_(readiness);
  }

  const Callback on_ready_;
  int calls_ = 0;
  Readiness last_;

 public:
  Registration registration;
};

// A reactor on a kernel under test, which can be made to fail, whose calls are
// kept, and whose descriptors must all be closed when a test ends.
class ReactorFixture : public testing::TestWithParam<KernelUnderTest> {
 protected:
  // The calls since the start, or since the last Clear().
  class Calls final : public SyscallObserver {
   public:
    void Clear() { records_.clear(); }

    int Total() const { return static_cast<int>(records_.size()); }

    int Count(SyscallKind kind) const {
      return static_cast<int>(Of(kind).size());
    }

    std::vector<SyscallRecord> Of(SyscallKind kind) const {
      std::vector<SyscallRecord> found;
      for (const SyscallRecord& record : records_) {
        if (record.kind == kind) found.push_back(record);
      }
      return found;
    }

    const std::set<int64_t>& open_descriptors() const { return open_; }

   private:
    void OnSyscall(const SyscallRecord& record) override {
      records_.push_back(record);
      const bool ok = record.result.ok();
      switch (record.kind) {
        case SyscallKind::kSocket:
        case SyscallKind::kAccept4:
        case SyscallKind::kEpollCreate1:
        case SyscallKind::kEventFd:
        case SyscallKind::kOpenAt:
        case SyscallKind::kOpenAt2:
        case SyscallKind::kPidFdOpen:
        case SyscallKind::kSignalFd:
        case SyscallKind::kTimerFdCreate:
          if (ok) open_.insert(record.result.value());
          break;
        case SyscallKind::kFcntl:
          if (ok && record.numbers[1] == F_DUPFD_CLOEXEC) {
            open_.insert(record.result.value());
          }
          break;
        case SyscallKind::kSocketPair:
          if (ok) open_.insert({record.numbers[2], record.numbers[3]});
          break;
        case SyscallKind::kClose:
          EXPECT_EQ(open_.erase(record.numbers[0]), 1u)
              << ToString(record) << ": not open";
          break;
        default:
          break;
      }
    }

    std::vector<SyscallRecord> records_;
    std::set<int64_t> open_;
  };

  // Makes calls fail, or do less than they could.
  class Faults final : public InterceptingKernel {
   public:
    using InterceptingKernel::InterceptingKernel;

    // Of the next `times` calls of this kind.
    void FailNext(SyscallKind kind, int error, int times = 1) {
      faults_[static_cast<size_t>(kind)] = {error, times};
    }

    void set_max_send_bytes(size_t bytes) { max_send_bytes_ = bytes; }

   private:
    struct Fault {
      int error = 0;
      int times = 0;
    };

    SysResult Intercept(SyscallRecord& call, Proceed proceed) override {
      Fault& fault = faults_[static_cast<size_t>(call.kind)];
      const bool fails = fault.times > 0;
      if (fails) --fault.times;
      // close frees the number whatever it says.
      if (fails && call.kind == SyscallKind::kClose) (void)proceed(SIZE_MAX);
      if (fails) return SysResult::Error(fault.error);
      return proceed(call.kind == SyscallKind::kSend ||
                             call.kind == SyscallKind::kSendMsg
                         ? max_send_bytes_
                         : SIZE_MAX);
    }

    std::array<Fault, kSyscallKinds> faults_;
    size_t max_send_bytes_ = SIZE_MAX;
  };

  // One end of a connection, in the test's hands: closed by its destructor.
  // What it does is not counted, and never made to fail.
  class End final {
   public:
    End() = default;
    End(ReactorFixture& test, int descriptor)
        : test_(&test), descriptor_(descriptor) {}
    End(End&& other) noexcept { *this = std::move(other); }
    End& operator=(End&& other) noexcept {
      std::swap(test_, other.test_);
      std::swap(descriptor_, other.descriptor_);
      return *this;
    }
    ~End() { Close(); }

    int descriptor() const { return descriptor_; }

    // To somebody else, who then closes it.
    int Release() { return std::exchange(descriptor_, -1); }

    void Close() {
      if (descriptor_ >= 0) (void)test_->kernel_.Close(Release());
    }

    void Write(absl::string_view bytes) {
      EXPECT_EQ(kernel().Send(descriptor_, bytes, MSG_NOSIGNAL).value(),
                static_cast<int64_t>(bytes.size()));
    }

    // All that is there; nothing if nothing is.
    std::string Read() {
      std::string bytes;
      std::array<char, 65536> buffer;
      while (true) {
        const SysResult result =
            kernel().Recv(descriptor_, absl::MakeSpan(buffer), 0);
        at_end_ = at_end_ || result.value() == 0;
        last_error_ = result.error();
        if (result.value() <= 0) return bytes;
        bytes.append(buffer.data(), static_cast<size_t>(result.value()));
      }
    }

    // Whether Read() has met the peer's FIN.
    bool at_end() const { return at_end_; }
    // What ended the last Read().
    int last_error() const { return last_error_; }

    // Sends until the kernel takes no more; says how many bytes it took.
    size_t Fill() {
      const std::string bytes(4096, 'f');
      size_t total = 0;
      while (true) {
        const SysResult result =
            kernel().Send(descriptor_, bytes, MSG_NOSIGNAL);
        if (!result.ok()) {
          EXPECT_TRUE(result.would_block());
          return total;
        }
        total += static_cast<size_t>(result.value());
      }
    }

    void ShutdownWrite() {
      EXPECT_TRUE(kernel().Shutdown(descriptor_, SHUT_WR).ok());
    }

    // A close that the peer sees as a reset. TCP only.
    void CloseWithReset() {
      const linger at_once = {.l_onoff = 1, .l_linger = 0};
      EXPECT_TRUE(kernel()
                      .SetSockOpt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once,
                                  sizeof(at_once))
                      .ok());
      Close();
    }

   private:
    Kernel& kernel() const { return *test_->bare_kernel_; }

    ReactorFixture* test_ = nullptr;
    int descriptor_ = -1;
    bool at_end_ = false;
    int last_error_ = 0;
  };

  struct Pair {
    End near;
    End far;
  };

  void TearDown() override {
    reactor_.reset();
    EXPECT_THAT(calls_.open_descriptors(), testing::IsEmpty());
  }

  Pair MakePair() {
    std::array<int, 2> sockets = {-1, -1};
    EXPECT_TRUE(kernel_
                    .SocketPair(AF_UNIX,
                                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                sockets)
                    .ok());
    return {End(*this, sockets[0]), End(*this, sockets[1])};
  }

  // One iteration that does not wait.
  void Iterate() { reactor_->RunOnce(absl::ZeroDuration()); }

  // Iterates until `done()`. Never waits for ever: false says that it has not
  // come about.
  template <typename Predicate>
  [[nodiscard]] bool RunUntil(Predicate done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      reactor_->RunOnce(absl::Milliseconds(10));
    }
    return done();
  }

  // Whether the loop finds nothing to do, and so waits as long as it may.
  [[nodiscard]] bool IsIdle() {
    // What is still on its way may end the first wait.
    Iterate();
    const int64_t start = kernel_.ClockGetTime(CLOCK_MONOTONIC).value();
    reactor_->RunOnce(absl::Milliseconds(2));
    const int64_t end = kernel_.ClockGetTime(CLOCK_MONOTONIC).value();
    return end - start >= 2'000'000;
  }

  const std::unique_ptr<Kernel> bare_kernel_ = GetParam().make();
  Faults faults_{*bare_kernel_};
  Calls calls_;
  TracingKernel kernel_{faults_, calls_};
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_REACTOR_FIXTURE_H_
