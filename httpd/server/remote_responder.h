// Responds to a request from another thread.
#ifndef POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_
#define POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_

#include <memory>

#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "reactor/reactor.h"

namespace pollux {

// A Responder that may be taken to another thread: its response is carried back
// to the reactor's, even if the reactor's queue of tasks is full, since there
// is one for each request. Made on the reactor's thread, then belongs to one
// thread at a time; move-only. Must not outlive the reactor. Nothing fails.
//
// If the client has left in the meantime, responding is a no-op; if this is
// destroyed without a response, the client gets 500.
class [[nodiscard]] RemoteResponder {
 public:
  RemoteResponder(Reactor& reactor, Responder responder);
  RemoteResponder(RemoteResponder&&) noexcept = default;
  RemoteResponder& operator=(RemoteResponder&& other) noexcept;
  ~RemoteResponder();

  // Sends `response`, after which this is spent.
  void Send(Response response) &&;

  // Sends the server's own short page for `status`, 400 to 599.
  void SendStatus(int status) &&;

  // Whether nobody waits for the response any more: a long computation may
  // stop. Any thread.
  bool abandoned() const;

 private:
  struct Held;

  template <typename Respond>
  void Post(Respond respond);

  Reactor* reactor_;
  // Shared with the exchange, which may end before the response comes, or
  // without one. Null when spent.
  std::shared_ptr<Held> held_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_REMOTE_RESPONDER_H_
