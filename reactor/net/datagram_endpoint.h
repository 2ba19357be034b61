// Datagrams: UDP, and unix sockets of that type.
#ifndef POLLUX_REACTOR_NET_DATAGRAM_ENDPOINT_H_
#define POLLUX_REACTOR_NET_DATAGRAM_ENDPOINT_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"

namespace pollux {

// The memory into which the datagram sockets of one reactor receive. Owned by
// whoever owns the sockets; must outlive them; one thread. Allocates only here.
class DatagramBuffers {
 public:
  // Room for `count` datagrams of `bytes` each: what one call receives. Longer
  // ones are cut. At least 1 each; the largest of UDP has 65507 bytes.
  explicit DatagramBuffers(size_t count = 16, size_t bytes = 2048);
  DatagramBuffers(const DatagramBuffers&) = delete;
  DatagramBuffers& operator=(const DatagramBuffers&) = delete;

 private:
  friend class DatagramEndpoint;

  // Ready to be received into.
  absl::Span<mmsghdr> Reset();
  absl::string_view BytesOf(size_t index) const;
  Address SenderOf(size_t index) const;

  const size_t bytes_;
  std::vector<char> space_;
  std::vector<sockaddr_storage> senders_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> messages_;
};

// A socket for datagrams: receives several datagrams with one call, sends those
// of one event with one call.
//
// Owned by whoever serves it; reactor's thread only; must not outlive the
// reactor. From inside of its handler's callbacks everything may be called, but
// it may be destroyed only through DeleteSoon(). What goes wrong with one
// datagram comes to OnError(), and the socket goes on.
class DatagramEndpoint final : private IoHandler {
 public:
  class Handler {
   public:
    // A datagram, which may be empty. `bytes` and `from` live until the
    // callback returns. `from` is unnamed for a unix socket that was not bound.
    virtual void OnDatagram(absl::string_view bytes, const Address& from) = 0;

    // The same, but it was longer than the buffers have room for: `bytes` is
    // its beginning.
    virtual void OnTruncatedDatagram(absl::string_view bytes,
                                     const Address& from) = 0;

    // Send() had said EAGAIN, and now there is room again.
    virtual void OnWritable() = 0;

    // The kernel refused a datagram, or told later that it did not arrive
    // (ECONNREFUSED, of a connected socket); which one is not known. An errno.
    virtual void OnError(int error) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    // Where datagrams come from and to; port 0 picks one. Without it UDP picks
    // one when something is sent, and a unix socket has no name. bind(2).
    std::optional<Address> local_address = std::nullopt;

    // The only other end: Send() needs no address, what others send is not
    // received, and refusals are told. connect(2).
    std::optional<Address> peer_address = std::nullopt;

    // Datagrams of one event, so that a flood does not starve the others.
    // Whole calls, so rounded up to the DatagramBuffers' count. At least 1.
    size_t max_datagrams_per_event = 64;

    // Datagrams that may wait to be sent; more are refused with EAGAIN. At
    // least 1.
    size_t max_queued_datagrams = 256;
  };

  // What Send() came to.
  enum class SendResult : uint8_t {
    // It is on its way: sent when the callback, or the next iteration, ends.
    kQueued,
    // There is no room; OnWritable() tells when there is. The datagram is not
    // taken.
    kFull,
  };

  // `family` is AF_INET, AF_INET6 or AF_UNIX. The error says which call failed,
  // where, and why. What is passed by reference must outlive the socket.
  static absl::StatusOr<std::unique_ptr<DatagramEndpoint>> Create(
      Reactor& reactor, DatagramBuffers& buffers, int family,
      const Options& options, Handler& handler);
  ~DatagramEndpoint();
  DatagramEndpoint(const DatagramEndpoint&) = delete;
  DatagramEndpoint& operator=(const DatagramEndpoint&) = delete;

  // Where it is, with the port that the kernel picked. getsockname(2).
  absl::StatusOr<Address> LocalAddress() const {
    return socket_.LocalAddress();
  }

  // Sends a copy of `bytes`, to an address, or to the peer of Options. What one
  // event or task sends goes with one call, in order. sendmmsg(2).
  SendResult Send(const Address& to, absl::string_view bytes);
  SendResult Send(absl::string_view bytes) { return Send(Address(), bytes); }

  // Datagrams that wait to be sent.
  size_t queued() const { return queue_.size() - sent_; }

 private:
  struct Queued {
    // In queued_bytes_.
    size_t offset;
    size_t bytes;
    Address to;
  };

  DatagramEndpoint(Reactor& reactor, DatagramBuffers& buffers, Socket socket,
                   const Options& options, Handler& handler);

  void OnReady(Readiness readiness) override;
  void Receive();
  void Deliver(size_t count);
  void SendQueued();
  SysResult SendSome();
  void DropSent();
  void RequestTurn();
  void UpdateInterest();

  Reactor& reactor_;
  DatagramBuffers& buffers_;
  Handler& handler_;
  const Options options_;
  Socket socket_;
  Registration registration_;

  // Sent up to sent_.
  std::vector<Queued> queue_;
  size_t sent_ = 0;
  std::string queued_bytes_;

  // While the kernel says that there is room, and then that there is none: a
  // unix socket has, but not the one that it sends to. unix(7).
  Timer retry_;

  bool in_callback_ = false;
  bool nudged_ = false;
  // The kernel takes no more for now; EPOLLOUT or retry_ will tell.
  bool blocked_ = false;
  // Send() has said kFull.
  bool was_full_ = false;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_DATAGRAM_ENDPOINT_H_
