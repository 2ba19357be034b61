#include "reactor/net/listener.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/address.h"
#include "reactor/net/socket.h"
#include "reactor/reactor_fixture.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using ::testing::ElementsAre;

constexpr int kAlways = 1'000'000;

class ListenerTest : public ReactorFixture, protected Listener::Handler {
 protected:
  void SetUp() override { Listen({}); }

  void TearDown() override {
    connections_.clear();
    listener_.reset();
    ReactorFixture::TearDown();
  }

  void Listen(const Listener::Options& options,
              const std::string& address = "127.0.0.1:0") {
    listener_.reset();
    listener_ = *Listener::Create(
        *reactor_,
        *Socket::Listen(kernel_, *Address::Parse(address), {.backlog = 64}),
        options, *this);
    calls_.Clear();
  }

  End Connect() {
    const Address& to = listener_->address();
    End client(*this, kernel_
                          .Socket(to.family(),
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                          .descriptor());
    const SysResult result =
        kernel_.Connect(client.descriptor(), to.data(), to.length());
    EXPECT_TRUE(result.ok() || result.error() == EINPROGRESS)
        << result.ToStatus("connect");
    return client;
  }

  [[nodiscard]] bool RunUntilAccepted(size_t count) {
    return RunUntil([&] { return connections_.size() >= count; });
  }

  // Until the server has closed the client's connection.
  [[nodiscard]] bool RunUntilClosed(End& client) {
    return RunUntil([&] {
      client.Read();
      return client.at_end() || client.last_error() == ECONNRESET;
    });
  }

  int accept_calls() const { return calls_.Count(SyscallKind::kAccept4); }
  Listener::Counters counters() const { return listener_->counters(); }

  std::unique_ptr<Listener> listener_;
  std::vector<Socket> connections_;
  std::function<void()> on_accept_ = [] {};

 private:
  void OnAccept(Socket connection) override {
    connections_.push_back(std::move(connection));
    on_accept_();
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ListenerTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ListenerTest, SaysWhichPortTheKernelPicked) {
  EXPECT_NE(listener_->address().port(), 0);
  EXPECT_THAT(listener_->address().ToString(), testing::StartsWith("127.0.0."));
}

TEST_P(ListenerTest, AcceptsAConnection) {
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  client.Write("hello");
  End server(*this, connections_[0].descriptor());
  std::string bytes;
  EXPECT_TRUE(RunUntil([&] { return (bytes += server.Read()) == "hello"; }));
  (void)server.Release();
  EXPECT_EQ(counters().accepted, 1u);
}

TEST_P(ListenerTest, AcceptsOnAUnixSocket) {
  // Several runs of this test may be at work.
  Listen({}, absl::StrCat("unix:@pollux-listener-test-", getpid()));
  End client = Connect();
  EXPECT_TRUE(RunUntilAccepted(1));
}

TEST_P(ListenerTest, ConnectionsAreNonBlockingAndCloseOnExecFromBirth) {
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(calls_.Of(SyscallKind::kAccept4)[0].numbers[1],
            SOCK_NONBLOCK | SOCK_CLOEXEC);
}

TEST_P(ListenerTest, IsIdleWhenNobodyConnects) {
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(accept_calls(), 0);
}

TEST_P(ListenerTest, AcceptsABoundedNumberPerEvent) {
  Listen({.max_accepts_per_event = 2});
  std::vector<End> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect());
  size_t before = 0;
  EXPECT_TRUE(RunUntil([&] {
    EXPECT_LE(connections_.size() - before, 2u);
    before = connections_.size();
    return before == 5;
  }));
}

TEST_P(ListenerTest, MayBeDeletedSoonFromItsCallback) {
  on_accept_ = [&] { reactor_->DeleteSoon(std::move(listener_)); };
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_TRUE(IsIdle());
  EXPECT_EQ(listener_, nullptr);
}

TEST_P(ListenerTest, WhatWaitsInTheBacklogIsClosedWithIt) {
  End client = Connect();
  listener_.reset();
  EXPECT_TRUE(RunUntilClosed(client));
}

TEST_P(ListenerTest, AcceptsAllWhoWaitBeforeItCloses) {
  Listen({.max_accepts_per_event = 2});
  std::vector<End> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(Connect());
  listener_->AcceptWaitingAndClose();
  EXPECT_EQ(connections_.size(), 10u);
  EXPECT_EQ(counters().accepted, 10u) << "they stay when it is closed";
  End late_comer = Connect();
  EXPECT_TRUE(RunUntil([&] {
    late_comer.Read();
    return late_comer.last_error() == ECONNREFUSED;
  }));
}

TEST_P(ListenerTest, MayBeClosedFromItsCallback) {
  on_accept_ = [this] {
    // The second event may accept two connections; this is the first of them.
    if (connections_.size() == 2) listener_->AcceptWaitingAndClose();
  };
  std::vector<End> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect());
  EXPECT_TRUE(RunUntilAccepted(4));
  reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(counters().backoffs, 0u);
  // Four connections, the end of the backlog, and no call on the closed socket.
  EXPECT_EQ(accept_calls(), 5);
}

