// What answers requests.
#ifndef POLLUX_HTTPD_SERVER_HANDLER_H_
#define POLLUX_HTTPD_SERVER_HANDLER_H_

#include "httpd/server/request.h"
#include "httpd/server/responder.h"

namespace pollux {

// Answers the requests that a Router sends it. Owned by the router, or by a
// handler that wraps it; shared by all connections. Belongs to one reactor's
// thread, as its router does, unless it says that it keeps nothing.
class Handler {
 public:
  virtual ~Handler() = default;

  // When the head of a request has come; must not block. `request` lives until
  // this returns; `responder` as long as the handler likes. May do anything,
  // but not destroy the server.
  virtual void Handle(const Request& request, Responder responder) = 0;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_HANDLER_H_
