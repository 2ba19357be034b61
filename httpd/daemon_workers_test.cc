// The daemon with several workers, which need the real kernel.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "httpd/daemon.h"
#include "reactor/intercepting_kernel.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/reactor_group.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"
#include "testing/integration/test_client.h"

namespace pollux {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::string_view kListener = "listener { address: '127.0.0.1:0' } ";
constexpr absl::string_view kAdmin = "admin { address: '127.0.0.1:0' } ";
constexpr absl::string_view kRoute =
    "route { path: '/' fixed { body: 'ha?\\n' } } ";

constexpr absl::string_view kBegun = "GET / HTTP/1.1\r\n";
constexpr absl::string_view kRest = "Host: a\r\n\r\n";

std::string Workers(int count) { return absl::StrCat("workers: ", count, " "); }

size_t CountIn(absl::string_view folder) {
  const std::filesystem::directory_iterator entries{std::string(folder)};
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}
size_t Threads() { return CountIn("/proc/self/task"); }
size_t Descriptors() { return CountIn("/proc/self/fd"); }

class DaemonWorkersTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Daemon>> CreateOn(Kernel& kernel,
                                                   absl::string_view config) {
    const httpd::LoadedConfig loaded = httpd::LoadConfigText(config, "test");
    for (const auto& error : loaded.errors) ADD_FAILURE() << error.ToString();
    return Daemon::Create(kernel, loaded.settings);
  }
  template <typename... Texts>
  absl::StatusOr<std::unique_ptr<Daemon>> Create(const Texts&... texts) {
    return CreateOn(kernel_, absl::StrCat(texts...));
  }

  TestClient Connect(Daemon& daemon, const Address& address) {
    const int socket =
        kernel_
            .Socket(address.family(),
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
            .descriptor();
    const SysResult result =
        kernel_.Connect(socket, address.data(), address.length());
    EXPECT_TRUE(result.ok() || result.error() == EINPROGRESS);
    return TestClient(kernel_, daemon.reactor(), socket);
  }
  TestClient Connect(Daemon& daemon) {
    return Connect(daemon, daemon.addresses()[0]);
  }
  std::vector<TestClient> Connect(Daemon& daemon, int count) {
    std::vector<TestClient> clients;
    for (int i = 0; i < count; ++i) clients.push_back(Connect(daemon));
    return clients;
  }

  // The statuses of what each client gets for a request.
  std::vector<int> Ask(std::vector<TestClient>& clients,
                       absl::string_view path = "/") {
    for (TestClient& client : clients) client.Write(Get(path));
    std::vector<int> statuses;
    for (TestClient& client : clients) {
      statuses.push_back(client.ReadResponse().status);
    }
    return statuses;
  }

  // A client of any worker but the first, which has sent `bytes`.
  TestClient ConnectElsewhere(Daemon& daemon, absl::string_view bytes) {
    while (true) {
      const size_t here = daemon.server().connection_count();
      TestClient client = Connect(daemon);
      client.Write(Get("/"));
      EXPECT_EQ(client.ReadResponse().status, 200);
      if (daemon.server().connection_count() > here) {
        spare_.push_back(std::move(client));
        continue;
      }
      client.Write(bytes);
      return client;
    }
  }

  std::string AskAdmin(Daemon& daemon, absl::string_view path) {
    TestClient client = Connect(daemon, *daemon.admin_address());
    client.Write(Get(path));
    return client.ReadResponse().body;
  }

  // The values of the samples of that name, in their order.
  std::vector<uint64_t> Metric(Daemon& daemon, absl::string_view name) {
    const std::string text = AskAdmin(daemon, "/metrics");
    std::vector<uint64_t> values;
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!absl::ConsumePrefix(&line, name)) continue;
      const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
      values.push_back(0);
      EXPECT_TRUE(absl::SimpleAtoi(parts.back(), &values.back())) << line;
    }
    return values;
  }
  uint64_t Sum(Daemon& daemon, absl::string_view name) {
    return absl::c_accumulate(Metric(daemon, name), uint64_t{0});
  }

  void StartToDrain(Daemon& daemon) {
    ASSERT_EQ(raise(SIGTERM), 0);
    ASSERT_TRUE(RunUntil(daemon.reactor(),
                         [&] { return daemon.server().is_draining(); }));
  }

  LinuxKernel kernel_;
  // Of the first worker.
  std::vector<TestClient> spare_;
};

