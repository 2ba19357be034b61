#include "reactor/net/listen_for_reactors.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class ListenForReactorsTest : public testing::TestWithParam<KernelUnderTest> {
 protected:
  absl::StatusOr<std::vector<Socket>> Listen(absl::string_view address,
                                             size_t reactors) {
    const Address parsed = Address::Parse(address).value();
    return ListenForReactors(*kernel_, parsed, {},
                             parsed.family() == AF_UNIX
                                 ? ListenerSharing::kOneSocket
                                 : ListenerSharing::kSocketEach,
                             reactors);
  }

  const std::unique_ptr<Kernel> kernel_ = GetParam().make();
};

INSTANTIATE_TEST_SUITE_P(Kernels, ListenForReactorsTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string Where(const Socket& socket) {
  return socket.LocalAddress().value().ToString();
}

TEST_P(ListenForReactorsTest, AllSocketsHaveThePortThatTheKernelPicked) {
  const auto sockets = Listen("127.0.0.1:0", 3).value();
  ASSERT_EQ(sockets.size(), 3u);
  EXPECT_NE(sockets[0].LocalAddress()->port(), 0);
  EXPECT_EQ(Where(sockets[1]), Where(sockets[0]));
  EXPECT_EQ(Where(sockets[2]), Where(sockets[0]));
  EXPECT_NE(sockets[1].descriptor(), sockets[0].descriptor());
}

TEST_P(ListenForReactorsTest, SingleReactorDoesNotShareItsPort) {
  const auto sockets = Listen("127.0.0.1:0", 1).value();
  ASSERT_EQ(sockets.size(), 1u);
  const auto other = Socket::Listen(*kernel_, sockets[0].LocalAddress().value(),
                                    {.reuse_port = true});
  EXPECT_EQ(other.status().message(), absl::StrCat("bind ", Where(sockets[0]),
                                                   ": Address already in use"));
}

// Even though both use SO_REUSEPORT and belong to one user.
TEST_P(ListenForReactorsTest, SecondProgramIsRefused) {
  const auto sockets = Listen("127.0.0.1:0", 2).value();
  const std::string where = Where(sockets[0]);
  for (const size_t reactors : {1, 2, 3}) {
    EXPECT_EQ(Listen(where, reactors).status().message(),
              absl::StrCat("bind ", where, ": Address already in use"))
        << reactors;
  }
}

TEST_P(ListenForReactorsTest, BindsAGivenPortWhenItIsFree) {
  const std::string where = Where(Listen("127.0.0.1:0", 2).value()[0]);
  const auto sockets = Listen(where, 2).value();
  EXPECT_EQ(Where(sockets[0]), where);
  EXPECT_EQ(Where(sockets[1]), where);
}

TEST_P(ListenForReactorsTest, UnixSocketHasADescriptorForEachReactor) {
  // Several runs of this test may be in progress.
  const std::string where =
      absl::StrCat("unix:@pollux-listen-for-reactors-test-", getpid());
  const auto sockets = Listen(where, 2).value();
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(Where(sockets[1]), where);
  EXPECT_NE(sockets[1].descriptor(), sockets[0].descriptor());
  EXPECT_EQ(Listen(where, 2).status().message(),
            absl::StrCat("bind ", where, ": Address already in use"));
}

TEST_P(ListenForReactorsTest, UnixAddressCannotHaveASocketEach) {
  const Address address = Address::Parse("unix:@several").value();
  EXPECT_TRUE(absl::IsInvalidArgument(
      ListenForReactors(*kernel_, address, {}, ListenerSharing::kSocketEach, 2)
          .status()));
}

TEST_P(ListenForReactorsTest, TcpPortCanBeOneSocket) {
  const Address address = Address::Parse("127.0.0.1:0").value();
  const auto sockets =
      ListenForReactors(*kernel_, address, {}, ListenerSharing::kOneSocket, 2)
          .value();
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(Where(sockets[0]), Where(sockets[1]));
  // SO_REUSEPORT is not set.
  EXPECT_FALSE(Socket::Listen(*kernel_, sockets[0].LocalAddress().value(),
                              {.reuse_port = true})
                   .ok());
}

TEST_P(ListenForReactorsTest, AnotherProgramMaySharePortIfBothAskForIt) {
  const Address any = Address::Parse("127.0.0.1:0").value();
  const auto first = ListenForReactors(*kernel_, any, {.reuse_port = true},
                                       ListenerSharing::kSocketEach, 2)
                         .value();
  const auto second =
      ListenForReactors(*kernel_, first[0].LocalAddress().value(),
                        {.reuse_port = true}, ListenerSharing::kSocketEach, 2);
  EXPECT_TRUE(second.ok()) << second.status();
}

}  // namespace
}  // namespace pollux
