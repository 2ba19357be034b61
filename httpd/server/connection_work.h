// What a connection needs for a request that takes more than a moment.
#ifndef POLLUX_HTTPD_SERVER_CONNECTION_WORK_H_
#define POLLUX_HTTPD_SERVER_CONNECTION_WORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "httpd/http/body_decoder.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/response_writer.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/response.h"
#include "httpd/server/status_page.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/lease.h"

namespace pollux {

// The part of a Connection that most of them do without: for a body, an answer
// that waits or is streamed, or one that is told to an observer later. Pooled
// by the server, so that using one allocates nothing in the long run. Plain
// struct; reactor's thread.
struct ConnectionWork {
  // An answer that waits for the request to be whole.
  struct HeldPrepared {
    const http::PreparedResponse* response;
    Lease lease;
  };

  // When a request's head had come, what was written before its answer, and
  // what of its answer is not its body: heads, interim ones too.
  struct Asked {
    MonotonicTime at;
    uint64_t written_bytes = 0;
    uint64_t head_bytes = 0;
  };

  // What an ExchangeRecord tells of a head that has gone.
  struct RequestNotes {
    std::string method;
    std::string target;
    std::string host;
    std::string referer;
    std::string user_agent;
    std::string traceparent;
  };

  // Ready for the next request.
  void Clear() {
    body.reset();
    receiver.reset();
    is_paused = false;
    wants_continue = false;
    received_bytes = 0;
    held_bytes = 0;
    held = std::monostate();
    more_lines.clear();
    writer.reset();
    notes.reset();
    request_id.clear();
    user.clear();
    format = PageFormat::kText;
  }

  Asked asked;

  // Reading.
  std::optional<http::BodyDecoder> body;
  std::unique_ptr<BodyReceiver> receiver;
  bool is_paused = false;
  // The client waits for a 100 before it sends the body.
  bool wants_continue = false;
  uint64_t received_bytes = 0;
  // What handlers keep in memory for this request.
  uint64_t held_bytes = 0;

  // Answering.
  std::variant<std::monostate, HeldPrepared, Response> held;
  // Fields that were added to the answer, as lines.
  std::string more_lines;
  // Of a streamed answer.
  std::optional<http::ResponseWriter> writer;
  PageFormat format = PageFormat::kText;

  std::optional<RequestNotes> notes;
  std::string request_id;
  std::string user;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_WORK_H_
