#include "httpd/handlers/health.h"

#include "absl/log/check.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

http::PreparedResponse Say(int status, absl::string_view text) {
  absl::StatusOr<http::PreparedResponse> response =
      http::PreparedResponse::Create(
          status,
          {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}},
          text);
  CHECK(response.ok()) << response.status();
  return *std::move(response);
}

}  // namespace

HealthHandler::HealthHandler() : ok_(Say(200, "ok\n")) {}

ReadinessHandler::ReadinessHandler(absl::AnyInvocable<State()> state)
    : state_(std::move(state)),
      ready_(Say(200, "ready\n")),
      draining_(Say(503, "draining\n")) {}

}  // namespace pollux
