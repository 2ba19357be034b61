#include "httpd/worker.h"

#include <utility>

#include "reactor/io_handler.h"

namespace pollux {

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(
    Reactor& reactor, const httpd::Settings& settings, Common& common) {
  std::unique_ptr<Worker> worker(new Worker);
  HttpServer::Options options = common.server;
  options.client_connections = &common.client_connections;
  // Unix sockets are watched by all. To the others it makes no difference.
  if (common.workers > 1) options.listener.trigger = Trigger::kExclusive;

  if (common.log != nullptr) {
    worker->access_log_ = std::make_unique<AccessLog>(
        reactor, settings.access_log->format, *common.log);
    options.observer = worker->access_log_.get();
  }
  absl::StatusOr<std::unique_ptr<Router>> router =
      MakeRouter(settings.routes, common.rate_limits, reactor);
  if (!router.ok()) return router.status();
  worker->router_ = *std::move(router);
  worker->server_ =
      std::make_unique<HttpServer>(reactor, *worker->router_, options);
  return worker;
}

absl::StatusOr<Address> Worker::Listen(Listening listening) {
  return server_->AddListener(std::move(listening.socket),
                              listening.first_read);
}

MetricsHandler::Worker Worker::Numbers() const {
  return {.server = &server_->statistics(),
          .loop = &server_->reactor().statistics(),

          .listener = server_->listener_counters(),
          .buffered_bytes = server_->buffered_bytes(),
          .lost_log_bytes =
              access_log_ == nullptr ? 0 : access_log_->lost_bytes().Read()};
}

}  // namespace pollux