TEST_P(ListenerTest, AnAcceptThatASignalInterruptsIsRepeated) {
  faults_.FailNext(SyscallKind::kAccept4, EINTR, 3);
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().accepted, 1u);
  EXPECT_EQ(counters().aborted, 0u);
}

TEST_P(ListenerTest, ASpuriousEventIsNothing) {
  faults_.FailNext(SyscallKind::kAccept4, EAGAIN);
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().aborted + counters().shed + counters().backoffs, 0u);
}

TEST_P(ListenerTest, SkipsAConnectionThatHasGone) {
  uint64_t aborted = 0;
  for (int error : {ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT,
                    EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH}) {
    faults_.FailNext(SyscallKind::kAccept4, error);
    End client = Connect();
    ASSERT_TRUE(RunUntilAccepted(++aborted)) << error;
    EXPECT_EQ(counters().aborted, aborted) << error;
  }
  EXPECT_EQ(counters().shed + counters().backoffs, 0u);
}

TEST_P(ListenerTest, ConnectionsThatAllHaveGoneDoNotKeepTheLoop) {
  Listen({.max_accepts_per_event = 3});
  faults_.FailNext(SyscallKind::kAccept4, ECONNABORTED, kAlways);
  End client = Connect();
  uint64_t before = 0;
  EXPECT_TRUE(RunUntil([&] {
    EXPECT_LE(counters().aborted - before, 3u);
    before = counters().aborted;
    return before > 10;
  }));
}

TEST_P(ListenerTest, OneThatComesAloneCostsOneAccept) {
  for (size_t i = 1; i <= 3; ++i) {
    End client = Connect();
    const int before = accept_calls();
    ASSERT_TRUE(RunUntilAccepted(i));
    EXPECT_EQ(accept_calls(), before + 1);
    reactor_->RunOnce(absl::ZeroDuration());
  }
}

TEST_P(ListenerTest, OfManyTwiceAsManyAreAcceptedEachTime) {
  Listen({.max_accepts_per_event = 4});
  std::vector<End> clients;
  for (int i = 0; i < 11; ++i) clients.push_back(Connect());
  std::vector<size_t> sizes;
  EXPECT_TRUE(RunUntil([&] {
    const size_t size = connections_.size();
    if (size > 0 && (sizes.empty() || sizes.back() != size)) {
      sizes.push_back(size);
    }
    return connections_.size() == 11;
  }));
  EXPECT_THAT(sizes, ElementsAre(1, 3, 7, 11));
}

// What accept says when there is no descriptor or no memory left.
class ExhaustedListenerTest : public ListenerTest {
 protected:
  static constexpr int kErrors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
};

INSTANTIATE_TEST_SUITE_P(Kernels, ExhaustedListenerTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ExhaustedListenerTest, ShedsWhatItCannotAccept) {
  uint64_t shed = 0;
  for (int error : kErrors) {
    faults_.FailNext(SyscallKind::kAccept4, error);
    End client = Connect();
    EXPECT_TRUE(RunUntilClosed(client)) << error;
    // Not an end, which could be taken for an answer without bytes.
    EXPECT_EQ(client.last_error(), ECONNRESET) << error;
    EXPECT_EQ(counters().shed, ++shed) << error;
  }
  EXPECT_EQ(counters().accepted, 0u);
  EXPECT_EQ(counters().backoffs, 0u);

  End client = Connect();
  EXPECT_TRUE(RunUntilAccepted(1));
}

