// Answers a request from another thread.
#ifndef POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_
#define POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_

#include <memory>

#include "absl/status/status.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "reactor/reactor.h"

namespace pollux {

// A Responder that may be taken to another thread: its answer is carried back
// to the reactor's. Made on the reactor's thread, then belongs to one thread at
// a time; move-only. Must not outlive the reactor.
//
// If the client has gone in the meantime, the answer is a no-op; if it is
// destroyed without one, the client gets 500.
class [[nodiscard]] RemoteResponder {
 public:
  RemoteResponder(Reactor& reactor, Responder responder);
  RemoteResponder(RemoteResponder&&) noexcept = default;
  RemoteResponder& operator=(RemoteResponder&& other) noexcept;
  ~RemoteResponder();

  // Sends `response`, after which this is spent. ResourceExhausted if the
  // reactor's queue of tasks is full: nothing has happened then, and it can be
  // tried again with an equal response.
  absl::Status Send(Response response);

 private:
  struct Held;

  // Destroys the responder on its own thread.
  void Drop();

  Reactor* reactor_;
  // Shared with the exchange, which may end before the answer comes, or without
  // one. Null when spent.
  std::shared_ptr<Held> held_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_
