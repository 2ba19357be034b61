// Who listens where.
#ifndef POLLUX_TESTING_FAKE_NETWORK_H_
#define POLLUX_TESTING_FAKE_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

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

  // Gives `socket` the address, or a free port of it. EADDRINUSE, EADDRNOTAVAIL
  // and EINVAL as bind(2) says. `bound` is where it is then.
  SysResult Bind(StreamSocket& socket, const Address& address, Address& bound);
  // Forgets a socket that Bind() knows.
  void Unbind(StreamSocket& socket);

  // The listening socket for a connection to `address`; null if there is none.
  // With SO_REUSEPORT the connections go round.
  StreamSocket* FindListener(const Address& address);

  // A free TCP port on the loopback interface that `peer` is on, for the
  // connecting side.
  Address EphemeralAddress(const Address& peer);

  VirtualTime& time() { return time_; }
  const Options& options() const { return options_; }

 private:
  bool IsFree(const StreamSocket& socket, const Address& address) const;
  uint16_t NextPort();

  VirtualTime& time_;
  const Options options_;
  std::vector<StreamSocket*> bound_;
  // Unix paths stay until they are unlinked, whoever made them.
  std::set<std::string> paths_;
  uint16_t last_port_ = 32767;
  size_t next_listener_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_NETWORK_H_
