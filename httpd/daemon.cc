#include "httpd/daemon.h"

#include <csignal>
#include <utility>

#include "absl/status/status.h"
#include "httpd/handlers/fixed.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "reactor/net/socket.h"

namespace pollux {
namespace {

MethodSet Methods(const httpd::Route& route) {
  if (route.methods().empty()) return {http::Method::kGet, http::Method::kHead};
  MethodSet methods;
  for (const std::string& method : route.methods()) {
    methods.Add(http::MethodFromToken(method));
  }
  return methods;
}

absl::StatusOr<std::unique_ptr<Handler>> MakeHandler(
    const httpd::Route& route) {
  switch (route.handler_case()) {
    case httpd::Route::kFixed: {
      const http::Field type = {"Content-Type", route.fixed().content_type()};
      absl::StatusOr<http::PreparedResponse> response =
          http::PreparedResponse::Create(route.fixed().status(), {type},
                                         route.fixed().body());
      if (!response.ok()) return response.status();
      return std::make_unique<FixedHandler>(*std::move(response));
    }
    default:
      break;
  }
  return absl::InvalidArgumentError("this handler is not supported yet");
}

absl::StatusOr<std::unique_ptr<Router>> MakeRouter(
    const httpd::Config& config) {
  std::vector<Route> routes;
  for (const httpd::Route& route : config.route()) {
    if (route.has_prefix()) {
      return absl::InvalidArgumentError("prefix is not supported yet");
    }
    absl::StatusOr<std::unique_ptr<Handler>> handler = MakeHandler(route);
    if (!handler.ok()) return handler.status();
    routes.push_back({route.path(), Methods(route), *std::move(handler)});
  }
  return Router::Create(std::move(routes));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(
    Kernel& kernel, const httpd::Config& config) {
  std::unique_ptr<Daemon> daemon(new Daemon);

  absl::StatusOr<std::unique_ptr<Router>> router = MakeRouter(config);
  if (!router.ok()) return router.status();
  daemon->router_ = *std::move(router);

  absl::StatusOr<std::unique_ptr<Reactor>> reactor = Reactor::Create(kernel);
  if (!reactor.ok()) return reactor.status();
  daemon->reactor_ = *std::move(reactor);

  absl::StatusOr<std::unique_ptr<Signals>> signals =
      Signals::Create(*daemon->reactor_, {SIGTERM, SIGINT});
  if (!signals.ok()) return signals.status();
  daemon->signals_ = *std::move(signals);
  for (int signal : {SIGTERM, SIGINT}) {
    daemon->signals_->On(
        signal, [daemon = daemon.get()](const auto&) { daemon->OnSignal(); });
  }

  daemon->server_ = std::make_unique<HttpServer>(
      *daemon->reactor_, *daemon->router_, HttpServer::Options());
  for (const httpd::Listener& listener : config.listener()) {
    if (absl::Status status = daemon->Listen(kernel, listener); !status.ok()) {
      return status;
    }
  }
  return daemon;
}

absl::Status Daemon::Listen(Kernel& kernel, const httpd::Listener& listener) {
  const absl::StatusOr<Address> address = Address::Parse(listener.address());
  if (!address.ok()) return address.status();
  absl::StatusOr<Socket> socket =
      Socket::Listen(kernel, *address, {.backlog = listener.backlog()});
  if (!socket.ok()) return socket.status();
  absl::StatusOr<Address> bound = server_->AddListener(*std::move(socket));
  if (!bound.ok()) return bound.status();
  addresses_.push_back(*bound);
  return absl::OkStatus();
}

void Daemon::OnSignal() {
  if (std::exchange(draining_, true)) return reactor_->Stop();
  server_->Drain([this] { reactor_->Stop(); });
}

}  // namespace pollux
