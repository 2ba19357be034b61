#include "reactor/net/listen_for_reactors.h"

#include <sys/socket.h>

#include <utility>

#include "absl/log/check.h"
#include "absl/status/status.h"

namespace pollux {
namespace {

// Checks that no other program listens on the port, by binding it without
// SO_REUSEPORT. With it, the kernel would not refuse a second program of the
// same user, and the two would divide the clients.
//
// The socket is closed again. A client that connects in that instant is reset.
// If another program takes the port in that instant, the next bind fails,
// unless that program has SO_REUSEPORT itself. A port that the kernel picks
// belongs to no other program.
absl::Status CheckPortAvailable(Kernel& kernel, const Address& address,
                                const ListenOptions& options) {
  if (address.port() == 0) return absl::OkStatus();
  return Socket::Listen(kernel, address, options).status();
}

}  // namespace

absl::StatusOr<std::vector<Socket>> ListenForReactors(
    Kernel& kernel, const Address& address, const ListenOptions& options,
    ListenerSharing sharing, size_t count) {
  CHECK_GE(count, 1u);
  const bool has_socket_each = sharing == ListenerSharing::kSocketEach;
  if (has_socket_each && address.family() == AF_UNIX) {
    return absl::InvalidArgumentError(
        "unix sockets cannot have an address in common: one socket can be "
        "shared");
  }
  ListenOptions each = options;
  if (has_socket_each && count > 1) {
    absl::Status available = CheckPortAvailable(kernel, address, options);
    if (!available.ok()) return available;
    each.reuse_port = true;
  }
  std::vector<Socket> sockets;
  absl::StatusOr<Socket> first = Socket::Listen(kernel, address, each);
  if (!first.ok()) return first.status();
  sockets.push_back(*std::move(first));
  if (count == 1) return sockets;

  // The address with the port that the kernel picked.
  absl::StatusOr<Address> bound = sockets.front().LocalAddress();
  if (!bound.ok()) return bound.status();
  while (sockets.size() < count) {
    absl::StatusOr<Socket> next = has_socket_each
                                      ? Socket::Listen(kernel, *bound, each)
                                      : sockets.front().Duplicate();
    if (!next.ok()) return next.status();
    sockets.push_back(*std::move(next));
  }
  return sockets;
}

}  // namespace pollux
