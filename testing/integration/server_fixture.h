// An HttpServer on a kernel under test, and clients that talk to it.
#ifndef POLLUX_TESTING_INTEGRATION_SERVER_FIXTURE_H_
#define POLLUX_TESTING_INTEGRATION_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/router.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/reactor.h"
#include "reactor/syscall_record.h"
#include "reactor/tracing_kernel.h"
#include "testing/integration/test_client.h"
#include "testing/kernel_under_test.h"

namespace pollux {

// 200 with `body` as text/plain.
http::PreparedResponse TextResponse(absl::string_view body);

// Counts calls and the bytes that they moved, of any thread.
class CallCounter final : public SyscallObserver {
 public:
  void OnSyscall(const SyscallRecord& record) override;

  int64_t calls(SyscallKind kind) const { return counts_[Index(kind)].calls; }
  // Results of those that succeeded, added up.
  int64_t bytes(SyscallKind kind) const { return counts_[Index(kind)].bytes; }

  int64_t waits() const;
  // All but waits and readings of the clock.
  int64_t io_calls() const;

  void Reset();

 private:
  struct Count {
    std::atomic<int64_t> calls = 0;
    std::atomic<int64_t> bytes = 0;
  };

  static size_t Index(SyscallKind kind) { return static_cast<size_t>(kind); }

  std::array<Count, kSyscallKinds> counts_{};
};

// Keeps its responders until the test answers.
class LateHandler final : public Handler {
 public:
  void Handle(const Request&, Responder responder) override {
    waiting.push_back(std::move(responder));
  }

  // In the order of the requests.
  std::vector<Responder> waiting;
};

// Handles requests with a function.
class FunctionHandler final : public Handler {
 public:
  using Function = absl::AnyInvocable<void(const Request&, Responder)>;
  explicit FunctionHandler(Function handle) : handle_(std::move(handle)) {}
  void Handle(const Request& request, Responder responder) override {
    handle_(request, std::move(responder));
  }

 private:
  Function handle_;
};

// A test of the server, on each kernel. The routes:
//   /                GET "ha?\n"
//   /0 to /99        GET the number
//   /big             GET 1 MiB, more than kernels buffer
//   /form            POST "thanks\n"
//   /late            GET and POST, answered when the test wants it
//   /dropped         GET, dropped without an answer
// The test's clients and the server are one thread; the server runs when a
// client waits, or when the test says so. The server starts with the first
// Connect(), with the options of that moment; only its calls are counted.
class ServerTest : public testing::TestWithParam<KernelUnderTest> {
 protected:
  ServerTest();

  // Whatever happened, nothing is left open, and nothing was closed twice.
  void TearDown() override;

  HttpServer& server();
  // The next use of it makes another one.
  void DestroyServer();

  // One more route; before the server starts.
  void AddRoute(Route route) { routes_.push_back(std::move(route)); }
  // The same, for GET and POST.
  void AddHandler(std::string path, FunctionHandler::Function handle);

  // Through a socketpair(2).
  TestClient Connect();
  // Through a listener of the server's, on the loopback interface.
  TestClient ConnectTcp();
  // The same, while the server does not run: waits in the backlog.
  TestClient StartToConnectTcp();

  bool RunUntil(absl::FunctionRef<bool()> done) {
    return pollux::RunUntil(*reactor_, done);
  }
  bool RunUntilConnectionsAre(size_t count) {
    return RunUntil([&] { return server().connection_count() == count; });
  }

  // Iterates until the server has nothing to do but to wait.
  void LetServerWork();

  // Answers the oldest request for /late.
  void AnswerLate();

  const std::unique_ptr<Kernel> kernel_ = GetParam().make();
  CallCounter calls_;
  TracingKernel counted_kernel_{*kernel_, calls_};
  std::unique_ptr<Reactor> reactor_;
  HttpServer::Options options_;
  // Of the listener.
  HttpServer::FirstRead first_read_ = HttpServer::FirstRead::kWhenReadable;
  const http::PreparedResponse late_response_ = TextResponse("late\n");
  // Owned by the router.
  LateHandler* late_ = nullptr;

 private:
  std::vector<Route> routes_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> server_;
  Address listening_at_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_SERVER_FIXTURE_H_
