#include "reactor/intercepting_kernel.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace pollux {
namespace {

size_t Moved(SysResult result) {
  return result.ok() ? static_cast<size_t>(result.value()) : 0;
}

int64_t IntOption(const void* value, size_t length) {
  int option = 0;
  std::memcpy(&option, value, std::min(length, sizeof(option)));
  return option;
}

int64_t Nanos(const timespec& time) {
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(time));
}

int64_t BytesOf(const msghdr& message) {
  int64_t bytes = 0;
  for (const iovec& piece :
       absl::MakeConstSpan(message.msg_iov, message.msg_iovlen)) {
    bytes += static_cast<int64_t>(piece.iov_len);
  }
  return bytes;
}

// What lies in the message's first pieces.
void SetPayload(SyscallRecord& record, const msghdr& message, size_t bytes) {
  std::array<char, sizeof(SyscallRecord::payload)> first;
  size_t copied = 0;
  for (const iovec& piece :
       absl::MakeConstSpan(message.msg_iov, message.msg_iovlen)) {
    const size_t room = std::min(first.size(), bytes) - copied;
    const size_t part = std::min(piece.iov_len, room);
    if (part > 0) std::memcpy(first.data() + copied, piece.iov_base, part);
    copied += part;
  }
  record.SetPayload(first.data(), copied);
}

// The message's first `bytes`, in pieces kept by `pieces`.
msghdr Shortened(const msghdr& message, size_t bytes,
                 std::vector<iovec>& pieces) {
  msghdr shorter = message;
  for (iovec piece : absl::MakeConstSpan(message.msg_iov, message.msg_iovlen)) {
    piece.iov_len = std::min(piece.iov_len, bytes);
    bytes -= piece.iov_len;
    pieces.push_back(piece);
  }
  shorter.msg_iov = pieces.data();
  return shorter;
}

}  // namespace

template <typename Call>
SysResult InterceptingKernel::Pass(SyscallKind kind,
                                   std::array<int64_t, 4> numbers, Call call) {
  SyscallRecord record;
  record.kind = kind;
  record.numbers = numbers;
  return Intercept(record, [&](size_t at_most_bytes) {
    record.result = call(record, at_most_bytes);
    return record.result;
  });
}

SysResult InterceptingKernel::Socket(int domain, int type, int protocol) {
  return Pass(SyscallKind::kSocket, {domain, type, protocol},
              [&](SyscallRecord&, size_t) {
                return kernel_.Socket(domain, type, protocol);
              });
}

SysResult InterceptingKernel::SocketPair(int domain, int type, int protocol,
                                         std::array<int, 2>& sockets) {
  return Pass(SyscallKind::kSocketPair, {domain, type},
              [&](SyscallRecord& record, size_t) {
                const SysResult result =
                    kernel_.SocketPair(domain, type, protocol, sockets);
                if (result.ok()) {
                  record.numbers[2] = sockets[0];
                  record.numbers[3] = sockets[1];
                }
                return result;
              });
}

SysResult InterceptingKernel::Bind(int socket, const sockaddr* address,
                                   socklen_t length) {
  return Pass(SyscallKind::kBind, {socket}, [&](SyscallRecord& record, size_t) {
    record.SetPayload(address, length);
    return kernel_.Bind(socket, address, length);
  });
}

SysResult InterceptingKernel::Listen(int socket, int backlog) {
  return Pass(
      SyscallKind::kListen, {socket, backlog},
      [&](SyscallRecord&, size_t) { return kernel_.Listen(socket, backlog); });
}

SysResult InterceptingKernel::Accept4(int listener, sockaddr* peer,
                                      socklen_t* peer_length, int flags) {
  return Pass(SyscallKind::kAccept4, {listener, flags},
              [&](SyscallRecord& record, size_t) {
                const SysResult result =
                    kernel_.Accept4(listener, peer, peer_length, flags);
                if (result.ok() && peer != nullptr) {
                  record.SetPayload(peer, *peer_length);
                }
                return result;
              });
}

