// The request that a connection of an HttpServer is at, and its response.
#ifndef POLLUX_HTTPD_SERVER_SERVER_EXCHANGE_H_
#define POLLUX_HTTPD_SERVER_SERVER_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/client_address.h"
#include "httpd/server/connection_deadline.h"
#include "httpd/server/exchange.h"
#include "httpd/server/exchange_phase.h"
#include "httpd/server/exchange_work.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/response.h"
#include "reactor/net/lease.h"

namespace pollux {

class Connection;
class HttpServer;

// The request that is in flight on a connection, from its complete head to the
// end of its response: calls the router's handler, passes it the body, frames
// the response. phase() is how far the exchange has come. A request gets at
// most one final response, no interim response after it, and one record.
//
// Owned by its Connection, to whose stream it writes. Reactor's thread only.
// Handlers call it through a Responder, also from inside the callbacks of other
// connections: each call enters the connection (Connection::Entry), which acts
// on what has changed when the outermost entry ends. A call that comes too late
// does nothing. An illegal transition of phases is a bug and ends the program.
class ServerExchange final : public Exchange {
 public:
  // The side that ended the connection.
  enum class ClosedBy : uint8_t { kClient, kServer };

  explicit ServerExchange(Connection& connection) : connection_(connection) {}

  ExchangePhase phase() const { return phase_; }

  // Reading.

  // The head of a request is complete. Calls its handler. `is_followed`: more
  // input has come with it.
  void Begin(const http::RequestHead& head, bool is_followed);

  // Begins a request that is refused before its head is complete; `input` is
  // what has come of it. What is requested with HEAD is answered without a
  // body, even so (RFC 9110 §9.3.2).
  void BeginWithoutHead(absl::string_view input);

  // Whether more of the body is wanted now.
  bool ReadsBody() const;

  // Reads the body on, and returns how many bytes of `input` were read.
  size_t ReadBody(absl::string_view input);

  // The client does not read the response that is streamed: its body is read on
  // all the same, in case it sends everything before it reads.
  void ReadAhead() { reads_ahead_ = true; }

  // Ending.

  // The request is refused: nothing that follows it can be understood, or is
  // wanted (RFC 9112 §9.6). The connection ends; if a final response has begun
  // already it gets no other.
  void Refuse(http::ParseError error);
  void Refuse(const http::PreparedResponse& response);

  // The handler took too long: the client gets 503, and the connection goes on
  // if the request was complete.
  void TimeOutHandler();

  // Ends the connection when the output is sent: kLinger or kClose.
  void EndConnection(ExchangeEvent event);

  // There is no response to the request, or only the part that was sent: the
  // client has left, or the last `unsent_bytes` of the output were dropped.
  void EndWithoutResponse(ClosedBy closed_by, uint64_t unsent_bytes);

  // The stream is closed, and `unsent_bytes` of what was written were not sent.
  // Handlers that have not responded are notified.
  void OnClosed(ClosedBy closed_by, uint64_t unsent_bytes);

  // Output is down to the low watermark.
  void OnOutputDrained();

  // What it knows.

  // Since the connection began. Bytes.
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t received_body_bytes() const { return work_->received_bytes; }

  // How much of the time for the body had passed when it was held back last,
  // and how many bytes had been received when that time began.
  void KeepBodyTime(absl::Duration passed, uint64_t bytes_then) {
    work_->body_time_passed = passed;
    work_->body_bytes_then = bytes_then;
  }
  absl::Duration body_time_passed() const { return work_->body_time_passed; }
  uint64_t body_bytes_then() const { return work_->body_bytes_then; }

  // In memory because of the request, besides what the stream holds.
  uint64_t held_bytes() const {
    return work_ == nullptr ? 0
                            : work_->held_bytes + work_->held_response_bytes;
  }

  // Whether `deadline`, which is armed, begins anew because it waits for
  // another thing than before: another request, or other output. Once for each.
  bool RestartsDeadline(ConnectionDeadline deadline);

  // Appends bytes that belong to no exchange.
  void WriteOutside(const http::PreparedResponse& response);

  const ClientAddress& client() override;

 private:
  // Exchange.
  void Respond(const http::PreparedResponse& response, Lease lease) override;
  void Respond(Response response) override;
  void RespondStatus(int status) override;
  void BeginStream(ResponseHead head,
                   std::optional<uint64_t> body_bytes) override;
  void HandOn(pollux::Handler& handler, const Request& request) override;
  void WriteStream(absl::string_view bytes) override;
  bool IsStreamHigh() const override;
  void FinishStream(absl::Span<const http::Field> trailers) override;
  void AbortStream() override;
  void SendInterim(int status, absl::Span<const http::Field> fields) override;
  void AddField(absl::string_view name, absl::string_view value) override;
  void SetRequestId(absl::string_view id) override;
  void SetUser(absl::string_view name) override;
  void ReceiveBody(std::unique_ptr<BodyReceiver> receiver) override;
  void PauseBody() override;
  void ResumeBody() override;
  void HoldBytes(uint64_t bytes) override;

  HttpServer& server() const;

  // The only way from one phase to the next. Leaving an exchange records it.
  void Enter(ExchangeEvent event);
  void LeaveExchange();

  // Whether its handler is running right now, so that the head is there.
  bool is_handling() const;
  void Handle(const http::RequestHead& head);
  void RedirectToFolder(const http::RequestHead& head);
  void Continue();
  void ReceivePiece(absl::string_view piece);
  void NotifyBodyEnd();
  void OnBodyRead();
  void GiveUpBody();
  bool IsTooMuchToDiscard() const;

  // `own_bytes`: the memory that the held response owns.
  void OnHeld(uint64_t own_bytes);
  void WriteHeld();
  int held_status() const;

  bool IsFollowed();
  http::ConnectionOption ConnectionOptionNow();
  void Write(const http::PreparedResponse& response, Lease&& lease);
  void Write(Response response);
  absl::Status WriteHead(const ResponseHead& head,
                         std::optional<uint64_t> body_bytes);
  void NoteWriting();
  void Append(absl::string_view bytes);
  void AppendHead(absl::string_view bytes);

  void EndResponse();
  void EndExchangeIfFlushed();
  void EndExchange();
  void EndTruncated();
  void AbandonHandler();
  void CountUnsentResponse();
  void Record();
  void NoteRequest(const http::RequestHead& head);

  ExchangeWork& work();
  RequestStart& start();
  void ReleaseReceiver();

  Connection& connection_;
  // Null for a request without a body that is answered at once.
  std::unique_ptr<ExchangeWork> work_;
  // Null until it is asked for.
  std::unique_ptr<ClientAddress> client_;
  uint64_t written_bytes_ = 0;
  uint16_t route_ = 0;
  // Of the final response, once its head was written; else 0.
  uint16_t status_ = 0;
  ExchangePhase phase_ = ExchangePhase::kReadingHead;
  http::Version version_ = http::Version::kHttp11;
  http::Method method_ = http::Method::kGet;
  http::Persistence persistence_ : 1 = http::Persistence::kKeepAlive;
  ClosedBy closed_by_ : 1 = ClosedBy::kServer;
  // Since the deadline was looked at last: a request or its body has begun or
  // ended; output has begun.
  bool waits_for_new_ : 1 = false;
  bool has_begun_output_ : 1 = false;
  // Within the connection's OnInput(): whether more follows the request.
  bool is_followed_ : 1 = false;
  // The server wants to close, so the client may not have stopped sending.
  bool is_server_initiated_close_ : 1 = false;
  bool reads_ahead_ : 1 = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_SERVER_EXCHANGE_H_
