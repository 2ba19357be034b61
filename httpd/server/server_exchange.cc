#include "httpd/server/server_exchange.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/overload.h"
#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "httpd/http/field_check.h"
#include "httpd/http/field_name.h"
#include "httpd/server/connection.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/http_server.h"
#include "httpd/server/responder.h"
#include "httpd/server/router.h"

namespace pollux {
namespace {

// A prepared body from this many bytes on is shared by its readers; a shorter
// one is cheaper to copy.
constexpr size_t kLeastSharedBody = OutputChain::kLeastOwnPiece;

// nginx's status for a client that left before there was a response.
constexpr int kClientClosedRequest = 499;

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

uint64_t SizeOf(const ResponseBody& body) {
  if (const auto* bytes = std::get_if<std::string>(&body)) {
    return bytes->size();
  }
  if (const auto* shared = std::get_if<SharedBytes>(&body)) {
    return shared->bytes.size();
  }
  return std::get<FileRange>(body).bytes();
}

// Of the bytes that a response keeps in memory, those that are its own.
uint64_t OwnBytes(const Response& response) {
  uint64_t bytes = 0;
  for (const auto& [name, value] : response.head.fields) {
    bytes += name.size() + value.size();
  }
  const auto* body = std::get_if<std::string>(&response.body);
  return bytes + (body == nullptr ? 0 : body->size());
}

// W3C Trace Context §3.2.
absl::string_view Traceparent(const http::RequestHead& head) {
  for (const http::Field& field : head.fields) {
    if (absl::EqualsIgnoreCase(field.name, "traceparent")) return field.value;
  }
  return {};
}

absl::string_view ValueOf(const http::RequestHead& head, http::FieldName name) {
  const http::Field* const field = head.fields.Find(name);
  return field == nullptr ? absl::string_view() : field->value;
}

}  // namespace

HttpServer& ServerExchange::server() const { return connection_.server(); }

bool ServerExchange::is_handling() const {
  return server().handling_.exchange == this;
}

void ServerExchange::Enter(ExchangeEvent event) {
  const bool was_in_exchange = IsInExchange(phase_);
  phase_ = NextPhase(phase_, event);
  if (was_in_exchange && !IsInExchange(phase_)) LeaveExchange();
}

void ServerExchange::LeaveExchange() {
  Record();
  reads_ahead_ = false;
  if (work_ == nullptr) return;
  server().held_bytes_.Add(-static_cast<int64_t>(held_bytes()));
  ReleaseReceiver();
  server().GiveWork(std::move(work_));
}

// Reading.

void ServerExchange::BeginWithoutHead(absl::string_view input) {
  method_ = absl::StartsWith(absl::StripPrefix(input, "\r\n"), "HEAD ")
                ? http::Method::kHead
                : http::Method::kGet;
  version_ = http::Version::kHttp11;
  route_ = RouteMatch::kNoRoute;
  status_ = 0;
  server().request_start_ = {server().reactor_.Now(), written_bytes_};
  Enter(ExchangeEvent::kHead);
}

void ServerExchange::Begin(const http::RequestHead& head, bool is_followed) {
  HttpServer& server = this->server();
  version_ = head.version;
  persistence_ = head.persistence;
  method_ = head.method;
  status_ = 0;
  is_followed_ = is_followed;
  waits_for_new_ = true;
  server.request_start_ = {server.reactor_.Now(), written_bytes_};
  server.router_.Find(head, server.match_);
  route_ = static_cast<uint16_t>(server.match_.route);
  server.handling_ = {.exchange = this, .head = &head};
  const bool has_body = head.content_length > 0 ||
                        head.body_framing == http::BodyFraming::kChunked;
  Enter(has_body ? ExchangeEvent::kHeadWithBody : ExchangeEvent::kHead);
  if (head.content_length > server.options_.max_body_bytes) {
    Refuse(http::ParseError::kBodyTooLarge);
    server.handling_ = {};
    return;
  }
  if (has_body) {
    work().body.emplace(head, server.options_.max_body_bytes);
    work_->wants_continue = head.expects_continue && !is_followed;
  }
  Handle(head);
  if (has_body) {
    Continue();
  } else {
    NotifyBodyEnd();
  }
  if (IsInExchange(phase_)) {
    if (server.recorder_.is_observed()) NoteRequest(head);
    if (is_unanswered()) work().format = PreferredFormat(head);
  }
  server.handling_ = {};
}

void ServerExchange::Handle(const http::RequestHead& head) {
  const RouteMatch& match = server().match_;
  if (match.handler != nullptr) {
    match.handler->Handle(Request(head, match, *this), MakeResponder());
  } else if (match.page != nullptr) {
    Respond(match.page->As(PreferredFormat(head)), Lease());
  } else {
    RedirectToFolder(head);
  }
}

void ServerExchange::HandOn(pollux::Handler& handler, const Request& request) {
  if (work_ != nullptr) work_->is_paused = false;
  // The rest is done by Begin().
  if (is_handling()) return handler.Handle(request, MakeResponder());
  Connection::Entry entry(connection_);
  if (!AwaitsResponse(phase_)) return;
  // The body is the other handler's from now on. This may be a callback of the
  // receiver that has had it.
  if (work_ != nullptr) ReleaseReceiver();
  HttpServer& server = this->server();
  const HttpServer::Handling outer = std::exchange(
      server.handling_, {.exchange = this, .head = &request.head()});
  handler.Handle(request, MakeResponder());
  server.handling_ = outer;
  if (ExpectsBody(phase_)) {
    Continue();
  } else {
    // No input will come that could bring the end of a body that is complete.
    NotifyBodyEnd();
  }
}

void ServerExchange::RedirectToFolder(const http::RequestHead& head) {
  Response response;
  response.head.status = 308;
  response.head.fields.emplace_back(
      "Location",
      absl::StrCat(head.path, "/", head.query.empty() ? "" : "?", head.query));
  Respond(std::move(response));
}

// Sends the 100 that the client waits for before it sends the body (RFC 9110
// §10.1.1), if the body is wanted.
void ServerExchange::Continue() {
  if (!ExpectsBody(phase_) || !AwaitsResponse(phase_)) return;
  if (work_->is_paused || !std::exchange(work_->wants_continue, false)) return;
  if (phase_ == ExchangePhase::kHoldingResponse && held_status() >= 400) {
    // The body need not be sent. Whether it will be cannot be known.
    GiveUpBody();
    return WriteHeld();
  }
  AppendHead(kContinue);
}

bool ServerExchange::ReadsBody() const {
  const bool is_output_high = connection_.stream().is_output_high();
  switch (phase_) {
    case ExchangePhase::kReadingBody:
      // What nobody receives waits for the response, from a limit on.
      return !work_->is_paused && !is_output_high &&
             (work_->receiver != nullptr ||
              work_->discarded_bytes <=
                  server().options_.max_discarded_body_bytes);
    case ExchangePhase::kStreamingEarly:
      // What is discarded costs nothing. What is received may be sent back, so
      // it waits as long as the client reads.
      return work_->receiver == nullptr || !is_output_high || reads_ahead_;
    case ExchangePhase::kHoldingResponse:
    case ExchangePhase::kDiscardingBody:
      return true;
    default:
      return false;
  }
}

size_t ServerExchange::ReadBody(absl::string_view input) {
  // The client sends its body without waiting for the 100.
  if (!input.empty()) work_->wants_continue = false;
  size_t read = 0;
  while (true) {
    const http::BodyOutcome outcome = work_->body->Decode(input.substr(read));
    switch (outcome.kind) {
      case http::BodyOutcome::Kind::kData:
        read += outcome.bytes;
        if (!outcome.data.empty()) ReceivePiece(outcome.data);
        if (!ExpectsBody(phase_)) return input.size();
        // The end is read even if the receiver has paused: nothing comes that
        // would bring it later.
        if (read < input.size() && !ReadsBody()) return read;
        break;
      case http::BodyOutcome::Kind::kNeedMore:
        return read + outcome.bytes;
      case http::BodyOutcome::Kind::kComplete:
        is_followed_ = read + outcome.bytes < input.size();
        OnBodyRead();
        return read + outcome.bytes;
      case http::BodyOutcome::Kind::kError:
        Refuse(outcome.error);
        return input.size();
    }
  }
}

void ServerExchange::ReceivePiece(absl::string_view piece) {
  work_->received_bytes += piece.size();
  if (work_->receiver != nullptr) return work_->receiver->OnBody(piece);
  work_->discarded_bytes += piece.size();
  const bool is_response_ready = phase_ == ExchangePhase::kHoldingResponse ||
                                 phase_ == ExchangePhase::kDiscardingBody;
  if (!is_response_ready || !IsTooMuchToDiscard()) return;
  GiveUpBody();
  if (phase_ == ExchangePhase::kHandling) return WriteHeld();
  EndExchangeIfFlushed();
}

void ServerExchange::OnBodyRead() {
  waits_for_new_ = true;
  work_->body.reset();
  Enter(ExchangeEvent::kBodyEnd);
  if (phase_ == ExchangePhase::kFlushing) return EndExchangeIfFlushed();
  if (!std::holds_alternative<std::monostate>(work_->held)) return WriteHeld();
  NotifyBodyEnd();
}

// Notifies the receiver, if the handler has one and the response is not
// complete.
void ServerExchange::NotifyBodyEnd() {
  if (phase_ != ExchangePhase::kHandling &&
      phase_ != ExchangePhase::kStreaming) {
    return;
  }
  if (work_ != nullptr && work_->receiver != nullptr) {
    work_->receiver->OnBodyEnd();
  }
}

// The rest of the body is not read as one, so no request can be found behind
// it.
void ServerExchange::GiveUpBody() {
  persistence_ = http::Persistence::kClose;
  is_server_initiated_close_ = true;
  work_->wants_continue = false;
  work_->body.reset();
  Enter(ExchangeEvent::kBodyEnd);
}

bool ServerExchange::IsTooMuchToDiscard() const {
  return work_->discarded_bytes + work_->body->bytes_left() >
         server().options_.max_discarded_body_bytes;
}

// The body of the request, for handlers.

void ServerExchange::ReceiveBody(std::unique_ptr<BodyReceiver> receiver) {
  if (work().receiver != nullptr) ReleaseReceiver();
  work_->receiver = std::move(receiver);
}

void ServerExchange::PauseBody() {
  Connection::Entry entry(connection_);
  work().is_paused = true;
}

void ServerExchange::ResumeBody() {
  if (work_ == nullptr || !std::exchange(work_->is_paused, false)) return;
  Connection::Entry entry(connection_);
  if (!is_handling()) Continue();
}

void ServerExchange::HoldBytes(uint64_t bytes) {
  Connection::Entry entry(connection_);
  server().held_bytes_.Add(static_cast<int64_t>(bytes - work().held_bytes));
  work_->held_bytes = bytes;
}

// Responding.

void ServerExchange::Respond(const http::PreparedResponse& response,
                             Lease lease) {
  Connection::Entry entry(connection_);
  if (!AwaitsResponse(phase_)) return;
  if (phase_ == ExchangePhase::kReadingBody) {
    work().held = ExchangeWork::HeldPrepared{&response, std::move(lease)};
    return OnHeld(/*own_bytes=*/0);
  }
  Write(response, std::move(lease));
  EndResponse();
}

void ServerExchange::Respond(Response response) {
  Connection::Entry entry(connection_);
  if (!AwaitsResponse(phase_)) return;
  if (phase_ == ExchangePhase::kReadingBody) {
    const uint64_t own_bytes = OwnBytes(response);
    work().held = std::move(response);
    return OnHeld(own_bytes);
  }
  Write(std::move(response));
  EndResponse();
}

void ServerExchange::RespondStatus(int status) {
  const PageFormat format = is_handling()
                                ? PreferredFormat(*server().handling_.head)
                            : work_ != nullptr ? work_->format
                                               : PageFormat::kText;
  Respond(server().PageFor(status).As(format), Lease());
}

// A response is not sent before the request is known to be complete. The rest
// of the body is discarded for that, as far as the limit allows.
void ServerExchange::OnHeld(uint64_t own_bytes) {
  work_->held_response_bytes = own_bytes;
  server().held_bytes_.Add(static_cast<int64_t>(own_bytes));
  Enter(ExchangeEvent::kResponseHeld);
  ReleaseReceiver();
  work_->is_paused = false;
  work_->discarded_bytes = 0;
  if (IsTooMuchToDiscard()) {
    GiveUpBody();
    return WriteHeld();
  }
  if (!is_handling()) Continue();
}

int ServerExchange::held_status() const {
  const auto* prepared = std::get_if<ExchangeWork::HeldPrepared>(&work_->held);
  return prepared != nullptr ? prepared->response->status()
                             : std::get<Response>(work_->held).head.status;
}

void ServerExchange::WriteHeld() {
  auto held = std::exchange(work_->held, std::monostate());
  server().held_bytes_.Add(-static_cast<int64_t>(
      std::exchange(work_->held_response_bytes, uint64_t{0})));
  if (auto* prepared = std::get_if<ExchangeWork::HeldPrepared>(&held)) {
    Write(*prepared->response, std::move(prepared->lease));
  } else {
    Write(std::get<Response>(std::move(held)));
  }
  EndResponse();
}

// Whether another request has come, or a part of one.
bool ServerExchange::IsFollowed() {
  if (ExpectsBody(phase_)) return false;
  return (connection_.is_in_input() && is_followed_) ||
         connection_.stream().HasUnreadInput();
}

http::ConnectionOption ServerExchange::ConnectionOptionNow() {
  if (server().draining_ && persistence_ != http::Persistence::kClose &&
      !IsFollowed()) {
    persistence_ = http::Persistence::kClose;
    is_server_initiated_close_ = true;
  }
  if (persistence_ == http::Persistence::kClose) {
    return http::ConnectionOption::kClose;
  }
  return version_ == http::Version::kHttp10 ? http::ConnectionOption::kKeepAlive
                                            : http::ConnectionOption::kNone;
}

void ServerExchange::NoteWriting() {
  // While the client does not take what there is, its time runs on.
  if (connection_.stream().unsent_bytes() == 0) has_begun_output_ = true;
}

void ServerExchange::Append(absl::string_view bytes) {
  NoteWriting();
  connection_.stream().output().append(bytes);
  written_bytes_ += bytes.size();
}

void ServerExchange::AppendHead(absl::string_view bytes) {
  Append(bytes);
  start().head_bytes += bytes.size();
}

void ServerExchange::Write(const http::PreparedResponse& response,
                           Lease&& lease) {
  CHECK(AwaitsResponse(phase_)) << PhaseName(phase_);
  NoteWriting();
  status_ = static_cast<uint16_t>(response.status());
  const bool is_head_only = method_ == http::Method::kHead;
  const bool is_shared =
      !is_head_only && response.body_bytes() >= kLeastSharedBody;
  Stream& stream = connection_.stream();
  std::string& output = stream.output();
  const size_t before = output.size();
  response.AppendTo(output, server().dates_.At(server().reactor_.Now()),
                    ConnectionOptionNow(),
                    is_head_only || is_shared
                        ? http::BodyPresence::kHeadOnly
                        : http::BodyPresence::kHeadAndBody,
                    work_ == nullptr ? absl::string_view() : work_->more_lines);
  const size_t appended = output.size() - before;
  const size_t body = is_head_only ? 0 : response.body_bytes();
  written_bytes_ += is_shared ? appended + body : appended;
  start().head_bytes += is_shared ? appended : appended - body;
  if (is_shared) stream.WriteShared(response.body(), std::move(lease));
}

absl::Status ServerExchange::WriteHead(const ResponseHead& head,
                                       std::optional<uint64_t> body_bytes) {
  CHECK(AwaitsResponse(phase_)) << PhaseName(phase_);
  HttpServer& server = this->server();
  std::vector<http::Field>& fields = server.fields_;
  fields.clear();
  for (const auto& [name, value] : head.fields) fields.push_back({name, value});
  (void)ConnectionOptionNow();
  std::string& scratch = server.scratch_;
  scratch.clear();
  http::ResponseWriter& writer = work().writer.emplace(
      scratch,
      http::Recipient{
          .method = method_, .version = version_, .persistence = persistence_});
  absl::Status written = writer.WriteHead(
      head.status, server.dates_.At(server.reactor_.Now()), fields, body_bytes);
  if (!written.ok()) {
    server.statistics_.invalid_responses.Add();
    return written;
  }
  status_ = static_cast<uint16_t>(head.status);
  // A body that ends with the connection, of which the client knows nothing
  // yet.
  if (writer.closes() && persistence_ != http::Persistence::kClose) {
    persistence_ = http::Persistence::kClose;
    is_server_initiated_close_ = true;
  }
  constexpr size_t kBlankLineBytes = 2;
  scratch.insert(scratch.size() - kBlankLineBytes, work_->more_lines);
  AppendHead(scratch);
  return written;
}

void ServerExchange::Write(Response response) {
  const uint64_t bytes = SizeOf(response.body);
  if (!WriteHead(response.head, bytes).ok()) {
    return Write(server().PageFor(500).As(PageFormat::kText), Lease());
  }
  if (method_ == http::Method::kHead || bytes == 0) return;
  written_bytes_ += bytes;
  Stream& stream = connection_.stream();
  std::visit(absl::Overload{
                 [&](std::string&& body) { stream.Write(std::move(body)); },
                 [&](SharedBytes&& body) {
                   stream.WriteShared(body.bytes, std::move(body.lease));
                 },
                 [&](FileRange&& body) { stream.WriteFile(std::move(body)); },
             },
             std::move(response.body));
}

void ServerExchange::WriteOutside(const http::PreparedResponse& response) {
  std::string& output = connection_.stream().output();
  const size_t before = output.size();
  response.AppendTo(output, server().dates_.At(server().reactor_.Now()),
                    http::ConnectionOption::kClose,
                    http::BodyPresence::kHeadAndBody);
  written_bytes_ += output.size() - before;
}

void ServerExchange::BeginStream(ResponseHead head,
                                 std::optional<uint64_t> body_bytes) {
  Connection::Entry entry(connection_);
  if (!AwaitsResponse(phase_)) return Drop();
  if (phase_ == ExchangePhase::kReadingBody) {
    work_->is_paused = false;
    // No interim response may follow the final head. Without a 100 the server
    // cannot know whether the client sends the body, so the connection ends.
    if (work_->receiver != nullptr) {
      Continue();
    } else if (work_->wants_continue) {
      GiveUpBody();
      connection_.stream().DiscardInput();
    }
  }
  if (!WriteHead(head, body_bytes).ok()) {
    Drop();
    return RespondStatus(500);
  }
  Enter(ExchangeEvent::kStreamBegin);
}

bool ServerExchange::IsStreamHigh() const {
  return connection_.stream().is_output_high();
}

void ServerExchange::WriteStream(absl::string_view bytes) {
  Connection::Entry entry(connection_);
  if (!IsStreamed(phase_) || bytes.empty()) return;
  server().scratch_.clear();
  if (!work_->writer->WriteBody(bytes).ok()) {
    // More than was announced.
    server().statistics_.invalid_responses.Add();
    AbandonHandler();
    return EndTruncated();
  }
  Append(server().scratch_);
}

void ServerExchange::FinishStream(absl::Span<const http::Field> trailers) {
  Connection::Entry entry(connection_);
  if (!IsStreamed(phase_)) return;
  server().scratch_.clear();
  if (!work_->writer->Finish(trailers).ok()) {
    server().statistics_.invalid_responses.Add();
    return EndTruncated();
  }
  Append(server().scratch_);
  EndResponse();
}

void ServerExchange::AbortStream() {
  Connection::Entry entry(connection_);
  if (IsStreamed(phase_)) EndTruncated();
}

void ServerExchange::SendInterim(int status,
                                 absl::Span<const http::Field> fields) {
  Connection::Entry entry(connection_);
  if (!AwaitsResponse(phase_)) return;
  std::string& scratch = server().scratch_;
  scratch.clear();
  http::ResponseWriter writer(scratch,
                              {.method = method_, .version = version_});
  if (!writer.WriteInterim(status, fields).ok()) {
    server().statistics_.invalid_responses.Add();
  } else if (status == 100 && work_ != nullptr) {
    work_->wants_continue = false;
  }
  AppendHead(scratch);
}

void ServerExchange::AddField(absl::string_view name, absl::string_view value) {
  const http::Field field = {name, value};
  if (http::CheckFields({&field, 1}).ok()) {
    http::AppendField(work().more_lines, field);
  } else {
    server().statistics_.invalid_responses.Add();
  }
}

void ServerExchange::SetRequestId(absl::string_view id) {
  AddField("X-Request-Id", id);
  work().request_id = std::string(id);
}

void ServerExchange::SetUser(absl::string_view name) {
  work().user = std::string(name);
}

// The final response was written to its end.
void ServerExchange::EndResponse() {
  Enter(ExchangeEvent::kResponseEnd);
  if (phase_ == ExchangePhase::kDiscardingBody) {
    ReleaseReceiver();
    work_->discarded_bytes = 0;
    if (!IsTooMuchToDiscard()) return;
    GiveUpBody();
  }
  EndExchangeIfFlushed();
}

// While much of a response is unsent its exchange goes on: the write deadline
// runs, and no other request is read.
void ServerExchange::EndExchangeIfFlushed() {
  if (!connection_.stream().is_output_high()) return EndExchange();
  (void)work();
  ReleaseReceiver();
  // The client may read only when it has sent the rest of its body.
  if (is_server_initiated_close_) connection_.stream().DiscardInput();
}

void ServerExchange::EndExchange() {
  if (persistence_ != http::Persistence::kClose) {
    return Enter(ExchangeEvent::kFlushed);
  }
  // A client that announced the end itself sends no more; to close with unread
  // input would make the kernel send an RST.
  const bool may_have_input =
      is_server_initiated_close_ || !connection_.is_in_input() || is_followed_;
  EndConnection(may_have_input ? ExchangeEvent::kLinger
                               : ExchangeEvent::kClose);
}

void ServerExchange::OnOutputDrained() {
  reads_ahead_ = false;
  if (phase_ == ExchangePhase::kFlushing) return EndExchange();
  if (IsStreamed(phase_)) NotifyWritable();
}

// Ending.

void ServerExchange::Refuse(http::ParseError error) {
  server().statistics_.of(error).Add();
  Refuse(server().RefusalFor(error));
}

void ServerExchange::Refuse(const http::PreparedResponse& response) {
  AbandonHandler();
  if (IsStreamed(phase_)) return EndTruncated();
  if (phase_ == ExchangePhase::kDiscardingBody) {
    return EndConnection(ExchangeEvent::kLinger);
  }
  if (!AwaitsResponse(phase_)) return;
  persistence_ = http::Persistence::kClose;
  if (ExpectsBody(phase_)) Enter(ExchangeEvent::kBodyEnd);
  Write(response, Lease());
  Enter(ExchangeEvent::kResponseEnd);
  EndConnection(ExchangeEvent::kLinger);
}

void ServerExchange::TimeOutHandler() {
  if (ExpectsBody(phase_)) {
    return Refuse(server().PageFor(503).As(PageFormat::kText));
  }
  AbandonHandler();
  RespondStatus(503);
}

// The response is cut off. Where its framing does not show that, a reset does
// (RFC 9112 §8); a FIN leaves what was sent before intact.
void ServerExchange::EndTruncated() {
  if (work_->writer->shows_truncation()) {
    return EndConnection(ExchangeEvent::kLinger);
  }
  connection_.Reset();
}

void ServerExchange::EndConnection(ExchangeEvent event) {
  Enter(event);
  if (event == ExchangeEvent::kLinger) {
    connection_.stream().LingerWhenSent();
  } else {
    connection_.stream().CloseWhenSent();
  }
}

void ServerExchange::EndWithoutResponse(ClosedBy closed_by,
                                        uint64_t unsent_bytes) {
  closed_by_ = closed_by;
  AbandonHandler();
  if (IsEnding(phase_)) return;
  CountUnsentResponse();
  written_bytes_ -= unsent_bytes;
  if (IsStreamed(phase_)) return EndTruncated();
  EndConnection(ExchangeEvent::kLinger);
}

void ServerExchange::AbandonHandler() {
  if (is_unanswered()) server().statistics_.cancelled_requests.Add();
  Abandon();
}

// The handler has responded, and the client does not get all of it.
void ServerExchange::CountUnsentResponse() {
  if (phase_ == ExchangePhase::kHoldingResponse ||
      phase_ == ExchangePhase::kFlushing) {
    server().statistics_.cancelled_requests.Add();
  }
}

void ServerExchange::OnClosed(ClosedBy closed_by, uint64_t unsent_bytes) {
  closed_by_ = closed_by;
  written_bytes_ -= unsent_bytes;
  CountUnsentResponse();
  Enter(ExchangeEvent::kClosed);
  AbandonHandler();
}

// The record.

void ServerExchange::Record() {
  HttpServer& server = this->server();
  const RequestStart& start = this->start();
  int status = status_;
  if (status == 0 && closed_by_ == ClosedBy::kClient) {
    status = kClientClosedRequest;
  }
  // Less if not even the responses before were sent.
  const uint64_t bytes =
      written_bytes_ - std::min(start.written_bytes, written_bytes_);
  server.recorder_.Count(route_, status, start.at, bytes);
  if (!server.recorder_.is_observed()) return;
  ExchangeRecord record;
  if (is_handling()) {
    using http::FieldName;
    const http::RequestHead& head = *server.handling_.head;
    record.method = head.method_token;
    record.target = head.target;
    record.host = head.authority;
    record.referer = ValueOf(head, FieldName::kReferer);
    record.user_agent = ValueOf(head, FieldName::kUserAgent);
    record.traceparent = Traceparent(head);
  } else if (work_ != nullptr && work_->notes.has_value()) {
    const ExchangeWork::RequestNotes& notes = *work_->notes;
    record.method = notes.method;
    record.target = notes.target;
    record.host = notes.host;
    record.referer = notes.referer;
    record.user_agent = notes.user_agent;
    record.traceparent = notes.traceparent;
  }
  record.client = client();
  record.version = version_;
  if (work_ != nullptr) {
    record.request_id = work_->request_id;
    record.user = work_->user;
  }
  record.route = server.router_.route_name(route_);
  record.status = status;
  record.sent_bytes = bytes;
  record.body_bytes = bytes - std::min(start.head_bytes, bytes);
  server.recorder_.Report(record);
}

// Keeps what the record needs: the head's bytes are gone when the response
// comes.
void ServerExchange::NoteRequest(const http::RequestHead& head) {
  using http::FieldName;
  work().notes = {
      .method = std::string(head.method_token),
      .target = std::string(head.target),
      .host = std::string(head.authority),
      .referer = std::string(ValueOf(head, FieldName::kReferer)),
      .user_agent = std::string(ValueOf(head, FieldName::kUserAgent)),
      .traceparent = std::string(Traceparent(head))};
  // The socket may be closed then.
  (void)client();
}

const ClientAddress& ServerExchange::client() {
  if (client_ == nullptr) {
    const absl::StatusOr<Address> address =
        connection_.stream().socket().PeerAddress();
    client_ = std::make_unique<ClientAddress>(address.value_or(Address()));
  }
  return *client_;
}

bool ServerExchange::RestartsDeadline(ConnectionDeadline deadline) {
  const bool waits_for_new = waits_for_new_;
  const bool has_begun_output = has_begun_output_;
  waits_for_new_ = false;
  has_begun_output_ = false;
  switch (deadline) {
    case ConnectionDeadline::kWrite:
      return has_begun_output;
    case ConnectionDeadline::kIdle:
      return waits_for_new || has_begun_output;
    default:
      return waits_for_new;
  }
}

ExchangeWork& ServerExchange::work() {
  if (work_ == nullptr) {
    work_ = server().TakeWork();
    // The server still has the start of this request: no other has begun since.
    work_->start = server().request_start_;
  }
  return *work_;
}

RequestStart& ServerExchange::start() {
  return work_ == nullptr ? server().request_start_ : work_->start;
}

// Its callback may be running.
void ServerExchange::ReleaseReceiver() {
  if (work_->receiver == nullptr) return;
  server().reactor_.DeleteSoon(std::move(work_->receiver));
}

}  // namespace pollux
