#include "reactor/net/datagram_endpoint.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reactor/net/address.h"
#include "reactor/reactor_fixture.h"
#include "reactor/syscall_record.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using SendResult = DatagramEndpoint::SendResult;

// One end, and what it was told.
struct Party final : DatagramEndpoint::Handler {
  std::function<void(absl::string_view, const Address&)> on_datagram =
      [](absl::string_view, const Address&) {};
  std::function<void()> on_writable = [] {};
  std::function<void()> on_error = [] {};

  std::vector<std::string> received;
  std::vector<std::string> truncated;
  std::vector<std::string> senders;
  std::vector<int> errors;
  int writable = 0;
  std::unique_ptr<DatagramEndpoint> socket;

  void OnDatagram(absl::string_view bytes, const Address& from) override {
    received.emplace_back(bytes);
    senders.push_back(from.ToString());
    on_datagram(bytes, from);
  }
  void OnTruncatedDatagram(absl::string_view bytes, const Address&) override {
    truncated.emplace_back(bytes);
  }
  void OnWritable() override {
    ++writable;
    on_writable();
  }
  void OnError(int error) override {
    errors.push_back(error);
    on_error();
  }
};

class DatagramEndpointTest : public ReactorFixture {
 protected:
  // Several runs of this test may be at work.
  static Address UnixName(absl::string_view name) {
    return *Address::Parse(
        absl::StrCat("unix:@pollux-datagram-test-", getpid(), "-", name));
  }

  void TearDown() override {
    a_.socket.reset();
    b_.socket.reset();
    ReactorFixture::TearDown();
  }

  void Open(Party& party, int family,
            const DatagramEndpoint::Options& options) {
    absl::StatusOr<std::unique_ptr<DatagramEndpoint>> socket =
        DatagramEndpoint::Create(*reactor_, buffers_, family, options, party);
    ASSERT_TRUE(socket.ok()) << socket.status();
    party.socket = *std::move(socket);
  }

  // b_ at an address, and a_ somewhere.
  void OpenUdp() {
    Open(b_, AF_INET, {.local_address = *Address::Parse("127.0.0.1:0")});
    Open(a_, AF_INET, {.local_address = *Address::Parse("127.0.0.1:0")});
    to_b_ = *b_.socket->LocalAddress();
    calls_.Clear();
  }

  void OpenUnix() {
    to_b_ = UnixName("b");
    Open(b_, AF_UNIX, {.local_address = to_b_});
    Open(a_, AF_UNIX, {});
    calls_.Clear();
  }

  [[nodiscard]] bool RunUntilReceived(const Party& party, size_t count) {
    return RunUntil([&] { return party.received.size() >= count; });
  }

  DatagramBuffers buffers_{4, 100};
  Party a_;
  Party b_;
  Address to_b_;
};