SysResult InterceptingKernel::Connect(int socket, const sockaddr* address,
                                      socklen_t length) {
  return Pass(SyscallKind::kConnect, {socket},
              [&](SyscallRecord& record, size_t) {
                record.SetPayload(address, length);
                return kernel_.Connect(socket, address, length);
              });
}

SysResult InterceptingKernel::GetSockName(int socket, sockaddr* address,
                                          socklen_t* length) {
  return Pass(
      SyscallKind::kGetSockName, {socket}, [&](SyscallRecord& record, size_t) {
        const SysResult result = kernel_.GetSockName(socket, address, length);
        if (result.ok()) record.SetPayload(address, *length);
        return result;
      });
}

SysResult InterceptingKernel::GetPeerName(int socket, sockaddr* address,
                                          socklen_t* length) {
  return Pass(
      SyscallKind::kGetPeerName, {socket}, [&](SyscallRecord& record, size_t) {
        const SysResult result = kernel_.GetPeerName(socket, address, length);
        if (result.ok()) record.SetPayload(address, *length);
        return result;
      });
}

SysResult InterceptingKernel::SetSockOpt(int socket, int level, int option,
                                         const void* value, socklen_t length) {
  return Pass(SyscallKind::kSetSockOpt,
              {socket, level, option, IntOption(value, length)},
              [&](SyscallRecord&, size_t) {
                return kernel_.SetSockOpt(socket, level, option, value, length);
              });
}

SysResult InterceptingKernel::GetSockOpt(int socket, int level, int option,
                                         void* value, socklen_t* length) {
  return Pass(SyscallKind::kGetSockOpt, {socket, level, option},
              [&](SyscallRecord& record, size_t) {
                const SysResult result =
                    kernel_.GetSockOpt(socket, level, option, value, length);
                if (result.ok()) record.numbers[3] = IntOption(value, *length);
                return result;
              });
}

SysResult InterceptingKernel::Recv(int socket, absl::Span<char> buffer,
                                   int flags) {
  return Pass(SyscallKind::kRecv,
              {socket, static_cast<int64_t>(buffer.size()), flags},
              [&](SyscallRecord& record, size_t most) {
                const SysResult result =
                    kernel_.Recv(socket, buffer.subspan(0, most), flags);
                record.SetPayload(buffer.data(), Moved(result));
                return result;
              });
}

SysResult InterceptingKernel::Send(int socket, absl::Span<const char> bytes,
                                   int flags) {
  return Pass(SyscallKind::kSend,
              {socket, static_cast<int64_t>(bytes.size()), flags},
              [&](SyscallRecord& record, size_t most) {
                record.SetPayload(bytes.data(), bytes.size());
                return kernel_.Send(socket, bytes.subspan(0, most), flags);
              });
}

SysResult InterceptingKernel::RecvMsg(int socket, msghdr& message, int flags) {
  return Pass(SyscallKind::kRecvMsg, {socket, BytesOf(message), flags},
              [&](SyscallRecord& record, size_t) {
                const SysResult result =
                    kernel_.RecvMsg(socket, message, flags);
                SetPayload(record, message, Moved(result));
                return result;
              });
}

SysResult InterceptingKernel::SendMsg(int socket, const msghdr& message,
                                      int flags) {
  return Pass(SyscallKind::kSendMsg, {socket, BytesOf(message), flags},
              [&](SyscallRecord& record, size_t most) {
                SetPayload(record, message, SIZE_MAX);
                // A datagram goes as a whole or not at all.
                if (most == SIZE_MAX || message.msg_name != nullptr) {
                  return kernel_.SendMsg(socket, message, flags);
                }
                std::vector<iovec> pieces;
                return kernel_.SendMsg(socket, Shortened(message, most, pieces),
                                       flags);
              });
}

