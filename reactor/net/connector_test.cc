#include "reactor/net/connector.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/fake_kernel.h"
#include "testing/fake_world.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class ConnectorTest : public ReactorFixture {
 protected:
  // Several runs of this test may be at work.
  static std::string UnixName() {
    return absl::StrCat("unix:@pollux-connector-test-", getpid());
  }

  void SetUp() override { Listen("127.0.0.1:0"); }

  void TearDown() override {
    connector_.reset();
    result_.reset();
    listener_.Close();
    ReactorFixture::TearDown();
  }

  void Listen(const std::string& address, int backlog = 16) {
    listener_.Close();
    listener_ = *Socket::Listen(kernel_, *Address::Parse(address),
                                {.backlog = backlog});
    address_ = *listener_.LocalAddress();
  }

  void Connect() { Connect(address_, {}); }
  void Connect(const Address& address, const Connector::Options& options) {
    result_.reset();
    connector_ = std::make_unique<Connector>(
        *reactor_, address, options, [this](absl::StatusOr<Socket> result) {
          EXPECT_FALSE(result_.has_value());
          result_ = std::move(result);
          on_done_();
        });
    EXPECT_FALSE(result_.has_value());
  }

  [[nodiscard]] bool RunUntilDone() {
    return RunUntil([&] { return result_.has_value(); });
  }

  // Takes a connection, if there is one, and sees that bytes come through.
  void ExpectConnected() {
    ASSERT_TRUE(result_->ok()) << result_->status();
    const SysResult accepted = kernel_.Accept4(
        listener_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ASSERT_TRUE(accepted.ok()) << accepted.error();
    End server(*this, accepted.descriptor());
    End client(*this, (*result_)->descriptor());
    client.Write("hello");
    std::string bytes;
    EXPECT_TRUE(RunUntil([&] { return (bytes += server.Read()) == "hello"; }));
    (void)client.Release();
  }

  // Connections that nobody takes, until no more can be made.
  std::vector<Socket> FillBacklog() {
    std::vector<Socket> clients;
    for (int i = 0; i < 10; ++i) {
      clients.push_back(Socket(
          kernel_, kernel_
                       .Socket(address_.family(),
                               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                       .descriptor()));
      if (kernel_
              .Connect(clients.back().descriptor(), address_.data(),
                       address_.length())
              .would_block()) {
        return clients;
      }
    }
    ADD_FAILURE() << "it is never full";
    return clients;
  }

  Socket listener_;
  Address address_;
  std::unique_ptr<Connector> connector_;
  std::optional<absl::StatusOr<Socket>> result_;
  std::function<void()> on_done_ = [] {};
};

INSTANTIATE_TEST_SUITE_P(Kernels, ConnectorTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ConnectorTest, ConnectsOverTcp) {
  Connect();
  ASSERT_TRUE(RunUntilDone());
  ExpectConnected();
  EXPECT_TRUE(IsIdle());
}

TEST_P(ConnectorTest, ConnectsToAnAbstractName) {
  Listen(UnixName());
  Connect();
  ASSERT_TRUE(RunUntilDone());
  ExpectConnected();
}

TEST_P(ConnectorTest, TheSocketIsNonBlockingAndCloseOnExecFromBirth) {
  calls_.Clear();
  Connect();
  EXPECT_EQ(calls_.Of(SyscallKind::kSocket)[0].numbers[1],
            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
}

TEST_P(ConnectorTest, ComesFromALocalAddress) {
  Connect(address_, {.local_address = *Address::Parse("127.0.0.2:0")});
  ASSERT_TRUE(RunUntilDone());
  const std::string local = (**result_).LocalAddress()->ToString();
  EXPECT_THAT(local, testing::StartsWith("127.0.0.2:"));
  ExpectConnected();
}

TEST_P(ConnectorTest, SaysThatNobodyListens) {
  listener_.Close();
  Connect();
  ASSERT_TRUE(RunUntilDone());
  EXPECT_EQ(result_->status().message(),
            "connect to " + address_.ToString() + ": Connection refused");
  EXPECT_TRUE(IsIdle());
}

TEST_P(ConnectorTest, SaysThatThePathIsNotThere) {
  Connect(*Address::Parse("unix:/nowhere/pollux.sock"), {});
  ASSERT_TRUE(RunUntilDone());
  EXPECT_EQ(result_->status().message(),
            "connect to unix:/nowhere/pollux.sock: No such file or directory");
}

TEST_P(ConnectorTest, SaysWhatTheKernelRefuses) {
  const std::string to = address_.ToString();
  const std::pair<SyscallKind, std::string> refusals[] = {
      {SyscallKind::kSocket, "socket to connect to " + to},
      {SyscallKind::kBind, "bind 127.0.0.1:0 to connect to " + to},
      {SyscallKind::kConnect, "connect to " + to},
  };
  for (const auto& [kind, what] : refusals) {
    faults_.FailNext(kind, ENOMEM);
    Connect(address_, {.local_address = *Address::Parse("127.0.0.1:0")});
    ASSERT_TRUE(RunUntilDone());
    EXPECT_EQ(result_->status().message(), what + ": Cannot allocate memory");
  }
}

TEST_P(ConnectorTest, SaysThatItCannotBeWatched) {
  faults_.FailNext(SyscallKind::kConnect, EINPROGRESS);
  faults_.FailNext(SyscallKind::kEpollCtl, ENOSPC);
  Connect();
  ASSERT_TRUE(RunUntilDone());
  EXPECT_EQ(result_->status().message(),
            "connect to " + address_.ToString() +
                ": epoll_ctl: No space left on device");
}

TEST_P(ConnectorTest, ASignalDoesNotDisturbIt) {
  faults_.FailNext(SyscallKind::kConnect, EINTR, 2);
  Connect();
  ASSERT_TRUE(RunUntilDone());
  ExpectConnected();
}

TEST_P(ConnectorTest, GivesUpWhenTheTimeIsOver) {
  Listen(UnixName(), 1);
  const std::vector<Socket> others = FillBacklog();
  const auto begin = reactor_->Now();
  Connect(address_, {.timeout = absl::Milliseconds(30)});
  calls_.Clear();
  ASSERT_TRUE(RunUntilDone());
  EXPECT_GE(reactor_->Now() - begin, absl::Milliseconds(30));
  EXPECT_TRUE(absl::IsDeadlineExceeded(result_->status()));
  EXPECT_EQ(result_->status().message(),
            absl::StrCat("connect to ", UnixName(), ": no answer in 30ms"));
  // 1, 3, 7 and 15 ms: it does not spin.
  EXPECT_LE(calls_.Count(SyscallKind::kConnect), 4);
  EXPECT_TRUE(IsIdle());
}

TEST_P(ConnectorTest, ConnectsWhenAFullBacklogHasRoom) {
  Listen(UnixName(), 1);
  std::vector<Socket> others = FillBacklog();
  Connect();
  Iterate();
  EXPECT_FALSE(result_.has_value());
  for (size_t i = 0; i + 1 < others.size(); ++i) {
    const SysResult accepted = kernel_.Accept4(
        listener_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ASSERT_TRUE(accepted.ok());
    Socket(kernel_, accepted.descriptor()).Close();
  }
  ASSERT_TRUE(RunUntilDone());
  ExpectConnected();
}

TEST_P(ConnectorTest, DestroyedItTellsNothing) {
  Connect();
  connector_.reset();
  EXPECT_TRUE(IsIdle());
  EXPECT_FALSE(result_.has_value());

  faults_.FailNext(SyscallKind::kConnect, EINPROGRESS);
  Connect();
  connector_.reset();
  EXPECT_TRUE(IsIdle());
  EXPECT_FALSE(result_.has_value());
}

TEST_P(ConnectorTest, MayBeDeletedSoonFromItsResult) {
  on_done_ = [&] { reactor_->DeleteSoon(std::move(connector_)); };
  Connect();
  ASSERT_TRUE(RunUntilDone());
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(connector_, nullptr);
  ExpectConnected();
}

// On the fake kernel, so that seconds pass at once, and with a full backlog, so
// that connecting takes several attempts.
class SlowConnectorTest : public testing::Test {
 protected:
  SlowConnectorTest() {
    do {
      others_.push_back(Socket(
          kernel_, kernel_.Socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)
                       .descriptor()));
    } while (kernel_
                 .Connect(others_.back().descriptor(), address_.data(),
                          address_.length())
                 .ok());
  }

  FakeWorld world_;
  FakeKernel kernel_{world_};
  const std::unique_ptr<Reactor> reactor_ = *Reactor::Create(kernel_);
  const Address address_ = *Address::Parse("unix:@slow");
  const Socket listener_ = *Socket::Listen(kernel_, address_, {.backlog = 1});
  std::vector<Socket> others_;
  std::optional<absl::StatusOr<Socket>> result_;
};

TEST_F(SlowConnectorTest, TimeoutDoesNotCountTheSetUpBeforeIt) {
  world_.time().AdvanceTo(world_.time().Now() + absl::Seconds(6));
  const Connector connector(
      *reactor_, address_, {.timeout = absl::Seconds(5)},
      [&](absl::StatusOr<Socket> result) { result_ = std::move(result); });
  reactor_->RunOnce(absl::ZeroDuration());
  ASSERT_FALSE(result_.has_value()) << result_->status();
  const Socket accepted(
      kernel_, kernel_.Accept4(listener_.descriptor(), nullptr, nullptr, 0)
                   .descriptor());
  while (!result_.has_value()) reactor_->RunOnce(absl::Seconds(1));
  EXPECT_TRUE(result_->ok()) << result_->status();
}

TEST_F(SlowConnectorTest, TriesAgainAtLeastTenTimesASecond) {
  const Connector connector(
      *reactor_, address_, {.timeout = absl::Seconds(5)},
      [&](absl::StatusOr<Socket> result) { result_ = std::move(result); });
  const MonotonicTime end = reactor_->Now() + absl::Seconds(4);
  while (reactor_->Now() < end) {
    reactor_->RunOnce(absl::Seconds(1));
    EXPECT_LE(reactor_->TimeUntilWork(), absl::Milliseconds(100));
  }
  EXPECT_FALSE(result_.has_value());
}

}  // namespace
}  // namespace pollux
