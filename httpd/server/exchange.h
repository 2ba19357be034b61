// One request and its answer, as a connection carries them out.
#ifndef POLLUX_HTTPD_SERVER_EXCHANGE_H_
#define POLLUX_HTTPD_SERVER_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/client_address.h"
#include "httpd/server/response.h"
#include "reactor/net/lease.h"

namespace pollux {

class ExchangeHolder;
class Handler;
class Request;
class Responder;

// What stands behind a Responder and a ResponseStream: the connection, or in
// tests of handlers something that takes notes (recording_exchange.h). Handlers
// never see it. Reactor's thread only.
//
// It has one question open at a time: MakeResponder() opens it, and the
// responder, or the stream that came of it, closes it.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // The answer, once: one of these four. `response` lives as long as the
  // exchange or the lease.
  virtual void Respond(const http::PreparedResponse& response, Lease lease) = 0;
  virtual void Respond(Response response) = 0;
  // In the words of the server.
  virtual void RespondStatus(int status) = 0;
  // Piece by piece: `body_bytes` of them, or nullopt, as many as come.
  virtual void BeginStream(ResponseHead head,
                           std::optional<uint64_t> body_bytes) = 0;

  // Instead of an answer: asks `handler`, with a new responder, and lets the
  // body go on.
  virtual void HandOn(Handler& handler, const Request& request) = 0;

  // Between BeginStream() and one of the ends.
  virtual void WriteStream(absl::string_view bytes) = 0;
  virtual bool IsStreamHigh() const = 0;
  virtual void FinishStream(absl::Span<const http::Field> trailers) = 0;
  // What was sent must not be taken for the whole.
  virtual void AbortStream() = 0;

  // Before the answer.
  virtual void SendInterim(int status,
                           absl::Span<const http::Field> fields) = 0;
  virtual void AddField(absl::string_view name, absl::string_view value) = 0;
  virtual void SetRequestId(absl::string_view id) = 0;
  virtual void SetUser(absl::string_view name) = 0;

  // The body of the request.
  virtual void ReceiveBody(std::unique_ptr<BodyReceiver> receiver) = 0;
  virtual void PauseBody() = 0;
  virtual void ResumeBody() = 0;

  // What the handler keeps in memory for this request, in all.
  virtual void HoldBytes(uint64_t bytes) = 0;

  // Who asked.
  virtual const ClientAddress& client() = 0;

 protected:
  Exchange() = default;
  // Whoever still wants to answer then answers into the void.
  ~Exchange();

  // Opens the question. CHECKs that none is open.
  Responder MakeResponder();

  // Tells whoever holds the question that nobody waits for the answer any more.
  // May destroy whatever handlers own.
  void Abandon();

  // Closes the question without a word to whoever holds it.
  void Drop();

  // Tells the stream's producer to go on.
  void NotifyWritable();

  bool is_unanswered() const { return holder_ != nullptr; }

 private:
  friend class ExchangeHolder;

  // Null if the question is closed.
  ExchangeHolder* holder_ = nullptr;
};

// Who holds an exchange's question: a Responder or a ResponseStream. Move-only.
class ExchangeHolder {
 protected:
  ExchangeHolder() = default;
  explicit ExchangeHolder(Exchange& exchange) : exchange_(&exchange) {
    exchange.holder_ = this;
  }
  ExchangeHolder(const ExchangeHolder&) = delete;
  ExchangeHolder& operator=(const ExchangeHolder&) = delete;
  ~ExchangeHolder() = default;

  // The exchange, which is let go; null if nobody waits.
  Exchange* Detach();
  // Holds what `other` held, and nothing before.
  void TakeFrom(ExchangeHolder& other);

  // Null once nobody waits for the answer.
  Exchange* exchange_ = nullptr;

 private:
  friend class Exchange;

  // The exchange is gone. May destroy this.
  virtual void OnExchangeGone() = 0;
  virtual void OnExchangeWritable() {}
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_EXCHANGE_H_
