// An HTTP server to embed.
#ifndef POLLUX_HTTPD_SERVER_HTTP_SERVER_H_
#define POLLUX_HTTPD_SERVER_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "httpd/http/field.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/client_connections.h"
#include "httpd/server/connection_deadline.h"
#include "httpd/server/date_cache.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/exchange_recorder.h"
#include "httpd/server/exchange_work.h"
#include "httpd/server/route_match.h"
#include "httpd/server/router.h"
#include "httpd/server/server_statistics.h"
#include "httpd/server/status_page.h"
#include "reactor/loop_statistics.h"
#include "reactor/net/address.h"
#include "reactor/net/listener.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/net/stream_buffers.h"
#include "reactor/reactor.h"
#include "reactor/timer.h"

namespace pollux {

class Connection;
class ServerExchange;

// Serves HTTP/1.1 on one reactor: accepts connections, parses what they send,
// lets a router's handlers answer, and keeps the connections alive as RFC 9112
// says.
//
// Owned by whoever runs the reactor, on the reactor's thread; must not outlive
// reactor, router or observer. It owns its connections: destroying it closes
// them, and tells handlers that have not answered. Handlers may call everything
// here, except the destructor. What goes wrong on one connection ends that
// connection only.
class HttpServer final {
 public:
  struct Options {
    http::HeadLimits head_limits;

    // The largest request body that is read; more is 413. Bytes.
    uint64_t max_body_bytes = 1024 * 1024;

    // Of a body that no handler receives, the most that is read before the
    // response is sent. If there is more, the response goes first, and the
    // connection ends. Bytes.
    uint64_t max_discarded_body_bytes = 256 * 1024;

    // Open connections. Beyond it, one that is idle makes room for a new one,
    // or the new one is refused with 503; a few more are open while they are
    // refused. 0: no limit.
    size_t max_connections = 0;

    // Of one client's address; more are refused with 429. Clients through unix
    // sockets are not counted. 0: no limit.
    size_t max_connections_per_client = 0;

    // Where they are counted, for servers that have this limit in common, on
    // whatever threads; must outlive them. Null: this server counts its own.
    ClientConnections* client_connections = nullptr;

    // In memory because of all connections together: received and not consumed,
    // written and not sent, held by handlers (Responder::HoldBytes()). Beyond
    // it, the connection with most is ended: with 503, if it was not answered
    // yet. Bytes.
    uint64_t max_buffered_bytes = 64 * 1024 * 1024;

    // From the first byte of a request until its head is complete: 408.
    absl::Duration head_timeout = absl::Seconds(10);
    // In which a body makes min_bytes_per_second, or is complete: else 408.
    absl::Duration body_timeout = absl::Seconds(10);
    // Between requests.
    absl::Duration idle_timeout = absl::Seconds(60);
    // In which a client that has something to read reads
    // min_bytes_per_second, or all: else the connection is reset.
    absl::Duration write_timeout = absl::Seconds(30);
    // From the end of a request until its handler responds, or for as long as
    // it pauses the body: 503. A stream that has begun is not limited.
    absl::Duration handler_timeout = absl::InfiniteDuration();
    // A client that sends no more (FIN) while a handler works on its request,
    // or pauses, may have left: HTTP/1.1 does not say which. A handler that has
    // not responded, and a stream of which the client has read nothing, after
    // so long are abandoned (Responder::OnAbandoned()), and the connection is
    // closed. InfiniteDuration(): a half-closed client is waited for.
    absl::Duration half_close_timeout = absl::Milliseconds(500);
    // From Drain() until what is still open is closed.
    absl::Duration drain_timeout = absl::Seconds(30);
    // How long idle connections stay open then: a request that was on its way
    // is answered.
    absl::Duration drain_grace = absl::Milliseconds(100);

    uint64_t min_bytes_per_second = 500;

    // Its linger is for a client whose request was refused to read the answer;
    // its receive buffer, of which there is one, becomes as large as
    // head_limits need.
    StreamOptions stream = {.low_watermark_bytes = 16 * 1024};
    Listener::Options listener;

    // Told of each request that was answered; null: nobody is. Costs a system
    // call for each connection that asks something: getpeername(2).
    ExchangeObserver* observer = nullptr;
  };

  // When a connection is first read from.
  enum class FirstRead : uint8_t {
    // When the loop says that something has come.
    kWhenReadable,
    // At once, because its first bytes came with it
    // (ListenOptions::defer_accept): this saves an iteration, and for one that
    // ends at once its place in the epoll set.
    kAtOnce,
  };

