// Each setting of a configuration takes effect. Runs on virtual time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/config/config_loader.h"
#include "httpd/daemon.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"
#include "testing/integration/test_client.h"

namespace pollux {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::StartsWith;

// Records some calls, and fails each write to the log with ENOSPC.
class NotingKernel final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult Listen(int socket, int backlog) override {
    backlogs.push_back(backlog);
    return InterceptingKernel::Listen(socket, backlog);
  }
  SysResult SetSockOpt(int socket, int level, int option, const void* value,
                       socklen_t length) override {
    if (level == IPPROTO_TCP && option == TCP_CONGESTION) {
      congestion_control.assign(static_cast<const char*>(value), length);
      return SysResult::Ok();
    }
    if (level == IPPROTO_TCP && option == TCP_DEFER_ACCEPT) ++defer_accepts;
    return InterceptingKernel::SetSockOpt(socket, level, option, value, length);
  }
  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override {
    ++epoll_ctls;
    return InterceptingKernel::EpollCtl(epoll, operation, descriptor, event);
  }
  SysResult OpenAt(int directory, const char* path, int flags,
                   mode_t mode) override {
    if (absl::string_view(path) == "/log") return SysResult::Ok(kLog);
    return InterceptingKernel::OpenAt(directory, path, flags, mode);
  }
  SysResult Write(int descriptor, absl::Span<const char> bytes) override {
    if (descriptor == kLog) return SysResult::Error(ENOSPC);
    return InterceptingKernel::Write(descriptor, bytes);
  }
  SysResult Close(int descriptor) override {
    if (descriptor == kLog) return SysResult::Ok();
    return InterceptingKernel::Close(descriptor);
  }

  std::vector<int> backlogs;
  std::string congestion_control;
  int defer_accepts = 0;
  int epoll_ctls = 0;

 private:
  static constexpr int kLog = 500;
};

class DaemonSettingsTest : public testing::Test {
 protected:
  // `more` are fields of the configuration.
  void Start(absl::string_view more,
             absl::string_view listener = "address: '127.0.0.1:0'") {
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(
        absl::StrCat("listener { ", listener,
                     " } admin { address: '127.0.0.1:0' } "
                     "route { path: '/' fixed {} } "
                     "route { path: '/big' fixed { body: '",
                     std::string(1 << 20, 'b'),
                     "' } } route { path: '/echo' echo {} } ", more),
        "test");
    for (const auto& error : loaded.errors) ADD_FAILURE() << error.ToString();
    daemon_ = Daemon::Create(kernel_, loaded.settings).value();
  }

