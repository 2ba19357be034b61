// Addresses as programs give them and get them.
#ifndef POLLUX_TESTING_FAKE_RAW_ADDRESS_H_
#define POLLUX_TESTING_FAKE_RAW_ADDRESS_H_

#include <sys/socket.h>

#include "reactor/net/address.h"
#include "reactor/sys_result.h"

namespace pollux {

// What a program gave: a unix path ends with its NUL, however long the
// structure is that it stands in.
Address AddressFrom(const sockaddr* address, socklen_t length);

// Tells a program the address of a socket of `family`: cut at `length`, which
// then says how long it is. A socket without a name still has a family. Nothing
// if `address` is null; EINVAL if there is less than no room.
SysResult FillAddress(const Address& from, int family, sockaddr* address,
                      socklen_t* length);

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_RAW_ADDRESS_H_
