// Stream sockets: TCP and unix.
#ifndef POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
#define POLLUX_TESTING_FAKE_STREAM_SOCKET_H_

#include <sys/socket.h>

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
  SysResult Read(absl::Span<char> buffer) override { return Recv(buffer, 0); }
  SysResult Write(absl::Span<const char> bytes) override { return Send(bytes); }

  int family() const { return family_; }
  const Address& local_address() const { return local_; }
  const Address& peer_address() const { return remote_; }
  bool is_listening() const { return state_ == State::kListening; }
  bool is_connected() const { return state_ == State::kConnected; }
  bool reuse_address() const { return reuse_address_; }
  bool reuse_port() const { return reuse_port_; }
  // Bytes that have come and were not read.
  size_t received_bytes() const { return received_.size(); }

 private:
  enum class State : uint8_t {
    kUnconnected,
    kListening,
    kConnecting,
    kConnected,
    // Was connected and is over.
    kClosed,
  };

  bool is_unix() const { return family_ == AF_UNIX; }
  size_t buffer_bytes() const;
  size_t SpaceAtPeer() const;
  bool IsWritable() const;
  bool HasRoomInBacklog() const;
  int TakeError();

  void TryToConnect();
  void ConnectTo(StreamSocket& listener);
  void FailToConnect(int error);
  void TakeSpaceFreed();
  void ReceiveFin();
  void ReceiveReset(int error);
  void PeerClosed();

  Network& network_;
  const int family_;
  State state_ = State::kUnconnected;
  Address local_;
  Address remote_;
  bool bound_ = false;

  // Null when the other end is gone.
  StreamSocket* peer_ = nullptr;
  std::string received_;
  // No more comes; no more may be sent.
  bool receive_shut_ = false;
  bool send_shut_ = false;
  // A FIN has come, behind which even an error reads as the end.
  bool fin_received_ = false;
  // Somebody was told to wait for space.
  bool wants_space_ = false;
  // SO_ERROR.
  int error_ = 0;
  // The first connect(2) that finds the connection made says so.
  bool connect_reported_ = false;
  VirtualTime::PlanId retry_ = 0;

  size_t backlog_ = 0;
  std::deque<std::shared_ptr<StreamSocket>> accept_queue_;

  bool reuse_address_ = false;
  bool reuse_port_ = false;
  bool reset_on_close_ = false;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_STREAM_SOCKET_H_
