#include "reactor/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "absl/strings/str_cat.h"

namespace pollux {

absl::StatusOr<Socket> Socket::Listen(Kernel& kernel, const Address& address,
                                      int backlog) {
  const std::string where = address.ToString();
  const SysResult opened = kernel.Socket(
      address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!opened.ok()) return opened.ToStatus(absl::StrCat("socket ", where));
  Socket socket(kernel, opened.descriptor());

  constexpr int kOn = 1;
  SysResult result = kernel.SetSockOpt(socket.descriptor(), SOL_SOCKET,
                                       SO_REUSEADDR, &kOn, sizeof(kOn));
  if (!result.ok()) return result.ToStatus(absl::StrCat("setsockopt ", where));
  result = kernel.Bind(socket.descriptor(), address.data(), address.length());
  if (!result.ok()) return result.ToStatus(absl::StrCat("bind ", where));
  result = kernel.Listen(socket.descriptor(), backlog);
  if (!result.ok()) return result.ToStatus(absl::StrCat("listen ", where));
  return socket;
}

absl::StatusOr<Address> Socket::LocalAddress() const {
  sockaddr_storage storage;
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  const SysResult result = kernel_->GetSockName(descriptor_, address, &length);
  if (!result.ok()) return result.ToStatus("getsockname");
  return Address::FromSockaddr(address, length);
}

SysResult Socket::SetNoDelay() {
  constexpr int kOn = 1;
  return kernel_->SetSockOpt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &kOn,
                             sizeof(kOn));
}

}  // namespace pollux
