#include "testing/fake/network.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

constexpr uint16_t kFirstEphemeralPort = 32768;
constexpr uint16_t kLastEphemeralPort = 60999;

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

// The path from the root, where every process of a fake host is.
std::string Normalized(absl::string_view path) {
  std::vector<absl::string_view> names;
  for (absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (name == ".") continue;
    if (name != "..") {
      names.push_back(name);
    } else if (!names.empty()) {
      names.pop_back();
    }
  }
  return absl::StrCat("/", absl::StrJoin(names, "/"));
}

std::string PathOf(const Address& address) {
  const std::string text = address.ToString();
  return Normalized(absl::StripPrefix(text, "unix:"));
}

// Whether a connection to `wanted` may reach a socket that is bound to
// `bound`.
bool Covers(const Address& bound, const Address& wanted) {
  if (bound.family() != wanted.family()) return false;
  if (bound == wanted) return true;
  return bound.family() != AF_UNIX && bound.port() == wanted.port() &&
         Network::IsAny(bound);
}

}  // namespace

SysResult Network::Bind(SocketFile& socket, const Address& address, bool may_be,
                        Address& bound) {
  bound = address;
  if (address.family() != AF_UNIX) {
    if (!IsAny(address) && !IsLoopback(address)) {
      return SysResult::Error(EADDRNOTAVAIL);
    }
    if (!may_be || HoldsPort(socket)) return SysResult::Error(EINVAL);
    for (int tries = 0; address.port() == 0; ++tries) {
      if (tries > kLastEphemeralPort - kFirstEphemeralPort) {
        return SysResult::Error(EADDRINUSE);
      }
      bound = WithPort(address, NextPort());
      if (IsFree(socket, bound)) break;
    }
  }
  if (!IsPath(bound) && !may_be) return SysResult::Error(EINVAL);
  if (!IsFree(socket, bound)) return SysResult::Error(EADDRINUSE);
  // A path is tried before the socket is looked at.
  if (!may_be) return SysResult::Error(EINVAL);
  if (IsPath(bound)) paths_.emplace(PathOf(bound), &socket);
  bound_.push_back(&socket);
  return SysResult::Ok();
}

bool Network::HasSocket(absl::string_view path) const {
  return paths_.contains(Normalized(path));
}

bool Network::MayListen(const SocketFile& socket) const {
  // Paths and abstract names have one owner.
  return socket.family() == AF_UNIX || IsFree(socket, socket.local_address());
}

void Network::HoldPort(const SocketFile& socket) {
  connections_.emplace(socket.local_address().port(), &socket);
}

void Network::ReleasePort(const SocketFile& socket) {
  connections_.erase({socket.local_address().port(), &socket});
}

bool Network::HoldsPort(const SocketFile& socket) const {
  return connections_.contains({socket.local_address().port(), &socket});
}

void Network::Unbind(SocketFile& socket) {
  ReleasePort(socket);
  const auto found = std::find(bound_.begin(), bound_.end(), &socket);
  if (found != bound_.end()) bound_.erase(found);
  for (auto& [path, owner] : paths_) {
    if (owner == &socket) owner = nullptr;
  }
}

void Network::Unlink(absl::string_view path) { paths_.erase(Normalized(path)); }

bool Network::IsFree(const SocketFile& socket, const Address& address) const {
  if (IsPath(address)) return !paths_.contains(PathOf(address));
  const auto in_the_way = [&](const SocketFile* other) {
    const Address& taken = other->local_address();
    if (other == &socket || other->type() != socket.type()) return false;
    if (!Covers(taken, address) && !Covers(address, taken)) return false;
    if (address.family() == AF_UNIX) return true;
    // socket(7): any bound socket, but no listening one.
    if (socket.reuse_address() && other->reuse_address() &&
        !other->is_listening()) {
      return false;
    }
    return !socket.reuse_port() || !other->reuse_port();
  };
  if (std::any_of(bound_.begin(), bound_.end(), in_the_way)) return false;
  if (socket.type() != SOCK_STREAM) return true;
  for (auto it = connections_.lower_bound({address.port(), nullptr});
       it != connections_.end() && it->first == address.port(); ++it) {
    if (in_the_way(it->second)) return false;
  }
  return true;
}

