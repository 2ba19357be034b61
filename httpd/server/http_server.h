// An HTTP server to embed.
#ifndef POLLUX_HTTPD_SERVER_HTTP_SERVER_H_
#define POLLUX_HTTPD_SERVER_HTTP_SERVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/date_cache.h"
#include "httpd/server/router.h"
#include "reactor/net/address.h"
#include "reactor/net/listener.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

class Connection;

// Serves HTTP/1.1 on one reactor: accepts connections, parses what they send,
// lets a router's handlers answer, and keeps the connections alive as RFC 9112
// says.
//
// Owned by whoever runs the reactor, on the reactor's thread; must not outlive
// reactor or router. It owns its connections: destroying it closes them.
// Handlers may call everything here, except the destructor. What goes wrong on
// one connection ends that connection only.
class HttpServer final : private Listener::Handler {
 public:
  struct Options {
    http::HeadLimits head_limits;

    // The largest request body that is read; more is 413. Bytes.
    uint64_t max_body_bytes = 1024 * 1024;

    // From the first byte of a request until its head is complete.
    absl::Duration head_timeout = absl::Seconds(10);
    // From the head until the body is complete.
    absl::Duration body_timeout = absl::Seconds(10);
    // Between requests.
    absl::Duration idle_timeout = absl::Seconds(60);
    // Without the client taking a byte of the response.
    absl::Duration write_timeout = absl::Seconds(30);
    // From Drain() until what is still open is closed.
    absl::Duration drain_timeout = absl::Seconds(30);

    // Its linger is for a client whose request was refused to read the answer.
    Stream::Options stream;
    Listener::Options listener;
  };

  HttpServer(Reactor& reactor, const Router& router, const Options& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Accepts connections from `socket`, which is listening; may be called
  // several times. Returns where it listens.
  absl::StatusOr<Address> AddListener(Socket socket);

  // Serves a connected socket, however it came.
  void Serve(Socket connection);

  // Ends serving: listeners close at once, connections when they have nothing
  // in flight, all when `drain_timeout` is over. Then `on_drained`, once, from
  // the loop. Only the first call counts.
  void Drain(absl::AnyInvocable<void()> on_drained);

  size_t connection_count() const { return connections_.size(); }

 private:
  friend class Connection;

  void OnAccept(Socket connection) override;
  void Remove(Connection& connection);
  void FinishDrain();
  const http::PreparedResponse& RefusalFor(http::ParseError error) const;

  Reactor& reactor_;
  const Router& router_;
  const Options options_;

  // Shared by the connections, for use during one of their callbacks.
  StreamBuffers buffers_;
  http::RequestHead head_;
  DateCache dates_;

  // By ParseError.
  std::vector<http::PreparedResponse> refusals_;
  const http::PreparedResponse body_too_large_;
  const http::PreparedResponse request_timeout_;
  const http::PreparedResponse no_answer_;

  std::vector<std::unique_ptr<Listener>> listeners_;
  // Each knows its index.
  std::vector<std::unique_ptr<Connection>> connections_;

  bool draining_ = false;
  absl::AnyInvocable<void()> on_drained_;
  Timer drain_deadline_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_HTTP_SERVER_H_
