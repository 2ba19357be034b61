#include "reactor/linux_kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/time/time.h"

namespace pollux {
namespace {

// What calls that set errno return.
SysResult FromReturn(int64_t returned) {
  return returned < 0 ? SysResult::Error(errno) : SysResult::Ok(returned);
}

// Rounded up: a wait that ends early makes the loop come back for nothing.
timespec ToTimespecRoundedUp(absl::Duration duration) {
  // absl::Ceil() divides, which costs more than all the rest.
  timespec time = absl::ToTimespec(duration);
  if (absl::DurationFromTimespec(time) < duration) {
    time = absl::ToTimespec(duration + absl::Nanoseconds(1));
  }
  return time;
}

}  // namespace

SysResult LinuxKernel::Socket(int domain, int type, int protocol) {
  return FromReturn(::socket(domain, type, protocol));
}

SysResult LinuxKernel::SocketPair(int domain, int type, int protocol,
                                  std::array<int, 2>& sockets) {
  return FromReturn(::socketpair(domain, type, protocol, sockets.data()));
}

SysResult LinuxKernel::Bind(int socket, const sockaddr* address,
                            socklen_t length) {
  return FromReturn(::bind(socket, address, length));
}

SysResult LinuxKernel::Listen(int socket, int backlog) {
  return FromReturn(::listen(socket, backlog));
}

SysResult LinuxKernel::Accept4(int listener, sockaddr* peer,
                               socklen_t* peer_length, int flags) {
  return FromReturn(::accept4(listener, peer, peer_length, flags));
}

SysResult LinuxKernel::Connect(int socket, const sockaddr* address,
                               socklen_t length) {
  return FromReturn(::connect(socket, address, length));
}

SysResult LinuxKernel::GetSockName(int socket, sockaddr* address,
                                   socklen_t* length) {
  return FromReturn(::getsockname(socket, address, length));
}

SysResult LinuxKernel::GetPeerName(int socket, sockaddr* address,
                                   socklen_t* length) {
  return FromReturn(::getpeername(socket, address, length));
}

SysResult LinuxKernel::SetSockOpt(int socket, int level, int option,
                                  const void* value, socklen_t length) {
  return FromReturn(::setsockopt(socket, level, option, value, length));
}

SysResult LinuxKernel::GetSockOpt(int socket, int level, int option,
                                  void* value, socklen_t* length) {
  return FromReturn(::getsockopt(socket, level, option, value, length));
}

SysResult LinuxKernel::Recv(int socket, absl::Span<char> buffer, int flags) {
  return FromReturn(::recv(socket, buffer.data(), buffer.size(), flags));
}

SysResult LinuxKernel::Send(int socket, absl::Span<const char> bytes,
                            int flags) {
  return FromReturn(::send(socket, bytes.data(), bytes.size(), flags));
}

SysResult LinuxKernel::RecvMsg(int socket, msghdr& message, int flags) {
  return FromReturn(::recvmsg(socket, &message, flags));
}

SysResult LinuxKernel::SendMsg(int socket, const msghdr& message, int flags) {
  return FromReturn(::sendmsg(socket, &message, flags));
}

SysResult LinuxKernel::RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                                int flags) {
  return FromReturn(::recvmmsg(socket, messages.data(),
                               static_cast<unsigned int>(messages.size()),
                               flags, nullptr));
}

SysResult LinuxKernel::SendMMsg(int socket, absl::Span<mmsghdr> messages,
                                int flags) {
  return FromReturn(::sendmmsg(socket, messages.data(),
                               static_cast<unsigned int>(messages.size()),
                               flags));
}

SysResult LinuxKernel::SendFile(int socket, int file, off_t& offset,
                                size_t count) {
  return FromReturn(::sendfile(socket, file, &offset, count));
}

SysResult LinuxKernel::Shutdown(int socket, int how) {
  return FromReturn(::shutdown(socket, how));
}

SysResult LinuxKernel::Close(int descriptor) {
  return FromReturn(::close(descriptor));
}

SysResult LinuxKernel::Read(int descriptor, absl::Span<char> buffer) {
  return FromReturn(::read(descriptor, buffer.data(), buffer.size()));
}

SysResult LinuxKernel::Write(int descriptor, absl::Span<const char> bytes) {
  return FromReturn(::write(descriptor, bytes.data(), bytes.size()));
}

SysResult LinuxKernel::Fcntl(int descriptor, int command, int argument) {
  return FromReturn(::fcntl(descriptor, command, argument));
}

