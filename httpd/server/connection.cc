#include "httpd/server/connection.h"

#include <utility>

#include "httpd/http/chunked_decoder.h"
#include "httpd/server/http_server.h"

namespace pollux {
namespace {

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

Connection::Connection(HttpServer& server, Socket socket, size_t index)
    : server_(server),
      stream_(server.buffers_, std::move(socket), server.options_.stream,
              *this),
      deadline_(server.reactor_, [this] { OnDeadline(); }),
      index_(index) {}

absl::Status Connection::Start() {
  absl::Status status = stream_.Start();
  if (status.ok()) ArmDeadline();
  return status;
}

void Connection::Drain() {
  if (phase_ != Phase::kHead || parser_.in_progress()) return;
  if (stream_.unsent_bytes() == 0) return CloseWhenSent();
  // Requests that wait for the client to read are not answered any more, but
  // must not cost it the answers that are on their way.
  Linger();
  ArmDeadline();
}

size_t Connection::OnInput(absl::string_view input) {
  in_input_ = true;
  size_t consumed = 0;
  while (consumed < input.size() && ReadsInput()) {
    const size_t more = Read(input.substr(consumed));
    if (more == 0) break;
    consumed += more;
  }
  in_input_ = false;
  if (!ReadsInput()) stream_.PauseInput();
  ArmDeadline();
  return consumed;
}

// While an answer is awaited, or answers pile up, the client has to wait.
bool Connection::ReadsInput() const {
  const bool reading = phase_ == Phase::kHead || phase_ == Phase::kBody;
  return reading && !stream_.is_output_high();
}

size_t Connection::Read(absl::string_view input) {
  return phase_ == Phase::kHead ? ReadHead(input) : SkipBody(input);
}

size_t Connection::ReadHead(absl::string_view input) {
  http::RequestHead& head = server_.head_;
  const http::ParseOutcome outcome =
      parser_.Parse(input, server_.options_.head_limits, head);
  switch (outcome.kind) {
    case http::ParseOutcome::Kind::kNeedMore:
      return 0;
    case http::ParseOutcome::Kind::kError:
      presence_ = http::BodyPresence::kHeadAndBody;
      Refuse(server_.RefusalFor(outcome.error));
      return input.size();
    case http::ParseOutcome::Kind::kComplete:
      OnHead(head, outcome.bytes < input.size());
      return outcome.bytes;
  }
  return 0;
}

size_t Connection::SkipBody(absl::string_view input) {
  size_t skipped = 0;
  while (true) {
    const http::BodyOutcome outcome = body_->Decode(input.substr(skipped));
    switch (outcome.kind) {
      case http::BodyOutcome::Kind::kData:
        skipped += outcome.bytes;
        break;
      case http::BodyOutcome::Kind::kNeedMore:
        return skipped + outcome.bytes;
      case http::BodyOutcome::Kind::kComplete:
        OnBodyRead();
        return skipped + outcome.bytes;
      case http::BodyOutcome::Kind::kError:
        body_.reset();
        Refuse(server_.RefusalFor(outcome.error));
        return input.size();
    }
  }
}

void Connection::OnHead(const http::RequestHead& head, bool body_has_begun) {
  version_ = head.version;
  persistence_ = head.persistence;
  presence_ = head.method == http::Method::kHead
                  ? http::BodyPresence::kHeadOnly
                  : http::BodyPresence::kHeadAndBody;
  if (head.content_length > server_.options_.max_body_bytes) {
    return Refuse(server_.body_too_large_);
  }
  phase_ = Phase::kAwaitingResponse;
  if (head.content_length > 0 ||
      head.body_framing == http::BodyFraming::kChunked) {
    phase_ = Phase::kBody;
    body_.emplace(head, server_.options_.max_body_bytes);
    if (head.expects_continue && !body_has_begun) {
      stream_.output().append(kContinue);
    }
  }
  const Router::Match match = server_.router_.Find(head.method, head.path);
  if (match.handler == nullptr) return Respond(*match.response);
  match.handler->Handle(Request(head), MakeResponder());
}

void Connection::OnBodyRead() {
  body_.reset();
  phase_ = Phase::kAwaitingResponse;
  if (held_response_ != nullptr) {
    Respond(*std::exchange(held_response_, nullptr));
  }
}

void Connection::Respond(const http::PreparedResponse& response) {
  // The client did not finish its request, and was told so, or has left.
  if (phase_ == Phase::kLingering || phase_ == Phase::kClosing) return;
  // Not before the request is known to be whole.
  if (phase_ == Phase::kBody) {
    held_response_ = &response;
    return;
  }
  Write(response);
  restart_deadline_ = true;
  if (persistence_ == http::Persistence::kClose) {
    CloseWhenSent();
  } else {
    phase_ = Phase::kHead;
  }
  if (in_input_) return;
  stream_.Flush();
  if (ReadsInput()) stream_.ResumeInput();
  ArmDeadline();
}

void Connection::RespondNothing() { Respond(server_.no_answer_); }

void Connection::Write(const http::PreparedResponse& response) {
  if (server_.draining_) persistence_ = http::Persistence::kClose;
  http::ConnectionOption option = http::ConnectionOption::kNone;
  if (persistence_ == http::Persistence::kClose) {
    option = http::ConnectionOption::kClose;
  } else if (version_ == http::Version::kHttp10) {
    option = http::ConnectionOption::kKeepAlive;
  }
  response.AppendTo(stream_.output(), server_.dates_.At(server_.reactor_.Now()),
                    option, presence_);
}

void Connection::Refuse(const http::PreparedResponse& response) {
  persistence_ = http::Persistence::kClose;
  Write(response);
  Linger();
}

// To close with unread input would make the kernel send an RST, which may eat
// the answers (RFC 9112 §9.6).
void Connection::Linger() {
  phase_ = Phase::kLingering;
  stream_.LingerWhenSent();
}

void Connection::CloseWhenSent() {
  phase_ = Phase::kClosing;
  stream_.CloseWhenSent();
}

void Connection::OnEndOfInput() {
  // A request in the middle of which the client left is not answered; answers
  // that are due still go out (half-close). While one is awaited nothing is
  // read, so not even the end.
  CloseWhenSent();
  ArmDeadline();
}

void Connection::OnOutputDrained() {
  if (ReadsInput()) stream_.ResumeInput();
  ArmDeadline();
}

void Connection::OnClosed(Stream::CloseReason, int) { Leave(); }

void Connection::Leave() {
  // It may be due in this iteration, at whose end the connection is freed.
  deadline_.Disarm();
  server_.Remove(*this);
}

Connection::Deadline Connection::CurrentDeadline() const {
  switch (phase_) {
    case Phase::kHead:
      // Answers pile up: it is the client's turn to read.
      if (stream_.is_output_high()) return Deadline::kWrite;
      return parser_.in_progress() ? Deadline::kHead : Deadline::kIdle;
    case Phase::kBody:
      return Deadline::kBody;
    case Phase::kAwaitingResponse:
      return Deadline::kNone;
    case Phase::kLingering:
    case Phase::kClosing:
      return Deadline::kWrite;
  }
  return Deadline::kNone;
}

void Connection::ArmDeadline() {
  if (!stream_.is_open()) return;
  // Bytes that dribble in do not move it; a new phase, or a new request, does.
  const Deadline current = CurrentDeadline();
  if (!std::exchange(restart_deadline_, false) && current == armed_for_) return;
  armed_for_ = current;
  unsent_at_deadline_ = stream_.unsent_bytes();
  const HttpServer::Options& options = server_.options_;
  switch (current) {
    case Deadline::kNone:
      return deadline_.Disarm();
    case Deadline::kIdle:
      return deadline_.ArmAfter(options.idle_timeout);
    case Deadline::kHead:
      return deadline_.ArmAfter(options.head_timeout);
    case Deadline::kBody:
      return deadline_.ArmAfter(options.body_timeout);
    case Deadline::kWrite:
      return deadline_.ArmAfter(options.write_timeout);
  }
}

void Connection::OnDeadline() {
  const size_t unsent = stream_.unsent_bytes();
  if (unsent > 0 && unsent < unsent_at_deadline_) {
    // The client is slow, but it takes what it gets.
    unsent_at_deadline_ = unsent;
    return deadline_.ArmAfter(server_.options_.write_timeout);
  }
  // Everything is sent; the stream sees to the rest.
  if (unsent == 0 && phase_ == Phase::kLingering) return;
  if (unsent > 0 || armed_for_ == Deadline::kWrite) {
    // It does not read, so what the kernel has for it must not be kept either.
    stream_.Abort();
    return Leave();
  }
  if (armed_for_ == Deadline::kIdle) {
    CloseWhenSent();
  } else {
    // Of a head that is not whole, nobody knows that it asks for no body.
    if (phase_ == Phase::kHead) presence_ = http::BodyPresence::kHeadAndBody;
    Refuse(server_.request_timeout_);
  }
  ArmDeadline();
}

}  // namespace pollux
