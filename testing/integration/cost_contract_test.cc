// What a request may cost: system calls and heap allocations. A binary of its
// own, because counting them replaces the whole program's operator new.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "httpd/server/exchange_observer.h"
#include "reactor/syscall_record.h"
#include "testing/allocation_counter.h"
#include "testing/integration/server_fixture.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {
namespace {

class CostContractTest : public ServerTest {
 protected:
  // One iteration of the server, counted.
  void RunOnceCounted() {
    calls_.Reset();
    const uint64_t before = CountAllocations().allocations;
    reactor_->RunOnce(absl::Seconds(1));
    allocations_ = CountAllocations().allocations - before;
  }

  uint64_t allocations_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Kernels, CostContractTest,
                         testing::ValuesIn(KernelsUnderTest()),
                         KernelUnderTestName);

std::string Requests(int count) {
  std::string requests;
  for (int i = 0; i < count; ++i) requests += Get("/");
  return requests;
}

TEST_P(CostContractTest, TheCountOfAllocationsWorks) {
  const uint64_t before = CountAllocations().allocations;
  const std::string text(100, 'a');
  EXPECT_EQ(CountAllocations().allocations, before + 1);
}

TEST_P(CostContractTest, AKeepAliveGetIsOneWaitOneRecvOneSend) {
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Write(Get("/"));
    RunOnceCounted();
    EXPECT_EQ(calls_.waits(), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
    EXPECT_EQ(calls_.io_calls(), 2);
    EXPECT_EQ(client.ReadResponse().status, 200);
  }
}

TEST_P(CostContractTest, SixteenPipelinedGetsCostTheSame) {
  TestClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Write(Requests(16));
    RunOnceCounted();
    EXPECT_EQ(calls_.waits(), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
    EXPECT_EQ(calls_.io_calls(), 2);
    EXPECT_EQ(client.ReadResponses(16).back().status, 200);
  }
}

TEST_P(CostContractTest, ConnectionsThatAreReadyShareTheWait) {
  TestClient a = Connect();
  TestClient b = Connect();
  a.Write(Get("/"));
  b.Write(Get("/"));
  RunOnceCounted();
  EXPECT_EQ(calls_.waits(), 1);
  EXPECT_EQ(calls_.io_calls(), 4);
}

TEST_P(CostContractTest, ARequestReadsNoClockOfItsOwn) {
  TestClient client = Connect();
  client.Write(Get("/"));
  RunOnceCounted();
  client.ReadResponse();
  client.Write(Get("/"));
  RunOnceCounted();
  const int64_t for_one = calls_.calls(SyscallKind::kClockGetTime);
  client.ReadResponse();
  client.Write(Requests(16));
  RunOnceCounted();
  // One more where a second of the wall clock has just ended.
  EXPECT_LE(calls_.calls(SyscallKind::kClockGetTime), for_one + 1);
  // Before and after the wait, at the end, and for the date; Run() spares the
  // first.
  EXPECT_LE(for_one, 4);
}

TEST_P(CostContractTest, AnObservedRequestReadsOneClock) {
  class Ignoring final : public ExchangeObserver {
    void OnExchange(const ExchangeRecord&) override {}
  } observer;
  options_.observer = &observer;
  TestClient client = Connect();
  const auto clocks_for = [&](int requests) {
    client.Write(Requests(requests));
    RunOnceCounted();
    client.ReadResponses(static_cast<size_t>(requests));
    return calls_.calls(SyscallKind::kClockGetTime);
  };
  (void)clocks_for(1);
  const int64_t for_one = clocks_for(1);
  // One more or less where a second of the wall clock has just ended.
  EXPECT_NEAR(clocks_for(16), for_one + 15, 1);
  DestroyServer();
}

TEST_P(CostContractTest, TheSecondRequestAllocatesNothing) {
  TestClient client = Connect();
  client.Write(Get("/"));
  RunOnceCounted();
  client.ReadResponse();
  for (int i = 0; i < 3; ++i) {
    client.Write(Get("/"));
    RunOnceCounted();
    EXPECT_EQ(allocations_, 0u);
    client.ReadResponse();
  }
}

// The buffers of the fake kernel's new sockets are on the heap too.
class CostOnLinuxTest : public CostContractTest {};

INSTANTIATE_TEST_SUITE_P(Kernel, CostOnLinuxTest,
                         testing::Values(LinuxUnderTest()),
                         KernelUnderTestName);

TEST_P(CostOnLinuxTest, AnotherConnectionsRequestAllocatesNothing) {
  TestClient first = Connect();
  first.Write(Get("/"));
  RunOnceCounted();
  TestClient second = Connect();
  second.Write(Get("/"));
  RunOnceCounted();
  EXPECT_EQ(allocations_, 0u);
}

TEST_P(CostContractTest, SixteenPipelinedGetsAllocateNothing) {
  TestClient client = Connect();
  client.Write(Requests(16));
  RunOnceCounted();
  client.ReadResponses(16);
  client.Write(Requests(16));
  RunOnceCounted();
  EXPECT_EQ(allocations_, 0u);
}

TEST_P(CostContractTest, RefusalsOfTheRouterAllocateNothing) {
  TestClient client = Connect();
  const std::string requests = Get("/nowhere") + Get("/form") + Post("/", "a");
  client.Write(requests);
  RunOnceCounted();
  client.ReadResponses(3);
  client.Write(requests);
  RunOnceCounted();
  EXPECT_EQ(allocations_, 0u);
  EXPECT_EQ(calls_.io_calls(), 2);
}

TEST_P(CostContractTest, OneRequestPerConnectionIsFourCalls) {
  first_read_ = HttpServer::FirstRead::kAtOnce;
  for (int i = 0; i < 3; ++i) {
    TestClient client = StartToConnectTcp();
    // As it is with ListenOptions::defer_accept.
    client.Write(Get("/", "Connection: close\r\n"));
    RunOnceCounted();
    EXPECT_EQ(calls_.waits(), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kAccept4), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kRecv), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kSend), 1);
    EXPECT_EQ(calls_.calls(SyscallKind::kClose), 1);
    EXPECT_EQ(calls_.io_calls(), 4);
    EXPECT_EQ(ParseResponses(client.ReadToEnd())[0].body, "ha?\n");
    LetServerWork();
  }
}

TEST_P(CostOnLinuxTest, OneRequestPerConnectionAllocatesNothing) {
  first_read_ = HttpServer::FirstRead::kAtOnce;
  for (int i = 0; i < 4; ++i) {
    TestClient client = StartToConnectTcp();
    client.Write(Get("/", "Connection: close\r\n"));
    RunOnceCounted();
    // Of the second the memory of the first is not free yet.
    if (i > 1) {
      EXPECT_EQ(allocations_, 0u);
    }
    (void)client.ReadToEnd();
    LetServerWork();
  }
}

TEST_P(CostContractTest, IdleConnectionsCostNothing) {
  TestClient a = Connect();
  TestClient b = Connect();
  b.Write(Get("/"));
  b.ReadResponse();
  LetServerWork();
  calls_.Reset();
  const uint64_t before = CountAllocations().allocations;
  for (int i = 0; i < 10; ++i) reactor_->RunOnce(absl::ZeroDuration());
  EXPECT_EQ(calls_.io_calls(), 0);
  EXPECT_EQ(CountAllocations().allocations, before);
}

}  // namespace
}  // namespace pollux