  HttpServer(Reactor& reactor, const Router& router, const Options& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Accepts connections from `socket`, which is listening; may be called
  // several times. Returns where it listens.
  absl::StatusOr<Address> AddListener(
      Socket socket, FirstRead first_read = FirstRead::kWhenReadable);

  // Serves a connected socket, however it came.
  void Serve(Socket connection,
             FirstRead first_read = FirstRead::kWhenReadable);

  // Ends serving: who waits to be accepted is the last, answers say that they
  // are, what is idle ends after `drain_grace`, and all when `drain_timeout` is
  // over. Then `on_drained`, once, from the loop. Only the first call counts.
  void Drain(absl::AnyInvocable<void()> on_drained);
  bool is_draining() const { return draining_; }

  size_t connection_count() const { return connections_.size(); }

  // Bytes in memory because of all connections: see max_buffered_bytes. What a
  // callback that is running writes counts when it has returned. Any thread.
  uint64_t buffered_bytes() const {
    return buffers_.kept_bytes() + held_bytes();
  }

  // May be read from any thread.
  const ServerStatistics& statistics() const { return statistics_; }

  // Of all listeners since the creation. Any thread, once all are added.
  Listener::Counters listener_counters() const;

  const Router& router() const { return router_; }
  const Reactor& reactor() const { return reactor_; }

 private:
  friend class Connection;
  friend class ServerExchange;
  // One listener.
  class Acceptor;

  Connection& Add(Socket socket);
  uint64_t Iteration() const { return reactor_.statistics().iterations.Read(); }
  void Remove(Connection& connection);
  bool MakeRoom();
  void CountClient(Connection& connection, const StatusPage*& refusal);
  void UncountClient(Connection& connection);
  void EndIdle();
  void FinishDrain();

  // In place of allocating each time.
  std::unique_ptr<ExchangeWork> TakeWork();
  void GiveWork(std::unique_ptr<ExchangeWork> work);

  uint64_t held_bytes() const {
    return static_cast<uint64_t>(held_bytes_.Read());
  }
  // With what the callback that is running has written, and `unread_bytes` of
  // input that it leaves to its stream.
  bool HoldsTooMuch(uint64_t unread_bytes = 0) const {
    return buffers_.buffered_bytes() + held_bytes() + unread_bytes >
           options_.max_buffered_bytes;
  }
  void CheckMemory(uint64_t unread_bytes) {
    if (HoldsTooMuch(unread_bytes)) shed_.ArmAfter(absl::ZeroDuration());
  }
  void ShedLargest();

  const StatusPage& PageFor(int status) const;
  const http::PreparedResponse& RefusalFor(http::ParseError error) const;

  Reactor& reactor_;
  const Router& router_;
  const Options options_;
  const DeadlineRules deadline_rules_;
  ServerStatistics statistics_;
  ExchangeRecorder recorder_;

  // Shared by the connections, for use during one of their callbacks.
  StreamBuffers buffers_;
  http::RequestHead head_;
  RouteMatch match_;
  // The exchange whose handler is running, and the head of its request; nulls
  // if none is.
  struct Handling {
    const ServerExchange* exchange = nullptr;
    const http::RequestHead* head = nullptr;
  };
  Handling handling_;
  // Of the request that began last.
  RequestStart request_start_;
  // Bytes of input that a connection's OnInput(), which is about to return, has
  // left unread.
  uint64_t unread_bytes_ = 0;
  std::vector<http::Field> fields_;
  std::string scratch_;
  DateCache dates_;
  std::vector<std::unique_ptr<ExchangeWork>> spare_work_;

  // Connections that have ended, for their memory, and in which iteration:
  // within it their callbacks may be running.
  struct Ended {
    std::unique_ptr<Connection> connection;
    uint64_t iteration;
  };
  std::deque<Ended> ended_;

  // By ParseError.
  std::vector<StatusPage> refusals_;
  // By status, from 400 on.
  std::vector<StatusPage> pages_;
  const StatusPage request_timeout_;
  const StatusPage truncated_request_;
  const StatusPage too_many_of_client_;

  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  // Each knows its index.
  std::vector<std::unique_ptr<Connection>> connections_;
  // How many connections each client has, if that is limited.
  ClientConnections own_client_connections_;
  ClientConnections& client_connections_;
  // Where to look for one that is idle.
  size_t idle_cursor_ = 0;
  // What handlers hold.
  Gauge held_bytes_;
  Timer shed_;

  bool draining_ = false;
  absl::AnyInvocable<void()> on_drained_;
  Timer last_requests_;
  Timer drain_deadline_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_HTTP_SERVER_H_
