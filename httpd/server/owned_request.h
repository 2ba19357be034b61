// A request that stays.
#ifndef POLLUX_HTTPD_SERVER_OWNED_REQUEST_H_
#define POLLUX_HTTPD_SERVER_OWNED_REQUEST_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "httpd/http/request_head.h"
#include "httpd/server/exchange.h"
#include "httpd/server/request.h"
#include "httpd/server/route_match.h"

namespace pollux {

// A copy of a request, for whoever has to know it longer than Handle() lasts:
// to hand it on with Responder::HandOn(). Owned by whoever keeps its responder;
// pinned in memory; reactor's thread.
class OwnedRequest {
 public:
  explicit OwnedRequest(const Request& request);
  OwnedRequest(const OwnedRequest&) = delete;
  OwnedRequest& operator=(const OwnedRequest&) = delete;

  // Lives as long as this; but who asked, only until the request is answered or
  // abandoned.
  Request request() const;

  // Kept in memory.
  size_t held_bytes() const { return sizeof(*this) + bytes_.capacity(); }

 private:
  // A view of the copy.
  absl::string_view Keep(absl::string_view text);

  // Its capacity does not change while there are views of it.
  std::string bytes_;
  http::RequestHead head_;
  RouteMatch match_;
  absl::string_view id_;
  Exchange& exchange_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_OWNED_REQUEST_H_
