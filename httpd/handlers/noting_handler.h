// A handler for tests of what wraps handlers.
#ifndef POLLUX_HTTPD_HANDLERS_NOTING_HANDLER_H_
#define POLLUX_HTTPD_HANDLERS_NOTING_HANDLER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "httpd/http/request_head.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"

namespace pollux {

// Answers 200 "inner", and says what reached it. Its notes are the test's, as
// the handler is owned by what wraps it.
class NotingHandler final : public Handler {
 public:
  struct Notes {
    // "GET /path" each.
    std::vector<std::string> requests;
    // Their ids.
    std::vector<std::string> ids;
  };

  explicit NotingHandler(Notes& notes) : notes_(notes) {}
  static std::unique_ptr<Handler> Make(Notes& notes) {
    return std::make_unique<NotingHandler>(notes);
  }

  void Handle(const Request& request, Responder responder) override {
    notes_.requests.push_back(
        absl::StrCat(http::MethodName(request.method()), " ", request.path()));
    notes_.ids.emplace_back(request.id());
    std::move(responder).Send(Response{.head = {}, .body = "inner"});
  }

 private:
  Notes& notes_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_NOTING_HANDLER_H_
