#include "reactor/tracing_kernel.h"

#include <algorithm>
#include <cstring>

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

}  // namespace

SysResult TracingKernel::Tell(SyscallKind kind, std::array<int64_t, 4> numbers,
                              SysResult result, const void* payload,
                              size_t payload_bytes) {
  SyscallRecord record;
  record.kind = kind;
  record.numbers = numbers;
  record.result = result;
  record.SetPayload(payload, payload_bytes);
  observer_.OnSyscall(record);
  return result;
}

SysResult TracingKernel::Socket(int domain, int type, int protocol) {
  return Tell(SyscallKind::kSocket, {domain, type, protocol},
              kernel_.Socket(domain, type, protocol));
}

SysResult TracingKernel::SocketPair(int domain, int type, int protocol,
                                    std::array<int, 2>& sockets) {
  const SysResult result = kernel_.SocketPair(domain, type, protocol, sockets);
  return Tell(SyscallKind::kSocketPair, {domain, type, sockets[0], sockets[1]},
              result);
}

SysResult TracingKernel::Bind(int socket, const sockaddr* address,
                              socklen_t length) {
  return Tell(SyscallKind::kBind, {socket},
              kernel_.Bind(socket, address, length), address, length);
}

SysResult TracingKernel::Listen(int socket, int backlog) {
  return Tell(SyscallKind::kListen, {socket, backlog},
              kernel_.Listen(socket, backlog));
}

SysResult TracingKernel::Accept4(int listener, sockaddr* peer,
                                 socklen_t* peer_length, int flags) {
  const SysResult result = kernel_.Accept4(listener, peer, peer_length, flags);
  const bool known = result.ok() && peer != nullptr;
  return Tell(SyscallKind::kAccept4, {listener, flags}, result, peer,
              known ? *peer_length : 0);
}

SysResult TracingKernel::Connect(int socket, const sockaddr* address,
                                 socklen_t length) {
  return Tell(SyscallKind::kConnect, {socket},
              kernel_.Connect(socket, address, length), address, length);
}

SysResult TracingKernel::GetSockName(int socket, sockaddr* address,
                                     socklen_t* length) {
  const SysResult result = kernel_.GetSockName(socket, address, length);
  return Tell(SyscallKind::kGetSockName, {socket}, result, address,
              result.ok() ? *length : 0);
}

SysResult TracingKernel::SetSockOpt(int socket, int level, int option,
                                    const void* value, socklen_t length) {
  return Tell(SyscallKind::kSetSockOpt,
              {socket, level, option, IntOption(value, length)},
              kernel_.SetSockOpt(socket, level, option, value, length));
}

SysResult TracingKernel::GetSockOpt(int socket, int level, int option,
                                    void* value, socklen_t* length) {
  const SysResult result =
      kernel_.GetSockOpt(socket, level, option, value, length);
  return Tell(
      SyscallKind::kGetSockOpt,
      {socket, level, option, result.ok() ? IntOption(value, *length) : 0},
      result);
}

SysResult TracingKernel::Recv(int socket, absl::Span<char> buffer, int flags) {
  const SysResult result = kernel_.Recv(socket, buffer, flags);
  return Tell(SyscallKind::kRecv,
              {socket, static_cast<int64_t>(buffer.size()), flags}, result,
              buffer.data(), Moved(result));
}

SysResult TracingKernel::Send(int socket, absl::Span<const char> bytes,
                              int flags) {
  return Tell(SyscallKind::kSend,
              {socket, static_cast<int64_t>(bytes.size()), flags},
              kernel_.Send(socket, bytes, flags), bytes.data(), bytes.size());
}

SysResult TracingKernel::Shutdown(int socket, int how) {
  return Tell(SyscallKind::kShutdown, {socket, how},
              kernel_.Shutdown(socket, how));
}

SysResult TracingKernel::Close(int descriptor) {
  return Tell(SyscallKind::kClose, {descriptor}, kernel_.Close(descriptor));
}

SysResult TracingKernel::Read(int descriptor, absl::Span<char> buffer) {
  const SysResult result = kernel_.Read(descriptor, buffer);
  return Tell(SyscallKind::kRead,
              {descriptor, static_cast<int64_t>(buffer.size())}, result,
              buffer.data(), Moved(result));
}

SysResult TracingKernel::Write(int descriptor, absl::Span<const char> bytes) {
  const SysResult result = kernel_.Write(descriptor, bytes);
  return Tell(SyscallKind::kWrite,
              {descriptor, static_cast<int64_t>(bytes.size())}, result,
              bytes.data(), Moved(result));
}

SysResult TracingKernel::EpollCreate1(int flags) {
  return Tell(SyscallKind::kEpollCreate1, {flags}, kernel_.EpollCreate1(flags));
}

SysResult TracingKernel::EpollCtl(int epoll, int operation, int descriptor,
                                  epoll_event* event) {
  const int64_t events = event == nullptr ? 0 : event->events;
  return Tell(SyscallKind::kEpollCtl, {epoll, operation, descriptor, events},
              kernel_.EpollCtl(epoll, operation, descriptor, event));
}

SysResult TracingKernel::EpollPwait2(int epoll, absl::Span<epoll_event> events,
                                     absl::Duration timeout) {
  const SysResult result = kernel_.EpollPwait2(epoll, events, timeout);
  const int64_t nanos = timeout == absl::InfiniteDuration()
                            ? -1
                            : absl::ToInt64Nanoseconds(timeout);
  return Tell(SyscallKind::kEpollPwait2,
              {epoll, static_cast<int64_t>(events.size()), nanos}, result,
              events.data(), Moved(result) * sizeof(epoll_event));
}

SysResult TracingKernel::EpollWait(int epoll, absl::Span<epoll_event> events,
                                   int timeout_ms) {
  const SysResult result = kernel_.EpollWait(epoll, events, timeout_ms);
  const int64_t nanos = timeout_ms < 0 ? -1 : timeout_ms * int64_t{1'000'000};
  return Tell(SyscallKind::kEpollWait,
              {epoll, static_cast<int64_t>(events.size()), nanos}, result,
              events.data(), Moved(result) * sizeof(epoll_event));
}

SysResult TracingKernel::EventFd(unsigned int initial, int flags) {
  return Tell(SyscallKind::kEventFd, {initial, flags},
              kernel_.EventFd(initial, flags));
}

SysResult TracingKernel::ClockGetTime(clockid_t clock) {
  return Tell(SyscallKind::kClockGetTime, {clock}, kernel_.ClockGetTime(clock));
}

SysResult TracingKernel::SignalFd(int descriptor, const sigset_t& signals,
                                  int flags) {
  return Tell(SyscallKind::kSignalFd, {descriptor, flags},
              kernel_.SignalFd(descriptor, signals, flags));
}

SysResult TracingKernel::SigProcMask(int how, const sigset_t& signals,
                                     sigset_t* old) {
  return Tell(SyscallKind::kSigProcMask, {how},
              kernel_.SigProcMask(how, signals, old));
}

}  // namespace pollux
