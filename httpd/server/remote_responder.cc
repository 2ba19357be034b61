#include "httpd/server/remote_responder.h"

#include <utility>

namespace pollux {

// Touched by the reactor's thread only; others only keep it alive. Until it is
// answered or abandoned it keeps itself, so that it ends on that thread.
struct RemoteResponder::Held {
  explicit Held(Responder responder) : responder(std::move(responder)) {}

  Responder responder;
};

RemoteResponder::RemoteResponder(Reactor& reactor, Responder responder)
    : reactor_(&reactor), held_(std::make_shared<Held>(std::move(responder))) {
  held_->responder.OnAbandoned([held = held_] {});
}

RemoteResponder& RemoteResponder::operator=(RemoteResponder&& other) noexcept {
  if (this == &other) return *this;
  Drop();
  reactor_ = other.reactor_;
  held_ = std::move(other.held_);
  return *this;
}

RemoteResponder::~RemoteResponder() { Drop(); }

absl::Status RemoteResponder::Send(Response response) {
  if (held_ == nullptr) return absl::OkStatus();
  absl::Status posted =
      reactor_->Post([held = held_, response = std::move(response)]() mutable {
        held->responder.OnAbandoned(nullptr);
        std::move(held->responder).Send(std::move(response));
      });
  if (posted.ok()) held_ = nullptr;
  return posted;
}

void RemoteResponder::Drop() {
  if (held_ == nullptr) return;
  // If the queue is full the client waits until it, or the server, loses its
  // patience.
  (void)reactor_->Post([held = held_] {
    held->responder.OnAbandoned(nullptr);
    std::move(held->responder).SendStatus(500);
  });
  held_ = nullptr;
}

}  // namespace pollux