TEST_P(ExhaustedListenerTest, ShedsAsManyAsItWouldAccept) {
  // Each one is refused, until the reserve is given up for it.
  std::vector<End> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(Connect());
    faults_.FailNext(SyscallKind::kAccept4, EMFILE);
    EXPECT_TRUE(RunUntilClosed(clients.back()));
  }
  EXPECT_EQ(counters().shed, 3u);
}

TEST_P(ExhaustedListenerTest, BacksOffWhenItCanNotEvenShed) {
  for (int error : kErrors) {
    Listen({.backoff = absl::Seconds(10)});
    faults_.FailNext(SyscallKind::kAccept4, error, kAlways);
    End client = Connect();
    ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; })) << error;
    // One to accept, one to shed; then it does not spin.
    EXPECT_EQ(accept_calls(), 2) << error;
    EXPECT_TRUE(IsIdle()) << error;
    EXPECT_EQ(accept_calls(), 2) << error;
    EXPECT_EQ(counters().shed, 0u) << error;
  }
}

TEST_P(ExhaustedListenerTest, TriesAgainAfterEachBackOffAndRecovers) {
  Listen({.backoff = absl::Milliseconds(1)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, kAlways);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 3; }));
  EXPECT_EQ(accept_calls(), 2 * 3);

  faults_.FailNext(SyscallKind::kAccept4, 0, 0);
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().backoffs, 3u);
  EXPECT_EQ(counters().accepted, 1u);
}

TEST_P(ExhaustedListenerTest, BacksOffForAsLongAsItsOptionSays) {
  Listen({.backoff = absl::Hours(1)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 2);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  const absl::Duration left = reactor_->TimeUntilWork();
  EXPECT_LE(left, absl::Hours(1));
  EXPECT_GT(left, absl::Minutes(30));
}

TEST_P(ExhaustedListenerTest, DoesNotListenBeforeTheBackOffHasPassed) {
  Listen({.backoff = absl::Milliseconds(5)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 2);
  End client = Connect();
  const auto begin = reactor_->Now();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_GE(reactor_->Now() - begin, absl::Milliseconds(5));
}

// Hang-ups cannot be masked, so it must not even be in the epoll set.
TEST_P(ExhaustedListenerTest, LeavesEpollWhileItBacksOff) {
  Listen({.backoff = absl::Seconds(10)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 2);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  EXPECT_EQ(calls_.Of(SyscallKind::kEpollCtl).back().numbers[1], EPOLL_CTL_DEL);
  EXPECT_TRUE(
      kernel_
          .Shutdown(calls_.Of(SyscallKind::kAccept4)[0].numbers[0], SHUT_RDWR)
          .ok());
  EXPECT_TRUE(IsIdle());
}

TEST_P(ExhaustedListenerTest, RecoversWithinATenthOfASecond) {
  Listen({});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 4);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 2; }));
  const auto last_failure = reactor_->Now();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_LE(reactor_->Now() - last_failure, absl::Milliseconds(100));
}

TEST_P(ExhaustedListenerTest, BacksOffForWhatItDoesNotKnow) {
  Listen({.backoff = absl::Seconds(10)});
  faults_.FailNext(SyscallKind::kAccept4, EINVAL, kAlways);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  EXPECT_TRUE(IsIdle());
}

TEST_P(ExhaustedListenerTest, ShedsNobodyWhenNobodyWaits) {
  on_accept_ = [&] { faults_.FailNext(SyscallKind::kAccept4, EMFILE); };
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().shed, 0u);
  EXPECT_EQ(counters().backoffs, 0u);

  // The reserve is there again.
  on_accept_ = [] {};
  faults_.FailNext(SyscallKind::kAccept4, EMFILE);
  End other = Connect();
  ASSERT_TRUE(RunUntilClosed(other));
  EXPECT_EQ(counters().shed, 1u);
}

TEST_P(ExhaustedListenerTest, ServesWithoutAReserveAndOpensItLater) {
  faults_.FailNext(SyscallKind::kEventFd, EMFILE);
  Listen({.backoff = absl::Milliseconds(1)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE);
  End client = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().shed, 0u);
  EXPECT_EQ(counters().backoffs, 1u);

  faults_.FailNext(SyscallKind::kAccept4, EMFILE);
  End other = Connect();
  ASSERT_TRUE(RunUntilClosed(other));
  EXPECT_EQ(counters().shed, 1u);
}