TEST_F(DaemonWorkersTest, AllOfThemServe) {
  for (const int workers : {2, 3}) {
    const auto daemon =
        Create(Workers(workers), kListener, kAdmin, kRoute).value();
    ASSERT_THAT(daemon->addresses(), SizeIs(1)) << "each is there once";
    std::vector<TestClient> clients = Connect(*daemon, 64);
    EXPECT_THAT(Ask(clients), Each(200));
    const std::vector<uint64_t> accepted =
        Metric(*daemon, "pollux_listener_accepted_total{");
    EXPECT_THAT(accepted, SizeIs(workers));
    EXPECT_THAT(accepted, Each(Gt(0u)));
    EXPECT_EQ(absl::c_accumulate(accepted, uint64_t{0}), 64u);
    // Counted when the answer is on its way.
    EXPECT_TRUE(RunUntil(daemon->reactor(), [&] {
      return Sum(*daemon,
                 "pollux_http_requests_total{route=\"/\",code=\"2xx\"}") == 64;
    }));
    EXPECT_EQ(Sum(*daemon, "pollux_http_connections{"), 64u);
  }
}

TEST_F(DaemonWorkersTest, OneWorkerNeedsNoThread) {
  const size_t threads = Threads();
  const auto one = Create(Workers(1), kListener, kRoute).value();
  EXPECT_EQ(Threads(), threads);
  const auto three = Create(Workers(3), kListener, kRoute).value();
  EXPECT_EQ(Threads(), threads + 2);
}

TEST_F(DaemonWorkersTest, ByDefaultThereIsOneForEachCpu) {
  const size_t threads = Threads();
  const auto daemon = Create(Workers(0), kListener, kRoute).value();
  EXPECT_EQ(Threads() - threads + 1, ReactorGroup::CountCpus(kernel_).value());
  std::vector<TestClient> clients = Connect(*daemon, 16);
  EXPECT_THAT(Ask(clients), Each(200));
}

TEST_F(DaemonWorkersTest, AUnixSocketIsSharedByAll) {
  // Short enough for a unix name, and of this run alone.
  const std::string path = absl::StrCat("/tmp/pollux-workers-", getpid());
  const auto daemon =
      Create(Workers(2), "listener { address: 'unix:", path, "' } ", kRoute)
          .value();
  std::vector<TestClient> clients = Connect(*daemon, 64);
  EXPECT_THAT(Ask(clients), Each(200));
  clients.clear();
  ASSERT_EQ(raise(SIGTERM), 0);
  daemon->Run();
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Counts exclusive watches.
class ExclusiveWatches final : public InterceptingKernel {
 public:
  using InterceptingKernel::InterceptingKernel;

  SysResult EpollCtl(int epoll, int operation, int descriptor,
                     epoll_event* event) override {
    if (operation == EPOLL_CTL_ADD && (event->events & EPOLLEXCLUSIVE) != 0) {
      ++count;
    }
    return InterceptingKernel::EpollCtl(epoll, operation, descriptor, event);
  }

  std::atomic<int> count = 0;
};

TEST_F(DaemonWorkersTest, AConnectionToAUnixSocketWakesOneWorker) {
  for (const int workers : {1, 3}) {
    ExclusiveWatches kernel(kernel_);
    const auto daemon = CreateOn(
        kernel, absl::StrCat(Workers(workers),
                             "listener { address: 'unix:@pollux-workers-test-",
                             getpid(), "' } ", kRoute));
    ASSERT_TRUE(daemon.ok()) << daemon.status();
    EXPECT_EQ(kernel.count, workers > 1 ? workers : 0);
  }
}

TEST_F(DaemonWorkersTest, OfAUnixSocketAnyTakesTheNext) {
  const auto daemon =
      Create(Workers(2), "listener { address: 'unix:@pollux-workers-test-",
             getpid(), "' } ", kAdmin, kRoute)
          .value();
  // The first worker's loop does not run meanwhile.
  TestClient client = Connect(*daemon);
  client.WriteSome(Get("/"));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  std::string answer;
  while (answer.empty() && absl::Now() < deadline) {
    answer = client.ReadAvailable();
  }
  EXPECT_THAT(answer, HasSubstr("ha?\n"));
}

TEST_F(DaemonWorkersTest, WhatHasBegunEndsOnAllOfThem) {
  const auto daemon = Create(Workers(3), kListener, kAdmin, kRoute).value();
  std::vector<TestClient> clients = Connect(*daemon, 32);
  EXPECT_THAT(Ask(clients), Each(200));
  for (TestClient& client : clients) client.Write(kBegun);
  StartToDrain(*daemon);
  EXPECT_EQ(AskAdmin(*daemon, "/readyz"), "draining\n");
  for (TestClient& client : clients) {
    client.Write(kRest);
    EXPECT_EQ(client.ReadResponse().Field("Connection"), "close");
    EXPECT_EQ(client.ReadToEnd(), "");
    client.Close();
  }
  daemon->Run();
  EXPECT_EQ(daemon->server().connection_count(), 0u);
}

TEST_F(DaemonWorkersTest, TheAdminAddressAnswersUntilTheLastHasDrained) {
  const auto daemon = Create(Workers(2), kListener, kAdmin, kRoute).value();
  TestClient last = ConnectElsewhere(*daemon, kBegun);
  spare_.clear();
  StartToDrain(*daemon);
  ASSERT_TRUE(RunUntil(daemon->reactor(), [&] {
    return daemon->server().connection_count() == 0;
  })) << "the first worker has drained";
  EXPECT_EQ(AskAdmin(*daemon, "/healthz"), "ok\n");
  EXPECT_EQ(AskAdmin(*daemon, "/readyz"), "draining\n");
  EXPECT_THAT(AskAdmin(*daemon, "/metrics"), HasSubstr("{worker=\"1\"}"));
  last.Write(kRest);
  EXPECT_EQ(last.ReadResponse().body, "ha?\n");
  last.Close();
  daemon->Run();
}

TEST_F(DaemonWorkersTest, AllEndWithoutConnections) {
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT}) {
    const size_t threads = Threads();
    const auto daemon = Create(Workers(3), kListener, kRoute).value();
    ASSERT_EQ(raise(signal), 0);
    daemon->Run();
    EXPECT_EQ(Threads(), threads);
  }
}

