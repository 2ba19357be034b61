#include "reactor/example/unix_echo.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/kernel.h"
#include "reactor/net/descriptor_passing.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "testing/kernel_under_test.h"
#include "testing/simulation.h"

namespace {

// An echo, and the other end in the caller's hands.
struct Conversation {
  static absl::StatusOr<Conversation> Begin(pollux::Kernel& kernel,
                                            pollux::Reactor& reactor) {
    std::array<int, 2> sockets;
    const pollux::SysResult made = kernel.SocketPair(
        AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets);
    if (!made.ok()) return made.ToStatus("socketpair");
    Conversation conversation;
    conversation.near = pollux::Socket(kernel, sockets[0]);
    auto echo = UnixEcho::Create(reactor, pollux::Socket(kernel, sockets[1]));
    if (!echo.ok()) return echo.status();
    conversation.echo = *std::move(echo);
    return conversation;
  }

  pollux::Socket near;
  std::unique_ptr<UnixEcho> echo;
};

class UnixEchoTest : public testing::TestWithParam<pollux::KernelUnderTest> {};

INSTANTIATE_TEST_SUITE_P(Kernels, UnixEchoTest,
                         testing::ValuesIn(pollux::KernelsUnderTest()),
                         pollux::KernelUnderTestName);

TEST_P(UnixEchoTest, GivesBackBytesAndDescriptors) {
  const std::unique_ptr<pollux::Kernel> kernel = GetParam().make();
  auto reactor = *pollux::Reactor::Create(*kernel);
  auto conversation = *Conversation::Begin(*kernel, *reactor);
  const int near = conversation.near.descriptor();
  {
    const pollux::Descriptor counter(
        *kernel, kernel->EventFd(42, EFD_NONBLOCK).descriptor());
    ASSERT_TRUE(pollux::SendWithDescriptors(*kernel, near, "take this",
                                            {counter.number()})
                    .ok());
  }
  reactor->RunOnce(absl::Seconds(1));

  std::array<char, 64> bytes;
  std::vector<pollux::Descriptor> descriptors;
  ASSERT_EQ(pollux::ReceiveWithDescriptors(*kernel, near, absl::MakeSpan(bytes),
                                           1, descriptors)
                .value(),
            9);
  ASSERT_EQ(descriptors.size(), 1u);
  uint64_t value = 0;
  (void)kernel->Read(
      descriptors[0].number(),
      absl::MakeSpan(reinterpret_cast<char*>(&value), sizeof(value)));
  EXPECT_EQ(value, 42u);

  conversation.near.Close();
  reactor->RunOnce(absl::Seconds(1));
  EXPECT_FALSE(conversation.echo->is_open());
}

// Whatever call fails, no descriptor is left behind.
void OneEcho(pollux::Simulation& simulation) {
  pollux::Kernel& kernel = simulation.kernel();
  auto reactor = pollux::Reactor::Create(kernel);
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  auto conversation = Conversation::Begin(kernel, **reactor);
  if (!conversation.ok()) return;
  const int near = conversation->near.descriptor();
  (void)pollux::SendWithDescriptors(kernel, near, "take this", {near});
  for (int i = 0; i < 3; ++i) (*reactor)->RunOnce(absl::Milliseconds(1));
  std::array<char, 64> bytes;
  std::vector<pollux::Descriptor> descriptors;
  const pollux::SysResult received = pollux::ReceiveWithDescriptors(
      kernel, near, absl::MakeSpan(bytes), 1, descriptors);
  const bool fault = simulation.faulty_kernel().faults() > 0;
  simulation.Expect(received.value() == 9 || fault, "not all came back");
  simulation.Expect(descriptors.size() == 1 || fault, "no descriptor came");
}

TEST(UnixEchoSweepTest, WithstandsEveryFault) {
  const pollux::SweepOutcome sweep =
      pollux::Sweep(pollux::Simulation::Options(), OneEcho);
  EXPECT_THAT(sweep.failures, testing::IsEmpty());
  EXPECT_GT(sweep.runs, 50u);
}

}  // namespace
