#include "reactor/net/socket.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

constexpr int kOn = 1;

// Far longer than the kernel defers a connection, and its seconds fit an int.
constexpr absl::Duration kMaxDeferAccept = absl::Hours(1);

// It lies in every connection.
static_assert(sizeof(Socket) == sizeof(Descriptor));

using GetName = SysResult (Kernel::*)(int, sockaddr*, socklen_t*);

absl::StatusOr<Address> ToAddress(const Descriptor& socket, GetName get_name,
                                  absl::string_view name) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  const SysResult result =
      (socket.kernel().*get_name)(socket.number(), address, &length);
  if (!result.ok()) return result.ToStatus(name);
  return Address::FromSockaddr(address, length);
}

}  // namespace

absl::StatusOr<Socket> Socket::Listen(Kernel& kernel, const Address& address,
                                      const ListenOptions& options) {
  CHECK_GE(options.backlog, 1);
  CHECK_LE(options.backlog, 65535);
  CHECK_GE(options.defer_accept, absl::ZeroDuration());
  CHECK_LE(options.defer_accept, kMaxDeferAccept);
  const std::string where = address.ToString();
  const SysResult opened = kernel.Socket(
      address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!opened.ok()) return opened.ToStatus(absl::StrCat("socket ", where));
  Socket socket(kernel, opened.descriptor());

  absl::Status status = socket.SetOptions(address, options);
  if (!status.ok()) return status;
  SysResult result = socket.BindAt(address);
  if (!result.ok()) return result.ToStatus(absl::StrCat("bind ", where));
  socket.unlinks_path_ = !address.unix_path().empty();
  result = kernel.Listen(socket.descriptor(), options.backlog);
  if (!result.ok()) return result.ToStatus(absl::StrCat("listen ", where));
  return socket;
}

absl::Status Socket::SetOptions(const Address& address,
                                const ListenOptions& options) {
  const auto set = [&](int level, int option, const void* value,
                       socklen_t length, absl::string_view name) {
    return kernel()
        .SetSockOpt(descriptor(), level, option, value, length)
        .ToStatus(absl::StrCat("setsockopt ", name, " ", address.ToString()));
  };
  absl::Status status =
      set(SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof(kOn), "SO_REUSEADDR");
  if (status.ok() && options.reuse_port) {
    status = set(SOL_SOCKET, SO_REUSEPORT, &kOn, sizeof(kOn), "SO_REUSEPORT");
  }
  if (status.ok() && options.ipv6_only) {
    status = set(IPPROTO_IPV6, IPV6_V6ONLY, &kOn, sizeof(kOn), "IPV6_V6ONLY");
  }
  if (status.ok() && options.defer_accept > absl::ZeroDuration()) {
    const int seconds = static_cast<int>(absl::ToInt64Seconds(
        absl::Ceil(options.defer_accept, absl::Seconds(1))));
    status = set(IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds),
                 "TCP_DEFER_ACCEPT");
  }
  if (status.ok() && !options.congestion_control.empty()) {
    const std::string& name = options.congestion_control;
    status = set(IPPROTO_TCP, TCP_CONGESTION, name.data(),
                 static_cast<socklen_t>(name.size()),
                 absl::StrCat("TCP_CONGESTION ", name));
  }
  return status;
}

SysResult Socket::BindAt(const Address& address) {
  const auto bind = [&] {
    return kernel().Bind(descriptor(), address.data(), address.length());
  };
  const SysResult result = bind();
  if (result.error() != EADDRINUSE || address.unix_path().empty() ||
      !IsStale(address)) {
    return result;
  }
  const std::string path(address.unix_path());
  const SysResult unlinked = kernel().UnlinkAt(AT_FDCWD, path.c_str(), 0);
  // Somebody else may have done it.
  return unlinked.ok() || unlinked.error() == ENOENT ? bind() : unlinked;
}

