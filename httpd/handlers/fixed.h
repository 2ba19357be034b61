// The same answer to everybody.
#ifndef POLLUX_HTTPD_HANDLERS_FIXED_H_
#define POLLUX_HTTPD_HANDLERS_FIXED_H_

#include <utility>

#include "httpd/http/prepared_response.h"
#include "httpd/server/handler.h"

namespace pollux {

// Answers each request with the same bytes. Owned by its router; constant, so
// any number of threads may share it. Nothing fails, nothing is allocated.
class FixedHandler final : public Handler {
 public:
  explicit FixedHandler(http::PreparedResponse response)
      : response_(std::move(response)) {}

  void Handle(const Request&, Responder responder) override {
    std::move(responder).Send(response_);
  }

 private:
  const http::PreparedResponse response_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_FIXED_H_
