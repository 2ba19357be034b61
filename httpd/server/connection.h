// One connection of an HttpServer.
#ifndef POLLUX_HTTPD_SERVER_CONNECTION_H_
#define POLLUX_HTTPD_SERVER_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/http/body_decoder.h"
#include "httpd/http/prepared_response.h"
#include "httpd/http/request_head.h"
#include "httpd/http/request_parser.h"
#include "httpd/server/responder.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/timer.h"

namespace pollux {

class HttpServer;

// Carries requests one after another from a stream to the router, and the
// answers back, in order: while an answer is awaited nothing more is read.
//
// Owned by its server, which it tells when it is done; it quiesces at once and
// is freed at the end of the iteration. Reactor's thread only.
class Connection final : private Stream::Handler, private ResponseSink {
 public:
  Connection(HttpServer& server, Socket socket, size_t index);

  // Fails if the socket cannot be watched.
  absl::Status Start();

  // Ends after what is in flight; at once if nothing is.
  void Drain();

  // Ends at once, and tells nobody.
  void Close() {
    // It may be due in this iteration, at whose end the connection is freed.
    deadline_.Disarm();
    stream_.Close();
  }

  // Its place in the server's list.
  size_t index() const { return index_; }
  void set_index(size_t index) { index_ = index; }

 private:
  enum class Phase : uint8_t {
    // Between requests, or within a head.
    kHead,
    // Reading a body that nobody wants.
    kBody,
    // The handler has the word.
    kAwaitingResponse,
    // Nothing more is answered; the client is given time to read what was.
    kLingering,
    // Nothing more is read; the output is on its way.
    kClosing,
  };

  // Stream::Handler.
  size_t OnInput(absl::string_view input) override;
  void OnEndOfInput() override;
  void OnOutputDrained() override;
  void OnClosed(Stream::CloseReason reason, int error) override;

  // ResponseSink.
  void Respond(const http::PreparedResponse& response) override;
  void RespondNothing() override;

  // What the client is given time for.
  enum class Deadline : uint8_t { kNone, kIdle, kHead, kBody, kWrite };

  bool ReadsInput() const;
  size_t Read(absl::string_view input);
  size_t ReadHead(absl::string_view input);
  size_t SkipBody(absl::string_view input);
  void OnHead(const http::RequestHead& head, bool body_has_begun);
  void OnBodyRead();
  void Refuse(const http::PreparedResponse& response);
  void Linger();
  void Write(const http::PreparedResponse& response);
  void CloseWhenSent();

  // Has ended: the server is told, once.
  void Leave();

  Deadline CurrentDeadline() const;
  void ArmDeadline();
  void OnDeadline();

  HttpServer& server_;
  Stream stream_;
  http::RequestParser parser_;
  Timer deadline_;
  size_t index_;

  // Reads the body; nothing between bodies.
  std::optional<http::BodyDecoder> body_;
  // Answered while the body was still coming.
  const http::PreparedResponse* held_response_ = nullptr;
  // When the deadline was last armed, for progress to show.
  size_t unsent_at_deadline_ = 0;

  Phase phase_ = Phase::kHead;
  http::Persistence persistence_ = http::Persistence::kKeepAlive;
  http::Version version_ = http::Version::kHttp11;
  http::BodyPresence presence_ = http::BodyPresence::kHeadAndBody;
  Deadline armed_for_ = Deadline::kNone;
  bool restart_deadline_ = false;
  bool in_input_ = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_H_
