// The seam: every system call that Pollux makes, and why.
#ifndef POLLUX_REACTOR_KERNEL_H_
#define POLLUX_REACTOR_KERNEL_H_

#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include <array>
#include <cerrno>
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

  // The address at the other end of a connection. getpeername(2).
  virtual SysResult GetPeerName(int socket, sockaddr* address,
                                socklen_t* length) = 0;

  // SO_REUSEADDR and SO_REUSEPORT before a bind, TCP_NODELAY on connections,
  // SO_LINGER for an abort. setsockopt(2), socket(7), tcp(7).
  virtual SysResult SetSockOpt(int socket, int level, int option,
                               const void* value, socklen_t length) = 0;

  // SO_ERROR: why a socket is broken; SO_PEERCRED: who is at the other end of a
  // unix socket. getsockopt(2), unix(7).
  virtual SysResult GetSockOpt(int socket, int level, int option, void* value,
                               socklen_t* length) = 0;

  // Reads what has arrived, at most `buffer.size()` bytes. 0 means that the
  // peer has sent its FIN; EAGAIN that nothing is there. recv(2).
  virtual SysResult Recv(int socket, absl::Span<char> buffer, int flags) = 0;

  // Sends bytes that lie in one piece; may take fewer than given. Always with
  // MSG_NOSIGNAL: a closed peer is EPIPE, not SIGPIPE. send(2).
  virtual SysResult Send(int socket, absl::Span<const char> bytes,
                         int flags) = 0;

  // Reads one datagram with its sender, or bytes with the descriptors that came
  // with them. recvmsg(2), cmsg(3).
  virtual SysResult RecvMsg(int socket, msghdr& message, int flags) = 0;

  // Sends bytes that lie in several pieces, or a datagram to an address, or
  // descriptors. MSG_NOSIGNAL as above. sendmsg(2), cmsg(3).
  virtual SysResult SendMsg(int socket, const msghdr& message, int flags) = 0;

  // Several datagrams at once; the number of them in value(). Never with a
  // timeout, which Linux only looks at between datagrams. recvmmsg(2).
  virtual SysResult RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                             int flags) = 0;

  // Several datagrams at once; the number of them in value(). An error shows
  // only if it is the first one's. sendmmsg(2).
  virtual SysResult SendMMsg(int socket, absl::Span<mmsghdr> messages,
                             int flags) = 0;

  // Sends at most `count` bytes of a file from `offset` on, which moves behind
  // them, without a copy through the program. 0: the file ends there. To a
  // closed peer it raises SIGPIPE besides EPIPE, and takes no flag against
  // that: programs that send files must ignore the signal. sendfile(2),
  // signal(7).
  virtual SysResult SendFile(int socket, int file, off_t& offset,
                             size_t count) = 0;

  // Ends one direction or both: SHUT_WR sends a FIN behind what is queued.
  // shutdown(2).
  virtual SysResult Shutdown(int socket, int how) = 0;

  // Any descriptor.

  // Frees the descriptor's number at once, whatever it returns: never retried.
  // An open file that was dup'ed stays watched by epoll, so take it out first
  // (EPOLL_CTL_DEL). close(2), epoll(7) question 6.
  virtual SysResult Close(int descriptor) = 0;

  // From an eventfd, timerfd, signalfd or file. read(2).
  virtual SysResult Read(int descriptor, absl::Span<char> buffer) = 0;

  // To an eventfd: wakes the loop from another thread. To a log. write(2).
  virtual SysResult Write(int descriptor, absl::Span<const char> bytes) = 0;

  // Makes an inherited descriptor non-blocking and close-on-exec (F_SETFL,
  // F_SETFD), and copies one (F_DUPFD_CLOEXEC). fcntl(2).
  virtual SysResult Fcntl(int descriptor, int command, int argument) = 0;

  // Files.

  // Opens a file beneath a directory: RESOLVE_BENEATH keeps the path inside of
  // it, whatever the symbolic links say. Linux 5.6; ENOSYS before. openat2(2).
  virtual SysResult OpenAt2(int directory, const char* path,
                            const open_how& how) = 0;

  // The same one path segment at a time (O_NOFOLLOW), where OpenAt2 is missing.
  // openat(2).
  virtual SysResult OpenAt(int directory, const char* path, int flags,
                           mode_t mode) = 0;

  // Size, kind and times of an open file. fstat(2).
  virtual SysResult Fstat(int descriptor, struct stat& status) = 0;

  // Reads a file from `offset` on. 0: the file ends there. pread(2).
  virtual SysResult Pread(int file, absl::Span<char> buffer, off_t offset) = 0;

  // The next names in a directory, as linux_dirent64; 0 at its end.
  // getdents64(2).
  virtual SysResult GetDents64(int directory, absl::Span<char> buffer) = 0;

  // Removes a name: a unix socket's path that nobody listens at any more.
  // unlinkat(2).
  virtual SysResult UnlinkAt(int directory, const char* path, int flags) = 0;

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

  // A timer to read from: absolute on the wall clock, told when that is set,
  // or more precise than a wait. `flags` are TFD_NONBLOCK and TFD_CLOEXEC.
  // timerfd_create(2).
  virtual SysResult TimerFdCreate(clockid_t clock, int flags) = 0;

  // Arms it, or disarms it with a value of zero. `flags` are TFD_TIMER_ABSTIME
  // and TFD_TIMER_CANCEL_ON_SET; `old` may be null. timerfd_settime(2).
  virtual SysResult TimerFdSetTime(int timer, int flags,
                                   const itimerspec& value,
                                   itimerspec* old) = 0;

  // Signals.

  // Signals as something to read, so that they arrive between events and not
  // inside of one. `flags` are SFD_NONBLOCK and SFD_CLOEXEC. signalfd(2).
  virtual SysResult SignalFd(int descriptor, const sigset_t& signals,
                             int flags) = 0;

  // Blocks the signals that a SignalFd takes, in the calling thread and those
  // it starts; `old` may be null. pthread_sigmask(3), sigprocmask(2).
  virtual SysResult SigProcMask(int how, const sigset_t& signals,
                                sigset_t* old) = 0;

  // Processes and threads.

  // Starts a program; its process number in value(). Attributes and actions
  // may be null. posix_spawn(3), clone(2), execve(2).
  virtual SysResult PosixSpawn(const char* path,
                               const posix_spawn_file_actions_t* actions,
                               const posix_spawnattr_t* attributes,
                               char* const argv[], char* const envp[]) = 0;

  // A descriptor that is readable when the process has ended: no SIGCHLD, and
  // no mistaking of a number that is used again. `flags` is 0 or
  // PIDFD_NONBLOCK. pidfd_open(2).
  virtual SysResult PidFdOpen(pid_t process, unsigned int flags) = 0;

  // Signals the process that the descriptor stands for. pidfd_send_signal(2).
  virtual SysResult PidFdSendSignal(int process, int signal) = 0;

  // Signals a process by its number: a child that was not waited for, and whose
  // descriptor could not be opened. kill(2).
  virtual SysResult Kill(pid_t process, int signal) = 0;

  // Takes a child's exit status (P_PIDFD, WEXITED), so that no zombie stays.
  // With WNOHANG, `info.si_pid` is 0 if there is none yet. waitid(2).
  virtual SysResult WaitId(idtype_t type, id_t id, siginfo_t& info,
                           int options) = 0;

  // The CPUs that a thread (0: this one) may run on. sched_getaffinity(2).
  virtual SysResult SchedGetAffinity(pid_t thread, cpu_set_t& cpus) = 0;

  // Keeps a thread (0: this one) on some CPUs. sched_setaffinity(2).
  virtual SysResult SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) = 0;

  // How much the process may have of something: RLIMIT_NOFILE, from which a
  // server knows how many connections it can serve. getrlimit(2).
  virtual SysResult GetRLimit(int resource, rlimit& limit) = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_KERNEL_H_
