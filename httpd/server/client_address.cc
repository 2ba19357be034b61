#include "httpd/server/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace pollux {
namespace {

constexpr std::array<uint8_t, 12> kIpv4Prefix = {0, 0, 0, 0, 0,    0,
                                                 0, 0, 0, 0, 0xff, 0xff};

bool IsIpv4(const std::array<uint8_t, 16>& bytes) {
  return std::equal(kIpv4Prefix.begin(), kIpv4Prefix.end(), bytes.begin());
}

}  // namespace

ClientAddress::ClientAddress(const Address& address) {
  if (address.family() == AF_INET) {
    sockaddr_in ipv4;
    std::memcpy(&ipv4, address.data(), sizeof(ipv4));
    std::copy(kIpv4Prefix.begin(), kIpv4Prefix.end(), bytes_.begin());
    std::memcpy(&bytes_[kIpv4Prefix.size()], &ipv4.sin_addr, 4);
  } else if (address.family() == AF_INET6) {
    sockaddr_in6 ipv6;
    std::memcpy(&ipv6, address.data(), sizeof(ipv6));
    std::memcpy(bytes_.data(), &ipv6.sin6_addr, bytes_.size());
  }
}

std::string ClientAddress::ToString() const {
  if (!is_known()) return "-";
  char text[INET6_ADDRSTRLEN];
  const bool is_ipv4 = IsIpv4(bytes_);
  const uint8_t* const start =
      is_ipv4 ? &bytes_[kIpv4Prefix.size()] : bytes_.data();
  return inet_ntop(is_ipv4 ? AF_INET : AF_INET6, start, text, sizeof(text));
}

ClientAddress ClientAddress::Network() const {
  ClientAddress network = *this;
  if (!IsIpv4(bytes_)) {
    std::fill(network.bytes_.begin() + 8, network.bytes_.end(), 0);
  }
  return network;
}

}  // namespace pollux
