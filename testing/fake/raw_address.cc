#include "testing/fake/raw_address.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace pollux {

Address AddressFrom(const sockaddr* address, socklen_t length) {
  constexpr socklen_t kPathOffset = offsetof(sockaddr_un, sun_path);
  if (length <= kPathOffset || length > sizeof(sockaddr_un) ||
      address->sa_family != AF_UNIX) {
    return Address::FromSockaddr(address, length);
  }
  sockaddr_storage storage = {};
  std::memcpy(&storage, address, length);
  const char* path = reinterpret_cast<const char*>(&storage) + kPathOffset;
  if (*path != '\0') {
    const auto ending = static_cast<socklen_t>(std::strlen(path)) + 1;
    length = std::min<socklen_t>(kPathOffset + ending, sizeof(sockaddr_un));
  }
  return Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage),
                               length);
}

SysResult FillAddress(const Address& from, int family, sockaddr* address,
                      socklen_t* length) {
  if (address == nullptr) return SysResult::Ok();
  if (static_cast<int>(*length) < 0) return SysResult::Error(EINVAL);
  sockaddr_storage storage = {};
  socklen_t size = from.length();
  std::memcpy(&storage, from.data(), sizeof(storage));
  if (size == 0) {
    storage.ss_family = static_cast<sa_family_t>(family);
    size = family == AF_UNIX    ? sizeof(sa_family_t)
           : family == AF_INET6 ? sizeof(sockaddr_in6)
                                : sizeof(sockaddr_in);
  }
  std::memcpy(address, &storage, std::min(*length, size));
  *length = size;
  return SysResult::Ok();
}

}  // namespace pollux
