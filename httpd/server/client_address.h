// Who a client is.
#ifndef POLLUX_HTTPD_SERVER_CLIENT_ADDRESS_H_
#define POLLUX_HTTPD_SERVER_CLIENT_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <utility>

#include "reactor/net/address.h"

namespace pollux {

// The address of a client, without its port: small, to be compared, sorted and
// hashed. IPv4 is kept as IPv6 does (RFC 4291 §2.5.5.2). Plain value.
class ClientAddress {
 public:
  // Nobody knows; also whoever comes through a unix socket.
  ClientAddress() = default;
  explicit ClientAddress(const Address& address);

  bool is_known() const { return *this != ClientAddress(); }

  // "192.0.2.1", "2001:db8::1"; "-" if it is not known.
  std::string ToString() const;

  // The network that one customer is given: the first 64 bits of IPv6; IPv4 as
  // it is. Whoever limits by more bits limits nobody (RFC 6177).
  ClientAddress Network() const;

  friend auto operator<=>(const ClientAddress&, const ClientAddress&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const ClientAddress& address) {
    return H::combine(std::move(state), address.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_ = {};
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CLIENT_ADDRESS_H_
