// What answers requests.
#ifndef POLLUX_HTTPD_SERVER_HANDLER_H_
#define POLLUX_HTTPD_SERVER_HANDLER_H_

#include "httpd/server/request.h"
#include "httpd/server/responder.h"

namespace pollux {

// Answers the requests that a Router sends it. Owned by the router; shared by
// all connections, so what it keeps between requests is its own to protect if
// routers are used from several threads.
class Handler {
 public:
  virtual ~Handler() = default;

  // On the reactor's thread; must not block. `request` lives until this
  // returns; `responder` as long as the handler likes. May do anything, but not
  // destroy the server.
  virtual void Handle(const Request& request, Responder responder) = 0;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_HANDLER_H_