SocketFile* Network::FindListener(const Address& address) {
  std::vector<SocketFile*> listeners;
  for (SocketFile* socket : bound_) {
    if (socket->is_listening() && Covers(socket->local_address(), address)) {
      listeners.push_back(socket);
    }
  }
  if (listeners.empty()) return nullptr;
  return listeners[turns_++ % listeners.size()];
}

bool Network::Hears(const Address& peer, const Address& from) {
  return peer.port() == 0 ? WithPort(from, 0) == peer : from == peer;
}

SocketFile* Network::FindReceiver(const Address& from, const Address& to) {
  // Who is connected to the sender comes first, then who has just this address;
  // of several, who was bound last (udp4_lib_lookup2() in net/ipv4/udp.c).
  int best = 0;
  std::vector<SocketFile*> receivers;
  for (SocketFile* socket : bound_) {
    if (socket->type() != SOCK_DGRAM || !Covers(socket->local_address(), to)) {
      continue;
    }
    const bool is_connected = socket->peer_address().length() > 0;
    if (is_connected && !Hears(socket->peer_address(), from)) continue;
    const int score =
        1 + (is_connected ? 2 : 0) + (IsAny(socket->local_address()) ? 0 : 1);
    if (score < best) continue;
    if (score > best) receivers.clear();
    best = score;
    receivers.push_back(socket);
  }
  if (receivers.empty()) return nullptr;
  const bool share = best <= 2 && receivers.back()->reuse_port();
  return share ? receivers[turns_++ % receivers.size()] : receivers.back();
}

SysResult Network::FindUnix(const Address& name, int type,
                            SocketFile*& found) const {
  SocketFile* owner = nullptr;
  if (IsPath(name)) {
    const auto path = paths_.find(PathOf(name));
    if (path == paths_.end()) return SysResult::Error(ENOENT);
    owner = path->second;
  } else {
    const auto bound =
        std::find_if(bound_.begin(), bound_.end(), [&](const auto* socket) {
          return socket->local_address() == name && socket->type() == type;
        });
    if (bound != bound_.end()) owner = *bound;
  }
  if (owner == nullptr) return SysResult::Error(ECONNREFUSED);
  if (owner->type() != type) return SysResult::Error(EPROTOTYPE);
  found = owner;
  return SysResult::Ok();
}

Address Network::WithPort(const Address& address, uint16_t port) {
  sockaddr_storage storage;
  std::memcpy(&storage, address.data(), sizeof(storage));
  // The port stands at the same place in both families.
  static_assert(offsetof(sockaddr_in, sin_port) ==
                offsetof(sockaddr_in6, sin6_port));
  reinterpret_cast<sockaddr_in&>(storage).sin_port = htons(port);
  return Address::FromSockaddr(reinterpret_cast<sockaddr*>(&storage),
                               address.length());
}

bool Network::IsAny(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.data());
    return v4->sin_addr.s_addr == htonl(INADDR_ANY);
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.data());
  return IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

Address Network::AnyAddress(int family) {
  return *Address::Parse(family == AF_INET ? "0.0.0.0:0" : "[::]:0");
}

Address Network::Reachable(const Address& address) {
  if (!IsAny(address)) return address;
  const char* loopback =
      address.family() == AF_INET ? "127.0.0.1:0" : "[::1]:0";
  return WithPort(*Address::Parse(loopback), address.port());
}

Address Network::LocalAddress(const Address& local, bool bound,
                              const Address& peer) {
  const bool has_interface = local.length() > 0 && !IsAny(local);
  const Address source =
      has_interface ? local : Reachable(AnyAddress(peer.family()));
  return WithPort(source, bound ? local.port() : NextPort());
}

uint16_t Network::NextPort() {
  last_port_ =
      last_port_ >= kLastEphemeralPort ? kFirstEphemeralPort : last_port_ + 1;
  return last_port_;
}

}  // namespace pollux
