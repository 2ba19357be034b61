// Is notified of each request that is over.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_OBSERVER_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_OBSERVER_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/request_head.h"
#include "httpd/server/client_address.h"

namespace pollux {

// One request and its answer. A view: it lives until the call returns.
struct ExchangeRecord {
  ClientAddress client = {};
  // What the client sent, as it sent it; all empty if it was refused before its
  // head was whole.
  absl::string_view method = {};
  absl::string_view target = {};
  http::Version version = http::Version::kHttp11;
  absl::string_view host = {};
  absl::string_view referer = {};
  absl::string_view user_agent = {};
  absl::string_view traceparent = {};
  // What the answer calls it (X-Request-Id); empty if nothing.
  absl::string_view request_id = {};
  // Who has proved to have asked, as with a password; empty if nobody.
  absl::string_view user = {};
  // As configured: never what the client sent.
  absl::string_view route = {};

  // 499 if the client left before there was a response, as in nginx's log; 0 if
  // the server closed the connection without one.
  int status = 0;
  // Of the answer, as far as the kernel had taken it if the connection ended
  // before its end; and those of them that are body, framing included.
  uint64_t sent_bytes = 0;
  uint64_t body_bytes = 0;
  // From the iteration in which the head was complete until the response was,
  // and, if so much of it was unsent then that it waited
  // (StreamOptions::high_watermark_bytes), all but the low watermark was sent.
  // By the real clock: it shows a handler that blocked the loop.
  absl::Duration duration = {};
};

// For an access log. Whoever configures the server owns it; it must outlive the
// server. Reactor's thread; must not block, nor call the server.
class ExchangeObserver {
 public:
  virtual void OnExchange(const ExchangeRecord& record) = 0;

 protected:
  ~ExchangeObserver() = default;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EXCHANGE_OBSERVER_H_