SysResult LinuxKernel::OpenAt2(int directory, const char* path,
                               const open_how& how) {
  // glibc has no function for it.
  return FromReturn(::syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

SysResult LinuxKernel::OpenAt(int directory, const char* path, int flags,
                              mode_t mode) {
  return FromReturn(::openat(directory, path, flags, mode));
}

SysResult LinuxKernel::Fstat(int descriptor, struct stat& status) {
  return FromReturn(::fstat(descriptor, &status));
}

SysResult LinuxKernel::Pread(int file, absl::Span<char> buffer, off_t offset) {
  return FromReturn(::pread(file, buffer.data(), buffer.size(), offset));
}

SysResult LinuxKernel::GetDents64(int directory, absl::Span<char> buffer) {
  return FromReturn(::getdents64(directory, buffer.data(), buffer.size()));
}

SysResult LinuxKernel::UnlinkAt(int directory, const char* path, int flags) {
  return FromReturn(::unlinkat(directory, path, flags));
}

SysResult LinuxKernel::EpollCreate1(int flags) {
  return FromReturn(::epoll_create1(flags));
}

SysResult LinuxKernel::EpollCtl(int epoll, int operation, int descriptor,
                                epoll_event* event) {
  return FromReturn(::epoll_ctl(epoll, operation, descriptor, event));
}

SysResult LinuxKernel::EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                   absl::Duration timeout) {
  const bool forever = timeout == absl::InfiniteDuration();
  const timespec wait = forever ? timespec{} : ToTimespecRoundedUp(timeout);
  return FromReturn(::epoll_pwait2(epoll, events.data(),
                                   static_cast<int>(events.size()),
                                   forever ? nullptr : &wait, nullptr));
}

SysResult LinuxKernel::EpollWait(int epoll, absl::Span<epoll_event> events,
                                 int timeout_ms) {
  return FromReturn(::epoll_wait(epoll, events.data(),
                                 static_cast<int>(events.size()), timeout_ms));
}

SysResult LinuxKernel::EventFd(unsigned int initial, int flags) {
  return FromReturn(::eventfd(initial, flags));
}

SysResult LinuxKernel::ClockGetTime(clockid_t clock) {
  timespec now;
  if (::clock_gettime(clock, &now) != 0) return SysResult::Error(errno);
  return SysResult::Ok(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

SysResult LinuxKernel::TimerFdCreate(clockid_t clock, int flags) {
  return FromReturn(::timerfd_create(clock, flags));
}

SysResult LinuxKernel::TimerFdSetTime(int timer, int flags,
                                      const itimerspec& value,
                                      itimerspec* old) {
  return FromReturn(::timerfd_settime(timer, flags, &value, old));
}

SysResult LinuxKernel::SignalFd(int descriptor, const sigset_t& signals,
                                int flags) {
  return FromReturn(::signalfd(descriptor, &signals, flags));
}

SysResult LinuxKernel::SigProcMask(int how, const sigset_t& signals,
                                   sigset_t* old) {
  // Returns the error number instead of setting errno.
  const int error = ::pthread_sigmask(how, &signals, old);
  return error == 0 ? SysResult::Ok() : SysResult::Error(error);
}

SysResult LinuxKernel::PosixSpawn(const char* path,
                                  const posix_spawn_file_actions_t* actions,
                                  const posix_spawnattr_t* attributes,
                                  char* const argv[], char* const envp[]) {
  pid_t process = 0;
  // Returns the error number instead of setting errno.
  const int error =
      ::posix_spawn(&process, path, actions, attributes, argv, envp);
  return error == 0 ? SysResult::Ok(process) : SysResult::Error(error);
}

SysResult LinuxKernel::PidFdOpen(pid_t process, unsigned int flags) {
  // glibc 2.36 has functions for these two, older ones do not.
  return FromReturn(::syscall(SYS_pidfd_open, process, flags));
}

SysResult LinuxKernel::PidFdSendSignal(int process, int signal) {
  return FromReturn(
      ::syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0));
}

SysResult LinuxKernel::Kill(pid_t process, int signal) {
  return FromReturn(::kill(process, signal));
}

SysResult LinuxKernel::WaitId(idtype_t type, id_t id, siginfo_t& info,
                              int options) {
  return FromReturn(::waitid(type, id, &info, options));
}

SysResult LinuxKernel::SchedGetAffinity(pid_t thread, cpu_set_t& cpus) {
  return FromReturn(::sched_getaffinity(thread, sizeof(cpus), &cpus));
}

SysResult LinuxKernel::SchedSetAffinity(pid_t thread, const cpu_set_t& cpus) {
  return FromReturn(::sched_setaffinity(thread, sizeof(cpus), &cpus));
}

SysResult LinuxKernel::GetRLimit(int resource, rlimit& limit) {
  return FromReturn(
      ::getrlimit(static_cast<__rlimit_resource>(resource), &limit));
}

}  // namespace pollux
