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
#include <vector>

#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "testing/fake/network.h"
#include "testing/fake/socket_file.h"
#include "testing/fake/socket_message.h"
#include "testing/fake/virtual_time.h"

struct tcp_info;

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

  // TCP: the cable to the other end is cut. Nothing more arrives on either
  // side, which each learns from its own timers only: what it sends is not
  // acknowledged (ETIMEDOUT after tcp_retries2 or TCP_USER_TIMEOUT), nor are
  // keep-alive probes (SO_KEEPALIVE).
  void CutOff();

  bool is_listening() const override { return state_ == State::kListening; }
  bool is_connected() const { return peer_ != nullptr; }

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

  // tcp(7).
  struct TcpOptions {
    bool no_delay = false;
    int user_timeout_ms = 0;
    int keep_idle_seconds = 7200;
    int keep_interval_seconds = 75;
    int keep_count = 9;
    // TCP_DEFER_ACCEPT, as the number of SYN-ACKs that Linux makes of seconds.
    int defer_retries = 0;
    std::string congestion = "cubic";
  };

  BufferBytes DefaultBufferBytes() const override;
  SysResult SetTcpOption(int option, const void* value,
                         socklen_t length) override;
  SysResult GetTcpOption(int option, void* value,
                         socklen_t* length) const override;
  void OnKeepAliveSet() override { PlanKeepAlive(); }

  tcp_info Info() const;

  // How many bytes one direction of a connection holds before the sender has to
  // wait.
  size_t buffer_bytes() const;
  // What this socket has sent and the other end's program has not read, or its
  // TCP has not acknowledged.
  size_t BytesUnderWay() const;
  // Of those, what has not arrived, since the receiver's buffer is full.
  size_t BytesUnacknowledged() const;
  size_t Space() const;
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
  void NoteArrival(StreamSocket& receiver, size_t bytes);
  uint32_t PollUnix();
  void ShutDown(bool receiving, bool sending);

  // TCP_DEFER_ACCEPT: `connection` is to be accepted when there is something to
  // read from it, or after some time.
  void Defer(std::shared_ptr<StreamSocket> connection);
  // It is to be accepted now.
  void EndDeferral();
  void Admit(StreamSocket& connection);
  // Removes and returns a deferred connection.
  std::shared_ptr<StreamSocket> TakeDeferred(const StreamSocket& connection);

  void BecomeCutOff(size_t unacknowledged_bytes);
  void PlanRetransmission();
  void PlanKeepAlive();
  void GiveUp();
  void CancelTimers();

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

  // TCP.
  TcpOptions tcp_;
  // Bytes sent that are acknowledged or under way, and bytes that have arrived.
  uint64_t sent_bytes_ = 0;
  uint64_t arrived_bytes_ = 0;
  bool has_connected_ = false;
  // When the other end was last heard of.
  MonotonicTime last_heard_;
  bool is_cut_off_ = false;
  // Since the connection was cut.
  size_t lost_bytes_ = 0;
  VirtualTime::PlanId retransmission_ = 0;
  VirtualTime::PlanId keep_alive_plan_ = 0;

  // The listener that has put off accepting this one, and until when.
  StreamSocket* deferring_ = nullptr;
  VirtualTime::PlanId deferral_ = 0;
  std::vector<std::shared_ptr<StreamSocket>> deferred_;

  size_t backlog_ = 0;
  std::deque<std::shared_ptr<StreamSocket>> accept_queue_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
