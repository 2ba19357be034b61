#include "httpd/daemon.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "httpd/handlers/health.h"
#include "httpd/handlers/metrics.h"
#include "httpd/http/request_head.h"
#include "httpd/make_router.h"
#include "httpd/server/handler.h"
#include "httpd/version.h"
#include "reactor/net/listen_for_reactors.h"
#include "reactor/net/socket.h"
#include "reactor/sigpipe.h"

namespace pollux {
namespace {

// Descriptors of each worker that are no connections: the loop's, listeners,
// logs.
constexpr uint64_t kReservedDescriptors = 64;

// The admin address is for few and short questions, whatever else is going on.
constexpr size_t kMaxAdminConnections = 64;

// How long the kernel keeps a connection that sends nothing to itself.
constexpr absl::Duration kDeferAccept = absl::Seconds(10);

constexpr uint64_t kCrLfBytes = 2;

// When a worker is asked again to drain that could not be asked.
constexpr absl::Duration kAskAgain = absl::Milliseconds(10);

absl::StatusOr<size_t> CountWorkers(Kernel& kernel,
                                    const httpd::Settings& settings) {
  if (settings.workers == 0) return ReactorGroup::CountCpus(kernel);
  return static_cast<size_t>(settings.workers);
}

// One worker's part of what all may have: rounded up, so that 0, which is no
// limit, stays the only 0.
uint64_t ShareOf(uint64_t whole, size_t workers) {
  return whole / workers + (whole % workers > 0 ? 1 : 0);
}

// Of all workers. As many as there are descriptors for; a part of them stays
// free.
size_t MaxConnections(Kernel& kernel, const httpd::Settings& settings,
                      size_t workers) {
  if (settings.limits.max_connections.has_value()) {
    return *settings.limits.max_connections;
  }
  rlimit descriptors = {};
  const SysResult result = kernel.GetRLimit(RLIMIT_NOFILE, descriptors);
  if (!result.ok() || descriptors.rlim_cur == RLIM_INFINITY) return 0;
  uint64_t of_a_worker = kReservedDescriptors;
  uint64_t of_a_connection = 1;
  for (const httpd::RouteSettings& route : settings.routes) {
    if (!std::holds_alternative<httpd::FilesSettings>(route.handler)) continue;
    of_a_worker += kOpenFilesOfARoute;
    // And the file that it is sent.
    of_a_connection = 2;
  }
  const uint64_t reserved = workers * of_a_worker + kMaxAdminConnections;
  return (descriptors.rlim_cur -
          std::min<uint64_t>(reserved, descriptors.rlim_cur / 2)) /
         of_a_connection;
}

// Of one worker.
HttpServer::Options ServerOptions(Kernel& kernel,
                                  const httpd::Settings& settings,
                                  size_t workers) {
  const httpd::LimitsSettings& limits = settings.limits;
  const httpd::TimeoutsSettings& timeouts = settings.timeouts;
  HttpServer::Options options;
  options.head_limits = {.max_head_bytes = limits.max_head_bytes,
                         .max_request_line_bytes = limits.max_target_bytes,
                         .max_fields = limits.max_fields};
  options.max_body_bytes = limits.max_body_bytes;
  options.max_discarded_body_bytes = limits.max_discarded_body_bytes;
  options.max_connections =
      ShareOf(MaxConnections(kernel, settings, workers), workers);
  // That of the process: they are counted together.
  options.max_connections_per_client =
      limits.max_connections_per_client.value_or(0);
  // With less than a head, and the empty line that may stand before it, nothing
  // could be asked.
  options.max_buffered_bytes =
      std::max<uint64_t>(ShareOf(limits.max_buffered_bytes, workers),
                         uint64_t{limits.max_head_bytes} + kCrLfBytes);
  options.min_bytes_per_second = limits.min_rate_bytes_per_second;
  options.head_timeout = timeouts.head;
  options.body_timeout = timeouts.body;
  options.idle_timeout = timeouts.idle;
  options.write_timeout = timeouts.write;
  options.drain_timeout = timeouts.drain;
  options.stream.linger_timeout = timeouts.linger;
  options.handler_timeout = timeouts.handler;
  options.half_close_timeout = timeouts.half_close;
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
  const absl::StatusOr<size_t> workers = CountWorkers(kernel, settings);
  if (!workers.ok()) return workers.status();
  absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::Create(kernel);
  if (!reactor.ok()) return reactor.status();
  reactor_ = *std::move(reactor);
  if (absl::Status handled = HandleSignals(); !handled.ok()) return handled;

  common_.workers = *workers;
  common_.server = ServerOptions(kernel, settings, *workers);
  absl::StatusOr<RateLimits> rate_limits = MakeRateLimits(settings.routes);
  if (!rate_limits.ok()) return rate_limits.status();
  common_.rate_limits = *std::move(rate_limits);

  if (settings.access_log.has_value()) {
    absl::StatusOr<std::unique_ptr<LogFile>> log =
        LogFile::Open(kernel, settings.access_log->path);
    if (!log.ok()) return log.status();
    common_.log = *std::move(log);
  }

  absl::StatusOr<std::unique_ptr<Worker>> worker =
      Worker::Create(*reactor_, settings, common_);
  if (!worker.ok()) return worker.status();
  worker_ = *std::move(worker);
  workers_.push_back(worker_.get());
  listening_.resize(*workers);
  for (const httpd::ListenerSettings& listener : settings.listeners) {
    if (absl::Status status = Listen(listener); !status.ok()) return status;
  }
  if (settings.admin.has_value()) {
    absl::Status status = StartAdmin(*settings.admin);
    if (!status.ok()) return status;
  }
  // Last, so that they serve nobody if something above is wrong.
  return *workers > 1 ? StartOtherWorkers(settings) : absl::OkStatus();
}

absl::Status Daemon::HandleSignals() {
  absl::StatusOr<std::unique_ptr<Signals>> signals =
      Signals::Create(*reactor_, {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1});
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    signals_->On(signal, [this](const auto&) { OnStopSignal(); });
  }
  signals_->On(SIGUSR1, [this](const auto&) { ReopenLog(); });
  signals_->On(SIGHUP, [](const auto&) {
    LOG(WARNING) << "SIGHUP: the configuration is read when the daemon starts; "
                    "start it anew to change it";
  });
  // Here, before the other workers' threads inherit the signal mask.
  return BlockSigPipe(reactor_->kernel());
}

// For all workers, though only the first is there yet.
absl::Status Daemon::Listen(const httpd::ListenerSettings& settings) {
  ListenOptions options;
  options.backlog = settings.backlog;
  options.congestion_control = settings.congestion_control;
  if (settings.defer_accept) options.defer_accept = kDeferAccept;
  // An idle worker accepts what comes to a unix socket; worker.cc has them all
  // watch it.
  absl::StatusOr<std::vector<Socket>> sockets = ListenForReactors(
      reactor_->kernel(), settings.address, options,
      settings.address.family() == AF_UNIX ? ListenerSharing::kOneSocket
                                           : ListenerSharing::kSocketEach,
      common_.workers);
  if (!sockets.ok()) return sockets.status();
  for (size_t i = 0; i < sockets->size(); ++i) {
    listening_[i].push_back(
        {.socket = std::move((*sockets)[i]),
         .first_read = settings.defer_accept
                           ? HttpServer::FirstRead::kAtOnce
                           : HttpServer::FirstRead::kWhenReadable});
  }
  absl::StatusOr<Address> bound =
      worker_->Listen(std::move(listening_[0].back()));
  if (!bound.ok()) return bound.status();
  addresses_.push_back(*bound);
  return absl::OkStatus();
}

absl::Status Daemon::StartOtherWorkers(const httpd::Settings& settings) {
  absl::StatusOr<std::unique_ptr<ReactorGroup>> group =
      ReactorGroup::Create(reactor_->kernel(), {.reactors = common_.workers - 1,
                                                .thread_name = "worker",
                                                .first_thread_number = 1});
  if (!group.ok()) return group.status();
  ask_again_ =
      std::make_unique<Timer>(*reactor_, [this] { AskOthersToDrain(); });
  group_ = *std::move(group);
  return group_->Start(
      [&](Reactor& reactor, size_t index)
          -> absl::StatusOr<std::unique_ptr<ReactorGroup::Worker>> {
        const size_t number = index + 1;
        absl::StatusOr<std::unique_ptr<Worker>> worker =
            MakeOtherWorker(reactor, number, settings);
        if (!worker.ok()) {
          return absl::Status(
              worker.status().code(),
              absl::StrCat("worker ", number, ": ", worker.status().message()));
        }
        workers_.push_back(worker->get());
        return *std::move(worker);
      });
}

// On its thread, while the daemon's waits.
absl::StatusOr<std::unique_ptr<Worker>> Daemon::MakeOtherWorker(
    Reactor& reactor, size_t number, const httpd::Settings& settings) {
  absl::StatusOr<std::unique_ptr<Worker>> worker =
      Worker::Create(reactor, settings, common_);
  if (!worker.ok()) return worker;
  for (Worker::Listening& listening : listening_[number]) {
    const absl::StatusOr<Address> bound =
        (*worker)->Listen(std::move(listening));
    if (!bound.ok()) return bound.status();
  }
  return worker;
}

std::unique_ptr<Handler> Daemon::MakeMetrics() {
  MetricsHandler::Options options;
  const Router& router = server().router();
  for (size_t i = 0; i <= router.route_count(); ++i) {
    options.route_names.emplace_back(router.route_name(i));
  }
  const SysResult clock = reactor_->kernel().ClockGetTime(CLOCK_REALTIME);
  options.process_start = absl::FromUnixNanos(clock.ok() ? clock.value() : 0);
  options.version = kVersion;
  return std::make_unique<MetricsHandler>(options, [this] {
    std::vector<MetricsHandler::Worker> numbers;
    for (const Worker* worker : workers_) numbers.push_back(worker->Numbers());
    return numbers;
  });
}

absl::Status Daemon::StartAdmin(const httpd::AdminSettings& settings) {
  std::vector<Route> routes;
  routes.push_back(AdminRoute("/healthz", std::make_unique<HealthHandler>()));
  routes.push_back(AdminRoute(
      "/readyz", std::make_unique<ReadinessHandler>([this] {
        return server().is_draining() ? ReadinessHandler::State::kDraining
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

void Daemon::ReopenLog() {
  if (common_.log == nullptr) return;
  const absl::Status reopened = common_.log->Reopen();
  if (!reopened.ok()) {
    LOG(ERROR) << reopened.message() << "; goes on in the old file";
  }
}

void Daemon::OnStopSignal() {
  if (server().is_draining()) return reactor_->Stop();
  undrained_ = workers_.size();
  worker_->Drain([this] { OnDrained(); });
  AskOthersToDrain();
}

void Daemon::AskOthersToDrain() {
  for (; asked_ < workers_.size(); ++asked_) {
    const absl::Status posted =
        group_->reactor(asked_ - 1).Post([this, worker = workers_[asked_]] {
          worker->Drain([this] { OnDrained(); });
        });
    // Too many tasks wait there.
    if (!posted.ok()) return ask_again_->ArmAfter(kAskAgain);
  }
}

// The last one ends Run().
void Daemon::OnDrained() {
  if (undrained_.fetch_sub(1) == 1) reactor_->Stop();
}

void Daemon::Run() {
  reactor_->Run();
  if (group_ == nullptr) return;
  // Those who look at the workers' numbers must not find them gone.
  workers_.resize(1);
  group_->Stop();
  group_->Join();
}

}  // namespace pollux
