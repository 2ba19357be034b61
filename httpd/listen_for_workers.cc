#include "httpd/listen_for_workers.h"

#include <sys/socket.h>

#include <utility>

#include "absl/status/status.h"

namespace pollux {
namespace {

// A second daemon of the same user, with SO_REUSEPORT, would not be refused
// where the first one listens: the two would divide the clients. So the port is
// asked for without it first. The socket is closed again; whoever connects in
// that instant is reset, and whoever takes the port in it is refused below, or
// has SO_REUSEPORT himself. A port that the kernel picks is nobody else's.
absl::Status SeeThatItIsFree(Kernel& kernel, const Address& address,
                             const ListenOptions& options) {
  if (address.port() == 0) return absl::OkStatus();
  return Socket::Listen(kernel, address, options).status();
}

}  // namespace

absl::StatusOr<std::vector<Socket>> ListenForWorkers(
    Kernel& kernel, const Address& address, const ListenOptions& options,
    size_t workers) {
  const bool reuses_port = workers > 1 && address.family() != AF_UNIX;
  ListenOptions each = options;
  if (reuses_port) {
    absl::Status free = SeeThatItIsFree(kernel, address, options);
    if (!free.ok()) return free;
    each.reuse_port = true;
  }
  std::vector<Socket> sockets;
  absl::StatusOr<Socket> first = Socket::Listen(kernel, address, each);
  if (!first.ok()) return first.status();
  sockets.push_back(*std::move(first));
  if (workers == 1) return sockets;

  // With the port that the kernel picked.
  absl::StatusOr<Address> bound = sockets.front().LocalAddress();
  if (!bound.ok()) return bound.status();
  while (sockets.size() < workers) {
    absl::StatusOr<Socket> next = reuses_port
                                      ? Socket::Listen(kernel, *bound, each)
                                      : sockets.front().Duplicate();
    if (!next.ok()) return next.status();
    sockets.push_back(*std::move(next));
  }
  return sockets;
}

}  // namespace pollux
