// The daemon, from its configuration to its end.
#ifndef POLLUX_HTTPD_DAEMON_H_
#define POLLUX_HTTPD_DAEMON_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "httpd/config/config.pb.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/signals.h"

namespace pollux {

// What a configuration describes: listeners, routes, a loop that serves them.
// SIGTERM and SIGINT drain it, a second one stops it at once.
//
// Owned by main(), or by a test, on the thread that runs it. `kernel` must
// outlive it.
class Daemon {
 public:
  // `config` comes from the config loader, which has checked it. Fails, in a
  // sentence to show, if an address cannot be listened at.
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(
      Kernel& kernel, const httpd::Config& config);

  // Serves until a signal, or Reactor::Stop(), has ended it.
  void Run() { reactor_->Run(); }

  // Where it listens, with the ports that the kernel picked.
  const std::vector<Address>& addresses() const { return addresses_; }

  Reactor& reactor() { return *reactor_; }
  HttpServer& server() { return *server_; }

 private:
  Daemon() = default;

  absl::Status Listen(Kernel& kernel, const httpd::Listener& listener);
  void OnSignal();

  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<Signals> signals_;
  std::vector<Address> addresses_;
  bool draining_ = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_DAEMON_H_
