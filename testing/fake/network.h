// Who is where.
#ifndef POLLUX_TESTING_FAKE_NETWORK_H_
#define POLLUX_TESTING_FAKE_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake/files_in_flight.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/virtual_time.h"

namespace pollux {

// What the sockets of a world share: addresses in use, port numbers, sizes of
// buffers. TCP and UDP have ports of their own; so have stream and datagram
// sockets abstract names, but not paths. Owned by a FakeWorld; must outlive its
// sockets; one thread.
//
// IPv4 and IPv6 are two networks: a socket at [::] hears no IPv4, as if
// net.ipv6.bindv6only were set (IPV6_V6ONLY, ipv6(7)).
class Network {
 public:
  struct Options {
    // Bytes that one direction of a connection holds until the sender is told
    // to wait: the send and receive buffers together.
    size_t tcp_buffer_bytes = 128 * 1024;
    size_t unix_buffer_bytes = 128 * 1024;
    // What a UDP socket holds; more is lost without a word.
    size_t udp_buffer_bytes = 208 * 1024;
    // What of a unix socket's datagrams may be unread.
    size_t unix_datagram_buffer_bytes = 208 * 1024;
  };

  Network(VirtualTime& time, const Options& options)
      : time_(time), options_(options) {}

  // Gives `socket` the address, or a free port of it, as bind(2) says. `may_be`
  // is false if it has one already: EINVAL, which is not the first thing to be
  // looked at. `bound` is where it is then.
  SysResult Bind(SocketFile& socket, const Address& address, bool may_be,
                 Address& bound);
  // Whether nobody is in the way of a bound socket that wants to listen.
  bool MayListen(const SocketFile& socket) const;

  // A connection has its port even if nobody called bind(2) for it. There is no
  // TIME_WAIT: the port is free when the connection is over.
  void HoldPort(const SocketFile& socket);
  void ReleasePort(const SocketFile& socket);

  // Forgets a socket.
  void Unbind(SocketFile& socket);

  // The listening socket for a TCP connection to `address`; null if there is
  // none. With SO_REUSEPORT the connections go round.
  SocketFile* FindListener(const Address& address);

  // unlink(2): who listens there is no longer found, and the path is free.
  void Unlink(absl::string_view path);
  // Whether there is a socket. Paths are told apart as they are written: "."
  // and ".." are looked at, links are not.
  bool HasSocket(absl::string_view path) const;

  // The UDP socket that gets what is sent from `from` to `to`; null if there is
  // none. With SO_REUSEPORT the datagrams go round.
  SocketFile* FindReceiver(const Address& from, const Address& to);

  // Whether a UDP socket that is connected to `peer` hears `from`: port 0 is
  // any.
  static bool Hears(const Address& peer, const Address& from);

  // The unix socket of that type with that name. ECONNREFUSED, ENOENT or
  // EPROTOTYPE if there is none.
  SysResult FindUnix(const Address& name, int type, SocketFile*& found) const;

  // 0.0.0.0 or [::].
  static Address AnyAddress(int family);
  static bool IsAny(const Address& address);
  static Address WithPort(const Address& address, uint16_t port);

  // What stands in a packet to or from `address`: 0.0.0.0 is 127.0.0.1.
  static Address Reachable(const Address& address);

  // What a connection to `peer` has on this side: what `local` says already;
  // else the loopback interface, and a port of its own unless `bound`.
  Address LocalAddress(const Address& local, bool bound, const Address& peer);

  VirtualTime& time() { return time_; }
  FilesInFlight& files_in_flight() { return files_in_flight_; }
  const Options& options() const { return options_; }

 private:
  bool IsFree(const SocketFile& socket, const Address& address) const;
  bool HoldsPort(const SocketFile& socket) const;
  uint16_t NextPort();

  VirtualTime& time_;
  const Options options_;
  FilesInFlight files_in_flight_;
  std::vector<SocketFile*> bound_;
  // TCP connections by local port.
  std::set<std::pair<uint16_t, const SocketFile*>> connections_;
  // Unix paths stay until they are unlinked, whoever made them; null where the
  // socket has gone.
  std::map<std::string, SocketFile*> paths_;
  uint16_t last_port_ = 32767;
  size_t turns_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_NETWORK_H_
