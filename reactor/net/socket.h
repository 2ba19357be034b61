// A socket's descriptor, owned.
#ifndef POLLUX_REACTOR_NET_SOCKET_H_
#define POLLUX_REACTOR_NET_SOCKET_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"

namespace pollux {

// How a socket listens.
struct ListenOptions {
  // Connections that may wait to be accepted. 1 to 65535; the kernel's
  // net.core.somaxconn bounds it. listen(2).
  int backlog = 1024;

  // Several sockets at one address, each with its own backlog, among which the
  // kernel divides the connections: SO_REUSEPORT. All of them must say so, and
  // belong to one user. socket(7).
  bool reuse_port = false;

  // How long a connection is deferred until its first bytes arrive:
  // TCP_DEFER_ACCEPT, in whole seconds, rounded up; 0 accepts at once. At most
  // an hour. tcp(7).
  absl::Duration defer_accept = absl::ZeroDuration();

  // Of the connections: TCP_CONGESTION, as in
  // /proc/sys/net/ipv4/tcp_available_congestion_control. Empty: the machine's.
  // tcp(7).
  std::string congestion_control = "";

  // [::] does not take IPv4 connections too: IPV6_V6ONLY. ipv6(7).
  bool ipv6_only = false;
};

// Who was at the other end of a unix socket when it was connected.
struct PeerCredentials {
  pid_t process;
  uid_t user;
  gid_t group;

  friend bool operator==(const PeerCredentials&,
                         const PeerCredentials&) = default;
};

// Owns a socket's descriptor, and closes it through the kernel that made it.
// Move-only; a default one owns nothing. Not thread-safe, but may move between
// threads. The kernel must outlive it.
class [[nodiscard]] Socket {
 public:
  Socket() = default;
  // Takes over `descriptor`, which must be open.
  Socket(Kernel& kernel, int descriptor) : descriptor_(kernel, descriptor) {}
  explicit Socket(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Socket(Socket&& other) noexcept
      : descriptor_(std::move(other.descriptor_)),
        unlinks_path_(std::exchange(other.unlinks_path_, false)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this == &other) return *this;
    Close();
    descriptor_ = std::move(other.descriptor_);
    unlinks_path_ = std::exchange(other.unlinks_path_, false);
    return *this;
  }
  ~Socket() { Close(); }

  // A listening socket at `address`: non-blocking, close-on-exec, with
  // SO_REUSEADDR, so that a restart need not wait for old connections. The
  // error says which call failed, where, and why.
  //
  // A unix path at which a socket lies that nobody listens on any more is taken
  // over; it is unlinked when this socket is closed. Two programs that do so at
  // the same moment can take it from each other. listen(2), unix(7).
  static absl::StatusOr<Socket> Listen(
      Kernel& kernel, const Address& address,
      const ListenOptions& options = ListenOptions());

  // Takes over a listening stream socket that this program inherited, open
  // under the number `descriptor`, and makes it non-blocking and close-on-exec.
  // InvalidArgument if it is something else, which it then stays. A unix path
  // is left to whoever made it.
  static absl::StatusOr<Socket> AdoptListener(Kernel& kernel, int descriptor);

  bool is_open() const { return descriptor_.is_open(); }
  int descriptor() const { return descriptor_.number(); }

  // The same socket under another number: accepts from the same backlog. Does
  // not unlink its path. fcntl(2).
  absl::StatusOr<Socket> Duplicate() const;

  // Gives the descriptor up, unclosed, and with it a path to unlink.
  Descriptor Release() {
    unlinks_path_ = false;
    return std::move(descriptor_);
  }

  // Where the socket is. getsockname(2).
  absl::StatusOr<Address> LocalAddress() const;

  // Where the other end is. getpeername(2).
  absl::StatusOr<Address> PeerAddress() const;

  // Of a connected unix socket. unix(7).
  absl::StatusOr<PeerCredentials> GetPeerCredentials() const;

  // How much of what was sent has arrived at the other end, ever. Nothing if
  // this is not TCP. tcp(7), TCP_INFO.
  std::optional<uint64_t> AcknowledgedBytes() const;

  // Small writes are sent at once (TCP_NODELAY). What is not TCP does not need
  // it and says EOPNOTSUPP. tcp(7).
  SysResult SetNoDelay();

  // Closing will reset the connection: the peer sees ECONNRESET, and the kernel
  // forgets what it has of the output. Only TCP knows resets. socket(7),
  // SO_LINGER of 0.
  SysResult SetResetOnClose();

  // Nothing if it is closed already. Idempotent.
  void Close() {
    if (unlinks_path_) UnlinkPath();
    descriptor_.Close();
  }

 private:
  Kernel& kernel() const { return descriptor_.kernel(); }
  absl::Status SetOptions(const Address& address, const ListenOptions& options);
  SysResult BindAt(const Address& address);
  bool IsStale(const Address& address) const;
  void UnlinkPath();

  [[no_unique_address]] Descriptor descriptor_;
  bool unlinks_path_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_SOCKET_H_
