// Requests that wait for a verdict, on real connections.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/basic_auth.h"
#include "httpd/handlers/credential_check.h"
#include "httpd/handlers/echo.h"
#include "httpd/http/request_head.h"
#include "httpd/server/http_server.h"
#include "httpd/server/router.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "testing/integration/test_client.h"

namespace pollux {
namespace {

// Of "secret".
constexpr absl::string_view kHash =
    "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAK"
    "mFFlrjEwSXGo2kgY5hR2.peKEg2VGUqIJJu1";

class BasicAuthServerTest : public testing::Test {
 protected:
  BasicAuthServerTest() {
    std::vector<Route> routes;
    routes.push_back({.path = "/echo",
                      .methods = {http::Method::kGet, http::Method::kPost},
                      .handler = *BasicAuthHandler::Create(
                          std::make_unique<EchoHandler>(), "realm",
                          *CredentialCheck::Create(
                              *reactor_, {{"ann", std::string(kHash)}}))});
    router_ = *Router::Create(std::move(routes));
    server_ = std::make_unique<HttpServer>(*reactor_, *router_,
                                           HttpServer::Options());
  }

  TestClient Connect() {
    std::array<int, 2> sockets = {-1, -1};
    EXPECT_TRUE(kernel_
                    .SocketPair(AF_UNIX,
                                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                sockets)
                    .ok());
    server_->Serve(Socket(kernel_, sockets[1]));
    return TestClient(kernel_, *reactor_, sockets[0]);
  }

  // `more` is further field lines.
  static std::string Head(absl::string_view method,
                          absl::string_view credentials,
                          absl::string_view more = "") {
    return absl::StrCat(method,
                        " /echo?q HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ",
                        absl::Base64Escape(credentials), "\r\n", more, "\r\n");
  }

  LinuxKernel kernel_;
  std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(BasicAuthServerTest, ARequestWithoutBody) {
  TestClient client = Connect();
  client.Write(Head("GET", "ann:secret") + Head("GET", "ann:secret"));
  for (const ReceivedResponse& response : client.ReadResponses(2)) {
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body.starts_with("GET /echo?q\nHost: a\n"));
  }
}

TEST_F(BasicAuthServerTest, ABodyThatComesWithItsHead) {
  TestClient client = Connect();
  client.Write(Head("POST", "ann:secret", "Content-Length: 5\r\n") + "hello" +
               Head("GET", "ann:secret"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].body, "hello");
  EXPECT_EQ(responses[1].status, 200);
}

TEST_F(BasicAuthServerTest, ABodyThatComesLater) {
  TestClient client = Connect();
  client.Write(Head("POST", "ann:secret", "Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 10; ++i) reactor_->RunOnce(absl::Milliseconds(10));
  client.Write("5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().body, "hello");
}

TEST_F(BasicAuthServerTest, AnEmptyBody) {
  TestClient client = Connect();
  client.Write(Head("POST", "ann:secret", "Content-Length: 0\r\n"));
  const ReceivedResponse response = client.ReadResponse();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
}

TEST_F(BasicAuthServerTest, ALargeBodyOfWhoeverIsRefusedIsThrownAway) {
  TestClient client = Connect();
  const std::string body(200'000, 'a');
  client.Write(Head("POST", "ann:wrong",
                    absl::StrCat("Content-Length: ", body.size(), "\r\n")) +
               body + Head("GET", "ann:secret"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(2);
  EXPECT_EQ(responses[0].status, 401);
  EXPECT_EQ(responses[0].Field("WWW-Authenticate"),
            "Basic realm=\"realm\", charset=\"UTF-8\"");
  EXPECT_EQ(responses[1].status, 200);
}

TEST_F(BasicAuthServerTest, AClientThatLeaves) {
  {
    TestClient client = Connect();
    client.Write(Head("GET", "ann:secret"));
    reactor_->RunOnce(absl::Seconds(1));
  }
  TestClient client = Connect();
  client.Write(Head("GET", "ann:secret"));
  EXPECT_EQ(client.ReadResponse().status, 200);
}

TEST_F(BasicAuthServerTest, AServerThatGoes) {
  TestClient client = Connect();
  client.Write(Head("POST", "ann:secret", "Content-Length: 5\r\n"));
  reactor_->RunOnce(absl::Seconds(1));
  server_.reset();
  for (int i = 0; i < 10; ++i) reactor_->RunOnce(absl::Milliseconds(10));
}

}  // namespace
}  // namespace pollux
