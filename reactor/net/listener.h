// Accepts connections.
#ifndef POLLUX_REACTOR_NET_LISTENER_H_
#define POLLUX_REACTOR_NET_LISTENER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reactor/descriptor.h"
#include "reactor/loop_statistics.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

// Accepts connections from a listening socket, a bounded number per event: one,
// and twice as many with each iteration in which more are there.
//
// When descriptors or memory have run out (EMFILE, ENFILE, ENOBUFS, ENOMEM) it
// gives up a descriptor kept for that moment, and sheds what waits by accepting
// and closing it, so that clients are told at once. If not even that works it
// leaves the epoll set until `backoff` has passed: it would spin, and hang-ups
// cannot be masked. What concerns one connection only (ECONNABORTED and the
// like, accept(2)) is skipped.
//
// Owned by whoever serves; reactor's thread only; must not outlive the
// reactor. Destroying it closes the socket: what still waits in the backlog is
// reset by the kernel (see
// AcceptWaitingAndClose()).
class Listener final : private IoHandler {
 public:
  class Handler {
   public:
    // A connection, non-blocking and close-on-exec. May destroy the listener
    // only through DeleteSoon().
    virtual void OnAccept(Socket connection) = 0;

   protected:
    ~Handler() = default;
  };

  struct Options {
    // How many connections one event may bring, so that a burst does not starve
    // those that are there. At least 1.
    int max_accepts_per_event = 64;

    // How long it does not listen when it can neither accept nor shed.
    // Positive.
    absl::Duration backoff = absl::Milliseconds(50);

    // kLevel, or kExclusive where several reactors listen on one socket
    // (Socket::Duplicate()): the kernel then wakes one or a few of them.
    Trigger trigger = Trigger::kLevel;
  };

  // Counted since the creation. Plain values.
  struct Counters {
    uint64_t accepted = 0;
    // Accepted and closed at once, because descriptors had run out.
    uint64_t shed = 0;
    // Times that it stopped listening for a while.
    uint64_t backoffs = 0;
    // Connections that were gone before they were accepted.
    uint64_t aborted = 0;
  };

  // `socket` is listening and non-blocking, made on the reactor's kernel.
  // `handler` must outlive the listener. Fails if the kernel refuses a
  // descriptor.
  static absl::StatusOr<std::unique_ptr<Listener>> Create(
      Reactor& reactor, Socket socket, const Options& options,
      Handler& handler);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts all who wait, however many an event may bring, and closes the
  // socket at once: between the two nearly nobody can come, to be reset. May be
  // called from OnAccept(). Nothing is left open; the counters stay.
  void AcceptWaitingAndClose();

  // Where it listens, with the port that the kernel picked for port 0.
  const Address& address() const { return address_; }

  // Any thread; each number by itself is right at some moment.
  Counters counters() const {
    return {.accepted = accepted_.Read(),
            .shed = shed_.Read(),
            .backoffs = backoffs_.Read(),
            .aborted = aborted_.Read()};
  }

 private:
  Listener(Reactor& reactor, Socket socket, const Options& options,
           Handler& handler);

  void OnReady(Readiness readiness) override;
  void AcceptUpTo(int count);
  absl::Status Watch();
  SysResult Accept();
  SysResult ShedOne();
  void OpenReserve();
  void BackOff();
  void Resume();

  Reactor& reactor_;
  Handler& handler_;
  const Options options_;
  Address address_;
  Counter accepted_;
  Counter shed_;
  Counter backoffs_;
  Counter aborted_;
  // How many connections the last event could bring, and when that was.
  int accepts_ = 1;
  uint64_t last_iteration_ = 0;
  Socket socket_;
  // An open descriptor without a use, given up to accept one connection more.
  Descriptor reserve_;
  Registration registration_;
  Timer resume_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_LISTENER_H_