TEST_P(ExhaustedListenerTest, BacksOffWhenSomebodyTookTheReserve) {
  Listen({.backoff = absl::Milliseconds(1)});
  // Sheds one, and cannot open its reserve again.
  faults_.FailNext(SyscallKind::kAccept4, EMFILE);
  faults_.FailNext(SyscallKind::kEventFd, EMFILE);
  End first = Connect();
  ASSERT_TRUE(RunUntilClosed(first));
  EXPECT_EQ(counters().shed, 1u);

  faults_.FailNext(SyscallKind::kAccept4, EMFILE);
  End second = Connect();
  ASSERT_TRUE(RunUntilAccepted(1));
  EXPECT_EQ(counters().backoffs, 1u);
}

TEST_P(ExhaustedListenerTest, RecoversThoughEpollFailsMeanwhile) {
  Listen({.backoff = absl::Milliseconds(1)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 2);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  // It cannot listen again at first.
  faults_.FailNext(SyscallKind::kEpollCtl, ENOMEM, 3);
  EXPECT_TRUE(RunUntilAccepted(1));
}

TEST_P(ExhaustedListenerTest, DoesNotComeBackWhenItIsClosedWhileItBacksOff) {
  Listen({.backoff = absl::Milliseconds(1)});
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, 2);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  listener_->AcceptWaitingAndClose();
  EXPECT_EQ(connections_.size(), 1u);
  EXPECT_EQ(reactor_->TimeUntilWork(), absl::InfiniteDuration());
}

TEST_P(ListenerTest, LeavesNothingOpenWhenItIsClosed) {
  listener_.reset();
  const auto before = calls_.open_descriptors();
  Listen({});
  // The listening socket and the reserve descriptor.
  EXPECT_EQ(calls_.open_descriptors().size(), before.size() + 2);
  listener_->AcceptWaitingAndClose();
  EXPECT_EQ(calls_.open_descriptors(), before);
}

TEST_P(ListenerTest, ReserveIsCloseOnExecFromBirth) {
  calls_.Clear();
  listener_ = *Listener::Create(
      *reactor_, *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:0")), {},
      *this);
  EXPECT_EQ(calls_.Of(SyscallKind::kEventFd)[0].numbers[1], EFD_CLOEXEC);
}

TEST_P(ExhaustedListenerTest, IsDestroyedWhileItBacksOff) {
  faults_.FailNext(SyscallKind::kAccept4, EMFILE, kAlways);
  End client = Connect();
  ASSERT_TRUE(RunUntil([&] { return counters().backoffs == 1; }));
  listener_.reset();
}

TEST_P(ListenerTest, SharesASocketExclusively) {
  const Socket socket =
      *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:0"));
  calls_.Clear();
  listener_ = *Listener::Create(*reactor_, *socket.Duplicate(),
                                {.trigger = Trigger::kExclusive}, *this);
  EXPECT_NE(calls_.Of(SyscallKind::kEpollCtl)[0].numbers[3] & EPOLLEXCLUSIVE,
            0);
  End client = Connect();
  EXPECT_TRUE(RunUntilAccepted(1));
}

TEST_P(ListenerTest, CreateTellsWhatTheKernelRefusesAndLeaksNothing) {
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kGetSockName, "getsockname: No buffer space available"},
      {SyscallKind::kEpollCtl, "epoll_ctl: No buffer space available"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    Socket socket = *Socket::Listen(kernel_, *Address::Parse("127.0.0.1:0"),
                                    {.backlog = 16});
    faults_.FailNext(kind, ENOBUFS);
    const absl::StatusOr<std::unique_ptr<Listener>> listener =
        Listener::Create(*reactor_, std::move(socket), {}, *this);
    EXPECT_EQ(listener.status().message(), message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

class ListenerOptionsDeathTest : public ListenerTest {
 protected:
  ListenerOptionsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

INSTANTIATE_TEST_SUITE_P(Kernels, ListenerOptionsDeathTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(ListenerOptionsDeathTest, OptionsOutOfRangeAreBugs) {
  EXPECT_DEATH(Listen({.max_accepts_per_event = 0}), "max_accepts_per_event");
  EXPECT_DEATH(Listen({.backoff = absl::ZeroDuration()}), "backoff");
  EXPECT_DEATH(Listen({.trigger = Trigger::kOneShot}), "trigger");
  // An edge would not be reported again for connections that one event leaves.
  EXPECT_DEATH(Listen({.trigger = Trigger::kEdge}), "trigger");
}

}  // namespace
}  // namespace pollux
