// What an exchange needs if its request takes more than a moment.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_WORK_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_WORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "httpd/http/body_decoder.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/response_writer.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/response.h"
#include "httpd/server/status_page.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/lease.h"

namespace pollux {

// When the head of a request was complete, the bytes that had been written
// before its response, and those of its response that are not its body: heads,
// interim ones too. Plain value.
struct RequestStart {
  MonotonicTime at;
  uint64_t written_bytes = 0;
  uint64_t head_bytes = 0;
};

// The part of a ServerExchange that most requests do without: for a body, a
// response that waits or is streamed, or one that is reported to an observer
// later. Pooled by the server, so that using one allocates nothing in the long
// run. Plain struct; reactor's thread.
struct ExchangeWork {
  struct HeldPrepared {
    const http::PreparedResponse* response;
    Lease lease;
  };

  // What an ExchangeRecord needs of a head after its bytes are gone.
  struct RequestNotes {
    std::string method;
    std::string target;
    std::string host;
    std::string referer;
    std::string user_agent;
    std::string traceparent;
  };

  // Makes it ready for the next request, whose client must see nothing of this
  // one: it is constructed anew, so that no member can be forgotten. Strings
  // that nearly every use fills keep their memory.
  void Clear() {
    std::string lines = std::move(more_lines);
    std::string id = std::move(request_id);
    std::destroy_at(this);
    std::construct_at(this);
    lines.clear();
    id.clear();
    more_lines = std::move(lines);
    request_id = std::move(id);
  }

  RequestStart start;

  // Reading.
  std::optional<http::BodyDecoder> body;
  std::unique_ptr<BodyReceiver> receiver;
  bool is_paused = false;
  // The client waits for a 100 before it sends the body.
  bool wants_continue = false;
  uint64_t received_bytes = 0;
  // When the handler paused the body: how much of its time had passed, and
  // received_bytes at the beginning of that time.
  absl::Duration body_time_passed;
  uint64_t body_bytes_then = 0;
  // Of received_bytes, those that nobody received.
  uint64_t discarded_bytes = 0;
  // What handlers keep in memory for this request.
  uint64_t held_bytes = 0;
  // What the response that waits keeps in memory.
  uint64_t held_response_bytes = 0;

  // Responding.
  // A response that waits for the request to be complete.
  std::variant<std::monostate, HeldPrepared, Response> held;
  // Fields that were added to the response, as lines.
  std::string more_lines;
  // Of a streamed response.
  std::optional<http::ResponseWriter> writer;
  PageFormat format = PageFormat::kText;

  std::optional<RequestNotes> notes;
  std::string request_id;
  std::string user;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EXCHANGE_WORK_H_
