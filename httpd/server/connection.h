// One connection of an HttpServer.
#ifndef POLLUX_HTTPD_SERVER_CONNECTION_H_
#define POLLUX_HTTPD_SERVER_CONNECTION_H_

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
#include "httpd/http/request_parser.h"
#include "httpd/server/client_address.h"
#include "httpd/server/connection_work.h"
#include "httpd/server/exchange.h"
#include "httpd/server/response.h"
#include "httpd/server/server_statistics.h"
#include "httpd/server/status_page.h"
#include "reactor/monotonic_time.h"
#include "reactor/net/socket.h"
#include "reactor/net/stream.h"
#include "reactor/timer.h"

namespace pollux {

class HttpServer;

// Carries requests one after another from a stream to the router, and the
// answers back, in order: while one is answered the next is not read.
//
// Owned by its server, which it tells when it is done; it quiesces at once and
// is freed at the end of the iteration. Reactor's thread only.
class Connection final : private Stream::Handler,
                         private Exchange,
                         private EmbeddedTimer {
 public:
  Connection(HttpServer& server, Socket socket, size_t index);

  // How it begins: one of these.

  // Waits for requests. Fails if the socket cannot be watched.
  absl::Status Start();
  // Reads at once: the first request came with the connection.
  void StartReading();
  // Answers nothing but this.
  void StartRefusing(const StatusPage& page);

  // Ends after what is in flight; at once if nothing is.
  void Drain();

  // Ends at once, and lets go of everything that is the server's, which is not
  // told. Handlers that have not answered are. Comes before the destructor.
  void Close();

  // Ends because memory runs out: with 503 if nothing was answered yet.
  void Shed();

  ConnectionState state() const { return state_; }

  // Between requests, with nothing unsent; and since when it is.
  bool is_idle() const;
  MonotonicTime since() const;

  // Whether something has come that was not looked at. A system call.
  bool HasUnreadInput() { return stream_.HasUnreadInput(); }

  // Bytes in memory because of it.
  uint64_t held_bytes() const;

  // Its place in the server's list.
  size_t index() const { return index_; }
  void set_index(size_t index) { index_ = static_cast<uint32_t>(index); }

  const ClientAddress& client() override;

 private:
  // How far the request has been read.
  enum class Reading : uint8_t { kHead, kBody, kWhole };
  // How far it has been answered.
  enum class Answer : uint8_t {
    kNone,
    // Waits for the request to be whole.
    kHeld,
    kStreaming,
    // Whole, and much of it is not sent yet.
    kSending,
    kDone,
  };
  // What becomes of the connection.
  enum class Ending : uint8_t {
    kNone,
    // As soon as this event has been dealt with.
    kWanted,
    // Nothing more is answered; the client is given time to read what was.
    kLingering,
    // Nothing more is read; the output is on its way.
    kClosing,
  };
  // What the client is given time for.
  enum class Deadline : uint8_t { kNone, kIdle, kHead, kBody, kWrite };

  // Stream::Handler.
  size_t OnInput(absl::string_view input) override;
  void OnEndOfInput() override;
  void OnOutputDrained() override;
  void OnClosed(Stream::CloseReason reason, int error,
                uint64_t unsent_bytes) override;

  // Exchange.
  void Respond(const http::PreparedResponse& response, Lease lease) override;
  void Respond(Response response) override;
  void RespondStatus(int status) override;
  void BeginStream(ResponseHead head,
                   std::optional<uint64_t> body_bytes) override;
  void HandOn(pollux::Handler& handler, const Request& request) override;
  void WriteStream(absl::string_view bytes) override;
  bool IsStreamHigh() const override { return stream_.is_output_high(); }
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

  // Whether its handler is asked right now, so that the head is there.
  bool is_handling() const;

  // Reading.
  bool ReadsInput() const;
  size_t ReadHead(absl::string_view input);
  size_t ReadBody(absl::string_view input);
  void BeginWithoutHead(absl::string_view input);
  void OnHead(const http::RequestHead& head, bool body_has_begun);
  void Handle(const http::RequestHead& head);
  void Continue();
  void OnBodyRead();

  // Answering.
  bool is_ending() const { return ending_ >= Ending::kLingering; }
  bool IsFollowed();
  http::ConnectionOption ConnectionOptionNow();
  void Write(const http::PreparedResponse& response);
  void Write(Response response);
  void HoldAnswer();
  void WriteHeld();
  absl::Status WriteHead(const ResponseHead& head,
                         std::optional<uint64_t> body_bytes);
  void NoteWriting();
  void Append(absl::string_view bytes);
  void AppendHead(absl::string_view bytes);
  void RedirectToFolder(const http::RequestHead& head);
  void Refuse(http::ParseError error);
  void Refuse(const http::PreparedResponse& response);
  void AnswerDone();
  void FinishExchange();
  void EndExchange();
  void Record();
  void NoteRequest(const http::RequestHead& head);

  // What the answer needs while it is not simply written.
  ConnectionWork& work();
  ConnectionWork::Asked& asked();
  void ReleaseWork();
  void ReleaseReceiver(ConnectionWork& work);

  // Ending.
  void EndIfUnused();
  void EndTruncated();
  void Abort();
  void Linger();
  void CloseWhenSent();
  // Has ended: the server is told, once.
  void Leave();

  // After whatever happened.
  void Settle();
  void SettleOutside();
  void NoteState();
  Deadline CurrentDeadline() const;
  absl::Duration TimeoutOf(Deadline deadline) const;
  uint64_t TakenBytes() const;
  uint64_t Progress() const;
  bool IsFastEnough() const;
  void Restart(Deadline deadline);
  void Arm(Deadline deadline, MonotonicTime since);
  void CountFrom(MonotonicTime since);
  absl::Duration ArmedTime() const;
  void OnDeadline() override;
  void OnTooSlow();

  // In an order that leaves no gaps: an idle connection should cost little.

  uint32_t index_;
  HttpServer& server_;
  [[no_unique_address]] Stream stream_;
  uint16_t route_ = 0;
  uint16_t status_ = 0;
  http::RequestParser parser_;

  // Null for a request without a body that is answered at once.
  std::unique_ptr<ConnectionWork> work_;
  // Null until somebody asks.
  std::unique_ptr<ClientAddress> client_;

  // How far the client was when it was waited for.
  uint64_t progress_then_ = 0;
  // Given to the stream, ever.
  uint64_t written_bytes_ = 0;

  Reading reading_ = Reading::kHead;
  Answer answer_ = Answer::kNone;
  Ending ending_ = Ending::kNone;
  Deadline armed_for_ = Deadline::kNone;
  ConnectionState state_ = ConnectionState::kIdle;
  http::Version version_ = http::Version::kHttp11;
  http::Method method_ = http::Method::kGet;
  http::Persistence persistence_ : 1 = http::Persistence::kKeepAlive;
  bool restart_deadline_ : 1 = false;
  // Whether progress_then_ says how far the client was.
  bool is_progress_known_ : 1 = false;
  bool in_input_ : 1 = false;
  // Within OnInput(): whether something stands behind the request.
  bool is_followed_ : 1 = false;
  // As the stream was told.
  bool is_paused_ : 1 = false;
  // The server wants to close, so the client may not have stopped sending.
  bool closes_unasked_ : 1 = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_CONNECTION_H_