// Whether a socket lies there that nobody listens on any more.
bool Socket::IsStale(const Address& address) const {
  const std::string path(address.unix_path());
  // What is not a socket refuses connections too, and is not ours to remove.
  const SysResult opened = kernel().OpenAt(AT_FDCWD, path.c_str(),
                                           O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (opened.ok()) {
    const Descriptor file(kernel(), opened.descriptor());
    struct stat status = {};
    if (!kernel().Fstat(file.number(), status).ok() ||
        !S_ISSOCK(status.st_mode)) {
      return false;
    }
  }
  const SysResult probe =
      kernel().Socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!probe.ok()) return false;
  const Descriptor socket(kernel(), probe.descriptor());
  return kernel()
             .Connect(socket.number(), address.data(), address.length())
             .error() == ECONNREFUSED;
}

// Before it is closed: as long as it listens, nobody else takes the path over,
// so it is no other socket's that is unlinked.
void Socket::UnlinkPath() {
  unlinks_path_ = false;
  const absl::StatusOr<Address> address = LocalAddress();
  if (!address.ok()) return;
  const std::string path(address->unix_path());
  if (!path.empty()) (void)kernel().UnlinkAt(AT_FDCWD, path.c_str(), 0);
}

absl::StatusOr<Socket> Socket::AdoptListener(Kernel& kernel, int descriptor) {
  const std::string what = absl::StrCat("descriptor ", descriptor);
  for (const auto& [option, wanted, why] :
       {std::tuple(SO_TYPE, int{SOCK_STREAM}, "is not a stream socket"),
        std::tuple(SO_ACCEPTCONN, 1, "is not listening")}) {
    int value = 0;
    socklen_t length = sizeof(value);
    const SysResult result =
        kernel.GetSockOpt(descriptor, SOL_SOCKET, option, &value, &length);
    if (!result.ok()) return result.ToStatus(what);
    if (value != wanted) {
      return absl::InvalidArgumentError(absl::StrCat(what, " ", why));
    }
  }
  SysResult result = kernel.Fcntl(descriptor, F_GETFL, 0);
  if (result.ok()) {
    const int flags = static_cast<int>(result.value());
    result = kernel.Fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
  }
  if (result.ok()) result = kernel.Fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  if (!result.ok()) return result.ToStatus(absl::StrCat("fcntl ", what));
  return Socket(kernel, descriptor);
}

absl::StatusOr<Socket> Socket::Duplicate() const {
  const SysResult result = kernel().Fcntl(descriptor(), F_DUPFD_CLOEXEC, 0);
  if (!result.ok()) return result.ToStatus("fcntl F_DUPFD_CLOEXEC");
  return Socket(kernel(), result.descriptor());
}

absl::StatusOr<Address> Socket::LocalAddress() const {
  return ToAddress(descriptor_, &Kernel::GetSockName, "getsockname");
}

absl::StatusOr<Address> Socket::PeerAddress() const {
  return ToAddress(descriptor_, &Kernel::GetPeerName, "getpeername");
}

absl::StatusOr<PeerCredentials> Socket::GetPeerCredentials() const {
  ucred credentials = {};
  socklen_t length = sizeof(credentials);
  const SysResult result = kernel().GetSockOpt(
      descriptor(), SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  if (!result.ok()) return result.ToStatus("getsockopt SO_PEERCRED");
  return PeerCredentials{.process = credentials.pid,
                         .user = credentials.uid,
                         .group = credentials.gid};
}

std::optional<uint64_t> Socket::AcknowledgedBytes() const {
  tcp_info info = {};
  socklen_t length = sizeof(info);
  const SysResult result =
      kernel().GetSockOpt(descriptor(), IPPROTO_TCP, TCP_INFO, &info, &length);
  // Kernels before 4.1 say less.
  constexpr socklen_t kNeeded =
      offsetof(tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked);
  if (!result.ok() || length < kNeeded) return std::nullopt;
  return info.tcpi_bytes_acked;
}

SysResult Socket::SetResetOnClose() {
  constexpr linger kReset = {.l_onoff = 1, .l_linger = 0};
  return kernel().SetSockOpt(descriptor(), SOL_SOCKET, SO_LINGER, &kReset,
                             sizeof(kReset));
}

SysResult Socket::SetNoDelay() {
  return kernel().SetSockOpt(descriptor(), IPPROTO_TCP, TCP_NODELAY, &kOn,
                             sizeof(kOn));
}

}  // namespace pollux
