// What the fake costs: bazel run --config=opt
// //testing/integration:fake_benchmark
//
// Prints the time of one keep-alive request through the whole server on the
// fake kernel, transcript and fault injection included, and of one scenario
// from an empty world to its oracles.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/config/config_loader.h"
#include "httpd/daemon.h"
#include "testing/fake/stream_socket.h"
#include "testing/integration/conversation.h"
#include "testing/integration/daemon_scenarios.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

constexpr int kRequests = 200'000;
constexpr int kScenarios = 5'000;

double MicrosSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now() - start)
      .count();
}

// One request after another, each sent when the last is answered.
void KeepAlive(Simulation& simulation) {
  const httpd::LoadedConfig loaded =
      httpd::LoadConfigText(httpd::DefaultConfigText(), "default");
  std::unique_ptr<Daemon> daemon =
      *Daemon::Create(simulation.kernel(), loaded.settings);
  auto client =
      std::make_shared<StreamSocket>(simulation.world().network(), AF_INET);
  (void)client->Connect(daemon->addresses().front());
  constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  char answer[256];
  daemon->reactor().RunOnce(absl::ZeroDuration());
  for (int i = 0; i < kRequests; ++i) {
    (void)client->Send(kGet);
    daemon->reactor().RunOnce(absl::ZeroDuration());
    (void)client->Recv(absl::MakeSpan(answer), 0);
  }
}

void Run() {
  Simulation simulation{Simulation::Options()};
  auto start = std::chrono::steady_clock::now();
  KeepAlive(simulation);
  std::printf("keep-alive request on the fake: %.2f us\n",
              MicrosSince(start) / kRequests);

  start = std::chrono::steady_clock::now();
  for (int i = 0; i < kScenarios; ++i) {
    (void)RunScenario(Simulation::Options(),
                      [](Simulation& simulation) { (void)simulation; });
  }
  std::printf("an empty scenario: %.2f us\n", MicrosSince(start) / kScenarios);

  start = std::chrono::steady_clock::now();
  const NamedScenario one_get = DaemonScenarios().front();
  for (int i = 0; i < kScenarios; ++i) {
    (void)RunScenario(Simulation::Options(), one_get.run);
  }
  std::printf("a scenario with a daemon and two clients: %.2f us\n",
              MicrosSince(start) / kScenarios);
}

}  // namespace
}  // namespace pollux

int main() { pollux::Run(); }
