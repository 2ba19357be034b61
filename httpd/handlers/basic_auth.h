// Asks for a name and a password.
#ifndef POLLUX_HTTPD_HANDLERS_BASIC_AUTH_H_
#define POLLUX_HTTPD_HANDLERS_BASIC_AUTH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httpd/handlers/credential_check.h"
#include "httpd/server/handler.h"
#include "httpd/server/status_page.h"

namespace pollux {

// Wraps another handler: only requests with the credentials of a user reach it
// (RFC 7617, "Basic"). Others get 401. Credentials that have not been verified
// yet are, while the request waits; if too many wait, it gets 503.
//
// It protects nothing on a connection that others can read.
//
// Owned by its router, on the reactor's thread. The other handler is called
// inside of Handle(), or later, with a copy of the request.
class BasicAuthHandler final : public Handler {
 public:
  // `realm` is what a browser shows: printable ASCII, else InvalidArgument.
  static absl::StatusOr<std::unique_ptr<BasicAuthHandler>> Create(
      std::unique_ptr<Handler> inner, absl::string_view realm,
      std::unique_ptr<CredentialCheck> check);

  void Handle(const Request& request, Responder responder) override;

 private:
  // A request whose credentials are being verified.
  struct Waiting;

  BasicAuthHandler(std::unique_ptr<Handler> inner, absl::string_view challenge,
                   std::unique_ptr<CredentialCheck> check);

  void OnVerdict(CredentialCheck::Verdict verdict, Waiting& waiting);

  const std::unique_ptr<Handler> inner_;
  const StatusPage unauthorized_;
  const StatusPage busy_;
  // Holds requests, and calls back: goes first.
  const std::unique_ptr<CredentialCheck> check_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_BASIC_AUTH_H_
