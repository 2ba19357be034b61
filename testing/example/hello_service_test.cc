// The service in a fake world: no port, no thread, no waiting.
#include "testing/example/hello_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/peer.h"
#include "testing/simulation.h"

namespace {

using ::testing::StartsWith;

// [README]
TEST(HelloServiceTest, SaysHelloToASlowTypist) {
  pollux::FakeWorld world;
  pollux::FakeKernel kernel(world);
  auto reactor = *pollux::Reactor::Create(kernel);
  const auto address = *pollux::Address::Parse("127.0.0.1:80");

  pollux::Peer client(world, "client");
  client.Connect(address)
      .SendInPieces("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",
                    /*piece_bytes=*/1, /*gap=*/absl::Milliseconds(100))
      .ExpectText("hello\n")
      .Do([&] { reactor->Stop(); });
  EXPECT_TRUE(ServeHello(*reactor, address).ok());

  EXPECT_THAT(client.received(), StartsWith("HTTP/1.1 200 OK\r\n"));
}
// [/README]

// [SWEEP]
void OneConversation(pollux::Simulation& simulation) {
  auto reactor = pollux::Reactor::Create(simulation.kernel());
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  const auto address = *pollux::Address::Parse("127.0.0.1:80");
  pollux::Peer client(simulation.world(), "client");
  client.Connect(address)
      .Send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
      .AwaitText("hello\n")
      .Do([&] { (*reactor)->Stop(); });
  const absl::Status status = ServeHello(**reactor, address);
  const bool fault = simulation.faulty_kernel().faults() > 0;
  simulation.Expect(status.ok() || fault, status.message());
  simulation.Expect(client.done() || fault, "the client got no answer");
}

TEST(HelloServiceTest, WithstandsEveryFault) {
  const pollux::SweepOutcome sweep =
      pollux::Sweep(pollux::Simulation::Options(), OneConversation);
  EXPECT_THAT(sweep.failures, ::testing::IsEmpty());
  EXPECT_GT(sweep.runs, 200u);
}
// [/SWEEP]

}  // namespace
