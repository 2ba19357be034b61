// Unix datagram sockets.
#ifndef POLLUX_TESTING_FAKE_UNIX_DATAGRAM_SOCKET_H_
#define POLLUX_TESTING_FAKE_UNIX_DATAGRAM_SOCKET_H_

#include <memory>
#include <vector>

#include "reactor/net/address.h"
#include "testing/fake/datagram_socket.h"
#include "testing/fake/network.h"
#include "testing/fake/socket_message.h"

namespace pollux {

// A unix datagram socket as unix(7) has it. Nothing is lost: who sends waits
// until its datagrams are read, and for who does not answer there are at most
// ten and one.
//
// As a SocketFile: shared by its descriptors, one thread. Sockets that are
// connected know, and do not own, each other.
class UnixDatagramSocket final : public DatagramSocket {
 public:
  explicit UnixDatagramSocket(Network& network);
  ~UnixDatagramSocket() override;

  // socketpair(2).
  static void Pair(UnixDatagramSocket& a, UnixDatagramSocket& b);

  SysResult Bind(const Address& address) override;
  SysResult Connect(const Address& address) override;
  SysResult GetPeerName(Address& name) const override;
  SysResult SendMessage(const OutgoingMessage& message) override;

 private:
  void OnReceive() override;
  void OnGone(const Datagram& datagram) override;
  bool IsWritable() override;
  bool IsConnected() const override { return peer_ != nullptr; }

  // Who gets a datagram to `to`, or without it, and has room for it.
  SysResult FindReceiver(const Address* to, UnixDatagramSocket*& receiver);
  bool HasRoomForMore() const;
  // Whether it is full for who is not connected to from it.
  bool IsFullFor(const UnixDatagramSocket& sender) const;
  bool MaySendTo(const UnixDatagramSocket& receiver) const;
  UnixDatagramSocket* peer_socket() const;
  void SetPeer(std::shared_ptr<Sender> peer);
  void WaitForPeer();
  void StopWaiting();
  void WakeWaiting(uint32_t events);

  // This socket for others.
  const std::shared_ptr<Sender> self_;
  // Where datagrams without an address go; null without a connection. Stays
  // when the other end goes, until something is sent.
  std::shared_ptr<Sender> peer_;
  // Whose peer was full, and who then is told.
  std::shared_ptr<Sender> waits_for_;
  std::vector<std::shared_ptr<Sender>> waiting_;
  bool bound_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_UNIX_DATAGRAM_SOCKET_H_
