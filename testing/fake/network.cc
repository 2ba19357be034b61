#include "testing/fake/network.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "testing/fake/stream_socket.h"

namespace pollux {
namespace {

constexpr uint16_t kFirstEphemeralPort = 32768;
constexpr uint16_t kLastEphemeralPort = 60999;

Address WithPort(const Address& address, uint16_t port) {
  sockaddr_storage storage;
  std::memcpy(&storage, address.data(), sizeof(storage));
  // The port stands at the same place in both families.
  static_assert(offsetof(sockaddr_in, sin_port) ==
                offsetof(sockaddr_in6, sin6_port));
  reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  return Address::FromSockaddr(reinterpret_cast<sockaddr*>(&storage),
                               address.length());
}

bool IsAny(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    return v4->sin_addr.s_addr == htonl(INADDR_ANY);
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
  return IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

bool IsLoopback(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
  return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

bool IsPath(const Address& address) {
  return address.family() == AF_UNIX &&
         reinterpret_cast<const sockaddr_un*>(address.data())->sun_path[0] !=
             '\0';
}

// Whether a connection to `wanted` may reach a socket that is bound to
// `bound`.
bool Covers(const Address& bound, const Address& wanted) {
  if (bound.family() != wanted.family()) return false;
  if (bound == wanted) return true;
  return bound.family() != AF_UNIX && bound.port() == wanted.port() &&
         IsAny(bound);
}

}  // namespace

SysResult Network::Bind(StreamSocket& socket, const Address& address,
                        Address& bound) {
  if (address.family() != socket.family()) {
    return SysResult::Error(address.family() == AF_UNIX ? EAFNOSUPPORT
                                                        : EINVAL);
  }
  bound = address;
  if (address.family() != AF_UNIX) {
    if (!IsAny(address) && !IsLoopback(address)) {
      return SysResult::Error(EADDRNOTAVAIL);
    }
    for (int tries = 0; address.port() == 0; ++tries) {
      if (tries > kLastEphemeralPort - kFirstEphemeralPort) {
        return SysResult::Error(EADDRINUSE);
      }
      bound = WithPort(address, NextPort());
      if (IsFree(socket, bound)) break;
    }
  }
  if (!IsFree(socket, bound)) return SysResult::Error(EADDRINUSE);
  if (IsPath(bound)) paths_.insert(bound.ToString());
  bound_.push_back(&socket);
  return SysResult::Ok();
}

void Network::Unbind(StreamSocket& socket) {
  const auto found = std::find(bound_.begin(), bound_.end(), &socket);
  if (found != bound_.end()) bound_.erase(found);
}

bool Network::IsFree(const StreamSocket& socket, const Address& address) const {
  if (IsPath(address)) return !paths_.contains(address.ToString());
  return std::none_of(
      bound_.begin(), bound_.end(), [&](const StreamSocket* other) {
        const Address& taken = other->local_address();
        if (!Covers(taken, address) && !Covers(address, taken)) return false;
        if (socket.reuse_port() && other->reuse_port()) return false;
        // socket(7): any bound socket, but no listening one.
        const bool shared = address.family() != AF_UNIX &&
                            socket.reuse_address() && other->reuse_address() &&
                            !other->is_listening();
        return !shared;
      });
}

StreamSocket* Network::FindListener(const Address& address) {
  std::vector<StreamSocket*> listeners;
  for (StreamSocket* socket : bound_) {
    if (socket->is_listening() && Covers(socket->local_address(), address)) {
      listeners.push_back(socket);
    }
  }
  if (listeners.empty()) return nullptr;
  return listeners[next_listener_++ % listeners.size()];
}

Address Network::EphemeralAddress(const Address& peer) {
  return WithPort(peer, NextPort());
}

uint16_t Network::NextPort() {
  last_port_ =
      last_port_ >= kLastEphemeralPort ? kFirstEphemeralPort : last_port_ + 1;
  return last_port_;
}

}  // namespace pollux
