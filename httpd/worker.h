// What serves on one thread.
#ifndef POLLUX_HTTPD_WORKER_H_
#define POLLUX_HTTPD_WORKER_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "httpd/access_log.h"
#include "httpd/config/settings.h"
#include "httpd/handlers/metrics.h"
#include "httpd/log_file.h"
#include "httpd/make_router.h"
#include "httpd/server/client_connections.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/reactor_group.h"

namespace pollux {

// Serves the routes on one reactor: an access log, a router whose handlers have
// caches of their own, and a server with its listeners. Workers share nothing
// but what Common has.
//
// Owned by the daemon or by its ReactorGroup, and made, used and destroyed on
// the reactor's thread; must not outlive the reactor. Only Numbers() may be
// called from other threads.
class Worker final : public ReactorGroup::Worker {
 public:
  // What the workers of one process have in common. Filled before the first is
  // made, and not changed any more; must outlive them. Any thread.
  struct Common {
    // How many workers there are.
    size_t workers = 1;
    // One worker's share of the limits; its observer is each worker's own.
    HttpServer::Options server = {};
    RateLimits rate_limits = {};
    ClientConnections client_connections = {};
    // Null if there is no access log.
    std::unique_ptr<LogFile> log = nullptr;
  };

  // An address to accept connections at.
  struct Listening {
    // As ListenForReactors() makes them.
    Socket socket;
    HttpServer::FirstRead first_read = HttpServer::FirstRead::kWhenReadable;
  };

  // Fails, in a sentence to show, if a route cannot have what it needs.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(
      Reactor& reactor, const httpd::Settings& settings, Common& common);

  // Begins to accept; may be called several times, before others call
  // Numbers(). Returns where it listens.
  absl::StatusOr<Address> Listen(Listening listening);

  // As HttpServer::Drain().
  void Drain(absl::AnyInvocable<void()> on_drained) {
    server_->Drain(std::move(on_drained));
  }

  HttpServer& server() { return *server_; }

  // What it has counted. Any thread, as long as it lives.
  MetricsHandler::Worker Numbers() const;

 private:
  Worker() = default;

  std::unique_ptr<AccessLog> access_log_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_WORKER_H_
