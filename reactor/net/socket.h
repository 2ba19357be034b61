// A socket's descriptor, owned.
#ifndef POLLUX_REACTOR_NET_SOCKET_H_
#define POLLUX_REACTOR_NET_SOCKET_H_

#include <utility>

#include "absl/status/statusor.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"

namespace pollux {

// Owns a socket's descriptor, and closes it through the kernel that made it.
// Move-only; a default one owns nothing. Not thread-safe, but may move between
// threads. The kernel must outlive it.
class [[nodiscard]] Socket {
 public:
  Socket() = default;
  // Takes over `descriptor`, which must be open.
  Socket(Kernel& kernel, int descriptor)
      : kernel_(&kernel), descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept
      : kernel_(other.kernel_),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    if (this == &other) return *this;
    Close();
    kernel_ = other.kernel_;
    descriptor_ = std::exchange(other.descriptor_, -1);
    return *this;
  }
  ~Socket() { Close(); }

  // A listening socket at `address`: non-blocking, close-on-exec, with
  // SO_REUSEADDR, so that a restart need not wait for old connections. The
  // error says which call failed, where, and why. `backlog` is 1 to 65535;
  // the kernel's net.core.somaxconn bounds it. listen(2).
  static absl::StatusOr<Socket> Listen(Kernel& kernel, const Address& address,
                                       int backlog);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  // Where the socket is. getsockname(2).
  absl::StatusOr<Address> LocalAddress() const;

  // Small writes are sent at once (TCP_NODELAY). What is not TCP does not need
  // it and says EOPNOTSUPP. tcp(7).
  SysResult SetNoDelay();

  // Nothing if it is closed already. Idempotent.
  void Close() {
    // What close says changes nothing: the number is free (close(2)).
    if (is_open()) (void)kernel_->Close(std::exchange(descriptor_, -1));
  }

 private:
  Kernel* kernel_ = nullptr;
  int descriptor_ = -1;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_SOCKET_H_
