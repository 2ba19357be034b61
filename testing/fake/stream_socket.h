// Stream sockets: TCP and unix.
#ifndef POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
#define POLLUX_TESTING_FAKE_STREAM_SOCKET_H_

#include <sys/socket.h>
#include <sys/stat.h>

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

// A stream socket as tcp(7) and unix(7) have it, over a network without delay:
// what is sent has arrived. Buffers are finite, the backlog is finite; FIN, RST
// and their errors come as Linux orders them.
//
// As a SocketFile: shared by its descriptors, one thread. The two ends of a
// connection know, and do not own, each other.
class StreamSocket final : public SocketFile {
 public:
  // `family` is AF_INET, AF_INET6 or AF_UNIX.
  StreamSocket(Network& network, int family)
      : SocketFile(family, SOCK_STREAM), network_(network) {}
  ~StreamSocket() override;

  // socketpair(2).
  static void Pair(StreamSocket& a, StreamSocket& b);

  SysResult Bind(const Address& address) override;
  SysResult Listen(int backlog) override;
  // The oldest waiting connection; EAGAIN if there is none.
  SysResult Accept(std::shared_ptr<SocketFile>& connection) override;
  SysResult Connect(const Address& address) override;
  SysResult Shutdown(int how) override;
  SysResult GetPeerName(Address& name) const override;
  SysResult SendMessage(const OutgoingMessage& message) override;
  SysResult ReceiveMessage(IncomingMessage& message) override;

  uint32_t Poll() override;
  void ForEachFileReceived(
      const std::function<void(const OpenFile&)>& tell) const override;
  FileList TakeFilesReceived() override;

  bool is_listening() const override { return state_ == State::kListening; }
  bool is_connected() const { return peer_ != nullptr; }
  // Bytes that have come and were not read.
  size_t received_bytes() const { return received_.size(); }

 private:
  // What tcp(7) calls them. A unix socket is only ever kClosed, kListening or
  // kEstablished, and stays the last when its peer goes.
  enum class State : uint8_t {
    kClosed,
    kListening,
    kSynSent,
    kEstablished,
    // Sent its FIN, got none.
    kFinWait,
    // Got a FIN, sent none.
    kCloseWait,
  };

  // Unix: what is left of one message.
  struct Message {
    size_t bytes = 0;
    FileList files;
  };

  // What connect(2) has said so far.
  enum class Progress : uint8_t {
    kNotAsked,
    kStarted,
    kTold,
    // shutdown(2) came between: never again.
    kSpoilt,
  };

  size_t buffer_bytes() const;
  size_t SpaceAtPeer() const;
  bool IsWritable() const;
  bool HasRoomInBacklog() const;

  SysResult ConnectUnix(const Address& address);
  void TryToConnect();
  void ConnectTo(StreamSocket& listener);
  SysResult SendUnix(const OutgoingMessage& message);
  SysResult ReceiveUnix(IncomingMessage& message);
  size_t TakeReceived(const IncomingMessage& message);
  size_t TakeMessages(IncomingMessage& message);
  void TakeSpaceFreed();
  uint32_t PollUnix();
  void ShutDown(bool receiving, bool sending);

  void DropAcceptQueue();
  void CloseUnix();
  void CloseTcp();
  // TCP: back to the state of birth.
  void Disconnect();
  void SendFin();
  void ReceiveFin();
  void ReceiveReset();
  // TCP: the connection is over, in whatever way.
  void Done();
  void BecomeClosed();
  void LeavePeer();

  Network& network_;
  State state_ = State::kClosed;
  Progress progress_ = Progress::kNotAsked;
  // By bind(2) or listen(2), not by connect(2).
  bool bound_ = false;
  // TCP: a port that bind(2) was asked for outlives connections, one that the
  // kernel chose does not; so do addresses, but not 0.0.0.0.
  bool port_stays_ = false;
  bool address_stays_ = false;

  // Null when the other end is gone.
  StreamSocket* peer_ = nullptr;
  std::string received_;
  // Unix: how `received_` was sent. A sender is told when a message is gone; no
  // read goes beyond one that brought files.
  std::deque<Message> messages_;
  // No more comes; no more may be sent.
  bool receive_shut_ = false;
  bool send_shut_ = false;
  // TCP: behind a FIN even an error reads as the end.
  bool fin_received_ = false;
  // TCP: somebody was told to wait for space.
  bool wants_space_ = false;
  // Unix: the other end of one that nobody has accepted.
  bool is_embryo_ = false;
  // TCP: when a SYN is sent again, and how often it was.
  VirtualTime::PlanId retry_ = 0;
  int retries_ = 0;

  size_t backlog_ = 0;
  std::deque<std::shared_ptr<StreamSocket>> accept_queue_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
