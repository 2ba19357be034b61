// Where a socket is, or wants to go.
#ifndef POLLUX_REACTOR_NET_ADDRESS_H_
#define POLLUX_REACTOR_NET_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux {

// The address of a socket: IPv4, IPv6, or a unix path or abstract name. A plain
// value; names are not resolved.
class Address {
 public:
  // No address at all: what a socketpair has.
  Address() = default;

  // "127.0.0.1:80", "[::1]:80", "unix:/run/a.sock", "unix:@abstract". Ports are
  // 0 to 65535. InvalidArgument says what would be right, in a sentence that
  // can be shown as it is. ip(7), ipv6(7), unix(7).
  static absl::StatusOr<Address> Parse(absl::string_view text);

  // From what a system call filled in. `length` as the call said; unknown
  // families give an address that only ToString() can tell.
  static Address FromSockaddr(const sockaddr* address, socklen_t length);

  // AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC if there is none.
  int family() const { return storage_.ss_family; }

  // 0 where there are no ports.
  uint16_t port() const;

  // The path of a unix socket that has one in the file system; else empty.
  // Lives as long as this.
  absl::string_view unix_path() const;

  const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  // Bytes of data() that count.
  socklen_t length() const { return length_; }

  // What Parse() reads; "unnamed" if there is no address.
  std::string ToString() const;

  friend bool operator==(const Address& a, const Address& b);

 private:
  // Zero beyond length_.
  sockaddr_storage storage_ = {};
  socklen_t length_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_ADDRESS_H_
