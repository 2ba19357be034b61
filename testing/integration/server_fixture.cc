#include "testing/integration/server_fixture.h"

#include <sys/socket.h>

#include <cerrno>
#include <numeric>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "httpd/handlers/fixed.h"
#include "httpd/http/request_head.h"
#include "reactor/net/socket.h"
#include "reactor/sys_result.h"
#include "testing/fake_kernel.h"

namespace pollux {
namespace {

constexpr int kSocketType = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

class DroppingHandler final : public Handler {
 public:
  void Handle(const Request&, Responder) override {}
};

std::unique_ptr<Handler> Fixed(absl::string_view body) {
  return std::make_unique<FixedHandler>(TextResponse(body));
}

std::vector<Route> MakeRoutes(std::unique_ptr<Handler> late) {
  using http::Method;
  std::vector<Route> routes;
  routes.push_back({"/", {Method::kGet}, Fixed("ha?\n")});
  for (int i = 0; i < 100; ++i) {
    routes.push_back(
        {absl::StrCat("/", i), {Method::kGet}, Fixed(absl::StrCat(i))});
  }
  routes.push_back({"/big", {Method::kGet}, Fixed(std::string(1 << 20, 'b'))});
  routes.push_back({"/form", {Method::kPost}, Fixed("thanks\n")});
  routes.push_back({"/late", {Method::kGet, Method::kPost}, std::move(late)});
  routes.push_back(
      {"/dropped", {Method::kGet}, std::make_unique<DroppingHandler>()});
  return routes;
}

}  // namespace

http::PreparedResponse TextResponse(absl::string_view body) {
  return *http::PreparedResponse::Create(200, {{"Content-Type", "text/plain"}},
                                         body);
}

void CallCounter::OnSyscall(const SyscallRecord& record) {
  Count& count = counts_[Index(record.kind)];
  ++count.calls;
  // A clock's nanoseconds do not add up to anything.
  if (record.kind == SyscallKind::kClockGetTime) return;
  if (record.result.ok()) count.bytes += record.result.value();
}

void CallCounter::Reset() {
  for (Count& count : counts_) {
    count.calls = 0;
    count.bytes = 0;
  }
}

int64_t CallCounter::waits() const {
  return calls(SyscallKind::kEpollPwait2) + calls(SyscallKind::kEpollWait);
}

int64_t CallCounter::io_calls() const {
  const int64_t all = std::accumulate(
      counts_.begin(), counts_.end(), int64_t{0},
      [](int64_t sum, const Count& count) { return sum + count.calls; });
  return all - waits() - calls(SyscallKind::kClockGetTime);
}

ServerTest::ServerTest() : reactor_(Reactor::Create(counted_kernel_).value()) {
  auto late = std::make_unique<LateHandler>();
  late_ = late.get();
  routes_ = MakeRoutes(std::move(late));
}

void ServerTest::TearDown() {
  DestroyServer();
  reactor_ = nullptr;
  // Only the fake kernel can be asked.
  if (const auto* fake = dynamic_cast<FakeKernel*>(kernel_.get())) {
    EXPECT_EQ(fake->open_descriptors(), 0u);
    EXPECT_EQ(fake->bad_descriptor_calls(), 0u);
  }
}

void ServerTest::AddHandler(std::string path,
                            FunctionHandler::Function handle) {
  AddRoute({.path = std::move(path),
            .methods = {http::Method::kGet, http::Method::kPost},
            .handler = std::make_unique<FunctionHandler>(std::move(handle))});
}

HttpServer& ServerTest::server() {
  if (server_ == nullptr) {
    if (router_ == nullptr)
      router_ = Router::Create(std::move(routes_)).value();
    server_ = std::make_unique<HttpServer>(*reactor_, *router_, options_);
  }
  return *server_;
}

void ServerTest::DestroyServer() {
  server_ = nullptr;
  listening_at_ = Address();
}

TestClient ServerTest::Connect() {
  std::array<int, 2> sockets = {-1, -1};
  EXPECT_TRUE(kernel_->SocketPair(AF_UNIX, kSocketType, 0, sockets).ok());
  server().Serve(Socket(counted_kernel_, sockets[1]));
  return TestClient(*kernel_, *reactor_, sockets[0]);
}

TestClient ServerTest::ConnectTcp() {
  const size_t before = server().connection_count();
  TestClient client = StartToConnectTcp();
  EXPECT_TRUE(RunUntilConnectionsAre(before + 1));
  return client;
}

TestClient ServerTest::StartToConnectTcp() {
  if (listening_at_.family() == AF_UNSPEC) {
    listening_at_ =
        server()
            .AddListener(Socket::Listen(counted_kernel_,
                                        Address::Parse("127.0.0.1:0").value(),
                                        {.backlog = 128})
                             .value(),
                         first_read_)
            .value();
  }
  const int socket = kernel_->Socket(AF_INET, kSocketType, 0).descriptor();
  const SysResult result =
      kernel_->Connect(socket, listening_at_.data(), listening_at_.length());
  EXPECT_TRUE(result.ok() || result.error() == EINPROGRESS)
      << result.ToStatus("connect");
  return TestClient(*kernel_, *reactor_, socket);
}

void ServerTest::LetServerWork() {
  // An iteration may only prepare the next one.
  constexpr int kEnoughIdleIterations = 3;
  constexpr int kMaxIterations = 100'000;
  int idle_iterations = 0;
  for (int i = 0; idle_iterations < kEnoughIdleIterations; ++i) {
    ASSERT_LT(i, kMaxIterations) << "the server never rests";
    const int64_t before = calls_.io_calls();
    reactor_->RunOnce(absl::ZeroDuration());
    idle_iterations = calls_.io_calls() == before ? idle_iterations + 1 : 0;
  }
}

void ServerTest::AnswerLate() {
  ASSERT_FALSE(late_->waiting.empty());
  Responder responder = std::move(late_->waiting.front());
  late_->waiting.erase(late_->waiting.begin());
  std::move(responder).Send(late_response_);
}

}  // namespace pollux
