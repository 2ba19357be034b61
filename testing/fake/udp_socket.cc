#include "testing/fake/udp_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace pollux {
namespace {

// What the length field can say.
constexpr size_t kMostBytes = 65535;

// What fits into a packet, without its headers.
size_t MostBytes(int family) {
  constexpr size_t kUdpHeader = 8;
  constexpr size_t kIpHeader = 20;
  // IPv6 does not count its own.
  return kMostBytes - kUdpHeader - (family == AF_INET ? kIpHeader : 0);
}

}  // namespace

UdpSocket::~UdpSocket() {
  ForgetWatchers();
  network().Unbind(*this);
}

SysResult UdpSocket::Bind(const Address& address) {
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  Address bound;
  const SysResult result = network().Bind(*this, address, !bound_, bound);
  if (!result.ok()) return result;
  set_local_address(bound);
  bound_ = true;
  port_stays_ = address.port() != 0;
  address_stays_ = !Network::IsAny(address);
  return result;
}

SysResult UdpSocket::BindIfNeeded() {
  return bound_ ? SysResult::Ok()
                : Bind(Network::WithPort(address_stays_
                                             ? local_address()
                                             : Network::AnyAddress(family()),
                                         0));
}

SysResult UdpSocket::Connect(const Address& address) {
  if (address.length() < sizeof(sa_family_t)) return SysResult::Error(EINVAL);
  if (address.family() == AF_UNSPEC) {
    Disconnect();
    return SysResult::Ok();
  }
  if (!BindIfNeeded().ok()) return SysResult::Error(EAGAIN);
  // As IPV6_V6ONLY has it.
  if (is_v6() && address.family() == AF_INET) {
    return SysResult::Error(EAFNOSUPPORT);
  }
  if (const SysResult check = CheckFamily(address); !check.ok()) return check;
  set_peer_address(Network::Reachable(address));
  set_local_address(Network::Reachable(local_address()));
  return SysResult::Ok();
}

void UdpSocket::Disconnect() {
  set_peer_address(Address());
  if (!address_stays_) {
    set_local_address(Network::WithPort(Network::AnyAddress(family()),
                                        local_address().port()));
  }
  if (!port_stays_ && bound_) {
    network().Unbind(*this);
    bound_ = false;
    set_local_address(Network::WithPort(local_address(), 0));
  }
}

SysResult UdpSocket::GetPeerName(Address& name) const {
  if (peer_address().port() == 0) return SysResult::Error(ENOTCONN);
  name = peer_address();
  return SysResult::Ok();
}

SysResult UdpSocket::CheckDestination(const Address& address) const {
  if (!is_v6()) return CheckFamily(address);
  // As IPV6_V6ONLY has it.
  if (address.family() == AF_INET) return SysResult::Error(ENETUNREACH);
  return CheckFamily(address).ok() ? SysResult::Ok() : SysResult::Error(EINVAL);
}

SysResult UdpSocket::SendMessage(const OutgoingMessage& message) {
  // Even a datagram that is refused gives its socket a port.
  if (!BindIfNeeded().ok()) return SysResult::Error(EAGAIN);
  const size_t size = BytesIn(message.pieces);
  if (!is_v6() && size > kMostBytes) return SysResult::Error(EMSGSIZE);
  if (!is_v6() && (message.flags & MSG_OOB) != 0) {
    return SysResult::Error(EOPNOTSUPP);
  }
  if (message.to != nullptr) {
    const SysResult check = CheckDestination(*message.to);
    if (!check.ok()) return check;
    if (message.to->port() == 0) return SysResult::Error(EINVAL);
  } else if (!IsConnected()) {
    return SysResult::Error(EDESTADDRREQ);
  }
  if (size > MostBytes(family())) return SysResult::Error(EMSGSIZE);
  if (error() != 0) return SysResult::Error(TakeError());
  if (send_shut()) return SysResult::Error(EPIPE);

  const Address to =
      message.to != nullptr ? Network::Reachable(*message.to) : peer_address();
  auto sender = std::make_shared<Sender>();
  sender->name = Network::Reachable(local_address());
  Datagram datagram = {.bytes = "", .sender = std::move(sender), .files = {}};
  Gather(message.pieces, size, datagram.bytes);
  auto* receiver = static_cast<UdpSocket*>(
      network().FindReceiver(datagram.sender->name, to));
  if (receiver == nullptr) {
    // ICMP's answer is for who is connected to that port.
    if (IsConnected() && Network::Hears(peer_address(), to)) {
      set_error(ECONNREFUSED);
      Notify(EPOLLERR);
    }
  } else if (receiver->received_cost() <= receiver->receive_buffer_bytes()) {
    receiver->Deliver(std::move(datagram));
  }
  // It has left this socket's buffer.
  Notify(kSpaceCame);
  return SysResult::Ok(static_cast<int64_t>(size));
}

}  // namespace pollux