SysResult InterceptingKernel::RecvMMsg(int socket, absl::Span<mmsghdr> messages,
                                       int flags) {
  return Pass(SyscallKind::kRecvMMsg,
              {socket, static_cast<int64_t>(messages.size()), flags},
              [&](SyscallRecord&, size_t) {
                return kernel_.RecvMMsg(socket, messages, flags);
              });
}

SysResult InterceptingKernel::SendMMsg(int socket, absl::Span<mmsghdr> messages,
                                       int flags) {
  return Pass(SyscallKind::kSendMMsg,
              {socket, static_cast<int64_t>(messages.size()), flags},
              [&](SyscallRecord&, size_t) {
                return kernel_.SendMMsg(socket, messages, flags);
              });
}

SysResult InterceptingKernel::SendFile(int socket, int file, off_t& offset,
                                       size_t count) {
  return Pass(SyscallKind::kSendFile,
              {socket, file, offset, static_cast<int64_t>(count)},
              [&](SyscallRecord&, size_t most) {
                return kernel_.SendFile(socket, file, offset,
                                        std::min(count, most));
              });
}

SysResult InterceptingKernel::Shutdown(int socket, int how) {
  return Pass(
      SyscallKind::kShutdown, {socket, how},
      [&](SyscallRecord&, size_t) { return kernel_.Shutdown(socket, how); });
}

SysResult InterceptingKernel::Close(int descriptor) {
  return Pass(SyscallKind::kClose, {descriptor}, [&](SyscallRecord&, size_t) {
    return kernel_.Close(descriptor);
  });
}

SysResult InterceptingKernel::Read(int descriptor, absl::Span<char> buffer) {
  return Pass(SyscallKind::kRead,
              {descriptor, static_cast<int64_t>(buffer.size())},
              [&](SyscallRecord& record, size_t most) {
                const SysResult result =
                    kernel_.Read(descriptor, buffer.subspan(0, most));
                record.SetPayload(buffer.data(), Moved(result));
                return result;
              });
}

SysResult InterceptingKernel::Write(int descriptor,
                                    absl::Span<const char> bytes) {
  return Pass(SyscallKind::kWrite,
              {descriptor, static_cast<int64_t>(bytes.size())},
              [&](SyscallRecord& record, size_t most) {
                const SysResult result =
                    kernel_.Write(descriptor, bytes.subspan(0, most));
                record.SetPayload(bytes.data(), Moved(result));
                return result;
              });
}

SysResult InterceptingKernel::Fcntl(int descriptor, int command, int argument) {
  return Pass(SyscallKind::kFcntl, {descriptor, command, argument},
              [&](SyscallRecord&, size_t) {
                return kernel_.Fcntl(descriptor, command, argument);
              });
}

SysResult InterceptingKernel::OpenAt2(int directory, const char* path,
                                      const open_how& how) {
  return Pass(SyscallKind::kOpenAt2,
              {directory, static_cast<int64_t>(how.flags),
               static_cast<int64_t>(how.resolve)},
              [&](SyscallRecord& record, size_t) {
                record.SetPayload(path, std::strlen(path));
                return kernel_.OpenAt2(directory, path, how);
              });
}

SysResult InterceptingKernel::OpenAt(int directory, const char* path, int flags,
                                     mode_t mode) {
  return Pass(SyscallKind::kOpenAt, {directory, flags},
              [&](SyscallRecord& record, size_t) {
                record.SetPayload(path, std::strlen(path));
                return kernel_.OpenAt(directory, path, flags, mode);
              });
}

SysResult InterceptingKernel::Fstat(int descriptor, struct stat& status) {
  return Pass(SyscallKind::kFstat, {descriptor},
              [&](SyscallRecord& record, size_t) {
                const SysResult result = kernel_.Fstat(descriptor, status);
                if (result.ok()) record.numbers[1] = status.st_size;
                return result;
              });
}

