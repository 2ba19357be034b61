#include "httpd/server/http_server.h"

#include <algorithm>
#include <utility>

#include "httpd/server/connection.h"

namespace pollux {
namespace {

constexpr int kFirstPage = 400;
constexpr int kLastPage = 511;

// Connections that are told why they are refused, at one time; more are closed
// without a word.
constexpr size_t kMaxRefusing = 64;

// How many connections are looked at to find one that has long been idle.
constexpr size_t kIdleSample = 64;

// Kept for reuse.
constexpr size_t kMaxSpareWork = 64;
constexpr size_t kMaxSpareConnections = 64;

std::vector<StatusPage> MakeRefusals() {
  std::vector<StatusPage> refusals;
  for (size_t i = 0; i < http::kParseErrors; ++i) {
    const auto error = static_cast<http::ParseError>(i);
    refusals.emplace_back(http::StatusOf(error), http::Explain(error));
  }
  return refusals;
}

std::vector<StatusPage> MakePages() {
  std::vector<StatusPage> pages;
  for (int status = kFirstPage; status <= kLastPage; ++status) {
    pages.emplace_back(status);
  }
  return pages;
}

HttpServer::Options Completed(HttpServer::Options options) {
  // Every file is announced by its length, so a client sees that it was cut.
  options.stream.short_file = ShortFile::kFinish;
  // A head has to be presented as a whole, with an empty line in front and the
  // first byte that is too much.
  constexpr size_t kMoreBytes = 3;
  options.stream.receive_buffer_bytes =
      std::max(options.stream.receive_buffer_bytes,
               options.head_limits.max_head_bytes + kMoreBytes);
  return options;
}

DeadlineRules RulesOf(const HttpServer::Options& options) {
  return {.limits_handlers = options.handler_timeout < absl::InfiniteDuration(),
          .limits_half_closed =
              options.half_close_timeout < absl::InfiniteDuration(),
          .handler_before_half_closed =
              options.handler_timeout < options.half_close_timeout,
          .writes_before_idle = options.write_timeout < options.idle_timeout};
}

}  // namespace

// One listener: says how its connections are to be begun.
class HttpServer::Acceptor final : private Listener::Handler {
 public:
  Acceptor(HttpServer& server, FirstRead first_read)
      : server_(server), first_read_(first_read) {}

  absl::Status Start(Socket socket) {
    absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Create(
        server_.reactor_, std::move(socket), server_.options_.listener, *this);
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    return absl::OkStatus();
  }

  const Address& address() const { return listener_->address(); }

  // Any thread: so the listener stays until the server goes.
  Listener::Counters counters() const { return listener_->counters(); }

  // The listener's callback may be running.
  void Stop() { listener_->AcceptWaitingAndClose(); }

 private:
  void OnAccept(Socket connection) override {
    server_.Serve(std::move(connection), first_read_);
  }

