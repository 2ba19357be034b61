// Every system call of a connection is made to fail: of connecting, of an echo
// in pieces, of a file.
#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/descriptor.h"
#include "reactor/net/address.h"
#include "reactor/net/connector.h"
#include "reactor/net/lease.h"
#include "reactor/net/listener.h"
#include "reactor/net/output_chain.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/reactor.h"
#include "reactor/sys_result.h"
#include "reactor/timer.h"
#include "testing/peer.h"
#include "testing/simulation.h"

namespace pollux {
namespace {

// Long enough for every back-off, so that a run without an answer ends.
constexpr absl::Duration kPatience = absl::Seconds(10);

// Serves one connection at a time: each "?" is answered with a head, shared
// bytes, a file and a tail; then it lingers.
class OneAtATime final : private Listener::Handler,
                         private Stream::Handler,
                         private Lender {
 public:
  explicit OneAtATime(Reactor& reactor) : reactor_(reactor) {}
  ~OneAtATime() { EXPECT_EQ(leases_, 0); }

  absl::Status Listen(const Address& address) {
    absl::StatusOr<Socket> socket = Socket::Listen(reactor_.kernel(), address);
    if (!socket.ok()) return socket.status();
    absl::StatusOr<std::unique_ptr<Listener>> listener =
        Listener::Create(reactor_, *std::move(socket), {}, *this);
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    return absl::OkStatus();
  }

  // All that holds leases.
  void Stop() {
    stream_.reset();
    listener_.reset();
    EXPECT_EQ(buffers_.buffered_bytes(), 0u);
  }

  int closes() const { return closes_; }

 private:
  void OnAccept(Socket connection) override {
    stream_.reset(new Stream(buffers_, std::move(connection), *this));
    if (!stream_->Start().ok()) stream_.reset();
  }

  size_t OnInput(absl::string_view input) override {
    if (input.back() != '?') return 0;
    stream_->output() += "head ";
    ++leases_;
    stream_->WriteShared("shared ", Lease(*this));
    const SysResult file =
        reactor_.kernel().OpenAt(AT_FDCWD, "/file", O_RDONLY | O_CLOEXEC, 0);
    if (file.ok()) {
      stream_->WriteFile(
          FileRange(Descriptor(reactor_.kernel(), file.descriptor()), 0, 5));
    }
    stream_->output() += "tail";
    stream_->LingerWhenSent();
    return input.size();
  }
  void OnEndOfInput() override { stream_->CloseWhenSent(); }
  void OnOutputDrained() override {}
  void OnClosed(Stream::CloseReason, int, uint64_t) override {
    ++closes_;
    EXPECT_FALSE(stream_->is_open());
    reactor_.DeleteSoon(std::move(stream_));
  }

  void OnReturned() override { --leases_; }

  Reactor& reactor_;
  const StreamOptions options_;
  StreamBuffers buffers_{reactor_, options_};
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Stream> stream_;
  int leases_ = 0;
  int closes_ = 0;
};

void AFileInPieces(Simulation& simulation) {
  simulation.host().files().WriteFile("/file", "file ");
  auto reactor = Reactor::Create(simulation.kernel());
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  OneAtATime server(**reactor);
  const Address address = *Address::Parse("127.0.0.1:80");
  if (!server.Listen(address).ok()) return;
  Peer client(simulation.world(), "client");
  client.Connect(address)
      .SendInPieces("what?", 2, absl::Milliseconds(1))
      .AwaitEnd()
      .Close()
      .Wait(absl::Milliseconds(1))
      .Do([&] { (*reactor)->Stop(); });
  Timer give_up(**reactor, [&] { (*reactor)->Stop(); });
  give_up.ArmAfter(kPatience);
  (*reactor)->Run();
  const std::string all = "head shared file tail";
  const bool fault = simulation.faulty_kernel().faults() > 0;
  simulation.Expect(client.received() == all || fault, "not all came");
  simulation.Expect(server.closes() == 1 || fault, "it was not told the end");
  simulation.Expect(absl::StartsWith(all, client.received()) ||
                        client.received() == "head shared tail",
                    "something else came");
  server.Stop();
}

TEST(NetSweepTest, AFileInPiecesWithstandsEveryFault) {
  const SweepOutcome sweep = Sweep(Simulation::Options(), AFileInPieces);
  EXPECT_THAT(sweep.failures, testing::IsEmpty());
  EXPECT_GT(sweep.runs, 200u);
}

void OneConnect(Simulation& simulation) {
  auto reactor = Reactor::Create(simulation.kernel());
  if (!reactor.ok()) return;  // That call was made to fail.
  simulation.Watch(**reactor);
  const Address address = *Address::Parse("127.0.0.1:80");
  const absl::StatusOr<Socket> listener =
      Socket::Listen(simulation.kernel(), address);
  if (!listener.ok()) return;
  int results = 0;
  std::optional<absl::StatusOr<Socket>> result;
  Connector connector(**reactor, address,
                      {.local_address = *Address::Parse("127.0.0.1:0")},
                      [&](absl::StatusOr<Socket> socket) {
                        ++results;
                        result = std::move(socket);
                        (*reactor)->Stop();
                      });
  (*reactor)->Run();
  simulation.Expect(results == 1, "it was not told once");
  const bool fault = simulation.faulty_kernel().faults() > 0;
  simulation.Expect((result && result->ok()) || fault, "it did not connect");
}

TEST(NetSweepTest, ConnectingWithstandsEveryFault) {
  const SweepOutcome sweep = Sweep(Simulation::Options(), OneConnect);
  EXPECT_THAT(sweep.failures, testing::IsEmpty());
  EXPECT_GT(sweep.runs, 50u);
}

}  // namespace
}  // namespace pollux
