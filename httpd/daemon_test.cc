#include "httpd/daemon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kConfig = R"pb(
  listener { address: "127.0.0.1:0" }
  route {
    path: "/"
    fixed { body: "ha?\n" }
  }
  route {
    path: "/form"
    methods: "POST"
    fixed { body: "<p>" content_type: "text/html" status: 201 }
  }
)pb";

class DaemonTest : public testing::TestWithParam<KernelUnderTest> {
 protected:
  absl::StatusOr<std::unique_ptr<Daemon>> Create(absl::string_view config) {
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(config, "test");
    for (const auto& error : loaded.errors) ADD_FAILURE() << error.ToString();
    return Daemon::Create(*kernel_, loaded.settings);
  }

  TestClient Connect(Daemon& daemon, const Address& address) {
    const int socket =
        kernel_
            ->Socket(address.family(),
                     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
            .descriptor();
    const SysResult result =
        kernel_->Connect(socket, address.data(), address.length());
    EXPECT_TRUE(result.ok() || result.error() == EINPROGRESS);
    return TestClient(*kernel_, daemon.reactor(), socket);
  }
  TestClient Connect(Daemon& daemon) {
    return Connect(daemon, daemon.addresses()[0]);
  }

  // kill(2), to this very process.
  void Signal(int signal) {
    if (auto* fake = dynamic_cast<FakeKernel*>(kernel_.get())) {
      fake->RaiseSignal(signal);
    } else {
      ASSERT_EQ(raise(signal), 0);
    }
  }

  const std::unique_ptr<Kernel> kernel_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(Kernels, DaemonTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(DaemonTest, ServesWhatItsConfigurationSays) {
  const auto daemon = Create(kConfig).value();
  TestClient client = Connect(*daemon);
  client.Write(Get("/") + Post("/form", "a=b"));
  const ReceivedResponse root = client.ReadResponse();
  EXPECT_EQ(root.status, 200);
  EXPECT_EQ(root.Field("Content-Type"), "text/plain");
  EXPECT_EQ(root.body, "ha?\n");
  const ReceivedResponse form = client.ReadResponse();
  EXPECT_EQ(form.status, 201);
  EXPECT_EQ(form.Field("Content-Type"), "text/html");
  EXPECT_EQ(form.body, "<p>");
}

TEST_P(DaemonTest, AllowsTheMethodsThatItsConfigurationSays) {
  const auto daemon = Create(kConfig).value();
  TestClient client = Connect(*daemon);
  client.Write(Post("/", "") + Get("/form"));
  EXPECT_EQ(client.ReadResponse().Field("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(client.ReadResponse().Field("Allow"), "POST, OPTIONS");
}

TEST_P(DaemonTest, ListensAtEachAddress) {
  const auto daemon =
      Create(absl::StrCat("listener { address: '127.0.0.1:0' }", kConfig))
          .value();
  ASSERT_EQ(daemon->addresses().size(), 2u);
  for (const Address& address : daemon->addresses()) {
    EXPECT_NE(address.port(), 0);
    TestClient client = Connect(*daemon, address);
    client.Write(Get("/"));
    EXPECT_EQ(client.ReadResponse().status, 200);
  }
}

TEST_P(DaemonTest, AnAddressInUseIsToldInASentence) {
  const auto first = Create(kConfig).value();
  const std::string address = first->addresses()[0].ToString();
  const auto second = Create(absl::StrCat("listener { address: '", address,
                                          "' } route { path: '/' fixed {} }"));
  EXPECT_EQ(second.status().message(),
            absl::StrCat("bind ", address, ": Address already in use"));
}

// Each of those who are served files needs two descriptors.
TEST(DaemonLimitsTest, WhereFilesAreServedHalfAsManyConnectionsAreTaken) {
  constexpr size_t kDescriptors = 1024;
  for (const bool has_files : {false, true}) {
    FakeKernel kernel;
    kernel.set_descriptor_limit(kDescriptors);
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(
        has_files ? "listener { address: '127.0.0.1:0' } "
                    "route { prefix: '/' files { root: '/' } }"
                  : "listener { address: '127.0.0.1:0' } "
                    "route { path: '/' fixed {} }",
        "test");
    const auto daemon = Daemon::Create(kernel, loaded.settings).value();
    std::vector<Socket> clients;
    for (int i = 0; i < 400; ++i) {
      clients.emplace_back(
          kernel,
          kernel.Socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
              .descriptor());
      const Address& address = daemon->addresses()[0];
      (void)kernel.Connect(clients.back().descriptor(), address.data(),
                           address.length());
      daemon->reactor().RunOnce(absl::Milliseconds(10));
      daemon->reactor().RunOnce(absl::Milliseconds(10));
    }
    EXPECT_EQ(daemon->server().connection_count(), has_files ? 320u : 400u);
  }
}

TEST_P(DaemonTest, SignalsEndIt) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto daemon = Create(kConfig).value();
    Signal(signal);
    daemon->Run();
  }
}

TEST_P(DaemonTest, IdleConnectionsDoNotHoldItsEndUp) {
  const auto daemon = Create(kConfig).value();
  TestClient client = Connect(*daemon);
  client.Write(Get("/"));
  client.ReadResponse();
  Signal(SIGTERM);
  daemon->Run();
  EXPECT_EQ(daemon->server().connection_count(), 0u);
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_P(DaemonTest, ItEndsAfterTheRequestsThatHaveBegun) {
  const auto daemon = Create(kConfig).value();
  TestClient client = Connect(*daemon);
  client.Write("GET / HTTP/1.1\r\n");
  RunUntil(daemon->reactor(),
           [&] { return daemon->server().connection_count() == 1; });
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  Signal(SIGTERM);
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  client.Write("Host: a\r\n\r\n");
  daemon->Run();
  EXPECT_EQ(client.ReadResponse().Field("Connection"), "close");
}

TEST_P(DaemonTest, ASecondSignalEndsItAtOnce) {
  const auto daemon = Create(kConfig).value();
  TestClient client = Connect(*daemon);
  client.Write("GET / HTTP/1.1\r\n");
  RunUntil(daemon->reactor(),
           [&] { return daemon->server().connection_count() == 1; });
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  Signal(SIGTERM);
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  Signal(SIGINT);
  daemon->Run();
  EXPECT_EQ(daemon->server().connection_count(), 1u);
}

constexpr absl::string_view kWithAdmin = R"pb(
  listener { address: "127.0.0.1:0" }
  admin { address: "127.0.0.1:0" }
  route {
    path: "/"
    fixed { body: "ha?\n" }
  }
  route {
    path: "/echo"
    echo {}
    request_id {}
  }
  route {
    path: "/old"
    redirect { location: "/" }
  }
  route {
    path: "/health"
    health {}
    name: "alive"
  }
  route {
    path: "/once"
    fixed { body: "once\n" cache_control: "no-store" }
    rate_limit { requests: 1 per: "1h" scope: PER_ROUTE }
  }
  route {
    path: "/cross"
    fixed { body: "cross\n" }
    cors { origin: "https://a.example" }
  }
  limits { max_body: "4B" max_fields: 3 }
  timeouts { drain: "7s" }
)pb";

TEST_P(DaemonTest, EachHandlerServes) {
  const auto daemon = Create(kWithAdmin).value();
  TestClient client = Connect(*daemon);
  client.Write(Get("/echo") + Post("/echo", "abcd") + Get("/old") +
               Get("/health") + Get("/once") + Get("/once") +
               Get("/cross", "Origin: https://a.example\r\n"));
  const std::vector<ReceivedResponse> responses = client.ReadResponses(7);
  EXPECT_EQ(responses[0].body, "GET /echo\nHost: a\n");
  EXPECT_EQ(responses[0].Field("X-Request-Id").size(), 32u);
  EXPECT_EQ(responses[1].body, "abcd");
  EXPECT_EQ(responses[2].Field("Location"), "/");
  EXPECT_EQ(responses[3].body, "ok\n");
  EXPECT_EQ(responses[4].Field("Cache-Control"), "no-store");
  EXPECT_EQ(responses[5].status, 429);
  EXPECT_EQ(responses[6].Field("Access-Control-Allow-Origin"),
            "https://a.example");
}

TEST_P(DaemonTest, LimitsAreThoseOfItsConfiguration) {
  const auto daemon = Create(kWithAdmin).value();
  TestClient client = Connect(*daemon);
  client.Write(Post("/echo", "abcde"));
  EXPECT_EQ(client.ReadResponse().status, 413);
  TestClient other = Connect(*daemon);
  other.Write(Get("/", "A: b\r\nC: d\r\nE: f\r\n"));
  EXPECT_EQ(other.ReadResponse().status, 431);
}

TEST_P(DaemonTest, TheAdminAddressTellsHowItIs) {
  const auto daemon = Create(kWithAdmin).value();
  TestClient client = Connect(*daemon);
  client.Write(Get("/") + Get("/health"));
  client.ReadResponses(2);
  ASSERT_TRUE(daemon->admin_address().has_value());
  TestClient admin = Connect(*daemon, *daemon->admin_address());
  admin.Write(Get("/healthz") + Get("/readyz") + Get("/metrics") + Get("/"));
  const std::vector<ReceivedResponse> responses = admin.ReadResponses(4);
  EXPECT_EQ(responses[0].body, "ok\n");
  EXPECT_EQ(responses[1].body, "ready\n");
  EXPECT_THAT(responses[2].body,
              HasSubstr("\npollux_http_requests_total{route=\"alive\","
                        "code=\"2xx\"} 1\n"));
  EXPECT_EQ(responses[3].status, 404);
  client.Write(Get("/metrics"));
  EXPECT_EQ(client.ReadResponse().status, 404);
}

TEST_P(DaemonTest, ItIsNotReadyWhileItDrains) {
  const auto daemon = Create(kWithAdmin).value();
  TestClient client = Connect(*daemon);
  client.Write("GET / HTTP/1.1\r\n");
  RunUntil(daemon->reactor(),
           [&] { return daemon->server().connection_count() == 1; });
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  Signal(SIGQUIT);
  daemon->reactor().RunOnce(absl::Milliseconds(100));
  TestClient admin = Connect(*daemon, *daemon->admin_address());
  admin.Write(Get("/readyz") + Get("/healthz"));
  EXPECT_EQ(admin.ReadResponse().status, 503);
  EXPECT_EQ(admin.ReadResponse().status, 200);
  client.Write("Host: a\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().body, "ha?\n");
  daemon->Run();
}

TEST_P(DaemonTest, WhatARouteCannotHaveIsToldInASentence) {
  const auto daemon = Create(R"pb(
    listener { address: "127.0.0.1:0" }
    route {
      prefix: "/a/"
      files { root: "/no/such/folder" }
    }
  )pb");
  EXPECT_THAT(std::string(daemon.status().message()), HasSubstr("route /a/: "));
  EXPECT_THAT(std::string(daemon.status().message()),
              HasSubstr("No such file or directory"));
}

// Where descriptors can run out without hurting the test itself.
class DaemonOnFakeTest : public DaemonTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, DaemonOnFakeTest,
                         testing::Values(FakeUnderTest()), KernelUnderTestName);

TEST_P(DaemonOnFakeTest, DescriptorsThatHaveRunOutAreToldInASentence) {
  auto* const fake = dynamic_cast<FakeKernel*>(kernel_.get());
  ASSERT_NE(fake, nullptr);
  // 0, 1 and 2; the daemon needs some more.
  for (size_t limit = 3; limit < 8; ++limit) {
    fake->set_descriptor_limit(limit);
    const auto daemon = Create(kConfig);
    if (daemon.ok()) continue;
    EXPECT_THAT(std::string(daemon.status().message()),
                HasSubstr("Too many open files"));
    EXPECT_EQ(fake->open_descriptors(), 0u);
  }
  EXPECT_EQ(fake->bad_descriptor_calls(), 0u);
}

}  // namespace
}  // namespace pollux
