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

// As Linux: no less than a packet, no more than net.core.wmem_max and rmem_max,
// and twice as much as asked for.
size_t BufferFor(int asked, size_t least) {
  constexpr uint32_t kMost = 212'992;
  const size_t bytes = std::min(static_cast<uint32_t>(asked), kMost);
  return std::max(2 * bytes, least);
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
  keep_alive_ = from.keep_alive_;
  send_buffer_bytes_ = from.send_buffer_bytes_;
  receive_buffer_bytes_ = from.receive_buffer_bytes_;
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

SysResult SocketFile::SetTcpOption(int, const void*, socklen_t) {
  return SysResult::Error(ENOPROTOOPT);
}

SysResult SocketFile::GetTcpOption(int, void*, socklen_t*) const {
  return SysResult::Error(ENOPROTOOPT);
}

SysResult SocketFile::SetOption(int level, int option, const void* value,
                                socklen_t length) {
  if (level != SOL_SOCKET && is_unix()) return SysResult::Error(EOPNOTSUPP);
  if (level == IPPROTO_TCP) return SetTcpOption(option, value, length);
  if (length < sizeof(int)) return SysResult::Error(EINVAL);
  int number;
  std::memcpy(&number, value, sizeof(number));
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && family_ == AF_INET6 &&
      number != 0) {
    // Always so: the fake's IPv6 and IPv4 do not know each other. To turn it
    // off is refused, for then no IPv4 would be heard all the same.
    return SysResult::Ok();
  }
  if (level != SOL_SOCKET) return SysResult::Error(ENOPROTOOPT);
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
    case SO_KEEPALIVE:
      keep_alive_ = number != 0;
      OnKeepAliveSet();
      return SysResult::Ok();
    case SO_SNDBUF: {
      // SOCK_MIN_SNDBUF and SOCK_MIN_RCVBUF.
      constexpr size_t kLeast = 4608;
      send_buffer_bytes_ = BufferFor(number, kLeast);
      return SysResult::Ok();
    }
    case SO_RCVBUF: {
      constexpr size_t kLeast = 2304;
      receive_buffer_bytes_ = BufferFor(number, kLeast);
      return SysResult::Ok();
    }
    default:
      return SysResult::Error(ENOPROTOOPT);
  }
}

SysResult SocketFile::GetOption(int level, int option, void* value,
                                socklen_t* length) {
  if (static_cast<int>(*length) < 0) return SysResult::Error(EINVAL);
  if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY && family_ == AF_INET6) {
    return CopyOption(int{1}, value, length);
  }
  if (level != SOL_SOCKET && is_unix()) return SysResult::Error(EOPNOTSUPP);
  if (level == IPPROTO_TCP && type_ == SOCK_STREAM) {
    return GetTcpOption(option, value, length);
  }
  if (level != SOL_SOCKET) {
    // ip_getsockopt() in net/ipv4/ip_sockglue.c.
    const bool known =
        family_ != AF_INET || level == IPPROTO_IP || level == protocol();
    return SysResult::Error(known ? ENOPROTOOPT : EOPNOTSUPP);
  }
  switch (option) {
    case SO_ERROR:
      return CopyOption(TakeError(), value, length);
    case SO_TYPE:
      return CopyOption(type_, value, length);
    case SO_DOMAIN:
      return CopyOption(family_, value, length);
    case SO_PROTOCOL:
      return CopyOption(protocol(), value, length);
    case SO_ACCEPTCONN:
      return CopyOption(int{is_listening()}, value, length);
    case SO_REUSEADDR:
      return CopyOption(int{reuse_address_}, value, length);
    case SO_REUSEPORT:
      return CopyOption(int{reuse_port_}, value, length);
    case SO_LINGER:
      return CopyOption(linger_, value, length);
    case SO_KEEPALIVE:
      return CopyOption(int{keep_alive_}, value, length);
    case SO_SNDBUF:
      return CopyOption(static_cast<int>(send_buffer_bytes()), value, length);
    case SO_RCVBUF:
      return CopyOption(static_cast<int>(receive_buffer_bytes()), value,
                        length);
    case SO_PEERCRED: {
      constexpr ucred kNobody = {.pid = 0,
                                 .uid = static_cast<uid_t>(-1),
                                 .gid = static_cast<gid_t>(-1)};
      return CopyOption(knows_peer_process_ ? kProcess : kNobody, value,
                        length);
    }
    default:
      return SysResult::Error(ENOPROTOOPT);
  }
}

}  // namespace pollux