INSTANTIATE_TEST_SUITE_P(Kernels, DatagramEndpointTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

TEST_P(DatagramEndpointTest, GoesThereAndBack) {
  for (const int family : {AF_INET, AF_INET6}) {
    const char* const any = family == AF_INET ? "127.0.0.1:0" : "[::1]:0";
    Open(b_, family, {.local_address = *Address::Parse(any)});
    Open(a_, family, {});
    b_.on_datagram = [&](absl::string_view bytes, const Address& from) {
      b_.socket->Send(from, absl::StrCat("echo ", bytes));
    };
    EXPECT_EQ(a_.socket->Send(*b_.socket->LocalAddress(), "hello"),
              SendResult::kQueued);
    ASSERT_TRUE(RunUntilReceived(a_, 1));
    EXPECT_THAT(a_.received, ElementsAre("echo hello"));
    EXPECT_THAT(a_.senders, ElementsAre(b_.socket->LocalAddress()->ToString()));
    EXPECT_TRUE(IsIdle());
    a_.received.clear();
    a_.senders.clear();
  }
}

TEST_P(DatagramEndpointTest, GoesOverUnixSockets) {
  OpenUnix();
  a_.socket->Send(to_b_, "hello");
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(b_.received, ElementsAre("hello"));
  EXPECT_THAT(b_.senders, ElementsAre("unnamed"));
}

TEST_P(DatagramEndpointTest, AnEmptyDatagramIsOne) {
  OpenUdp();
  a_.socket->Send(to_b_, "");
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(b_.received, ElementsAre(""));
}

TEST_P(DatagramEndpointTest, ALongOneIsToldToBeCut) {
  OpenUdp();
  a_.socket->Send(to_b_, std::string(100, 'f'));
  a_.socket->Send(to_b_, std::string(101, 'c'));
  ASSERT_TRUE(RunUntil([&] { return !b_.truncated.empty(); }));
  EXPECT_THAT(b_.received, ElementsAre(std::string(100, 'f')));
  EXPECT_THAT(b_.truncated, ElementsAre(std::string(100, 'c')));
}

TEST_P(DatagramEndpointTest, WhatOneTaskSendsIsOneCall) {
  OpenUdp();
  for (int i = 0; i < 3; ++i) a_.socket->Send(to_b_, absl::StrCat(i));
  ASSERT_TRUE(RunUntilReceived(b_, 3));
  EXPECT_THAT(b_.received, ElementsAre("0", "1", "2"));
  EXPECT_EQ(calls_.Count(SyscallKind::kSendMMsg), 1);
  // Fewer than it has room for: there was no second call to see EAGAIN.
  EXPECT_EQ(calls_.Count(SyscallKind::kRecvMMsg), 1);
}

TEST_P(DatagramEndpointTest, OneEventBringsABoundedNumber) {
  Open(b_, AF_INET,
       {.local_address = *Address::Parse("127.0.0.1:0"),
        .max_datagrams_per_event = 8});
  Open(a_, AF_INET, {});
  to_b_ = *b_.socket->LocalAddress();
  for (int i = 0; i < 20; ++i) a_.socket->Send(to_b_, absl::StrCat(i));
  size_t before = 0;
  EXPECT_TRUE(RunUntil([&] {
    EXPECT_LE(b_.received.size() - before, 8u);
    before = b_.received.size();
    return before == 20;
  }));
  EXPECT_EQ(b_.received.back(), "19");
}

TEST_P(DatagramEndpointTest, AFullQueueSaysSoAndThenThatThereIsRoom) {
  Open(b_, AF_INET, {.local_address = *Address::Parse("127.0.0.1:0")});
  Open(a_, AF_INET, {.max_queued_datagrams = 2});
  to_b_ = *b_.socket->LocalAddress();
  faults_.FailNext(SyscallKind::kSendMMsg, EAGAIN);
  EXPECT_EQ(a_.socket->Send(to_b_, "1"), SendResult::kQueued);
  EXPECT_EQ(a_.socket->Send(to_b_, "2"), SendResult::kQueued);
  EXPECT_EQ(a_.socket->Send(to_b_, "3"), SendResult::kFull);
  EXPECT_EQ(a_.socket->queued(), 2u);
  a_.on_writable = [&] {
    EXPECT_EQ(a_.socket->Send(to_b_, "3 again"), SendResult::kQueued);
  };
  ASSERT_TRUE(RunUntilReceived(b_, 3));
  EXPECT_THAT(b_.received, ElementsAre("1", "2", "3 again"));
  EXPECT_EQ(a_.writable, 1);
  EXPECT_TRUE(IsIdle());
}

// epoll calls a unix socket writable while the one that it sends to is full.
TEST_P(DatagramEndpointTest, AFullReceiverDoesNotMakeItSpin) {
  OpenUnix();
  // Nobody reads it.
  End deaf(*this,
           kernel_.Socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0).descriptor());
  const Address to_deaf = UnixName("deaf");
  ASSERT_TRUE(
      kernel_.Bind(deaf.descriptor(), to_deaf.data(), to_deaf.length()).ok());
  while (a_.socket->queued() == 0) {
    a_.socket->Send(to_deaf, "x");
    Iterate();
  }
  calls_.Clear();
  for (int i = 0; i < 5; ++i) reactor_->RunOnce(absl::Milliseconds(1));
  EXPECT_LE(calls_.Count(SyscallKind::kSendMMsg), 5);
  EXPECT_EQ(a_.socket->queued(), 1u);
  deaf.Read();
  EXPECT_TRUE(RunUntil([&] { return a_.socket->queued() == 0; }));
  EXPECT_TRUE(IsIdle());
}

