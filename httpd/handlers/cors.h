// Lets pages of other origins read answers.
#ifndef POLLUX_HTTPD_HANDLERS_CORS_H_
#define POLLUX_HTTPD_HANDLERS_CORS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/method_set.h"

namespace pollux {

// Wraps another handler: tells browsers which pages may ask it, and read what
// it answers (Fetch Standard §3.2, "CORS protocol").
//
// - An allowed origin gets the fields that let it read the answer. Another one
//   does not, but its request goes on: it is the browser that keeps the answer
//   from the page, and CORS protects nothing else.
// - A preflight (OPTIONS with Origin and Access-Control-Request-Method) never
//   reaches the other handler. An allowed origin gets 204 and what the policy
//   says, whatever it asked for: the browser compares. Another one gets 403, so
//   that it shows in logs.
// - OPTIONS that is no preflight is the other handler's if its route has it,
//   else it gets 204 with Allow, as without this handler.
//
// Owned by its router; keeps nothing of a request, so any number of threads may
// share it if they may share the other handler. Allocates nothing.
class CorsHandler final : public Handler {
 public:
  // Whether pages may send cookies and credentials along.
  enum class Credentials : uint8_t { kOmitted, kAllowed };

  struct Policy {
    // "https://example.org", "http://localhost:8080"; or only "*", any.
    std::vector<std::string> origins;

    // That a page may use.
    MethodSet methods;

    // That the other handler's route has.
    MethodSet route_methods;

    // Fields that a page may set, besides those that every form can.
    std::vector<std::string> request_fields = {};

    // Fields that a page may read, besides those that every page can.
    std::vector<std::string> exposed_fields = {};

    // Not with origin "*".
    Credentials credentials = Credentials::kOmitted;

    // How long a browser need not ask again; browsers have limits of their own.
    // Whole seconds.
    absl::Duration max_age = absl::Minutes(10);
  };

  // For the preflights to come here, the route must have WithPreflight() of its
  // methods; of several routes of one path only one can. InvalidArgument,
  // saying what is wrong, if the policy makes no sense.
  static absl::StatusOr<std::unique_ptr<CorsHandler>> Create(
      std::unique_ptr<Handler> inner, const Policy& policy);

  void Handle(const Request& request, Responder responder) override;

 private:
  CorsHandler(std::unique_ptr<Handler> inner, const Policy& policy,
              http::PreparedResponse preflight, http::PreparedResponse options);

  bool Allows(const Request& request) const;

  const std::unique_ptr<Handler> inner_;
  const MethodSet route_methods_;
  const Credentials credentials_;
  const bool allows_any_origin_;
  const absl::btree_set<std::string> origins_;
  // The value of a field; empty if there is nothing to say.
  const std::string exposed_fields_;
  const http::PreparedResponse preflight_;
  const http::PreparedResponse options_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_CORS_H_
