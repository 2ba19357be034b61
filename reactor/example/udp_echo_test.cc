#include "reactor/example/udp_echo.h"

#include <sys/socket.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/datagram_endpoint.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"
#include "testing/kernel_under_test.h"
#include "testing/simulation.h"

namespace {

// Somebody who says something, and waits for the echo.
struct Caller final : pollux::DatagramEndpoint::Handler {
  void OnDatagram(absl::string_view bytes, const pollux::Address&) override {
    heard += bytes;
    reactor->Stop();
  }
  void OnTruncatedDatagram(absl::string_view, const pollux::Address&) override {
  }
  void OnWritable() override {}
  void OnError(int) override { reactor->Stop(); }

  pollux::Reactor* reactor;
  std::string heard;
};

class UdpEchoTest : public testing::TestWithParam<pollux::KernelUnderTest> {};

INSTANTIATE_TEST_SUITE_P(Kernels, UdpEchoTest,
                         testing::ValuesIn(pollux::KernelsUnderTest()),
                         pollux::KernelUnderTestName);

TEST_P(UdpEchoTest, SaysItAgain) {
  const std::unique_ptr<pollux::Kernel> kernel = GetParam().make();
  auto reactor = *pollux::Reactor::Create(*kernel);
  auto echo = UdpEcho::Create(*reactor, *pollux::Address::Parse("[::1]:0"));
  ASSERT_TRUE(echo.ok()) << echo.status();

  Caller caller;
  caller.reactor = reactor.get();
  pollux::DatagramBuffers buffers;
  auto socket = *pollux::DatagramEndpoint::Create(
      *reactor, buffers, AF_INET6, {.peer_address = *(*echo)->address()},
      caller);
  socket->Send("hello");
  reactor->Run();
  EXPECT_EQ(caller.heard, "hello");
}

// Whatever call fails, it ends, leaves nothing behind, and says nothing wrong.
void OneEcho(pollux::Simulation& simulation) {
  auto reactor = pollux::Reactor::Create(simulation.kernel());
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  auto echo =
      UdpEcho::Create(**reactor, *pollux::Address::Parse("127.0.0.1:7"));
  if (!echo.ok()) return;
  Caller caller;
  caller.reactor = reactor->get();
  pollux::DatagramBuffers buffers(2, 100);
  auto socket = pollux::DatagramEndpoint::Create(
      **reactor, buffers, AF_INET,
      {.peer_address = *pollux::Address::Parse("127.0.0.1:7")}, caller);
  if (!socket.ok()) return;
  (*socket)->Send("hello");
  // What is lost on the way is nobody's failure.
  pollux::Timer give_up(**reactor, [&] { (*reactor)->Stop(); });
  give_up.ArmAfter(absl::Seconds(1));
  (*reactor)->Run();
  const bool fault = simulation.faulty_kernel().faults() > 0;
  simulation.Expect(caller.heard == "hello" || fault, "there was no echo");
}

TEST(UdpEchoSweepTest, WithstandsEveryFault) {
  const pollux::SweepOutcome sweep =
      pollux::Sweep(pollux::Simulation::Options(), OneEcho);
  EXPECT_THAT(sweep.failures, testing::IsEmpty());
  EXPECT_GT(sweep.runs, 50u);
}

}  // namespace