TEST_F(DaemonWorkersTest, ASecondSignalEndsAllAtOnce) {
  const auto daemon = Create(Workers(2), kListener, kRoute).value();
  TestClient client = ConnectElsewhere(*daemon, kBegun);
  StartToDrain(*daemon);
  ASSERT_EQ(raise(SIGINT), 0);
  const absl::Time start = absl::Now();
  daemon->Run();
  EXPECT_LT(absl::Now() - start, absl::Seconds(20)) << "it has drained";
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(DaemonWorkersTest, AWorkerWhoseQueueIsFullDrainsLater) {
  const auto daemon = Create(Workers(3), kListener, kRoute).value();
  Reactor& busy = daemon->worker_reactor(1);
  absl::Notification may_go_on;
  ASSERT_TRUE(busy.Post([&] { may_go_on.WaitForNotification(); }).ok());
  while (busy.Post([] {}).ok()) continue;
  StartToDrain(*daemon);
  may_go_on.Notify();
  // Run() would never return.
  Timer give_up(daemon->reactor(), [&] {
    ADD_FAILURE() << "a worker has not drained";
    daemon->reactor().Stop();
  });
  give_up.ArmAfter(absl::Seconds(60));
  daemon->Run();
}

TEST_F(DaemonWorkersTest, MayBeDestroyedWhileTheyServe) {
  const size_t threads = Threads();
  {
    const auto daemon = Create(Workers(3), kListener, kRoute).value();
    TestClient client = ConnectElsewhere(*daemon, kBegun);
  }
  spare_.clear();
  EXPECT_EQ(Threads(), threads);
}

TEST_F(DaemonWorkersTest, APortInUseIsToldInASentence) {
  for (const int first_workers : {1, 2}) {
    const auto first = Create(Workers(first_workers), kListener, kRoute);
    const std::string address = (*first)->addresses()[0].ToString();
    for (const int workers : {1, 2}) {
      const auto second = Create(Workers(workers), "listener { address: '",
                                 address, "' } ", kRoute);
      EXPECT_EQ(second.status().message(),
                absl::StrCat("bind ", address, ": Address already in use"));
    }
  }
}

// Cannot open the folder a third time.
class ThirdOpenFails final : public InterceptingKernel {
 public:
  ThirdOpenFails(Kernel& kernel, std::string path)
      : InterceptingKernel(kernel), path_(std::move(path)) {}

  SysResult OpenAt(int folder, const char* path, int flags,
                   mode_t mode) override {
    if (path == path_ && ++opens_ == 3) return SysResult::Error(EMFILE);
    return InterceptingKernel::OpenAt(folder, path, flags, mode);
  }

 private:
  const std::string path_;
  std::atomic<int> opens_ = 0;
};

TEST_F(DaemonWorkersTest, AStartThatFailsInTheThirdLeavesNothingRunning) {
  const std::string root = testing::TempDir() + "/third";
  ASSERT_EQ(mkdir(root.c_str(), 0700), 0);
  ThirdOpenFails kernel(kernel_, root);
  const size_t threads = Threads();
  const size_t descriptors = Descriptors();
  const auto daemon =
      CreateOn(kernel, absl::StrCat(Workers(4), kListener, kAdmin, kRoute,
                                    "route { prefix: '/third/' files { root: '",
                                    root, "' } }"));
  EXPECT_THAT(daemon.status().message(), StartsWith("worker 2: "));
  EXPECT_THAT(daemon.status().message(), EndsWith(": Too many open files"));
  EXPECT_EQ(Threads(), threads);
  EXPECT_EQ(Descriptors(), descriptors);
}

TEST_F(DaemonWorkersTest, AClientsConnectionsAreLimitedForAllTogether) {
  const auto daemon = Create(Workers(2), kListener, kRoute,
                             "limits { max_connections_per_client: 3 }")
                          .value();
  std::vector<TestClient> first = Connect(*daemon, 3);
  EXPECT_THAT(Ask(first), Each(200));
  for (int i = 0; i < 16; ++i) {
    TestClient other = Connect(*daemon);
    EXPECT_EQ(other.ReadResponse().status, 429);
  }
  // Those that were refused count until they are gone, as does one that leaves.
  first.pop_back();
  EXPECT_TRUE(RunUntil(daemon->reactor(), [&] {
    TestClient other = Connect(*daemon);
    other.Write(Get("/"));
    return other.ReadResponse().status == 200;
  }));
}

TEST_F(DaemonWorkersTest, ARoutesRateIsLimitedForAllTogether) {
  for (const absl::string_view scope : {"PER_ROUTE", "PER_CLIENT"}) {
    const auto daemon =
        Create(Workers(2), kListener,
               "route { path: '/' fixed {} rate_limit { requests: 5 per: '1h' "
               "scope: ",
               scope, " } }")
            .value();
    std::vector<TestClient> clients = Connect(*daemon, 32);
    const std::vector<int> statuses = Ask(clients);
    EXPECT_EQ(absl::c_count(statuses, 200), 5) << scope;
    EXPECT_EQ(absl::c_count(statuses, 429), 27) << scope;
  }
}

// A worker's share of max_buffered is never less than a head.
TEST_F(DaemonWorkersTest, EachWorkerBuffersAtLeastOneHead) {
  const auto daemon = Create(Workers(4), kListener, kAdmin, kRoute,
                             "limits { max_head: '1KiB' max_target: '256B' "
                             "max_buffered: '1KiB' }")
                          .value();
  TestClient client = Connect(*daemon);
  const std::string head =
      Get("/", absl::StrCat("A: ", std::string(900, 'a'), "\r\n"));
  // The limit is checked when more arrives.
  for (const size_t begin : {0, 300, 600}) {
    client.Write(head.substr(begin, 300));
    ASSERT_TRUE(RunUntil(daemon->reactor(), [&] {
      return Sum(*daemon, "pollux_http_buffered_bytes{") == begin + 300;
    }));
  }
  client.Write(head.substr(900));
  EXPECT_EQ(client.ReadResponse().status, 200);
}

// Limits the process to a number of descriptors.
class FewDescriptors final : public InterceptingKernel {
 public:
  FewDescriptors(Kernel& kernel, uint64_t limit)
      : InterceptingKernel(kernel), limit_(limit) {}

  SysResult GetRLimit(int, rlimit& limit) override {
    limit = {.rlim_cur = limit_, .rlim_max = limit_};
    return SysResult::Ok();
  }

 private:
  const uint64_t limit_;
};

TEST_F(DaemonWorkersTest, EachWorkerReservesDescriptors) {
  // 64 for each worker, and as many for the admin address.
  FewDescriptors kernel(kernel_, 2 * 64 + 64 + 2 * 100);
  const auto daemon =
      CreateOn(kernel, absl::StrCat(Workers(2), kListener, kAdmin, kRoute))
          .value();
  std::vector<TestClient> clients = Connect(*daemon, 320);
  for (TestClient& client : clients) client.WriteSome(kBegun);
  EXPECT_TRUE(RunUntil(daemon->reactor(), [&] {
    return Sum(*daemon, "pollux_http_shed_connections_total{") == 320 - 200;
  }));
}

TEST_F(DaemonWorkersTest, EachHasItsShareOfTheConnections) {
  // Rounded up.
  const auto daemon = Create(Workers(2), kListener, kAdmin, kRoute,
                             "limits { max_connections: 3 }")
                          .value();
  std::vector<TestClient> clients = Connect(*daemon, 32);
  // Busy, so that none makes room.
  for (TestClient& client : clients) client.WriteSome(kBegun);
  EXPECT_TRUE(RunUntil(daemon->reactor(), [&] {
    return Sum(*daemon,
               "pollux_http_shed_connections_total{reason=\"connections\"}") +
               Sum(*daemon,
                   "pollux_http_shed_connections_total{reason=\"idle_for_"
                   "new\"}") ==
           32 - 2 * 2;
  }));
}

}  // namespace
}  // namespace pollux
