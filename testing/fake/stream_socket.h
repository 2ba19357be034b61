// Stream sockets: TCP and unix.
#ifndef POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
#define POLLUX_TESTING_FAKE_STREAM_SOCKET_H_

#include <sys/socket.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "reactor/net/address.h"
#include "testing/fake/network.h"
#include "testing/fake/open_file.h"

namespace pollux {

// A stream socket as tcp(7) and unix(7) have it, over a network without delay:
// what is sent has arrived. Buffers are finite, the backlog is finite; FIN, RST
// and their errors come as Linux orders them.
//
// As an OpenFile: shared by its descriptors, one thread. The two ends of a
// connection know, and do not own, each other.
class StreamSocket final : public OpenFile {
 public:
  // `family` is AF_INET, AF_INET6 or AF_UNIX.
  StreamSocket(Network& network, int family)
      : network_(network), family_(family) {}
  ~StreamSocket() override;

  // socketpair(2).
  static void Pair(StreamSocket& a, StreamSocket& b);

  SysResult Bind(const Address& address);
  SysResult Listen(int backlog);
  // The oldest waiting connection; EAGAIN if there is none.
  SysResult Accept(std::shared_ptr<StreamSocket>& connection);
  SysResult Connect(const Address& address);
  SysResult Recv(absl::Span<char> buffer, int flags);
  SysResult Send(absl::Span<const char> bytes);
  SysResult Shutdown(int how);
  SysResult SetOption(int level, int option, const void* value,
                      socklen_t length);
  SysResult GetOption(int level, int option, void* value, socklen_t* length);

  uint32_t Poll() override;
  // Unlike recv(2), read(2) of nothing never fails.
  SysResult Read(absl::Span<char> buffer) override {
    return buffer.empty() ? SysResult::Ok(0) : Recv(buffer, 0);
  }
  SysResult Write(absl::Span<const char> bytes) override { return Send(bytes); }
  void Describe(struct stat& status) const override {
    OpenFile::Describe(status);
    status.st_mode = S_IFSOCK | ACCESSPERMS;
  }

  int family() const { return family_; }
  const Address& local_address() const { return local_; }
  const Address& peer_address() const { return remote_; }
  bool is_listening() const { return state_ == State::kListening; }
  bool is_connected() const { return peer_ != nullptr; }
  bool reuse_address() const { return reuse_address_; }
  bool reuse_port() const { return reuse_port_; }
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

  // What connect(2) has said so far.
  enum class Progress : uint8_t {
    kNotAsked,
    kStarted,
    kTold,
    // shutdown(2) came between: never again.
    kSpoilt,
  };

  bool is_unix() const { return family_ == AF_UNIX; }
  size_t buffer_bytes() const;
  size_t SpaceAtPeer() const;
  bool IsWritable() const;
  bool HasRoomInBacklog() const;
  int TakeError();

  SysResult ConnectUnix(const Address& address);
  void TryToConnect();
  void ConnectTo(StreamSocket& listener);
  SysResult SendUnix(absl::Span<const char> bytes);
  SysResult RecvUnix(absl::Span<char> buffer, int flags);
  size_t TakeReceived(absl::Span<char> buffer, int flags);
  void TakeSpaceFreed(bool message_freed);
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
  const int family_;
  State state_ = State::kClosed;
  Progress progress_ = Progress::kNotAsked;
  Address local_;
  Address remote_;
  // By bind(2) or listen(2), not by connect(2).
  bool bound_ = false;
  // TCP: a port that bind(2) was asked for outlives connections, one that the
  // kernel chose does not; so do addresses, but not 0.0.0.0.
  bool port_stays_ = false;
  bool address_stays_ = false;

  // Null when the other end is gone.
  StreamSocket* peer_ = nullptr;
  std::string received_;
  // Unix: what is left of each message in `received_`. A sender is told when
  // one is gone.
  std::deque<size_t> messages_;
  // No more comes; no more may be sent.
  bool receive_shut_ = false;
  bool send_shut_ = false;
  // TCP: behind a FIN even an error reads as the end.
  bool fin_received_ = false;
  // TCP: somebody was told to wait for space.
  bool wants_space_ = false;
  // Unix: the other end of one that nobody has accepted.
  bool is_embryo_ = false;
  // SO_ERROR.
  int error_ = 0;
  VirtualTime::PlanId retry_ = 0;

  size_t backlog_ = 0;
  std::deque<std::shared_ptr<StreamSocket>> accept_queue_;

  bool reuse_address_ = false;
  bool reuse_port_ = false;
  // SO_LINGER of 0 seconds.
  bool reset_on_close_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
