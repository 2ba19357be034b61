// Says whether the program lives, and whether it wants requests.
#ifndef POLLUX_HTTPD_HANDLERS_HEALTH_H_
#define POLLUX_HTTPD_HANDLERS_HEALTH_H_

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/handler.h"

namespace pollux {

// 200 "ok" to everybody: whoever gets it knows that the loop goes round. It
// stays so while the server drains, lest an orchestrator kill it.
//
// Owned by its router; constant, so any number of threads may share it. Nothing
// fails, nothing is allocated.
class HealthHandler final : public Handler {
 public:
  HealthHandler();

  void Handle(const Request&, Responder responder) override {
    std::move(responder).Send(ok_);
  }

 private:
  const http::PreparedResponse ok_;
};

// 200 "ready", or 503 "draining" so that load balancers look elsewhere. Belongs
// on a listener of its own: one that drains accepts no questions.
//
// Owned by its router; one thread. Nothing fails, nothing is allocated.
class ReadinessHandler final : public Handler {
 public:
  enum class State : uint8_t { kReady, kDraining };

  // `state` is asked for each request, on the thread of the handler; it
  // must not block, and what it looks at must outlive the handler.
  explicit ReadinessHandler(absl::AnyInvocable<State()> state);

  void Handle(const Request&, Responder responder) override {
    std::move(responder).Send(state_() == State::kReady ? ready_ : draining_);
  }

 private:
  absl::AnyInvocable<State()> state_;
  const http::PreparedResponse ready_;
  const http::PreparedResponse draining_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_HEALTH_H_