SysResult InterceptingKernel::Pread(int file, absl::Span<char> buffer,
                                    off_t offset) {
  return Pass(SyscallKind::kPread,
              {file, static_cast<int64_t>(buffer.size()), offset},
              [&](SyscallRecord& record, size_t most) {
                const SysResult result =
                    kernel_.Pread(file, buffer.subspan(0, most), offset);
                record.SetPayload(buffer.data(), Moved(result));
                return result;
              });
}

SysResult InterceptingKernel::GetDents64(int directory,
                                         absl::Span<char> buffer) {
  return Pass(SyscallKind::kGetDents64,
              {directory, static_cast<int64_t>(buffer.size())},
              [&](SyscallRecord&, size_t) {
                return kernel_.GetDents64(directory, buffer);
              });
}

SysResult InterceptingKernel::UnlinkAt(int directory, const char* path,
                                       int flags) {
  return Pass(SyscallKind::kUnlinkAt, {directory, flags},
              [&](SyscallRecord& record, size_t) {
                record.SetPayload(path, std::strlen(path));
                return kernel_.UnlinkAt(directory, path, flags);
              });
}

SysResult InterceptingKernel::EpollCreate1(int flags) {
  return Pass(SyscallKind::kEpollCreate1, {flags}, [&](SyscallRecord&, size_t) {
    return kernel_.EpollCreate1(flags);
  });
}

SysResult InterceptingKernel::EpollCtl(int epoll, int operation, int descriptor,
                                       epoll_event* event) {
  const int64_t events = event == nullptr ? 0 : event->events;
  return Pass(SyscallKind::kEpollCtl, {epoll, operation, descriptor, events},
              [&](SyscallRecord&, size_t) {
                return kernel_.EpollCtl(epoll, operation, descriptor, event);
              });
}

SysResult InterceptingKernel::EpollPwait2(int epoll,
                                          absl::Span<epoll_event> events,
                                          absl::Duration timeout) {
  const int64_t nanos = timeout == absl::InfiniteDuration()
                            ? -1
                            : absl::ToInt64Nanoseconds(timeout);
  return Pass(
      SyscallKind::kEpollPwait2,
      {epoll, static_cast<int64_t>(events.size()), nanos},
      [&](SyscallRecord& record, size_t) {
        const SysResult result = kernel_.EpollPwait2(epoll, events, timeout);
        record.SetPayload(events.data(), Moved(result) * sizeof(epoll_event));
        return result;
      });
}

SysResult InterceptingKernel::EpollWait(int epoll,
                                        absl::Span<epoll_event> events,
                                        int timeout_ms) {
  const int64_t nanos = timeout_ms < 0 ? -1 : timeout_ms * int64_t{1'000'000};
  return Pass(
      SyscallKind::kEpollWait,
      {epoll, static_cast<int64_t>(events.size()), nanos},
      [&](SyscallRecord& record, size_t) {
        const SysResult result = kernel_.EpollWait(epoll, events, timeout_ms);
        record.SetPayload(events.data(), Moved(result) * sizeof(epoll_event));
        return result;
      });
}

SysResult InterceptingKernel::EventFd(unsigned int initial, int flags) {
  return Pass(
      SyscallKind::kEventFd, {initial, flags},
      [&](SyscallRecord&, size_t) { return kernel_.EventFd(initial, flags); });
}

SysResult InterceptingKernel::ClockGetTime(clockid_t clock) {
  return Pass(SyscallKind::kClockGetTime, {clock}, [&](SyscallRecord&, size_t) {
    return kernel_.ClockGetTime(clock);
  });
}

SysResult InterceptingKernel::TimerFdCreate(clockid_t clock, int flags) {
  return Pass(SyscallKind::kTimerFdCreate, {clock, flags},
              [&](SyscallRecord&, size_t) {
                return kernel_.TimerFdCreate(clock, flags);
              });
}

