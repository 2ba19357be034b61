// The one answer that a request gets.
#ifndef POLLUX_HTTPD_SERVER_RESPONDER_H_
#define POLLUX_HTTPD_SERVER_RESPONDER_H_

#include <utility>

#include "httpd/http/prepared_response.h"

namespace pollux {

class Responder;

// Where an answer goes: the connection that waits for it. For the server and
// for tests of handlers; handlers only see the Responder.
class ResponseSink {
 public:
  // `response` outlives the sink.
  virtual void Respond(const http::PreparedResponse& response) = 0;

  // The responder was dropped without an answer.
  virtual void RespondNothing() = 0;

 protected:
  ResponseSink() = default;
  // A responder that is still out there then answers into the void.
  ~ResponseSink();
  ResponseSink(const ResponseSink&) = delete;
  ResponseSink& operator=(const ResponseSink&) = delete;

  // At most one at a time.
  Responder MakeResponder();
  bool awaits_response() const { return responder_ != nullptr; }

 private:
  friend class Responder;
  Responder* responder_ = nullptr;
};

// Answers one request, at once or later: a handler may keep it. Move-only;
// owned by the handler; reactor's thread only. Answering costs no allocation.
// If the connection has gone in the meantime, the answer is a no-op; if the
// responder is destroyed without an answer, the client gets 500.
class [[nodiscard]] Responder {
 public:
  Responder(Responder&& other) noexcept { *this = std::move(other); }
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  // Sends `response`, which must outlive the server. The responder is spent.
  void Send(const http::PreparedResponse& response) &&;

  // Whether nobody waits for the answer any more.
  bool abandoned() const { return sink_ == nullptr; }

 private:
  friend class ResponseSink;
  explicit Responder(ResponseSink& sink);

  ResponseSink* Detach();

  ResponseSink* sink_ = nullptr;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_RESPONDER_H_