TEST_P(DatagramEndpointTest, ARefusalIsToldAndIsNotTheEnd) {
  OpenUdp();
  Open(a_, AF_INET, {.peer_address = to_b_});
  b_.socket.reset();
  a_.socket->Send("into the void");
  ASSERT_TRUE(RunUntil([&] { return !a_.errors.empty(); }));
  EXPECT_THAT(a_.errors, ElementsAre(ECONNREFUSED));
  EXPECT_TRUE(IsIdle());

  Open(b_, AF_INET, {.local_address = to_b_});
  a_.socket->Send("now it is there");
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(b_.received, ElementsAre("now it is there"));
}

TEST_P(DatagramEndpointTest, WhatTheKernelRefusesIsToldAndTheRestIsSent) {
  OpenUdp();
  a_.socket->Send(to_b_, "first");
  a_.socket->Send(to_b_, std::string(70'000, 'x'));
  a_.socket->Send(to_b_, "last");
  ASSERT_TRUE(RunUntilReceived(b_, 2));
  EXPECT_THAT(b_.received, ElementsAre("first", "last"));
  EXPECT_THAT(a_.errors, ElementsAre(EMSGSIZE));
}

TEST_P(DatagramEndpointTest, AHandlerThatSendsAgainDoesNotKeepTheLoop) {
  OpenUdp();
  struct Stubborn final : DatagramEndpoint::Handler {
    void OnDatagram(absl::string_view, const Address&) override {}
    void OnTruncatedDatagram(absl::string_view, const Address&) override {}
    void OnWritable() override {}
    void OnError(int) override {
      ++errors;
      socket->Send(to, "again");
    }
    int errors = 0;
    Address to;
    std::unique_ptr<DatagramEndpoint> socket;
  } stubborn;
  stubborn.to = to_b_;
  stubborn.socket =
      *DatagramEndpoint::Create(*reactor_, buffers_, AF_INET, {}, stubborn);
  faults_.FailNext(SyscallKind::kSendMMsg, ENOBUFS, 1'000'000);
  stubborn.socket->Send(to_b_, "once");
  for (int i = 1; i < 5; ++i) {
    Iterate();
    EXPECT_EQ(stubborn.errors, i);
  }
}

TEST_P(DatagramEndpointTest, AQueueThatNeverDrainsHoldsWhatIsUnsent) {
  OpenUdp();
  faults_.FailNext(SyscallKind::kSendMMsg, EAGAIN);
  for (int i = 0; i < 200; ++i) {
    a_.socket->Send(to_b_, absl::StrCat(i));
    if (i % 3 == 0) Iterate();
    if (i % 5 == 0) faults_.FailNext(SyscallKind::kSendMMsg, EAGAIN);
  }
  ASSERT_TRUE(RunUntilReceived(b_, 200));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(b_.received[i], absl::StrCat(i));
}

TEST_P(DatagramEndpointTest, ASignalDoesNotDisturbIt) {
  OpenUdp();
  faults_.FailNext(SyscallKind::kSendMMsg, EINTR, 2);
  faults_.FailNext(SyscallKind::kRecvMMsg, EINTR, 2);
  a_.socket->Send(to_b_, "hello");
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(a_.errors, IsEmpty());
  EXPECT_THAT(b_.errors, IsEmpty());
}

TEST_P(DatagramEndpointTest, ReadsThatAllFailDoNotKeepTheLoop) {
  Open(b_, AF_INET,
       {.local_address = *Address::Parse("127.0.0.1:0"),
        .max_datagrams_per_event = 3});
  Open(a_, AF_INET, {});
  a_.socket->Send(*b_.socket->LocalAddress(), "x");
  faults_.FailNext(SyscallKind::kRecvMMsg, ECONNREFUSED, 1'000'000);
  ASSERT_TRUE(RunUntil([&] { return !b_.errors.empty(); }));
  EXPECT_EQ(b_.errors.size(), 3u);
  faults_.FailNext(SyscallKind::kRecvMMsg, 0, 0);
}

TEST_P(DatagramEndpointTest, WhatIsSentBecauseOfAnErrorArrivesAsItIs) {
  OpenUdp();
  a_.on_error = [&] { a_.socket->Send(to_b_, "another"); };
  a_.socket->Send(to_b_, "refused");
  faults_.FailNext(SyscallKind::kSendMMsg, EPERM);
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(b_.received, ElementsAre("another"));
}

TEST_P(DatagramEndpointTest, TellsOfRoomWhenHalfOfTheQueueIsFree) {
  to_b_ = UnixName("b");
  Open(a_, AF_UNIX, {.max_queued_datagrams = 4});
  End slow(*this,
           kernel_.Socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0).descriptor());
  ASSERT_TRUE(
      kernel_.Bind(slow.descriptor(), to_b_.data(), to_b_.length()).ok());
  while (a_.socket->queued() == 0) {
    a_.socket->Send(to_b_, "x");
    Iterate();
  }
  while (a_.socket->Send(to_b_, "x") == SendResult::kQueued) {
  }
  EXPECT_EQ(a_.socket->queued(), 4u);
  char byte;
  ASSERT_EQ(kernel_.Recv(slow.descriptor(), {&byte, 1}, 0).value(), 1);
  ASSERT_TRUE(RunUntil([&] { return a_.socket->queued() == 3; }));
  EXPECT_EQ(a_.writable, 0);
  ASSERT_TRUE(RunUntil([&] {
    slow.Read();
    return a_.socket->queued() == 0;
  }));
  EXPECT_EQ(a_.writable, 1);
}

TEST_P(DatagramEndpointTest, AReadThatFailsIsTold) {
  OpenUdp();
  faults_.FailNext(SyscallKind::kRecvMMsg, ENOMEM);
  a_.socket->Send(to_b_, "hello");
  ASSERT_TRUE(RunUntilReceived(b_, 1));
  EXPECT_THAT(b_.errors, ElementsAre(ENOMEM));
}

TEST_P(DatagramEndpointTest, MayBeDeletedSoonFromItsCallback) {
  OpenUdp();
  b_.on_datagram = [&](absl::string_view, const Address& from) {
    b_.socket->Send(from, "farewell");
    reactor_->DeleteSoon(std::move(b_.socket));
  };
  a_.socket->Send(to_b_, "1");
  ASSERT_TRUE(RunUntilReceived(a_, 1));
  EXPECT_EQ(b_.socket, nullptr);
  EXPECT_TRUE(IsIdle());
}

TEST_P(DatagramEndpointTest, CreateTellsWhatTheKernelRefusesAndLeaksNothing) {
  const Address any = *Address::Parse("127.0.0.1:0");
  const Address there = *Address::Parse("127.0.0.1:9");
  const std::pair<SyscallKind, const char*> refusals[] = {
      {SyscallKind::kSocket, "socket for datagrams: Cannot allocate memory"},
      {SyscallKind::kBind, "bind 127.0.0.1:0: Cannot allocate memory"},
      {SyscallKind::kConnect, "connect 127.0.0.1:9: Cannot allocate memory"},
      {SyscallKind::kEpollCtl, "epoll_ctl: Cannot allocate memory"},
  };
  const size_t before = calls_.open_descriptors().size();
  for (const auto& [kind, message] : refusals) {
    faults_.FailNext(kind, ENOMEM);
    EXPECT_EQ(DatagramEndpoint::Create(
                  *reactor_, buffers_, AF_INET,
                  {.local_address = any, .peer_address = there}, a_)
                  .status()
                  .message(),
              message);
    EXPECT_EQ(calls_.open_descriptors().size(), before);
  }
}

// Receiving and sending are one event, so that an endpoint takes one share of
// the bounded events of an iteration, not two.
TEST_P(DatagramEndpointTest, SendingAndReceivingInOneIterationAreOneTurn) {
  OpenUdp();
  const Address to_a = *a_.socket->LocalAddress();
  EXPECT_EQ(b_.socket->Send(to_a, "to a"), SendResult::kQueued);
  ASSERT_TRUE(RunUntilReceived(a_, 1));
  EXPECT_EQ(b_.socket->Send(to_a, "to a again"), SendResult::kQueued);
  Iterate();
  const uint64_t before = reactor_->statistics().events.Read();
  EXPECT_EQ(a_.socket->Send(to_b_, "to b"), SendResult::kQueued);
  calls_.Clear();
  Iterate();
  EXPECT_EQ(reactor_->statistics().events.Read(), before + 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kRecvMMsg), 1);
  EXPECT_EQ(calls_.Count(SyscallKind::kSendMMsg), 1);
  EXPECT_THAT(a_.received, ElementsAre("to a", "to a again"));
}

}  // namespace
}  // namespace pollux
