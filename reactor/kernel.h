// The seam: every system call that Pollux makes, and why.
#ifndef POLLUX_REACTOR_KERNEL_H_
#define POLLUX_REACTOR_KERNEL_H_

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/sys_result.h"

namespace pollux {

// One method per system call, and nothing else: no retry, no policy, no
// conversion. `LinuxKernel` makes the real calls; `FakeKernel` (//testing) is a
// kernel in memory; `TracingKernel` shows what passes through it. A virtual
// call costs 2 to 3 ns, the cheapest real system call some hundred.
//
// Owned by whoever starts the program or the test; must outlive every
// descriptor that it gave out and every object made on it. Each method may be
// called from any thread, as the system call may. Failures are the errnos of
// the man page named with the method; nothing is ever retried here, EINTR
// included. Arguments are only read or filled during the call.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // Sockets.

  // A socket for a listener or an outgoing connection. `type` carries
  // SOCK_NONBLOCK and SOCK_CLOEXEC: so it is from birth, and no fork can leak
  // it. socket(2).
  virtual SysResult Socket(int domain, int type, int protocol) = 0;

  // Two connected sockets: for tests, and to talk to a process of one's own.
  // socketpair(2).
  virtual SysResult SocketPair(int domain, int type, int protocol,
                               std::array<int, 2>& sockets) = 0;

  // Gives a listener its address. bind(2), ip(7), unix(7).
  virtual SysResult Bind(int socket, const sockaddr* address,
                         socklen_t length) = 0;

  // Lets up to `backlog` connections wait to be accepted. listen(2).
  virtual SysResult Listen(int socket, int backlog) = 0;

  // Takes one connection off a listener's backlog. `flags` are SOCK_NONBLOCK
  // and SOCK_CLOEXEC. EMFILE and ENFILE leave the connection in the backlog:
  // a level-triggered listener stays readable. accept4(2).
  virtual SysResult Accept4(int listener, sockaddr* peer,
                            socklen_t* peer_length, int flags) = 0;

  // Starts a connection; EINPROGRESS says that it will be writable when it is
  // decided. connect(2).
  virtual SysResult Connect(int socket, const sockaddr* address,
                            socklen_t length) = 0;

  // The address that the kernel chose, when port 0 was asked for.
  // getsockname(2).
  virtual SysResult GetSockName(int socket, sockaddr* address,
                                socklen_t* length) = 0;

  // SO_REUSEADDR and SO_REUSEPORT before a bind, TCP_NODELAY on connections,
  // SO_LINGER for an abort. setsockopt(2), socket(7), tcp(7).
  virtual SysResult SetSockOpt(int socket, int level, int option,
                               const void* value, socklen_t length) = 0;

  // SO_ERROR: why a socket is broken. getsockopt(2).
  virtual SysResult GetSockOpt(int socket, int level, int option, void* value,
                               socklen_t* length) = 0;

  // Reads what has arrived, at most `buffer.size()` bytes. 0 means that the
  // peer has sent its FIN; EAGAIN that nothing is there. recv(2).
  virtual SysResult Recv(int socket, absl::Span<char> buffer, int flags) = 0;

  // Sends bytes that lie in one piece; may take fewer than given. Always with
  // MSG_NOSIGNAL: a closed peer is EPIPE, not SIGPIPE. send(2).
  virtual SysResult Send(int socket, absl::Span<const char> bytes,
                         int flags) = 0;

  // Ends one direction or both: SHUT_WR sends a FIN behind what is queued.
  // shutdown(2).
  virtual SysResult Shutdown(int socket, int how) = 0;

  // Any descriptor.

  // Frees the descriptor's number at once, whatever it returns: never retried.
  // An open file that was dup'ed stays watched by epoll, so take it out first
  // (EPOLL_CTL_DEL). close(2), epoll(7) question 6.
  virtual SysResult Close(int descriptor) = 0;

  // From an eventfd, timerfd or signalfd. read(2).
  virtual SysResult Read(int descriptor, absl::Span<char> buffer) = 0;

  // To an eventfd: wakes the loop from another thread. write(2).
  virtual SysResult Write(int descriptor, absl::Span<const char> bytes) = 0;

  // Waiting.

  // The set of watched descriptors; `flags` is EPOLL_CLOEXEC.
  // epoll_create1(2).
  virtual SysResult EpollCreate1(int flags) = 0;

  // Adds, changes or removes one watched descriptor. `event` is ignored, and
  // may be null, with EPOLL_CTL_DEL. epoll_ctl(2).
  virtual SysResult EpollCtl(int epoll, int operation, int descriptor,
                             epoll_event* event) = 0;

  // Waits until a watched descriptor is ready, `timeout` passes (rounded up to
  // nanoseconds; infinite waits for ever), or a signal arrives (EINTR). Linux
  // 5.11; ENOSYS before. epoll_pwait2(2).
  virtual SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                absl::Duration timeout) = 0;

  // The same in whole milliseconds, -1 for ever, where EpollPwait2 is missing.
  // epoll_wait(2).
  virtual SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                              int timeout_ms) = 0;

  // A counter that is readable when it is not 0: how other threads wake a
  // loop. `flags` are EFD_NONBLOCK and EFD_CLOEXEC. eventfd(2).
  virtual SysResult EventFd(unsigned int initial, int flags) = 0;

  // Time.

  // The clock's time as nanoseconds since its epoch, in value(). No switch
  // into the kernel where the vDSO answers. clock_gettime(2), vdso(7).
  virtual SysResult ClockGetTime(clockid_t clock) = 0;

  // Signals.

  // Signals as something to read, so that they arrive between events and not
  // inside of one. `flags` are SFD_NONBLOCK and SFD_CLOEXEC. signalfd(2).
  virtual SysResult SignalFd(int descriptor, const sigset_t& signals,
                             int flags) = 0;

  // Blocks the signals that a SignalFd takes, in the calling thread and those
  // it starts; `old` may be null. pthread_sigmask(3), sigprocmask(2).
  virtual SysResult SigProcMask(int how, const sigset_t& signals,
                                sigset_t* old) = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_KERNEL_H_
