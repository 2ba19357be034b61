// Sends everybody elsewhere.
#ifndef POLLUX_HTTPD_HANDLERS_REDIRECT_H_
#define POLLUX_HTTPD_HANDLERS_REDIRECT_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/handler.h"

namespace pollux {

// Answers each request with the same Location. Owned by its router; constant,
// so any number of threads may share it. Answering allocates nothing and cannot
// fail.
class RedirectHandler final : public Handler {
 public:
  // `status` is 301, 302, 303, 307 or 308: only the last two make clients
  // repeat POST as POST (RFC 9110 §15.4). `location` is a URI reference, its
  // path percent-encoded; InvalidArgument if it, or the status, is none.
  static absl::StatusOr<std::unique_ptr<RedirectHandler>> Create(
      int status, absl::string_view location);

  void Handle(const Request&, Responder responder) override {
    std::move(responder).Send(response_);
  }

 private:
  explicit RedirectHandler(http::PreparedResponse response)
      : response_(std::move(response)) {}

  const http::PreparedResponse response_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_REDIRECT_H_
