#include "testing/fake/socket_file.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pollux {
namespace {

// What an address must be at least, for its family's sockets.
socklen_t LeastLength(int family) {
  // sizeof(sockaddr_in6) without the scope, as RFC 2133 had it.
  return family == AF_INET ? sizeof(sockaddr_in) : 24;
}

// Copies as much as there is room for, and says how much that was.
template <typename T>
SysResult Tell(const T& told, void* value, socklen_t* length) {
  *length = std::min<socklen_t>(*length, sizeof(told));
  std::memcpy(value, &told, *length);
  return SysResult::Ok();
}

}  // namespace

SysResult SocketFile::Listen(int) { return SysResult::Error(EOPNOTSUPP); }

SysResult SocketFile::Accept(std::shared_ptr<SocketFile>&) {
  return SysResult::Error(EOPNOTSUPP);
}

SysResult SocketFile::CheckFamily(const Address& address) const {
  if (is_unix()) {
    const bool has_name = address.length() > sizeof(sa_family_t) &&
                          address.length() <= sizeof(sockaddr_un);
    return has_name && address.family() == AF_UNIX ? SysResult::Ok()
                                                   : SysResult::Error(EINVAL);
  }
  if (address.length() < LeastLength(family_)) return SysResult::Error(EINVAL);
  return address.family() == family_ ? SysResult::Ok()
                                     : SysResult::Error(EAFNOSUPPORT);
}

void SocketFile::CopyOptions(const SocketFile& from) {
  reuse_address_ = from.reuse_address_;
  reuse_port_ = from.reuse_port_;
  linger_ = from.linger_;
}

SysResult SocketFile::Send(absl::Span<const char> bytes, int flags) {
  // sendmsg(2) has the same structure for both directions.
  const iovec piece = {.iov_base = const_cast<char*>(bytes.data()),
                       .iov_len = bytes.size()};
  return SendMessage({.pieces = {&piece, 1}, .flags = flags});
}

SysResult SocketFile::Recv(absl::Span<char> buffer, int flags) {
  const iovec piece = {.iov_base = buffer.data(), .iov_len = buffer.size()};
  IncomingMessage message;
  message.pieces = {&piece, 1};
  message.flags = flags;
  return ReceiveMessage(message);
}

int SocketFile::protocol() const {
  if (is_unix()) return 0;
  return type_ == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
}

SysResult SocketFile::SetOption(int level, int option, const void* value,
                                socklen_t length) {
  if (level != SOL_SOCKET && is_unix()) return SysResult::Error(EOPNOTSUPP);
  if (level == IPPROTO_TCP && type_ != SOCK_STREAM) {
    return SysResult::Error(ENOPROTOOPT);
  }
  if (length < sizeof(int)) return SysResult::Error(EINVAL);
  int number;
  std::memcpy(&number, value, sizeof(number));
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && number == 0) {
    // The fake's IPv6 and IPv4 do not know each other: better refused than
    // taken, and then no IPv4 heard.
    return SysResult::Error(ENOPROTOOPT);
  }
  // Others of TCP and IP are taken, and change nothing in a network without
  // delay.
  if (level != SOL_SOCKET) return SysResult::Ok();
  switch (option) {
    case SO_REUSEADDR:
      reuse_address_ = number != 0;
      return SysResult::Ok();
    case SO_REUSEPORT:
      reuse_port_ = number != 0;
      return SysResult::Ok();
    case SO_LINGER: {
      if (length < sizeof(linger)) return SysResult::Error(EINVAL);
      linger given;
      std::memcpy(&given, value, sizeof(given));
      linger_.l_onoff = given.l_onoff != 0 ? 1 : 0;
      // Turned off, it keeps its time.
      if (given.l_onoff != 0) linger_.l_linger = given.l_linger;
      return SysResult::Ok();
    }
    case SO_TYPE:
    case SO_DOMAIN:
    case SO_PROTOCOL:
    case SO_ERROR:
    case SO_ACCEPTCONN:
    // On Linux it can be set; the fake passes no SCM_CREDENTIALS.
    case SO_PASSCRED:
      return SysResult::Error(ENOPROTOOPT);
    default:
      return SysResult::Ok();
  }
}

SysResult SocketFile::GetOption(int level, int option, void* value,
                                socklen_t* length) {
  if (static_cast<int>(*length) < 0) return SysResult::Error(EINVAL);
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && family_ == AF_INET6) {
    return Tell(int{1}, value, length);
  }
  if (level != SOL_SOCKET) return SysResult::Error(ENOPROTOOPT);
  switch (option) {
    case SO_ERROR:
      return Tell(TakeError(), value, length);
    case SO_TYPE:
      return Tell(type_, value, length);
    case SO_DOMAIN:
      return Tell(family_, value, length);
    case SO_PROTOCOL:
      return Tell(protocol(), value, length);
    case SO_ACCEPTCONN:
      return Tell(int{is_listening()}, value, length);
    case SO_REUSEADDR:
      return Tell(int{reuse_address_}, value, length);
    case SO_REUSEPORT:
      return Tell(int{reuse_port_}, value, length);
    case SO_LINGER:
      return Tell(linger_, value, length);
    case SO_PEERCRED: {
      constexpr ucred kNobody = {.pid = 0,
                                 .uid = static_cast<uid_t>(-1),
                                 .gid = static_cast<gid_t>(-1)};
      return Tell(knows_peer_process_ ? kProcess : kNobody, value, length);
    }
    default:
      return SysResult::Error(ENOPROTOOPT);
  }
}

}  // namespace pollux
