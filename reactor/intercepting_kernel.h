// A kernel whose every call passes through one function.
#ifndef POLLUX_REACTOR_INTERCEPTING_KERNEL_H_
#define POLLUX_REACTOR_INTERCEPTING_KERNEL_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {

// Makes each call on another kernel: a base for kernels that watch, count, fail
// or change calls. Override `Intercept` for what concerns all of them, and
// single methods for the rest.
//
// Does not own the other kernel, which must outlive it. Any thread, and fails,
// as the other kernel. Adds the filling of a record to each call.
class InterceptingKernel : public Kernel {
 public:
  explicit InterceptingKernel(Kernel& kernel) : kernel_(kernel) {}

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
  SysResult GetPeerName(int socket, sockaddr* address,
                        socklen_t* length) override;
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override;
  SysResult GetSockOpt(int socket, int level, int option, void* value,
                       socklen_t* length) override;
  SysResult Recv(int socket, absl::Span<char> buffer, int flags) override;
  SysResult Send(int socket, absl::Span<const char> bytes, int flags) override;
  SysResult RecvMsg(int socket, msghdr& message, int flags) override;
  SysResult SendMsg(int socket, const msghdr& message, int flags) override;
  SysResult RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                     int flags) override;
  SysResult SendMMsg(int socket, absl::Span<mmsghdr> messages,
                     int flags) override;
  SysResult SendFile(int socket, int file, off_t& offset,
                     size_t count) override;
  SysResult Shutdown(int socket, int how) override;
  SysResult Close(int descriptor) override;
  SysResult Read(int descriptor, absl::Span<char> buffer) override;
  SysResult Write(int descriptor, absl::Span<const char> bytes) override;
  SysResult Fcntl(int descriptor, int command, int argument) override;
  SysResult OpenAt2(int directory, const char* path,
                    const open_how& how) override;
  SysResult OpenAt(int directory, const char* path, int flags,
                   mode_t mode) override;
  SysResult Fstat(int descriptor, struct stat& status) override;
  SysResult Pread(int file, absl::Span<char> buffer, off_t offset) override;
  SysResult GetDents64(int directory, absl::Span<char> buffer) override;
  SysResult UnlinkAt(int directory, const char* path, int flags) override;
  SysResult EpollCreate1(int flags) override;
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override;
  SysResult EpollPwait2(int epoll, absl::Span<epoll_event> events,
                        absl::Duration timeout) override;
  SysResult EpollWait(int epoll, absl::Span<epoll_event> events,
                      int timeout_ms) override;
  SysResult EventFd(unsigned int initial, int flags) override;
  SysResult ClockGetTime(clockid_t clock) override;
  SysResult TimerFdCreate(clockid_t clock, int flags) override;
  SysResult TimerFdSetTime(int timer, int flags, const itimerspec& value,
                           itimerspec* old) override;
  SysResult SignalFd(int descriptor, const sigset_t& signals,
                     int flags) override;
  SysResult SigProcMask(int how, const sigset_t& signals,
                        sigset_t* old) override;
  SysResult PosixSpawn(const char* path,
                       const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const argv[],
                       char* const envp[]) override;
  SysResult PidFdOpen(pid_t process, unsigned int flags) override;
  SysResult PidFdSendSignal(int process, int signal) override;
  SysResult Kill(pid_t process, int signal) override;
  SysResult WaitId(idtype_t type, id_t id, siginfo_t& info,
                   int options) override;
  SysResult SchedGetAffinity(pid_t thread, cpu_set_t& cpus) override;
  SysResult SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) override;
  SysResult GetRLimit(int resource, rlimit& limit) override;

 protected:
  // Makes the call and completes the record. A recv, send, sendmsg, sendfile,
  // read, write or pread moves at most `at_most_bytes`.
  using Proceed = absl::FunctionRef<SysResult(size_t at_most_bytes)>;

  // Returns what the caller gets. `call` has the arguments; what the call fills
  // in, and the result, come with `proceed`, which may be called once or not at
  // all.
  virtual SysResult Intercept(SyscallRecord& call, Proceed proceed) {
    (void)call;
    return proceed(SIZE_MAX);
  }

  Kernel& kernel() { return kernel_; }

 private:
  template <typename Call>
  SysResult Pass(SyscallKind kind, std::array<int64_t, 4> numbers, Call call);

  Kernel& kernel_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_INTERCEPTING_KERNEL_H_
