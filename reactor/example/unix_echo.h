// A unix-socket echo that gives back descriptors too.
#ifndef POLLUX_REACTOR_EXAMPLE_UNIX_ECHO_H_
#define POLLUX_REACTOR_EXAMPLE_UNIX_ECHO_H_

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "reactor/descriptor.h"
#include "reactor/net/descriptor_passing.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"

// Sends back on a connected unix socket what comes, with the descriptors that
// came with it. Ends when the peer does, or does not read: what the socket does
// not take is lost. Lives on its reactor's thread; must not outlive it.
class UnixEcho final : private pollux::IoHandler {
 public:
  static absl::StatusOr<std::unique_ptr<UnixEcho>> Create(
      pollux::Reactor& reactor, pollux::Socket socket) {
    std::unique_ptr<UnixEcho> echo(new UnixEcho(reactor, std::move(socket)));
    auto registration = reactor.Register(echo->socket_.descriptor(),
                                         pollux::Interest::kRead, *echo);
    if (!registration.ok()) return registration.status();
    echo->registration_ = *std::move(registration);
    return echo;
  }
  // Out of epoll before the socket is closed.
  ~UnixEcho() { registration_.Reset(); }

  bool is_open() const { return registration_.active(); }

 private:
  UnixEcho(pollux::Reactor& reactor, pollux::Socket socket)
      : reactor_(reactor), socket_(std::move(socket)) {}

  void OnReady(pollux::Readiness) override {
    std::array<char, 4096> bytes;
    // Owned from the moment they come, so closed when they have been sent.
    std::vector<pollux::Descriptor> descriptors;
    const pollux::SysResult received = pollux::ReceiveWithDescriptors(
        reactor_.kernel(), socket_.descriptor(), absl::MakeSpan(bytes),
        /*max_descriptors=*/8, descriptors);
    if (received.would_block()) return;
    if (received.value() <= 0) return End();
    std::vector<int> numbers;
    for (const pollux::Descriptor& descriptor : descriptors) {
      numbers.push_back(descriptor.number());
    }
    const pollux::SysResult sent = pollux::SendWithDescriptors(
        reactor_.kernel(), socket_.descriptor(),
        {bytes.data(), static_cast<size_t>(received.value())}, numbers);
    if (sent.value() != received.value()) End();
  }

  void End() {
    registration_.Reset();
    socket_.Close();
  }

  pollux::Reactor& reactor_;
  pollux::Socket socket_;
  pollux::Registration registration_;
};

#endif  // POLLUX_REACTOR_EXAMPLE_UNIX_ECHO_H_