  TestClient Connect(const Address& address) {
    const int socket =
        kernel_
            .Socket(address.family(),
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
            .descriptor();
    const SysResult result =
        kernel_.Connect(socket, address.data(), address.length());
    EXPECT_TRUE(result.ok() || result.error() == EINPROGRESS);
    return TestClient(kernel_, daemon_->reactor(), socket);
  }
  TestClient Connect() { return Connect(daemon_->addresses()[0]); }
  TestClient ConnectToAdmin() { return Connect(*daemon_->admin_address()); }

  absl::Duration TimeUntil(absl::FunctionRef<bool()> done) {
    const MonotonicTime start = daemon_->reactor().Now();
    for (int i = 0; i < 1000 && !done(); ++i) {
      daemon_->reactor().RunOnce(absl::Hours(1));
    }
    EXPECT_TRUE(done());
    return daemon_->reactor().Now() - start;
  }
  absl::Duration TimeUntilAnswered(TestClient& client) {
    std::string answer;
    const absl::Duration time = TimeUntil([&] {
      answer += client.ReadAvailable();
      return !answer.empty();
    });
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 408"));
    return time;
  }
  absl::Duration TimeUntilNobodyIsConnected() {
    return TimeUntil([&] { return daemon_->server().connection_count() == 0; });
  }

  FakeKernel fake_;
  NotingKernel kernel_{fake_};
  std::unique_ptr<Daemon> daemon_;
};

// Some deadlines are checked in steps, and some are followed by a linger.
auto IsAbout(absl::Duration time) { return AllOf(Ge(time), Le(1.3 * time)); }

constexpr absl::string_view kTimeouts =
    "timeouts { linger: '250ms' head: '1s' body: '4s' idle: '16s' "
    "write: '64s' } limits { min_rate: '0' } ";

TEST_F(DaemonSettingsTest, Linger) {
  Start(kTimeouts);
  TestClient client = Connect();
  client.Write("nonsense\r\n\r\n");
  EXPECT_EQ(client.ReadResponse().status, 400);
  EXPECT_THAT(TimeUntilNobodyIsConnected(), IsAbout(absl::Milliseconds(250)));
}

TEST_F(DaemonSettingsTest, HeadTimeout) {
  Start(kTimeouts);
  TestClient client = Connect();
  client.Write("GET / HT");
  EXPECT_THAT(TimeUntilAnswered(client), IsAbout(absl::Seconds(1)));
}

TEST_F(DaemonSettingsTest, BodyTimeout) {
  Start(kTimeouts);
  TestClient client = Connect();
  client.Write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
  EXPECT_THAT(TimeUntilAnswered(client), IsAbout(absl::Seconds(4)));
}

TEST_F(DaemonSettingsTest, IdleTimeout) {
  Start(kTimeouts);
  TestClient client = Connect();
  client.Write(Get("/"));
  EXPECT_EQ(client.ReadResponse().status, 200);
  EXPECT_THAT(TimeUntilNobodyIsConnected(), IsAbout(absl::Seconds(16)));
}

TEST_F(DaemonSettingsTest, WriteTimeout) {
  Start(kTimeouts);
  TestClient client = Connect();
  client.Write(Get("/big"));
  RunUntil(daemon_->reactor(),
           [&] { return daemon_->server().connection_count() == 1; });
  EXPECT_THAT(TimeUntilNobodyIsConnected(), IsAbout(absl::Seconds(64)));
}

TEST_F(DaemonSettingsTest, DrainTimeout) {
  Start("timeouts { head: '1h' drain: '40s' linger: '250ms' } ");
  TestClient client = Connect();
  client.Write("GET / HT");
  RunUntil(daemon_->reactor(),
           [&] { return daemon_->server().connection_count() == 1; });
  daemon_->reactor().RunOnce(absl::ZeroDuration());
  fake_.RaiseSignal(SIGTERM);
  const MonotonicTime start = daemon_->reactor().Now();
  daemon_->Run();
  EXPECT_THAT(daemon_->reactor().Now() - start, IsAbout(absl::Seconds(40)));
}

TEST_F(DaemonSettingsTest, MinRate) {
  Start("timeouts { body: '4s' } limits { min_rate: '100B' } ");
  // Sends that many bytes each 100 ms, for 12 s.
  const auto time_until_refused = [&](size_t bytes) {
    TestClient client = Connect();
    client.Write(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n");
    Reactor& reactor = daemon_->reactor();
    const MonotonicTime start = reactor.Now();
    for (int i = 1; i <= 120; ++i) {
      client.Write(std::string(bytes, 'a'));
      const MonotonicTime next = start + i * absl::Milliseconds(100);
      while (reactor.Now() < next) reactor.RunOnce(next - reactor.Now());
      if (!client.ReadAvailable().empty()) return reactor.Now() - start;
    }
    return absl::InfiniteDuration();
  };
  EXPECT_THAT(time_until_refused(5), IsAbout(absl::Seconds(4)));
  EXPECT_EQ(time_until_refused(15), absl::InfiniteDuration());
}

TEST_F(DaemonSettingsTest, MaxDiscardedBody) {
  Start("limits { max_discarded_body: '10B' } ");
  const auto answers_at_once = [&](size_t bytes) {
    TestClient client = Connect();
    client.Write(absl::StrCat("POST /nowhere HTTP/1.1\r\nHost: a\r\n",
                              "Content-Length: ", bytes, "\r\n\r\n"));
    for (int i = 0; i < 10; ++i) {
      daemon_->reactor().RunOnce(absl::ZeroDuration());
    }
    return !client.ReadAvailable().empty();
  };
  EXPECT_FALSE(answers_at_once(10));
  EXPECT_TRUE(answers_at_once(11));
}

TEST_F(DaemonSettingsTest, MaxHeadAndMaxTarget) {
  Start("limits { max_head: '1KiB' max_target: '256B' } ");
  const auto status = [&](size_t target_bytes, size_t field_bytes) {
    TestClient client = Connect();
    client.Write(
        Get(absl::StrCat("/?", std::string(target_bytes, 'a')),
            absl::StrCat("A: ", std::string(field_bytes, 'a'), "\r\n")));
    return client.ReadResponse().status;
  };
  EXPECT_EQ(status(200, 700), 200);
  EXPECT_EQ(status(300, 10), 414);
  EXPECT_EQ(status(10, 1100), 431);
}

TEST_F(DaemonSettingsTest, MaxConnections) {
  Start("limits { max_connections: 3 } ");
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Connect());
    clients.back().Write("GET / HT");
  }
  RunUntil(daemon_->reactor(),
           [&] { return daemon_->server().connection_count() == 3; });
  daemon_->reactor().RunOnce(absl::ZeroDuration());
  TestClient refused = Connect();
  EXPECT_EQ(refused.ReadResponse().status, 503);
}

