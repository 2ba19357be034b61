// One address, and a socket for each worker.
#ifndef POLLUX_HTTPD_LISTEN_FOR_WORKERS_H_
#define POLLUX_HTTPD_LISTEN_FOR_WORKERS_H_

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"

namespace pollux {

// A listening socket for each of `workers`, at least 1. One worker has a socket
// as Socket::Listen() makes it. Several have a socket each, at one port, with
// SO_REUSEPORT: the kernel divides the connections. At a unix address, where
// that does not exist, they have one socket, under a descriptor each: whoever
// is idle accepts.
//
// Fails, in a sentence to show, if the address cannot be had: as one that is in
// use, also by another of our kind.
absl::StatusOr<std::vector<Socket>> ListenForWorkers(
    Kernel& kernel, const Address& address, const ListenOptions& options,
    size_t workers);

}  // namespace pollux

#endif  // POLLUX_HTTPD_LISTEN_FOR_WORKERS_H_
