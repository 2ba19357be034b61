#include "testing/peer.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"

namespace pollux {
namespace {

// The other end is a blocking socket of a host: its calls let time pass.
class PeerTest : public testing::Test {
 protected:
  int Accept() {
    const SysResult result =
        kernel_.Accept4(listener_.descriptor(), nullptr, nullptr, 0);
    EXPECT_TRUE(result.ok());
    return result.descriptor();
  }

  // -errno if it fails.
  int64_t Recv(int socket, std::string& bytes) {
    char buffer[16];
    const SysResult result = kernel_.Recv(socket, absl::MakeSpan(buffer), 0);
    if (!result.ok()) return -result.error();
    bytes.append(buffer, static_cast<size_t>(result.value()));
    return result.value();
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const Address address_ = *Address::Parse("127.0.0.1:80");
  Socket listener_ = [this] {
    Socket socket = *Socket::Listen(kernel_, address_, {.backlog = 8});
    return socket;
  }();
  Peer peer_{world_, "peer"};
};

TEST_F(PeerTest, SendsInPiecesOverTime) {
  // The listener does not block, so time has to pass by itself.
  peer_.Connect(address_).SendInPieces("abcdef", 2, absl::Seconds(1)).Close();
  world_.PassAll(absl::ZeroDuration());
  const MonotonicTime before = world_.time().Now();
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 2);
  EXPECT_EQ(Recv(socket, bytes), 0);
  EXPECT_EQ(bytes, "abcdef");
  EXPECT_EQ(world_.time().Now() - before, absl::Seconds(2));
  EXPECT_TRUE(peer_.done());
}

TEST_F(PeerTest, IsToldWhenNobodyListens) {
  peer_.Connect(*Address::Parse("127.0.0.1:81"));
  world_.PassAll(absl::Seconds(1));
  EXPECT_TRUE(peer_.done());
  EXPECT_EQ(peer_.error(), ECONNREFUSED);
}

TEST_F(PeerTest, AwaitsWhatItIsSent) {
  peer_.Connect(address_).AwaitText("lo", 2).Send("thanks");
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"hello ", 6}, 0).value(), 6);
  world_.PassAll(absl::ZeroDuration());
  EXPECT_FALSE(peer_.done());
  EXPECT_EQ(kernel_.Send(socket, {"hello ", 6}, 0).value(), 6);
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 6);
  EXPECT_EQ(peer_.received(), "hello hello ");
}

TEST_F(PeerTest, HalfClosesAndStillReads) {
  peer_.Connect(address_).HalfClose().AwaitEnd();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), 0);
  EXPECT_EQ(kernel_.Send(socket, {"bye", 3}, 0).value(), 3);
  EXPECT_TRUE(kernel_.Close(socket).ok());
  world_.PassAll(absl::ZeroDuration());
  EXPECT_EQ(peer_.received(), "bye");
  EXPECT_TRUE(peer_.saw_end());
  EXPECT_TRUE(peer_.done());
}

TEST_F(PeerTest, Resets) {
  peer_.Connect(address_).Reset();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  std::string bytes;
  EXPECT_EQ(Recv(socket, bytes), -ECONNRESET);
}

TEST_F(PeerTest, ReadsSlowly) {
  peer_.Connect(address_).ReadSlowly(4, absl::Seconds(1)).AwaitBytes(12);
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"abcdefghijkl", 12}, 0).value(), 12);
  world_.PassAll(absl::Milliseconds(1500));
  EXPECT_EQ(peer_.received(), "abcd");
  world_.PassAll(absl::Seconds(10));
  EXPECT_EQ(peer_.received(), "abcdefghijkl");
}

TEST_F(PeerTest, VanishesWithoutAWord) {
  peer_.Connect(address_).Vanish();
  world_.PassAll(absl::ZeroDuration());
  const int socket = Accept();
  EXPECT_EQ(kernel_.Send(socket, {"anybody?", 8}, 0).value(), 8);
  world_.PassAll(absl::Hours(1));
  EXPECT_EQ(peer_.received(), "");
  char buffer[1];
  EXPECT_EQ(kernel_.Recv(socket, absl::MakeSpan(buffer), MSG_DONTWAIT).error(),
            EAGAIN);
}

}  // namespace
}  // namespace pollux
