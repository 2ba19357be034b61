// Makes a connection.
#ifndef POLLUX_REACTOR_NET_CONNECTOR_H_
#define POLLUX_REACTOR_NET_CONNECTOR_H_

#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"

namespace pollux {

// Connects to one address: TCP, or a unix path or abstract name.
//
// Owned by whoever wants the connection; destroying it gives up, and nothing is
// told then. Reactor's thread only; must not outlive the reactor. Tells its
// result once, from the loop, never from its constructor; from inside of that
// it may be destroyed only through DeleteSoon(). A unix socket whose backlog is
// full is tried again until the timeout.
class Connector final : private IoHandler {
 public:
  struct Options {
    // From the start to the end. Positive; may be infinite.
    absl::Duration timeout = absl::Seconds(5);

    // Where the connection comes from, with port 0 for any. bind(2).
    std::optional<Address> local_address = std::nullopt;
  };

  // A connected socket, non-blocking and close-on-exec; or what was tried,
  // where, and why it did not work, in a sentence that can be shown as it is:
  // "connect to 127.0.0.1:81: Connection refused", "connect to 10.0.0.1:80: no
  // answer in 5s" (DeadlineExceeded). connect(2).
  using OnDone = absl::AnyInvocable<void(absl::StatusOr<Socket>)>;

  // Begins at once.
  Connector(Reactor& reactor, const Address& address, const Options& options,
            OnDone on_done);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  void OnReady(Readiness readiness) override;
  absl::Status Open();
  void Try();
  void TryLater();
  // From the constructor the result is told later.
  void TellLater(absl::StatusOr<Socket> result);
  void Tell(absl::StatusOr<Socket> result);
  absl::Status Failed(SysResult result) const;

  Reactor& reactor_;
  const Address address_;
  const Options options_;
  OnDone on_done_;
  Socket socket_;
  Registration registration_;
  Timer deadline_;
  // For the next try, or for a result that came at once.
  Timer next_step_;
  absl::Duration retry_interval_ = absl::Milliseconds(1);
  std::optional<absl::StatusOr<Socket>> result_;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_CONNECTOR_H_