  HttpServer& server_;
  const FirstRead first_read_;
  std::unique_ptr<Listener> listener_;
};

HttpServer::HttpServer(Reactor& reactor, const Router& router,
                       const Options& options)
    : reactor_(reactor),
      router_(router),
      options_(Completed(options)),
      deadline_rules_(RulesOf(options_)),
      statistics_(router.route_count()),
      recorder_(reactor, statistics_, options_.observer),
      buffers_(reactor, options_.stream),
      dates_(reactor.kernel()),
      refusals_(MakeRefusals()),
      pages_(MakePages()),
      request_timeout_(408),
      truncated_request_(400, "The connection ended within the request."),
      too_many_of_client_(429, "There are too many connections."),
      client_connections_(options.client_connections == nullptr
                              ? own_client_connections_
                              : *options.client_connections),
      shed_(reactor, [this] { ShedLargest(); }),
      last_requests_(reactor, [this] { EndIdle(); }),
      drain_deadline_(reactor, [this] { FinishDrain(); }) {}

HttpServer::~HttpServer() {
  // What handlers hold of them must not find a server that is half gone. They
  // may end other connections when they are notified, or have one served.
  while (!connections_.empty()) {
    Connection& connection = *connections_.back();
    connection.Close();
    Remove(connection);
  }
}

absl::StatusOr<Address> HttpServer::AddListener(Socket socket,
                                                FirstRead first_read) {
  // Accepted connections inherit it, which saves a call for each of them.
  // Refused for what is not TCP, which has nothing to delay.
  (void)socket.SetNoDelay();
  auto acceptor = std::make_unique<Acceptor>(*this, first_read);
  absl::Status started = acceptor->Start(std::move(socket));
  if (!started.ok()) return started;
  acceptors_.push_back(std::move(acceptor));
  return acceptors_.back()->address();
}

Connection& HttpServer::Add(Socket socket) {
  const size_t index = connections_.size();
  if (ended_.empty() || ended_.front().iteration == Iteration()) {
    connections_.push_back(
        std::make_unique<Connection>(*this, std::move(socket), index));
  } else {
    connections_.push_back(std::move(ended_.front().connection));
    ended_.pop_front();
    Connection* const connection = connections_.back().get();
    std::destroy_at(connection);
    std::construct_at(connection, *this, std::move(socket), index);
  }
  return *connections_.back();
}

void HttpServer::Serve(Socket socket, FirstRead first_read) {
  statistics_.accepted_connections.Add();
  const StatusPage* refusal = nullptr;
  if (options_.max_connections > 0 &&
      connections_.size() >= options_.max_connections && !MakeRoom()) {
    statistics_.of(ShedReason::kConnections).Add();
    if (connections_.size() >= options_.max_connections + kMaxRefusing) return;
    refusal = &PageFor(503);
  }
  Connection& connection = Add(std::move(socket));
  if (options_.max_connections_per_client > 0) {
    CountClient(connection, refusal);
  }
  if (refusal != nullptr) return connection.StartRefusing(*refusal);
  if (first_read == FirstRead::kAtOnce) return connection.StartReading();
  // The kernel is out of memory: this connection ends, the others go on.
  if (!connection.Start().ok()) {
    connection.Close();
    Remove(connection);
  }
}

// Of some connections, the one that has been idle for longest ends.
bool HttpServer::MakeRoom() {
  Connection* oldest = nullptr;
  const size_t count = std::min(kIdleSample, connections_.size());
  for (size_t i = 0; i < count; ++i) {
    idle_cursor_ = (idle_cursor_ + 1) % connections_.size();
    Connection& connection = *connections_[idle_cursor_];
    if (!connection.is_idle()) continue;
    if (oldest != nullptr && connection.since() >= oldest->since()) continue;
    // Has asked, and was only not read yet.
    if (connection.HasUnreadInput()) continue;
    oldest = &connection;
  }
  if (oldest == nullptr) return false;
  statistics_.of(ShedReason::kIdleForNew).Add();
  oldest->Close();
  Remove(*oldest);
  return true;
}

void HttpServer::CountClient(Connection& connection,
                             const StatusPage*& refusal) {
  if (!connection.client().is_known()) return;
  const size_t count = client_connections_.Add(connection.client());
  if (refusal != nullptr || count <= options_.max_connections_per_client) {
    return;
  }
  statistics_.of(ShedReason::kConnectionsOfClient).Add();
  refusal = &too_many_of_client_;
}

void HttpServer::UncountClient(Connection& connection) {
  if (options_.max_connections_per_client == 0) return;
  if (!connection.client().is_known()) return;
  client_connections_.Remove(connection.client());
}

void HttpServer::Remove(Connection& connection) {
  UncountClient(connection);
  const size_t index = connection.index();
  std::unique_ptr<Connection> removed = std::move(connections_[index]);
  connections_[index] = std::move(connections_.back());
  connections_.pop_back();
  if (index < connections_.size()) connections_[index]->set_index(index);
  if (ended_.size() < kMaxSpareConnections) {
    ended_.push_back({std::move(removed), Iteration()});
  } else {
    reactor_.DeleteSoon(std::move(removed));
  }
  if (draining_ && connections_.empty()) {
    drain_deadline_.ArmAfter(absl::ZeroDuration());
  }
}

std::unique_ptr<ExchangeWork> HttpServer::TakeWork() {
  if (spare_work_.empty()) return std::make_unique<ExchangeWork>();
  std::unique_ptr<ExchangeWork> work = std::move(spare_work_.back());
  spare_work_.pop_back();
  return work;
}

void HttpServer::GiveWork(std::unique_ptr<ExchangeWork> work) {
  if (spare_work_.size() >= kMaxSpareWork) return;
  work->Clear();
  spare_work_.push_back(std::move(work));
}

void HttpServer::ShedLargest() {
  while (HoldsTooMuch()) {
    Connection* largest = nullptr;
    uint64_t most = 0;
    for (const std::unique_ptr<Connection>& connection : connections_) {
      const uint64_t bytes = connection->held_bytes();
      if (bytes <= most) continue;
      most = bytes;
      largest = connection.get();
    }
    if (largest == nullptr) return;
    statistics_.of(ShedReason::kBufferedBytes).Add();
    largest->ShedForMemory();
  }
}

void HttpServer::Drain(absl::AnyInvocable<void()> on_drained) {
  if (draining_) return;
  // To close a listener is to reset who waits, and perhaps has asked already.
  for (std::unique_ptr<Acceptor>& acceptor : acceptors_) acceptor->Stop();
  draining_ = true;
  on_drained_ = std::move(on_drained);
  if (connections_.empty()) {
    drain_deadline_.ArmAfter(absl::ZeroDuration());
    return;
  }
  last_requests_.ArmAfter(options_.drain_grace);
  drain_deadline_.ArmAfter(options_.drain_timeout);
}

void HttpServer::EndIdle() {
  for (std::unique_ptr<Connection>& connection : connections_) {
    connection->Drain();
  }
}

void HttpServer::FinishDrain() {
  while (!connections_.empty()) {
    statistics_.of(TimeoutKind::kDrain).Add();
    Connection& connection = *connections_.back();
    connection.Close();
    Remove(connection);
  }
  last_requests_.Disarm();
  drain_deadline_.Disarm();
  if (on_drained_) std::exchange(on_drained_, nullptr)();
}

Listener::Counters HttpServer::listener_counters() const {
  Listener::Counters sum;
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) {
    const Listener::Counters counters = acceptor->counters();
    sum.accepted += counters.accepted;
    sum.shed += counters.shed;
    sum.backoffs += counters.backoffs;
    sum.aborted += counters.aborted;
  }
  return sum;
}

const StatusPage& HttpServer::PageFor(int status) const {
  const bool is_there = status >= kFirstPage && status <= kLastPage;
  return pages_[(is_there ? status : 500) - kFirstPage];
}

const http::PreparedResponse& HttpServer::RefusalFor(
    http::ParseError error) const {
  return refusals_[static_cast<size_t>(error)].As(PageFormat::kText);
}

}  // namespace pollux
