#include "testing/example/hello_service.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/net/socket.h"

// [README]
class HelloHandler final : public pollux::Handler {
 public:
  explicit HelloHandler(pollux::http::PreparedResponse hello)
      : hello_(std::move(hello)) {}

  // At once, or later: the responder may be kept.
  void Handle(const pollux::Request&, pollux::Responder responder) override {
    std::move(responder).Send(hello_);
  }

 private:
  const pollux::http::PreparedResponse hello_;
};

absl::Status ServeHello(pollux::Reactor& reactor,
                        const pollux::Address& address) {
  auto hello = pollux::http::PreparedResponse::Create(
      200, {{"Content-Type", "text/plain"}}, "hello\n");
  if (!hello.ok()) return hello.status();
  std::vector<pollux::Route> routes;
  routes.push_back({"/hello",
                    {pollux::http::Method::kGet},
                    std::make_unique<HelloHandler>(*std::move(hello))});
  auto router = pollux::Router::Create(std::move(routes));
  if (!router.ok()) return router.status();

  auto socket = pollux::Socket::Listen(reactor.kernel(), address);
  if (!socket.ok()) return socket.status();
  pollux::HttpServer server(reactor, **router, pollux::HttpServer::Options());
  auto bound = server.AddListener(*std::move(socket));
  if (!bound.ok()) return bound.status();
  reactor.Run();
  return absl::OkStatus();
}
// [/README]
