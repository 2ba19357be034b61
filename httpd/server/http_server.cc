#include "httpd/server/http_server.h"

#include <utility>

#include "httpd/server/connection.h"
#include "httpd/server/standard_response.h"

namespace pollux {
namespace {

std::vector<http::PreparedResponse> MakeRefusals() {
  std::vector<http::PreparedResponse> refusals;
  for (size_t i = 0; i < http::kParseErrors; ++i) {
    const auto error = static_cast<http::ParseError>(i);
    refusals.push_back(
        StandardResponse(http::StatusOf(error), http::Explain(error)));
  }
  return refusals;
}

}  // namespace

HttpServer::HttpServer(Reactor& reactor, const Router& router,
                       const Options& options)
    : reactor_(reactor),
      router_(router),
      options_(options),
      buffers_(reactor),
      dates_(reactor.kernel()),
      refusals_(MakeRefusals()),
      body_too_large_(StandardResponse(413)),
      request_timeout_(StandardResponse(408)),
      no_answer_(StandardResponse(500)),
      drain_deadline_(reactor, [this] { FinishDrain(); }) {}

HttpServer::~HttpServer() = default;

absl::StatusOr<Address> HttpServer::AddListener(Socket socket) {
  // Accepted connections inherit it, which saves a call for each of them.
  // Refused for what is not TCP, which has nothing to delay.
  (void)socket.SetNoDelay();
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Create(reactor_, std::move(socket), options_.listener, *this);
  if (!listener.ok()) return listener.status();
  listeners_.push_back(*std::move(listener));
  return listeners_.back()->address();
}

void HttpServer::Serve(Socket connection) {
  connections_.push_back(std::make_unique<Connection>(
      *this, std::move(connection), connections_.size()));
  // The kernel is out of memory: this connection ends, the others go on.
  if (!connections_.back()->Start().ok()) Remove(*connections_.back());
}

void HttpServer::OnAccept(Socket connection) {
  // Listeners outlive Drain() to the iteration's end; what comes meanwhile is
  // closed, as what still waits in the backlog will be.
  if (draining_) return;
  Serve(std::move(connection));
}

void HttpServer::Remove(Connection& connection) {
  const size_t index = connection.index();
  std::unique_ptr<Connection> removed = std::move(connections_[index]);
  connections_[index] = std::move(connections_.back());
  connections_.pop_back();
  if (index < connections_.size()) connections_[index]->set_index(index);
  reactor_.DeleteSoon(std::move(removed));
  if (draining_ && connections_.empty()) {
    drain_deadline_.ArmAfter(absl::ZeroDuration());
  }
}

void HttpServer::Drain(absl::AnyInvocable<void()> on_drained) {
  if (std::exchange(draining_, true)) return;
  on_drained_ = std::move(on_drained);
  for (std::unique_ptr<Listener>& listener : listeners_) {
    reactor_.DeleteSoon(std::move(listener));
  }
  listeners_.clear();
  for (std::unique_ptr<Connection>& connection : connections_) {
    connection->Drain();
  }
  drain_deadline_.ArmAfter(connections_.empty() ? absl::ZeroDuration()
                                                : options_.drain_timeout);
}

void HttpServer::FinishDrain() {
  while (!connections_.empty()) {
    connections_.back()->Close();
    reactor_.DeleteSoon(std::move(connections_.back()));
    connections_.pop_back();
  }
  if (on_drained_) std::exchange(on_drained_, nullptr)();
}

const http::PreparedResponse& HttpServer::RefusalFor(
    http::ParseError error) const {
  return refusals_[static_cast<size_t>(error)];
}

}  // namespace pollux
