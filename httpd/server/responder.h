// The one answer that a request gets.
#ifndef POLLUX_HTTPD_SERVER_RESPONDER_H_
#define POLLUX_HTTPD_SERVER_RESPONDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/exchange.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"
#include "reactor/net/lease.h"

namespace pollux {

class Handler;
class Request;

// Answers one request, at once or later: a handler may keep it. Move-only;
// owned by the handler; reactor's thread only (from others: RemoteResponder).
// If the client has gone in the meantime, everything here is a no-op; if the
// responder is destroyed without an answer, the client gets 500.
//
// An answer that is given whole waits for the body of the request to be whole
// (and lets it come, should it be paused): a client that is still sending could
// not be told from one that never asked.
class [[nodiscard]] Responder final : private ExchangeHolder {
 public:
  Responder(Responder&& other) noexcept { *this = std::move(other); }
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // The answer: one of these; the responder is spent.

  // A constant, which must outlive the server, or live until the lease is
  // returned. Allocates nothing.
  void Send(const http::PreparedResponse& response, Lease lease = Lease()) &&;

  // One that was made for this request.
  void Send(Response response) &&;

  // The server's own short page for `status`, 400 to 599.
  void SendStatus(int status) &&;

  // Lets `handler` answer, as if the request had just come: it may receive the
  // body, if the responder's holder paused that inside of Handle() and has not
  // resumed it. `request` is the one that was asked, or a copy of it
  // (OwnedRequest), and must live until this returns.
  void HandOn(Handler& handler, const Request& request) &&;

  // A body that comes piece by piece: `body_bytes` of them, or nullopt, as many
  // as come. `producer` must outlive the stream, which is abandoned from the
  // start if nobody waits, or if the head cannot be written (500).
  ResponseStream Stream(ResponseHead head, ResponseStream::Producer& producer,
                        std::optional<uint64_t> body_bytes = std::nullopt) &&;

  // Before the answer.

  // An interim response, such as 103 (Early Hints, RFC 8297). Nothing to
  // HTTP/1.0, and if the status or a field cannot be sent.
  void SendInterim(int status, absl::Span<const http::Field> fields);

  // One more field for whatever the answer will be: for what wraps a handler.
  // Dropped if it could not be written safely.
  void AddField(absl::string_view name, absl::string_view value);

  // Names the request for the client (X-Request-Id) and for the access log.
  void SetRequestId(absl::string_view id);

  // Who has proved to have sent the request, for the access log.
  void SetUser(absl::string_view name);

  // The body of the request, which is else read and thrown away. Once, and only
  // inside of Handler::Handle() (see HandOn()); the receiver is told nothing
  // before that has returned. Receiver and server see to it that it ends: more
  // than HttpServer::Options::max_body_bytes is 413, too slow is 408.
  void ReceiveBody(std::unique_ptr<BodyReceiver> receiver);

  // The whole body in memory, up to `max_bytes`; more is 413. `on_body` gets
  // the responder back. Instead of ReceiveBody().
  using OnBody = absl::AnyInvocable<void(std::string body, Responder) &&>;
  void CollectBody(uint64_t max_bytes, OnBody on_body) &&;

  // No BodyReceiver::OnBody() until ResumeBody(): the client has to wait, and
  // no deadline runs for it.
  void PauseBody();
  void ResumeBody();

  // Says how many bytes the handler keeps in memory for this request, in place
  // of what it said before: they count for
  // HttpServer::Options::max_buffered_bytes, beyond which the request may be
  // refused (503) so that memory suffices.
  void HoldBytes(uint64_t bytes);

  // Whether nobody waits for the answer any more.
  bool abandoned() const { return exchange_ == nullptr; }

  // Called, once, when that becomes so; it may destroy the responder. Not if it
  // is so already.
  void OnAbandoned(absl::AnyInvocable<void()> callback) {
    on_abandoned_ = std::move(callback);
  }

 private:
  friend class Exchange;
  explicit Responder(Exchange& exchange) : ExchangeHolder(exchange) {}

  void OnExchangeGone() override;

  absl::AnyInvocable<void()> on_abandoned_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_RESPONDER_H_
