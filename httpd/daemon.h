// The daemon without its command line.
#ifndef POLLUX_HTTPD_DAEMON_H_
#define POLLUX_HTTPD_DAEMON_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "httpd/config/settings.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "httpd/worker.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/reactor_group.h"
#include "reactor/signals.h"
#include "reactor/timer.h"

namespace pollux {

// Serves what its settings say: workers that serve the routes, each on a
// reactor of its own; and, if there is an admin address, health, readiness and
// metrics there.
//
// Worker 0, the signals and the admin address are on the reactor of the thread
// that made the daemon. The other workers have threads of their own, which
// serve from the beginning; with one worker there is no other thread.
//
// SIGTERM, SIGINT and SIGQUIT make all workers drain and then Run() return; a
// second one makes it return at once. While they drain, readiness says so and
// the admin address goes on answering.
//
// Owned by main(), or by a test, on the thread that makes, runs and destroys
// it, and from which everything here is called. `kernel` must outlive it, and
// with several workers be one for several threads, as LinuxKernel is.
class Daemon {
 public:
  // Fails, in a sentence to show, if an address cannot be listened at, or a
  // route cannot have what it needs; nothing is left running then.
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(
      Kernel& kernel, const httpd::Settings& settings);

  // Serves until a signal, or Reactor::Stop(), has ended it; then no worker but
  // the first is left. Once, if there are several.
  void Run();

  // Where it listens, each address once, with the ports that the kernel picked.
  const std::vector<Address>& addresses() const { return addresses_; }
  const std::optional<Address>& admin_address() const { return admin_address_; }

  // Of worker 0.
  Reactor& reactor() { return *reactor_; }
  // Returns the reactor of any worker, for Post() from other threads. `number`
  // is below the number of workers. Valid until Run() returns.
  Reactor& worker_reactor(size_t number) {
    return number == 0 ? *reactor_ : group_->reactor(number - 1);
  }
  HttpServer& server() { return worker_->server(); }

 private:
  Daemon() = default;

  absl::Status Start(Kernel& kernel, const httpd::Settings& settings);
  absl::Status HandleSignals();
  absl::Status Listen(const httpd::ListenerSettings& settings);
  absl::Status StartAdmin(const httpd::AdminSettings& settings);
  std::unique_ptr<Handler> MakeMetrics();
  absl::Status StartOtherWorkers(const httpd::Settings& settings);
  absl::StatusOr<std::unique_ptr<Worker>> MakeOtherWorker(
      Reactor& reactor, size_t number, const httpd::Settings& settings);
  void OnStopSignal();
  void ReopenLog();
  void AskOthersToDrain();
  // On the thread of a worker.
  void OnDrained();

  std::unique_ptr<Reactor> reactor_;
  Worker::Common common_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Router> admin_router_;
  std::unique_ptr<HttpServer> admin_server_;
  std::unique_ptr<Signals> signals_;
  std::vector<Address> addresses_;
  std::optional<Address> admin_address_;

  // All that run, by number: the first, and those of the group.
  std::vector<Worker*> workers_;
  // Since the first signal: how many have not drained yet, and how many were
  // asked to, for which the first needs no asking.
  std::atomic<size_t> undrained_ = 0;
  size_t asked_ = 1;
  // Only if there are other workers.
  std::unique_ptr<Timer> ask_again_;
  // By number, until they are made: what they are to listen at.
  std::vector<std::vector<Worker::Listening>> listening_;
  // The other workers; null if there are none. They use what stands above.
  std::unique_ptr<ReactorGroup> group_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_DAEMON_H_
