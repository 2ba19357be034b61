// A kernel to change one call of.
#ifndef POLLUX_TESTING_FORWARDING_KERNEL_H_
#define POLLUX_TESTING_FORWARDING_KERNEL_H_

#include <array>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"

namespace pollux {

// Makes each call on another kernel: a base for test kernels that do one thing
// differently. Owns nothing; the other kernel must outlive it. Any thread, and
// fails, as the other kernel.
class ForwardingKernel : public Kernel {
 public:
  explicit ForwardingKernel(Kernel& kernel) : kernel_(kernel) {}

  SysResult Socket(int domain, int type, int protocol) override {
    return kernel_.Socket(domain, type, protocol);
  }
  SysResult SocketPair(int domain, int type, int protocol,
                       std::array<int, 2>& sockets) override {
    return kernel_.SocketPair(domain, type, protocol, sockets);
  }
  SysResult Bind(int socket, const sockaddr* address,
                 socklen_t length) override {
    return kernel_.Bind(socket, address, length);
  }
  SysResult Listen(int socket, int backlog) override {
    return kernel_.Listen(socket, backlog);
  }
  SysResult Accept4(int listener, sockaddr* peer, socklen_t* peer_length,
                    int flags) override {
    return kernel_.Accept4(listener, peer, peer_length, flags);
  }
  SysResult Connect(int socket, const sockaddr* address,
                    socklen_t length) override {
    return kernel_.Connect(socket, address, length);
  }
  SysResult GetSockName(int socket, sockaddr* address,
                        socklen_t* length) override {
    return kernel_.GetSockName(socket, address, length);
  }
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override {
    return kernel_.SetSockOpt(socket, level, option, value, length);
  }
  SysResult GetSockOpt(int socket, int level, int option, void* value,
                       socklen_t* length) override {
    return kernel_.GetSockOpt(socket, level, option, value, length);
  }
  SysResult Recv(int socket, absl::Span<char> buffer, int flags) override {
    return kernel_.Recv(socket, buffer, flags);
  }
  SysResult Send(int socket, absl::Span<const char> bytes, int flags) override {
    return kernel_.Send(socket, bytes, flags);
  }
  SysResult Shutdown(int socket, int how) override {
    return kernel_.Shutdown(socket, how);
  }
  SysResult Close(int descriptor) override { return kernel_.Close(descriptor); }
  SysResult Read(int descriptor, absl::Span<char> buffer) override {
    return kernel_.Read(descriptor, buffer);
  }
  SysResult Write(int descriptor, absl::Span<const char> bytes) override {
    return kernel_.Write(descriptor, bytes);
  }
  SysResult EpollCreate1(int flags) override {
    return kernel_.EpollCreate1(flags);
  }
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override {
    return kernel_.EpollCtl(epoll, operation, descriptor, event);
  }
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override {
    return kernel_.EpollPwait2(epoll, events, timeout);
  }
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override {
    return kernel_.EpollWait(epoll, events, timeout_ms);
  }
  SysResult EventFd(unsigned int initial, int flags) override {
    return kernel_.EventFd(initial, flags);
  }
  SysResult ClockGetTime(clockid_t clock) override {
    return kernel_.ClockGetTime(clock);
  }
  SysResult SignalFd(int descriptor, const sigset_t& signals,
                     int flags) override {
    return kernel_.SignalFd(descriptor, signals, flags);
  }
  SysResult SigProcMask(int how, const sigset_t& signals,
                        sigset_t* old) override {
    return kernel_.SigProcMask(how, signals, old);
  }

 private:
  Kernel& kernel_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FORWARDING_KERNEL_H_
