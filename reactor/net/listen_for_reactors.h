// Listening sockets at one address for several reactors.
#ifndef POLLUX_REACTOR_NET_LISTEN_FOR_REACTORS_H_
#define POLLUX_REACTOR_NET_LISTEN_FOR_REACTORS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"

namespace pollux {

// How several reactors share an address.
enum class ListenerSharing : uint8_t {
  // A socket and a backlog for each reactor, at one port: the kernel divides
  // the connections by a hash of the peer's address. Not for unix sockets.
  // SO_REUSEPORT.
  kSocketEach,
  // One socket, with a descriptor for each reactor: an idle reactor accepts.
  // The reactors watch it with Trigger::kExclusive.
  kOneSocket,
};

// Returns a listening socket for each of `count` reactors; at least 1. With a
// count of 1 it is the socket that Socket::Listen() returns. A unix path is
// unlinked when the socket at index 0 is closed: give that socket to the
// reactor that stops last, or use ListenerGroup, which counts its members. Any
// thread.
//
// Fails, with a message for the operator, if the address cannot be bound. An
// address on which another program listens, even with SO_REUSEPORT, is refused
// unless options.reuse_port is set. Fails with InvalidArgument for kSocketEach
// at a unix address.
absl::StatusOr<std::vector<Socket>> ListenForReactors(
    Kernel& kernel, const Address& address, const ListenOptions& options,
    ListenerSharing sharing, size_t count);

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_LISTEN_FOR_REACTORS_H_
