#include "httpd/server/connection.h"

#include <algorithm>

#include "httpd/server/http_server.h"

namespace pollux {
namespace {

using Deadline = ConnectionDeadline;

// The part of its time that passes before the progress of a client that does
// not read its response is looked at.
constexpr int kProgressAskedAfter = 8;

// How long a client may leave a streamed response unread before its body is
// read on regardless: it may send everything before it reads.
constexpr absl::Duration kUnreadStreamTimeout = absl::Milliseconds(250);

}  // namespace

Connection::Connection(HttpServer& server, Socket socket, size_t index)
    : index_(static_cast<uint32_t>(index)),
      server_(server),
      stream_(server.buffers_, std::move(socket), *this) {
  server_.statistics_.of(state_).Add(1);
}

absl::Status Connection::Start() {
  absl::Status status = stream_.Start();
  if (status.ok()) Settle();
  return status;
}

void Connection::StartReading() {
  stream_.StartReading();
  // A client that sent nothing yet is given the usual time.
  if (stream_.is_open()) Settle();
}

void Connection::StartRefusing(const StatusPage& page) {
  if (!stream_.Start().ok()) return Leave(ClosedBy::kServer, 0);
  Entry entry(*this);
  exchange_.WriteOutside(page.As(PageFormat::kText));
  exchange_.EndConnection(ExchangeEvent::kLinger);
}

bool Connection::is_idle() const {
  return stream_.is_open() && !is_entered_ && is_between_requests() &&
         stream_.unsent_bytes() == 0;
}

void Connection::Drain() {
  // Leaving the entry ends an unused connection while the server drains.
  Entry entry(*this);
}

// While the server drains. A response that announces the end brings it by
// itself; one that began before, such as a stream, leaves it to this.
void Connection::EndIfUnused() {
  if (!is_between_requests()) return;
  // What has come already is answered.
  if (is_in_input_ && server_.unread_bytes_ > 0 && !ReadsInput()) return;
  if (stream_.HasUnreadInput()) return;
  exchange_.EndConnection(ExchangeEvent::kLinger);
}

void Connection::Reset() {
  // The socket is closed when the record is made.
  if (server_.recorder_.is_observed()) (void)exchange_.client();
  const uint64_t unsent_bytes = stream_.unsent_bytes();
  stream_.Abort();
  Leave(ClosedBy::kServer, unsent_bytes);
}

void Connection::Close(ClosedBy closed_by, uint64_t unsent_bytes) {
  stream_.Close();
  // It may be due in this iteration, at whose end the connection is freed.
  Disarm(server_.reactor_);
  exchange_.OnClosed(closed_by, unsent_bytes);
  server_.recorder_.Flush();
  server_.statistics_.of(state_).Add(-1);
}

void Connection::Leave(ClosedBy closed_by, uint64_t unsent_bytes) {
  Close(closed_by, unsent_bytes);
  server_.Remove(*this);
}

void Connection::ShedForMemory() {
  Entry entry(*this);
  if (phase() == ExchangePhase::kReadingHead && parser_.in_progress()) {
    exchange_.BeginWithoutHead({});
  }
  if (!AwaitsResponse(phase())) return Reset();
  exchange_.Refuse(server_.PageFor(503).As(PageFormat::kText));
}

// Reading.

size_t Connection::OnInput(absl::string_view input) {
  size_t consumed = 0;
  is_in_input_ = true;
  {
    Entry entry(*this);
    while (consumed < input.size() && ReadsInput()) {
      const absl::string_view rest = input.substr(consumed);
      const ExchangePhase before = phase();
      const size_t more = before == ExchangePhase::kReadingHead
                              ? ReadHead(rest)
                              : exchange_.ReadBody(rest);
      // A body may have ended before the rest.
      if (more == 0 && phase() == before) break;
      consumed += more;
    }
    server_.statistics_.received_bytes.Add(consumed);
    server_.unread_bytes_ = input.size() - consumed;
  }
  is_in_input_ = false;
  return consumed;
}

// While a response is awaited, or responses pile up, the client has to wait.
bool Connection::ReadsInput() const {
  if (phase() == ExchangePhase::kReadingHead) {
    return !stream_.is_output_high();
  }
  return exchange_.ReadsBody();
}

size_t Connection::ReadHead(absl::string_view input) {
  http::RequestHead& head = server_.head_;
  const http::ParseOutcome outcome =
      parser_.Parse(input, server_.options_.head_limits, head);
  switch (outcome.kind) {
    case http::ParseOutcome::Kind::kNeedMore:
      return 0;
    case http::ParseOutcome::Kind::kError:
      exchange_.BeginWithoutHead(input);
      exchange_.Refuse(outcome.error);
      return input.size();
    case http::ParseOutcome::Kind::kComplete:
      exchange_.Begin(head, /*is_followed=*/outcome.bytes < input.size());
      // The time of the body before is not that of this request's.
      if (armed_for_ == Deadline::kBody) armed_for_ = Deadline::kNone;
      return outcome.bytes;
  }
  return 0;
}

void Connection::OnEndOfInput() {
  Entry entry(*this);
  if (ExpectsBody(phase()) || parser_.in_progress()) {
    // In the middle of a request, which will never be complete.
    if (phase() == ExchangePhase::kReadingHead) exchange_.BeginWithoutHead({});
    exchange_.Refuse(server_.truncated_request_.As(PageFormat::kText));
  } else if (phase() == ExchangePhase::kReadingHead) {
    // Responses that are due still go out (half-close).
    exchange_.EndConnection(ExchangeEvent::kClose);
  }
}

void Connection::OnPeerFinished() {
  Entry entry(*this);
  has_client_finished_ = true;
}

void Connection::OnOutputDrained() {
  Entry entry(*this);
  exchange_.OnOutputDrained();
}

void Connection::OnFileTruncated(uint64_t unsent_bytes) {
  Entry entry(*this);
  exchange_.EndWithoutResponse(ClosedBy::kServer, unsent_bytes);
}

void Connection::OnClosed(Stream::CloseReason reason, int,
                          uint64_t unsent_bytes) {
  Leave(reason == Stream::CloseReason::kBroken ? ClosedBy::kClient
                                               : ClosedBy::kServer,
        unsent_bytes);
}

// Acting on what has changed.

void Connection::LeaveEntry() {
  server_.recorder_.Flush();
  if (stream_.is_open()) {
    if (server_.draining_) EndIfUnused();
    // Before OnInput() returns, the stream sees to it itself.
    if (!is_in_input_) stream_.Flush();
    Settle();
  }
  is_entered_ = false;
}

void Connection::Settle() {
  const bool reads_input = ReadsInput();
  if (reads_input == is_paused_ && !IsEnding(phase())) {
    is_paused_ = !is_paused_;
    is_paused_ ? stream_.PauseInput() : stream_.ResumeInput();
  }
  NoteState();
  const Deadline current = CurrentDeadline(reads_input);
  // The order matters: what restarts is forgotten when it is asked for.
  if (exchange_.RestartsDeadline(current) || current != armed_for_) {
    Arm(current, server_.reactor_.Now());
  }
  server_.CheckMemory(is_in_input_ ? server_.unread_bytes_ : 0);
}

void Connection::NoteState() {
  ConnectionState state = ConnectionState::kAnswering;
  if (IsEnding(phase())) {
    state = ConnectionState::kClosing;
  } else if (ExpectsBody(phase()) || parser_.in_progress()) {
    state = ConnectionState::kReading;
  } else if (phase() == ExchangePhase::kReadingHead) {
    state = ConnectionState::kIdle;
  }
  if (state == state_) return;
  server_.statistics_.of(state_).Add(-1);
  server_.statistics_.of(state).Add(1);
  state_ = state;
}

// The deadline.

Deadline Connection::CurrentDeadline(bool reads_input) const {
  return DeadlineFor(phase(),
                     {.is_in_head = parser_.in_progress(),
                      .reads_input = reads_input,
                      .is_output_high = stream_.is_output_high(),
                      .has_unsent_output = stream_.unsent_bytes() > 0,
                      .has_client_finished = has_client_finished_},
                     server_.deadline_rules_);
}

absl::Duration Connection::TimeoutOf(Deadline deadline) const {
  const HttpServer::Options& options = server_.options_;
  switch (deadline) {
    case Deadline::kNone:
      return absl::InfiniteDuration();
    case Deadline::kIdle:
      return options.idle_timeout;
    case Deadline::kHead:
      return options.head_timeout;
    case Deadline::kBody:
      return options.body_timeout;
    case Deadline::kHandler:
      return options.handler_timeout;
    case Deadline::kHalfClosed:
      return options.half_close_timeout;
    case Deadline::kWrite:
      return options.write_timeout;
    case Deadline::kUnreadStream:
      return std::min(kUnreadStreamTimeout, options.write_timeout);
  }
  return absl::InfiniteDuration();
}

// Of what was written. What the kernel holds for the client has not been taken:
// it holds megabytes, and asks for more only when much of that has gone.
uint64_t Connection::TakenBytes() const {
  return stream_.socket().AcknowledgedBytes().value_or(
      exchange_.written_bytes() - stream_.unsent_bytes());
}

// Bytes that have passed in the direction that is waited for.
uint64_t Connection::Progress() const {
  switch (armed_for_) {
    case Deadline::kBody:
      return exchange_.received_body_bytes();
    case Deadline::kHalfClosed:
    case Deadline::kWrite:
    case Deadline::kUnreadStream:
      return TakenBytes();
    default:
      return 0;
  }
}

// A client that dribbles moves no deadline; one that keeps the rate is given
// the whole time again.
bool Connection::IsFastEnough() const {
  const uint64_t progress = Progress();
  if (progress <= progress_then_) return false;
  // It still reads, so it has not left.
  if (armed_for_ == Deadline::kHalfClosed) return true;
  const double wanted =
      absl::ToDoubleSeconds(TimeoutOf(armed_for_)) *
      static_cast<double>(server_.options_.min_bytes_per_second);
  return static_cast<double>(progress - progress_then_) >= wanted;
}

// The progress of a client that reads costs a system call. Nearly all clients
// have read everything long before, so it is asked for late.
void Connection::Arm(Deadline deadline, MonotonicTime since) {
  // A pause, which is the handler's, neither shortens nor renews the time that
  // the client has for its body.
  const bool is_body_due = armed_for_ == Deadline::kBody && armed();
  if (is_body_due && deadline != Deadline::kBody && ExpectsBody(phase())) {
    exchange_.KeepBodyTime(since - this->since(), progress_then_);
  }
  armed_for_ = deadline;
  const bool goes_on = deadline == Deadline::kBody &&
                       exchange_.body_time_passed() > absl::ZeroDuration();
  if (goes_on) {
    is_progress_known_ = true;
    progress_then_ = exchange_.body_bytes_then();
    // What has come meanwhile is read before the time is over.
    const absl::Duration left =
        std::max(ArmedTime() - exchange_.body_time_passed(),
                 ArmedTime() / kProgressAskedAfter);
    return ArmAt(server_.reactor_, since + left);
  }
  is_progress_known_ =
      deadline != Deadline::kWrite && deadline != Deadline::kUnreadStream;
  if (deadline == Deadline::kNone) return Disarm(server_.reactor_);
  if (is_progress_known_) return CountFrom(since);
  ArmAt(server_.reactor_, since + ArmedTime());
}

// Starts the time anew, with the progress of this moment.
void Connection::CountFrom(MonotonicTime since) {
  progress_then_ = Progress();
  is_progress_known_ = true;
  ArmAt(server_.reactor_, since + ArmedTime());
}

absl::Duration Connection::ArmedTime() const {
  const absl::Duration time = TimeoutOf(armed_for_);
  return is_progress_known_ ? time : time / kProgressAskedAfter;
}

// Returns when the wait for the client began.
MonotonicTime Connection::since() const { return deadline() + -ArmedTime(); }

void Connection::OnDeadline() {
  const bool is_unsent = stream_.unsent_bytes() > 0;
  if (armed_for_ == Deadline::kWrite && !is_unsent) {
    // All was sent, and nothing has reported it. A stream that is to end does
    // so by itself.
    const Deadline current = CurrentDeadline(ReadsInput());
    if (IsEnding(phase()) || current == Deadline::kWrite) return;
    // A client that has only just read everything is given the whole time.
    return Arm(current, current == Deadline::kHalfClosed
                            ? server_.reactor_.Now()
                            : since());
  }
  if (armed_for_ == Deadline::kIdle && is_unsent) {
    return Arm(Deadline::kWrite, server_.reactor_.Now());
  }
  if (!is_progress_known_) return CountFrom(since());
  if (IsFastEnough()) return CountFrom(server_.reactor_.Now());
  Entry entry(*this);
  OnTooSlow();
}

void Connection::OnTooSlow() {
  ServerStatistics& statistics = server_.statistics_;
  switch (armed_for_) {
    case Deadline::kNone:
      return;
    case Deadline::kIdle:
      statistics.of(TimeoutKind::kIdle).Add();
      return exchange_.EndConnection(ExchangeEvent::kClose);
    case Deadline::kHead:
      statistics.of(TimeoutKind::kHead).Add();
      exchange_.BeginWithoutHead({});
      return exchange_.Refuse(server_.request_timeout_.As(PageFormat::kText));
    case Deadline::kBody:
      statistics.of(TimeoutKind::kBody).Add();
      return exchange_.Refuse(server_.request_timeout_.As(PageFormat::kText));
    case Deadline::kHandler:
      statistics.of(TimeoutKind::kHandler).Add();
      return exchange_.TimeOutHandler();
    case Deadline::kHalfClosed:
      return exchange_.EndWithoutResponse(ClosedBy::kClient, 0);
    case Deadline::kWrite:
      statistics.of(TimeoutKind::kWrite).Add();
      // The client does not read, so the kernel must not keep what it has for
      // it either.
      return Reset();
    case Deadline::kUnreadStream:
      return exchange_.ReadAhead();
  }
}

}  // namespace pollux
