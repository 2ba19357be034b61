// A kernel that shows what passes through it.
#ifndef POLLUX_REACTOR_TRACING_KERNEL_H_
#define POLLUX_REACTOR_TRACING_KERNEL_H_

#include <array>

#include "reactor/kernel.h"
#include "reactor/syscall_record.h"

namespace pollux {

// Makes each call on another kernel, and then tells an observer. Owns neither;
// both must outlive it. Any thread, if the observer is thread-safe. Adds a copy
// of some sixty bytes to each call; fails only as the other kernel does.
class TracingKernel final : public Kernel {
 public:
  TracingKernel(Kernel& kernel, SyscallObserver& observer)
      : kernel_(kernel), observer_(observer) {}

  SysResult Socket(int domain, int type, int protocol) override;
  SysResult SocketPair(int domain, int type, int protocol,
                       std::array<int, 2>& sockets) override;
  SysResult Bind(int socket, const sockaddr* address,
                 socklen_t length) override;
  SysResult Listen(int socket, int backlog) override;
  SysResult Accept4(int listener, sockaddr* peer, socklen_t* peer_length,
                    int flags) override;
  SysResult Connect(int socket, const sockaddr* address,
                    socklen_t length) override;
  SysResult GetSockName(int socket, sockaddr* address,
                        socklen_t* length) override;
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override;
  SysResult GetSockOpt(int socket, int level, int option, void* value,
                       socklen_t* length) override;
  SysResult Recv(int socket, absl::Span<char> buffer, int flags) override;
  SysResult Send(int socket, absl::Span<const char> bytes, int flags) override;
  SysResult Shutdown(int socket, int how) override;
  SysResult Close(int descriptor) override;
  SysResult Read(int descriptor, absl::Span<char> buffer) override;
  SysResult Write(int descriptor, absl::Span<const char> bytes) override;
  SysResult EpollCreate1(int flags) override;
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override;
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override;
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override;
  SysResult EventFd(unsigned int initial, int flags) override;
  SysResult ClockGetTime(clockid_t clock) override;
  SysResult SignalFd(int descriptor, const sigset_t& signals,
                     int flags) override;
  SysResult SigProcMask(int how, const sigset_t& signals,
                        sigset_t* old) override;

 private:
  SysResult Tell(SyscallKind kind, std::array<int64_t, 4> numbers,
                 SysResult result, const void* payload = nullptr,
                 size_t payload_bytes = 0);

  Kernel& kernel_;
  SyscallObserver& observer_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_TRACING_KERNEL_H_
