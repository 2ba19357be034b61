#include "httpd/daemon.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "httpd/handlers/health.h"
#include "httpd/handlers/metrics.h"
#include "httpd/http/request_head.h"
#include "httpd/make_router.h"
#include "httpd/server/handler.h"
#include "httpd/version.h"
#include "reactor/net/socket.h"

namespace pollux {
namespace {

constexpr int kDrainSignals[] = {SIGTERM, SIGINT, SIGQUIT};

// Descriptors that are no connections: the loop's, listeners, logs.
constexpr uint64_t kReservedDescriptors = 64;

// The admin address is for few and short questions, whatever else is going on.
constexpr size_t kMaxAdminConnections = 64;

// How long the kernel keeps a connection that sends nothing to itself.
constexpr absl::Duration kDeferAccept = absl::Seconds(10);

// As many as there are descriptors for; a part of them stays free.
size_t MaxConnections(Kernel& kernel, const httpd::Settings& settings) {
  if (settings.limits.max_connections.has_value()) {
    return *settings.limits.max_connections;
  }
  rlimit descriptors = {};
  const SysResult result = kernel.GetRLimit(RLIMIT_NOFILE, descriptors);
  if (!result.ok() || descriptors.rlim_cur == RLIM_INFINITY) return 0;
  uint64_t reserved = kReservedDescriptors + kMaxAdminConnections;
  for (const httpd::RouteSettings& route : settings.routes) {
    if (std::holds_alternative<httpd::FilesSettings>(route.handler)) {
      reserved += kOpenFilesOfARoute;
    }
  }
  return descriptors.rlim_cur -
         std::min<uint64_t>(reserved, descriptors.rlim_cur / 2);
}

HttpServer::Options ServerOptions(Kernel& kernel,
                                  const httpd::Settings& settings,
                                  ExchangeObserver* observer) {
  const httpd::LimitsSettings& limits = settings.limits;
  const httpd::TimeoutsSettings& timeouts = settings.timeouts;
  HttpServer::Options options;
  options.head_limits = {.max_head_bytes = limits.max_head_bytes,
                         .max_request_line_bytes = limits.max_target_bytes,
                         .max_fields = limits.max_fields};
  options.max_body_bytes = limits.max_body_bytes;
  options.max_connections = MaxConnections(kernel, settings);
  options.max_connections_per_client =
      limits.max_connections_per_client.value_or(0);
  options.max_buffered_bytes = limits.max_buffered_bytes;
  options.min_bytes_per_second = limits.min_rate_bytes_per_second;
  options.head_timeout = timeouts.head;
  options.body_timeout = timeouts.body;
  options.idle_timeout = timeouts.idle;
  options.write_timeout = timeouts.write;
  options.drain_timeout = timeouts.drain;
  options.stream.linger_timeout = timeouts.linger;
  options.observer = observer;
  return options;
}

Route AdminRoute(std::string path, std::unique_ptr<Handler> handler) {
  return {.path = std::move(path),
          .methods = {http::Method::kGet},
          .handler = std::move(handler)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(
    Kernel& kernel, const httpd::Settings& settings) {
  std::unique_ptr<Daemon> daemon(new Daemon);
  absl::Status started = daemon->Start(kernel, settings);
  if (!started.ok()) return started;
  return daemon;
}

absl::Status Daemon::Start(Kernel& kernel, const httpd::Settings& settings) {
  if (settings.workers != 1) {
    return absl::UnimplementedError("workers: so far exactly 1 is supported");
  }
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::Create(kernel);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  if (absl::Status handled = HandleSignals(); !handled.ok()) return handled;

  if (settings.access_log.has_value()) {
    absl::StatusOr<std::unique_ptr<AccessLog>> log =
        AccessLog::Create(*reactor_, *settings.access_log);
    if (!log.ok()) return log.status();
    access_log_ = *std::move(log);
  }
  absl::StatusOr<RateLimits> rate_limits = MakeRateLimits(settings.routes);
  if (!rate_limits.ok()) return rate_limits.status();
  rate_limits_ = *std::move(rate_limits);
  absl::StatusOr<std::unique_ptr<Router>> router =
      MakeRouter(settings.routes, rate_limits_, *reactor_);
  if (!router.ok()) return router.status();
  router_ = *std::move(router);

  server_ = std::make_unique<HttpServer>(
      *reactor_, *router_, ServerOptions(kernel, settings, access_log_.get()));
  for (const httpd::ListenerSettings& listener : settings.listeners) {
    if (absl::Status status = Listen(listener); !status.ok()) return status;
  }
  return settings.admin.has_value() ? StartAdmin(*settings.admin)
                                    : absl::OkStatus();
}

absl::Status Daemon::HandleSignals() {
  absl::StatusOr<std::unique_ptr<Signals>> signals =
      Signals::Create(*reactor_, {SIGTERM, SIGINT, SIGQUIT});
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  for (const int signal : kDrainSignals) {
    signals_->On(signal, [this](const auto&) { OnSignal(); });
  }
  // A log that nobody reads any more is an error of write(2).
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  return reactor_->kernel()
      .SigProcMask(SIG_BLOCK, pipe, nullptr)
      .ToStatus("sigprocmask");
}

absl::Status Daemon::Listen(const httpd::ListenerSettings& settings) {
  ListenOptions options;
  options.backlog = settings.backlog;
  options.congestion_control = settings.congestion_control;
  if (settings.defer_accept) options.defer_accept = kDeferAccept;
  absl::StatusOr<Socket> socket =
      Socket::Listen(reactor_->kernel(), settings.address, options);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<Address> bound = server_->AddListener(
      *std::move(socket), settings.defer_accept
                              ? HttpServer::FirstRead::kAtOnce
                              : HttpServer::FirstRead::kWhenReadable);
  if (!bound.ok()) return bound.status();
  addresses_.push_back(*bound);
  return absl::OkStatus();
}

std::unique_ptr<Handler> Daemon::MakeMetrics() {
  MetricsHandler::Options options;
  for (size_t i = 0; i <= router_->route_count(); ++i) {
    options.route_names.emplace_back(router_->route_name(i));
  }
  const SysResult clock = reactor_->kernel().ClockGetTime(CLOCK_REALTIME);
  options.process_start = absl::FromUnixNanos(clock.ok() ? clock.value() : 0);
  options.version = kVersion;
  return std::make_unique<MetricsHandler>(options, [this] {
    return std::vector<MetricsHandler::Worker>{
        {.server = &server_->statistics(),
         .loop = &reactor_->statistics(),
         .listener = server_->listener_counters(),
         .buffered_bytes = server_->buffered_bytes()}};
  });
}

absl::Status Daemon::StartAdmin(const httpd::AdminSettings& settings) {
  std::vector<Route> routes;
  routes.push_back(AdminRoute("/healthz", std::make_unique<HealthHandler>()));
  routes.push_back(AdminRoute(
      "/readyz", std::make_unique<ReadinessHandler>([this] {
        return server_->is_draining() ? ReadinessHandler::State::kDraining
                                      : ReadinessHandler::State::kReady;
      })));
  routes.push_back(AdminRoute("/metrics", MakeMetrics()));
  absl::StatusOr<std::unique_ptr<Router>> router =
      Router::Create(std::move(routes));
  if (!router.ok()) return router.status();
  admin_router_ = *std::move(router);
  HttpServer::Options options;
  options.max_connections = kMaxAdminConnections;
  admin_server_ =
      std::make_unique<HttpServer>(*reactor_, *admin_router_, options);
  absl::StatusOr<Socket> socket =
      Socket::Listen(reactor_->kernel(), settings.address);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<Address> bound =
      admin_server_->AddListener(*std::move(socket));
  if (!bound.ok()) return bound.status();
  admin_address_ = *bound;
  return absl::OkStatus();
}

void Daemon::OnSignal() {
  if (server_->is_draining()) return reactor_->Stop();
  server_->Drain([this] { reactor_->Stop(); });
}

}  // namespace pollux
