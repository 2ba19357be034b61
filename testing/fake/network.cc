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
#include "testing/fake/stream_socket.h"

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

SysResult Network::Bind(StreamSocket& socket, const Address& address,
                        bool may_be, Address& bound) {
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

bool Network::MayListen(const StreamSocket& socket) const {
  // Paths and abstract names have one owner.
  return socket.family() == AF_UNIX || IsFree(socket, socket.local_address());
}

void Network::HoldPort(const StreamSocket& socket) {
  connections_.emplace(socket.local_address().port(), &socket);
}

void Network::ReleasePort(const StreamSocket& socket) {
  connections_.erase({socket.local_address().port(), &socket});
}

bool Network::HoldsPort(const StreamSocket& socket) const {
  return connections_.contains({socket.local_address().port(), &socket});
}

void Network::Unbind(StreamSocket& socket) {
  ReleasePort(socket);
  const auto found = std::find(bound_.begin(), bound_.end(), &socket);
  if (found != bound_.end()) bound_.erase(found);
  for (auto& [path, owner] : paths_) {
    if (owner == &socket) owner = nullptr;
  }
}

void Network::Unlink(absl::string_view path) { paths_.erase(Normalized(path)); }

bool Network::IsFree(const StreamSocket& socket, const Address& address) const {
  if (IsPath(address)) return !paths_.contains(PathOf(address));
  const auto in_the_way = [&](const StreamSocket* other) {
    const Address& taken = other->local_address();
    if (other == &socket) return false;
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
  for (auto it = connections_.lower_bound({address.port(), nullptr});
       it != connections_.end() && it->first == address.port(); ++it) {
    if (in_the_way(it->second)) return false;
  }
  return true;
}

StreamSocket* Network::FindListener(const Address& address) {
  if (IsPath(address)) {
    const auto found = paths_.find(PathOf(address));
    if (found == paths_.end() || found->second == nullptr) return nullptr;
    return found->second->is_listening() ? found->second : nullptr;
  }
  std::vector<StreamSocket*> listeners;
  for (StreamSocket* socket : bound_) {
    if (socket->is_listening() && Covers(socket->local_address(), address)) {
      listeners.push_back(socket);
    }
  }
  if (listeners.empty()) return nullptr;
  return listeners[next_listener_++ % listeners.size()];
}

bool Network::IsMissing(const Address& address) const {
  return IsPath(address) && !paths_.contains(PathOf(address));
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
  return WithPort(has_interface ? local : peer,
                  bound ? local.port() : NextPort());
}

uint16_t Network::NextPort() {
  last_port_ =
      last_port_ >= kLastEphemeralPort ? kFirstEphemeralPort : last_port_ + 1;
  return last_port_;
}

}  // namespace pollux
