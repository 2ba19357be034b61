// What UDP and unix datagram sockets have in common.
#ifndef POLLUX_TESTING_FAKE_DATAGRAM_SOCKET_H_
#define POLLUX_TESTING_FAKE_DATAGRAM_SOCKET_H_

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "reactor/net/address.h"
#include "testing/fake/network.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/socket_message.h"

namespace pollux {

// A socket that receives datagrams: the queue of those that have come, and how
// they are read. As a SocketFile: shared by its descriptors, one thread.
class DatagramSocket : public SocketFile {
 public:
  ~DatagramSocket() override;

  SysResult Shutdown(int how) override;
  SysResult ReceiveMessage(IncomingMessage& message) override;
  uint32_t Poll() override;
  void ForEachFileReceived(
      const std::function<void(const OpenFile&)>& tell) const override;
  FileList TakeFilesReceived() override;

 protected:
  // What the kernel says when it wakes for space.
  static constexpr uint32_t kSpaceCame = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
  // What a datagram takes of a buffer besides its bytes: Linux's headers.
  static constexpr size_t kOverheadBytes = 768;

  // What there is of a sender, also when it is gone.
  struct Sender {
    Address name;
    // Null when it is gone.
    DatagramSocket* socket = nullptr;
    // What it has sent and nobody has read.
    size_t unread_bytes = 0;
  };

  struct Datagram {
    std::string bytes;
    std::shared_ptr<Sender> sender;
    FileList files;

    // What it takes of a buffer.
    size_t cost() const { return bytes.size() + kOverheadBytes; }
  };

  DatagramSocket(Network& network, int family)
      : SocketFile(family, SOCK_DGRAM), network_(network) {}

  Network& network() const { return network_; }
  BufferBytes DefaultBufferBytes() const override;
  // Puts a datagram into the queue, and wakes who waits for one.
  void Deliver(Datagram datagram);
  // Empties the queue. Returns whether there was anything in it.
  bool DropReceived();
  size_t received() const { return received_.size(); }
  size_t received_cost() const { return received_cost_; }
  bool receive_shut() const { return receive_shut_; }
  bool send_shut() const { return send_shut_; }

  // Somebody reads, or looks at, a datagram.
  virtual void OnReceive() {}
  // A datagram has left a queue, in whatever way.
  virtual void OnGone(const Datagram& datagram) { (void)datagram; }
  virtual bool IsWritable() = 0;
  virtual bool IsConnected() const = 0;

 private:
  Datagram TakeFirst();

  Network& network_;
  std::deque<Datagram> received_;
  size_t received_cost_ = 0;
  bool receive_shut_ = false;
  bool send_shut_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_DATAGRAM_SOCKET_H_
