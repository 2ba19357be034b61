// FakeKernel's calls on sockets.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake/network.h"
#include "testing/fake/open_file.h"
#include "testing/fake/raw_address.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/stream_socket.h"
#include "testing/fake/udp_socket.h"
#include "testing/fake/unix_datagram_socket.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

constexpr int kSocketFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

constexpr int kTypes = 0xf;

// There are stream and datagram sockets.
SysResult CheckKind(int domain, int type, int protocol) {
  if ((type & ~(kTypes | kSocketFlags)) != 0) return SysResult::Error(EINVAL);
  if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
    return SysResult::Error(EAFNOSUPPORT);
  }
  const bool is_stream = (type & kTypes) == SOCK_STREAM;
  if (!is_stream && (type & kTypes) != SOCK_DGRAM) {
    return SysResult::Error(ESOCKTNOSUPPORT);
  }
  const int only = domain == AF_UNIX ? AF_UNIX
                   : is_stream       ? IPPROTO_TCP
                                     : IPPROTO_UDP;
  return protocol == 0 || protocol == only ? SysResult::Ok()
                                           : SysResult::Error(EPROTONOSUPPORT);
}

template <typename Socket, typename... Arguments>
std::array<std::shared_ptr<SocketFile>, 2> MakePair(Arguments&&... arguments) {
  auto a = std::make_shared<Socket>(arguments...);
  auto b = std::make_shared<Socket>(arguments...);
  Socket::Pair(*a, *b);
  return {std::move(a), std::move(b)};
}

}  // namespace

SysResult FakeKernel::Socket(int domain, int type, int protocol) {
  if (const SysResult check = CheckKind(domain, type, protocol); !check.ok()) {
    return check;
  }
  Network& network = world_.network();
  std::shared_ptr<SocketFile> socket;
  if ((type & kTypes) == SOCK_STREAM) {
    socket = std::make_shared<StreamSocket>(network, domain);
  } else if (domain == AF_UNIX) {
    socket = std::make_shared<UnixDatagramSocket>(network);
  } else {
    socket = std::make_shared<UdpSocket>(network, domain);
  }
  return InstallWithFlags(std::move(socket), type);
}

SysResult FakeKernel::SocketPair(int domain, int type, int protocol,
                                 std::array<int, 2>& sockets) {
  if (const SysResult check = CheckKind(domain, type, protocol); !check.ok()) {
    return check;
  }
  if (domain != AF_UNIX) return SysResult::Error(EOPNOTSUPP);
  Network& network = world_.network();
  auto [a, b] = (type & kTypes) == SOCK_STREAM
                    ? MakePair<StreamSocket>(network, domain)
                    : MakePair<UnixDatagramSocket>(network);
  const SysResult first = InstallWithFlags(std::move(a), type);
  if (!first.ok()) return first;
  const SysResult second = InstallWithFlags(std::move(b), type);
  if (!second.ok()) {
    (void)Close(first.descriptor());
    return second;
  }
  sockets = {first.descriptor(), second.descriptor()};
  return SysResult::Ok();
}

SysResult FakeKernel::Bind(int socket, const sockaddr* address,
                           socklen_t length) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return file->Bind(AddressFrom(address, length));
}

SysResult FakeKernel::Listen(int socket, int backlog) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error : file->Listen(backlog);
}

SysResult FakeKernel::Accept4(int listener, sockaddr* peer,
                              socklen_t* peer_length, int flags) {
  world_.BeginCall();
  OpenFile* file = Find(listener);
  if (file == nullptr) return SysResult::Error(EBADF);
  if ((flags & ~kSocketFlags) != 0) return SysResult::Error(EINVAL);
  // Linux takes the number first, and so says EMFILE even if nobody waits.
  if (!HasFreeDescriptor()) return SysResult::Error(EMFILE);
  auto* socket = dynamic_cast<SocketFile*>(file);
  if (socket == nullptr) return SysResult::Error(ENOTSOCK);
  std::shared_ptr<SocketFile> connection;
  const SysResult result =
      Blocking(*socket, 0, [&] { return socket->Accept(connection); });
  if (!result.ok()) return result;
  const SysResult filled = FillAddress(connection->peer_address(),
                                       connection->family(), peer, peer_length);
  if (!filled.ok()) return filled;
  return InstallWithFlags(std::move(connection), flags);
}

SysResult FakeKernel::Connect(int socket, const sockaddr* address,
                              socklen_t length) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  const SysResult result = file->Connect(AddressFrom(address, length));
  // A unix listener's backlog is full, or TCP is on its way.
  const bool waits = result.error() == EINPROGRESS ||
                     (result.would_block() && IsStream(*file));
  if (file->nonblocking() || !waits) return result;
  return Blocking(*file, 0, [&] {
    const SysResult again = file->Connect(AddressFrom(address, length));
    return again.error() == EALREADY ? SysResult::Error(EAGAIN) : again;
  });
}

SysResult FakeKernel::GetSockName(int socket, sockaddr* address,
                                  socklen_t* length) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return FillAddress(file->local_address(), file->family(), address, length);
}

SysResult FakeKernel::GetPeerName(int socket, sockaddr* address,
                                  socklen_t* length) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  Address name;
  const SysResult result = file->GetPeerName(name);
  return result.ok() ? FillAddress(name, file->family(), address, length)
                     : result;
}

SysResult FakeKernel::SetSockOpt(int socket, int level, int option,
                                 const void* value, socklen_t length) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error
                         : file->SetOption(level, option, value, length);
}

SysResult FakeKernel::GetSockOpt(int socket, int level, int option, void* value,
                                 socklen_t* length) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error
                         : file->GetOption(level, option, value, length);
}

SysResult FakeKernel::Recv(int socket, absl::Span<char> buffer, int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  return Blocking(*file, flags, [&] { return file->Recv(buffer, flags); });
}

SysResult FakeKernel::Send(int socket, absl::Span<const char> bytes,
                           int flags) {
  world_.BeginCall();
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  if (file == nullptr) return error;
  const bool is_stream = IsStream(*file);
  return AfterSend(is_stream, flags, Blocking(*file, flags, [&] {
                     return file->Send(bytes, flags);
                   }));
}

SysResult FakeKernel::Shutdown(int socket, int how) {
  SysResult error = SysResult::Ok();
  SocketFile* file = FindSocket(socket, error);
  return file == nullptr ? error : file->Shutdown(how);
}

}  // namespace pollux
