#include "testing/datagram_peer.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/kernel.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"

namespace pollux {
namespace {

// The other end is a blocking socket of a host: its calls let time pass.
class DatagramPeerTest : public testing::TestWithParam<std::string> {
 protected:
  bool is_unix() const { return address_.family() == AF_UNIX; }
  // Connected to the peer.
  int Connect(const Address& own) {
    const int socket = kernel_.Socket(own.family(), SOCK_DGRAM, 0).descriptor();
    EXPECT_TRUE(kernel_.Bind(socket, own.data(), own.length()).ok());
    EXPECT_TRUE(
        kernel_.Connect(socket, address_.data(), address_.length()).ok());
    return socket;
  }
  SysResult Send(absl::string_view bytes, int flags = 0) {
    return kernel_.Send(socket_, {bytes.data(), bytes.size()},
                        flags | MSG_NOSIGNAL);
  }
  std::string Recv() {
    char buffer[100];
    const SysResult result = kernel_.Recv(socket_, absl::MakeSpan(buffer), 0);
    if (!result.ok()) return ::strerrorname_np(result.error());
    return std::string(buffer, static_cast<size_t>(result.value()));
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse(GetParam());
  DatagramPeer peer_{world_, "peer", address_};
  const Address own_ =
      *Address::Parse(is_unix()                       ? "unix:@own"
                      : address_.family() == AF_INET6 ? "[::1]:1000"
                                                      : "127.0.0.1:1000");
  const int socket_ = Connect(own_);
};

std::string KindOf(const testing::TestParamInfo<std::string>& info) {
  constexpr absl::string_view kKinds[] = {"Udp", "Udp6", "Abstract", "Path"};
  return std::string(kKinds[info.index]);
}

INSTANTIATE_TEST_SUITE_P(Addresses, DatagramPeerTest,
                         testing::Values("127.0.0.1:53", "[::1]:53", "unix:@a",
                                         "unix:a"),
                         KindOf);

TEST_P(DatagramPeerTest, RepliesToWhoAsks) {
  peer_.Await(1).Reply("first").Await(3).Wait(absl::Seconds(1)).Reply("third");
  EXPECT_TRUE(Send("1").ok());
  EXPECT_EQ(Recv(), "first");
  EXPECT_TRUE(Send("2").ok());
  EXPECT_TRUE(Send("").ok());
  const MonotonicTime before = world_.time().Now();
  EXPECT_EQ(Recv(), "third");
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(1));
  ASSERT_EQ(peer_.received().size(), 3u);
  EXPECT_EQ(peer_.received()[1].bytes, "2");
  EXPECT_EQ(peer_.received()[2].bytes, "");
  EXPECT_EQ(peer_.received()[2].sender, own_);
  EXPECT_TRUE(peer_.done());
  EXPECT_EQ(peer_.error(), 0);
}

TEST_P(DatagramPeerTest, SpeaksFirst) {
  peer_.Wait(absl::Seconds(1)).SendTo(own_, "a").SendTo(own_, "b");
  EXPECT_EQ(Recv(), "a");
  EXPECT_EQ(Recv(), "b");
}

TEST_P(DatagramPeerTest, LosesOrKeepsWaitingWhatItDoesNotRead) {
  peer_.StopReading().Wait(absl::Seconds(1)).ReadFreely();
  world_.PassAll(absl::ZeroDuration());
  const std::string large(10'000, 'x');
  SysResult result = SysResult::Ok();
  int sent = 0;
  for (; sent < 100 && result.ok(); ++sent) {
    result = Send(large, MSG_DONTWAIT);
  }
  EXPECT_EQ(result.error(), is_unix() ? EAGAIN : 0);
  world_.PassAll(absl::Seconds(1));
  EXPECT_GT(peer_.received().size(), 10u);
  EXPECT_LT(peer_.received().size(), sent);
  EXPECT_TRUE(Send("there is room again").ok());
}

TEST_P(DatagramPeerTest, GoesAway) {
  peer_.Await(1).Close();
  EXPECT_TRUE(Send("x").ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_TRUE(peer_.done());
  EXPECT_EQ(peer_.address(), Address());
  if (is_unix()) {
    EXPECT_EQ(Send("x").error(), ECONNREFUSED);
  } else {
    EXPECT_TRUE(Send("x").ok());
    EXPECT_EQ(Recv(), "ECONNREFUSED");
  }
}

TEST_P(DatagramPeerTest, IsNotDoneIfAStepCouldNotBeDone) {
  DatagramPeer silent(world_, "silent",
                      *Address::Parse(is_unix() ? "unix:@s" : "127.0.0.1:54"));
  silent.Reply("to nobody");
  DatagramPeer gone(world_, "gone",
                    *Address::Parse(is_unix() ? "unix:@g" : "127.0.0.1:55"));
  gone.Close().Await(1);
  DatagramPeer mute(world_, "mute",
                    *Address::Parse(is_unix() ? "unix:@m" : "127.0.0.1:56"));
  mute.Close().SendTo(address_, "x");
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(silent.done());
  EXPECT_FALSE(gone.done());
  EXPECT_FALSE(mute.done());
}

TEST_P(DatagramPeerTest, SaysWhatWentWrong) {
  DatagramPeer second(world_, "second", address_);
  EXPECT_EQ(second.error(), EADDRINUSE);
  const Address nobody =
      *Address::Parse(is_unix() ? "unix:@nobody" : "192.0.2.1:9");
  peer_.SendTo(nobody, std::string(1 << 20, 'x'));
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(peer_.done());
  EXPECT_NE(peer_.error(), 0);
}

TEST(DatagramPeerPortTest, TellsThePortThatItGot) {
  FakeWorld world;
  const DatagramPeer peer(world, "peer", *Address::Parse("127.0.0.1:0"));
  EXPECT_EQ(peer.address().ToString(),
            absl::StrCat("127.0.0.1:", peer.address().port()));
  EXPECT_NE(peer.address().port(), 0);
}

}  // namespace
}  // namespace pollux