TEST_F(DaemonSettingsTest, MaxConnectionsPerClient) {
  Start("limits { max_connections_per_client: 2 } ");
  TestClient first = Connect();
  TestClient second = Connect();
  TestClient refused = Connect();
  EXPECT_EQ(refused.ReadResponse().status, 429);
}

TEST_F(DaemonSettingsTest, AdminAddressAccepts64Connections) {
  Start("");
  std::vector<TestClient> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(ConnectToAdmin());
    clients.back().Write(Get("/healthz") + "GET / HT");
    EXPECT_EQ(clients.back().ReadResponse().status, 200);
  }
  TestClient refused = ConnectToAdmin();
  EXPECT_EQ(refused.ReadResponse().status, 503);
}

TEST_F(DaemonSettingsTest, Backlog) {
  Start("", "address: '127.0.0.1:0' backlog: 17");
  EXPECT_THAT(kernel_.backlogs, Contains(17));
}

TEST_F(DaemonSettingsTest, CongestionControl) {
  Start("", "address: '127.0.0.1:0' congestion_control: 'cubic'");
  EXPECT_EQ(kernel_.congestion_control, "cubic");
}

// A request that arrived with its connection is read at once, so that nothing
// has to be watched for it.
TEST_F(DaemonSettingsTest, DeferAccept) {
  for (const bool is_deferred : {false, true}) {
    Start("", is_deferred ? "address: '127.0.0.1:0' defer_accept: true"
                          : "address: '127.0.0.1:0'");
    EXPECT_EQ(std::exchange(kernel_.defer_accepts, 0), is_deferred ? 1 : 0);
    kernel_.epoll_ctls = 0;
    TestClient client = Connect();
    client.Write(Get("/", "Connection: close\r\n"));
    EXPECT_EQ(client.ReadResponse().status, 200);
    EXPECT_EQ(kernel_.epoll_ctls == 0, is_deferred) << kernel_.epoll_ctls;
  }
}

TEST_F(DaemonSettingsTest, Metrics) {
  Start("access_log { path: '/log' } ");
  TestClient client = Connect();
  client.Write(Get("/"));
  EXPECT_EQ(client.ReadResponse().status, 200);
  daemon_->reactor().RunOnce(absl::ZeroDuration());
  TestClient admin = ConnectToAdmin();
  admin.Write(Get("/metrics"));
  const std::string metrics = admin.ReadResponse().body;
  // The fake's clock begins so.
  EXPECT_THAT(metrics, HasSubstr("\nprocess_start_time_seconds 1000000000\n"));
  EXPECT_THAT(metrics,
              HasSubstr("\npollux_access_log_lost_bytes_total{worker=\"0\"} "));
  EXPECT_THAT(
      metrics,
      Not(HasSubstr("\npollux_access_log_lost_bytes_total{worker=\"0\"} 0\n")));
}

}  // namespace
}  // namespace pollux
