#include "httpd/server/remote_responder.h"

#include <atomic>
#include <utility>

namespace pollux {

// Touched by the reactor's thread only, except `is_abandoned`; other threads
// only keep it alive. Until it has responded or is abandoned it keeps itself
// alive, so that it ends on that thread.
struct RemoteResponder::Held {
  explicit Held(Responder responder) : responder(std::move(responder)) {}

  Responder responder;
  std::atomic<bool> is_abandoned = false;
};

RemoteResponder::RemoteResponder(Reactor& reactor, Responder responder)
    : reactor_(&reactor), held_(std::make_shared<Held>(std::move(responder))) {
  held_->is_abandoned = held_->responder.abandoned();
  // Otherwise it would keep itself alive for a call that does not come.
  if (held_->is_abandoned) return;
  held_->responder.OnAbandoned([held = held_] { held->is_abandoned = true; });
}

RemoteResponder& RemoteResponder::operator=(RemoteResponder&& other) noexcept {
  if (this == &other) return *this;
  if (held_ != nullptr) std::move(*this).SendStatus(500);
  reactor_ = other.reactor_;
  held_ = std::move(other.held_);
  return *this;
}

RemoteResponder::~RemoteResponder() {
  if (held_ != nullptr) std::move(*this).SendStatus(500);
}

void RemoteResponder::Send(Response response) && {
  Post([response = std::move(response)](Responder responder) mutable {
    std::move(responder).Send(std::move(response));
  });
}

void RemoteResponder::SendStatus(int status) && {
  Post([status](Responder responder) {
    std::move(responder).SendStatus(status);
  });
}

bool RemoteResponder::abandoned() const {
  return held_ == nullptr || held_->is_abandoned;
}

template <typename Respond>
void RemoteResponder::Post(Respond respond) {
  if (held_ == nullptr) return;
  // Fails only when the reactor does not run again: the server then closes the
  // connection.
  (void)reactor_->PostReserved([held = std::exchange(held_, nullptr),
                                respond = std::move(respond)]() mutable {
    held->responder.OnAbandoned(nullptr);
    respond(std::move(held->responder));
  });
}

}  // namespace pollux
