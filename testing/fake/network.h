// Who listens where.
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
#include "testing/fake/virtual_time.h"

namespace pollux {

class StreamSocket;

// What the sockets of a world share: addresses in use, port numbers, sizes of
// buffers. Owned by a FakeWorld; must outlive its sockets; one thread.
class Network {
 public:
  struct Options {
    // Bytes that one direction of a connection holds until the sender is told
    // to wait: the send and receive buffers together.
    size_t tcp_buffer_bytes = 128 * 1024;
    size_t unix_buffer_bytes = 128 * 1024;
  };

  Network(VirtualTime& time, const Options& options)
      : time_(time), options_(options) {}

  // Gives `socket` the address, or a free port of it, as bind(2) says. `may_be`
  // is false if it has one already: EINVAL, which is not the first thing to be
  // looked at. `bound` is where it is then.
  SysResult Bind(StreamSocket& socket, const Address& address, bool may_be,
                 Address& bound);
  // Whether nobody is in the way of a bound socket that wants to listen.
  bool MayListen(const StreamSocket& socket) const;

  // A connection has its port even if nobody called bind(2) for it. There is no
  // TIME_WAIT: the port is free when the connection is over.
  void HoldPort(const StreamSocket& socket);
  void ReleasePort(const StreamSocket& socket);

  // Forgets a socket.
  void Unbind(StreamSocket& socket);

  // The listening socket for a connection to `address`; null if there is none.
  // With SO_REUSEPORT the connections go round.
  StreamSocket* FindListener(const Address& address);

  // unlink(2): who listens there is no longer found, and the path is free.
  void Unlink(absl::string_view path);
  // Whether there is a socket. Paths are told apart as they are written: "."
  // and ".." are looked at, links are not.
  bool HasSocket(absl::string_view path) const;

  // Whether it is a unix path where nothing is.
  bool IsMissing(const Address& address) const;

  // 0.0.0.0 or [::].
  static Address AnyAddress(int family);
  static bool IsAny(const Address& address);
  static Address WithPort(const Address& address, uint16_t port);

  // Where a TCP connection to `address` goes: 0.0.0.0 is this host.
  static Address Reachable(const Address& address);

  // What a connection to `peer` has on this side: what `local` says already;
  // else the interface that the peer is on, and a port of its own unless
  // `bound`.
  Address LocalAddress(const Address& local, bool bound, const Address& peer);

  VirtualTime& time() { return time_; }
  const Options& options() const { return options_; }

 private:
  bool IsFree(const StreamSocket& socket, const Address& address) const;
  bool HoldsPort(const StreamSocket& socket) const;
  uint16_t NextPort();

  VirtualTime& time_;
  const Options options_;
  std::vector<StreamSocket*> bound_;
  // Connections by local port.
  std::set<std::pair<uint16_t, const StreamSocket*>> connections_;
  // Unix paths stay until they are unlinked, whoever made them; null where the
  // socket has gone.
  std::map<std::string, StreamSocket*> paths_;
  uint16_t last_port_ = 32767;
  size_t next_listener_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_NETWORK_H_
