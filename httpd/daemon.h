// The daemon without its command line.
#ifndef POLLUX_HTTPD_DAEMON_H_
#define POLLUX_HTTPD_DAEMON_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "httpd/access_log.h"
#include "httpd/config/settings.h"
#include "httpd/make_router.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/signals.h"

namespace pollux {

// Serves what its settings say: listeners, routes and a reactor, put together;
// and, if there is an admin address, health, readiness and metrics there.
//
// SIGTERM, SIGINT and SIGQUIT make it drain and then return from Run(); a
// second one makes it return at once. While it drains, readiness says so and
// the admin address goes on answering.
//
// Owned by main(), or by a test, on the thread that runs it. `kernel` must
// outlive it.
class Daemon {
 public:
  // Fails, in a sentence to show, if an address cannot be listened at, or a
  // route cannot have what it needs.
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(
      Kernel& kernel, const httpd::Settings& settings);

  // Serves until a signal, or Reactor::Stop(), has ended it.
  void Run() { reactor_->Run(); }

  // Where it listens, with the ports that the kernel picked.
  const std::vector<Address>& addresses() const { return addresses_; }
  const std::optional<Address>& admin_address() const { return admin_address_; }

  Reactor& reactor() { return *reactor_; }
  HttpServer& server() { return *server_; }

 private:
  Daemon() = default;

  absl::Status Start(Kernel& kernel, const httpd::Settings& settings);
  absl::Status Listen(const httpd::ListenerSettings& settings);
  std::unique_ptr<Handler> MakeMetrics();
  absl::Status StartAdmin(const httpd::AdminSettings& settings);
  absl::Status HandleSignals();
  void OnSignal();

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<AccessLog> access_log_;
  RateLimits rate_limits_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Router> admin_router_;
  std::unique_ptr<HttpServer> admin_server_;
  std::unique_ptr<Signals> signals_;
  std::vector<Address> addresses_;
  std::optional<Address> admin_address_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_DAEMON_H_