SysResult InterceptingKernel::TimerFdSetTime(int timer, int flags,
                                             const itimerspec& value,
                                             itimerspec* old) {
  return Pass(SyscallKind::kTimerFdSetTime,
              {timer, flags, Nanos(value.it_value), Nanos(value.it_interval)},
              [&](SyscallRecord&, size_t) {
                return kernel_.TimerFdSetTime(timer, flags, value, old);
              });
}

SysResult InterceptingKernel::SignalFd(int descriptor, const sigset_t& signals,
                                       int flags) {
  return Pass(SyscallKind::kSignalFd, {descriptor, flags},
              [&](SyscallRecord&, size_t) {
                return kernel_.SignalFd(descriptor, signals, flags);
              });
}

SysResult InterceptingKernel::SigProcMask(int how, const sigset_t& signals,
                                          sigset_t* old) {
  return Pass(SyscallKind::kSigProcMask, {how}, [&](SyscallRecord&, size_t) {
    return kernel_.SigProcMask(how, signals, old);
  });
}

SysResult InterceptingKernel::PosixSpawn(
    const char* path, const posix_spawn_file_actions_t* actions,
    const posix_spawnattr_t* attributes, char* const argv[],
    char* const envp[]) {
  return Pass(SyscallKind::kPosixSpawn, {}, [&](SyscallRecord& record, size_t) {
    record.SetPayload(path, std::strlen(path));
    return kernel_.PosixSpawn(path, actions, attributes, argv, envp);
  });
}

SysResult InterceptingKernel::PidFdOpen(pid_t process, unsigned int flags) {
  return Pass(SyscallKind::kPidFdOpen, {process, flags},
              [&](SyscallRecord&, size_t) {
                return kernel_.PidFdOpen(process, flags);
              });
}

SysResult InterceptingKernel::PidFdSendSignal(int process, int signal) {
  return Pass(SyscallKind::kPidFdSendSignal, {process, signal},
              [&](SyscallRecord&, size_t) {
                return kernel_.PidFdSendSignal(process, signal);
              });
}

SysResult InterceptingKernel::Kill(pid_t process, int signal) {
  return Pass(
      SyscallKind::kKill, {process, signal},
      [&](SyscallRecord&, size_t) { return kernel_.Kill(process, signal); });
}

SysResult InterceptingKernel::WaitId(idtype_t type, id_t id, siginfo_t& info,
                                     int options) {
  return Pass(SyscallKind::kWaitId, {type, id, options},
              [&](SyscallRecord& record, size_t) {
                const SysResult result =
                    kernel_.WaitId(type, id, info, options);
                if (result.ok()) record.numbers[3] = info.si_status;
                return result;
              });
}

SysResult InterceptingKernel::SchedGetAffinity(pid_t thread, cpu_set_t& cpus) {
  return Pass(SyscallKind::kSchedGetAffinity, {thread},
              [&](SyscallRecord& record, size_t) {
                const SysResult result = kernel_.SchedGetAffinity(thread, cpus);
                if (result.ok()) record.numbers[1] = CPU_COUNT(&cpus);
                return result;
              });
}

SysResult InterceptingKernel::SchedSetAffinity(pid_t thread,
                                               const cpu_set_t& cpus) {
  return Pass(SyscallKind::kSchedSetAffinity, {thread, CPU_COUNT(&cpus)},
              [&](SyscallRecord&, size_t) {
                return kernel_.SchedSetAffinity(thread, cpus);
              });
}

SysResult InterceptingKernel::GetRLimit(int resource, rlimit& limit) {
  return Pass(SyscallKind::kGetRLimit, {resource},
              [&](SyscallRecord& record, size_t) {
                const SysResult result = kernel_.GetRLimit(resource, limit);
                if (result.ok()) {
                  record.numbers[1] = static_cast<int64_t>(limit.rlim_cur);
                }
                return result;
              });
}

}  // namespace pollux
