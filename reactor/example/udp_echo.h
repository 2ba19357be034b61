// A UDP echo, as somebody who embeds the reactor would write it.
#ifndef POLLUX_REACTOR_EXAMPLE_UDP_ECHO_H_
#define POLLUX_REACTOR_EXAMPLE_UDP_ECHO_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reactor/net/address.h"
#include "reactor/net/datagram_endpoint.h"
#include "reactor/reactor.h"

// Sends each datagram back to where it came from. Lives on its reactor's
// thread; must not outlive it.
class UdpEcho final : private pollux::DatagramEndpoint::Handler {
 public:
  static absl::StatusOr<std::unique_ptr<UdpEcho>> Create(
      pollux::Reactor& reactor, const pollux::Address& address) {
    std::unique_ptr<UdpEcho> echo(new UdpEcho);
    auto socket = pollux::DatagramEndpoint::Create(
        reactor, echo->buffers_, address.family(), {.local_address = address},
        *echo);
    if (!socket.ok()) return socket.status();
    echo->socket_ = *std::move(socket);
    return echo;
  }

  absl::StatusOr<pollux::Address> address() const {
    return socket_->LocalAddress();
  }

 private:
  UdpEcho() = default;

  void OnDatagram(absl::string_view bytes,
                  const pollux::Address& from) override {
    // When there is no room it is lost, as datagrams may be.
    (void)socket_->Send(from, bytes);
  }
  void OnTruncatedDatagram(absl::string_view, const pollux::Address&) override {
    // Half an echo would be a lie.
  }
  void OnWritable() override {}
  void OnError(int) override {}

  pollux::DatagramBuffers buffers_;
  std::unique_ptr<pollux::DatagramEndpoint> socket_;
};

#endif  // POLLUX_REACTOR_EXAMPLE_UDP_ECHO_H_
