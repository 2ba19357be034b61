// UDP sockets.
#ifndef POLLUX_TESTING_FAKE_UDP_SOCKET_H_
#define POLLUX_TESTING_FAKE_UDP_SOCKET_H_

#include <sys/socket.h>

#include "reactor/net/address.h"
#include "testing/fake/datagram_socket.h"
#include "testing/fake/network.h"
#include "testing/fake/socket_message.h"

namespace pollux {

// A UDP socket as udp(7) has it, over a network without delay that loses
// nothing but what a full buffer has no room for. A port where nobody is says
// so to a socket that is connected to it, after the call (ICMP).
//
// As a SocketFile: shared by its descriptors, one thread.
class UdpSocket final : public DatagramSocket {
 public:
  // `family` is AF_INET or AF_INET6.
  UdpSocket(Network& network, int family) : DatagramSocket(network, family) {}
  ~UdpSocket() override;

  SysResult Bind(const Address& address) override;
  SysResult Connect(const Address& address) override;
  SysResult GetPeerName(Address& name) const override;
  SysResult SendMessage(const OutgoingMessage& message) override;

 private:
  // Its buffer is the network's, which takes all.
  bool IsWritable() override { return true; }
  bool IsConnected() const override { return peer_address().length() > 0; }

  bool is_v6() const { return family() == AF_INET6; }
  SysResult BindIfNeeded();
  SysResult CheckDestination(const Address& address) const;
  void Disconnect();

  // Has a port.
  bool bound_ = false;
  // By bind(2): what the kernel chose does not outlive a connection.
  bool port_stays_ = false;
  bool address_stays_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_UDP_SOCKET_H_
