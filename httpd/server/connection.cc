#include "httpd/server/connection.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/overload.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "httpd/http/chunked_decoder.h"
#include "httpd/http/field_check.h"
#include "httpd/http/parse_error.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/exchange_observer.h"
#include "httpd/server/handler.h"
#include "httpd/server/http_server.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/router.h"

namespace pollux {
namespace {

// What part of its time passes before a client that does not take its answer
// is looked at for how far it is.
constexpr int kProgressAskedAfter = 8;

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

// W3C Trace Context §3.2.
absl::string_view Traceparent(const http::RequestHead& head) {
  for (const http::Field& field : head.fields) {
    if (absl::EqualsIgnoreCase(field.name, "traceparent")) return field.value;
  }
  return {};
}

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
  if (!stream_.Start().ok()) return Leave();
  persistence_ = http::Persistence::kClose;
  Write(page.As(PageFormat::kText));
  Linger();
  stream_.Flush();
  Settle();
}

bool Connection::is_idle() const {
  return state_ == ConnectionState::kIdle && stream_.unsent_bytes() == 0;
}

uint64_t Connection::held_bytes() const {
  return stream_.buffered_bytes() + (work_ == nullptr ? 0 : work_->held_bytes);
}

bool Connection::is_handling() const {
  return server_.handling_.connection == this;
}

const ClientAddress& Connection::client() {
  if (client_ == nullptr) {
    const absl::StatusOr<Address> address = stream_.socket().PeerAddress();
    client_ = std::make_unique<ClientAddress>(address.value_or(Address()));
  }
  return *client_;
}

void Connection::Drain() {
  EndIfUnused();
  if (ending_ == Ending::kWanted) SettleOutside();
}

// While the server drains. An answer that announces the end brings it by
// itself; one that began before, such as a stream, leaves it to this.
void Connection::EndIfUnused() {
  if (ending_ != Ending::kNone || reading_ != Reading::kHead) return;
  // What has come already is answered.
  if (parser_.in_progress() || stream_.HasUnreadInput()) return;
  closes_unasked_ = true;
  ending_ = Ending::kWanted;
}

void Connection::Close() {
  written_bytes_ -= stream_.unsent_bytes();
  stream_.Close();
  // It may be due in this iteration, at whose end the connection is freed.
  Disarm(server_.reactor_);
  if (is_unanswered() || answer_ == Answer::kSending) {
    server_.statistics_.cancelled_requests.Add();
  }
  if (answer_ == Answer::kStreaming || answer_ == Answer::kSending) Record();
  Abandon();
  if (work_ != nullptr) ReleaseWork();
  server_.statistics_.of(state_).Add(-1);
}

void Connection::Shed() {
  const bool is_between = reading_ == Reading::kHead && !parser_.in_progress();
  if (is_ending() || answer_ >= Answer::kStreaming || is_between) {
    Abort();
    return Leave();
  }
  if (reading_ == Reading::kHead) BeginWithoutHead({});
  Refuse(server_.PageFor(503).As(PageFormat::kText));
  SettleOutside();
}

// Reading.

size_t Connection::OnInput(absl::string_view input) {
  in_input_ = true;
  size_t consumed = 0;
  while (consumed < input.size() && ReadsInput()) {
    const absl::string_view rest = input.substr(consumed);
    const Reading before = reading_;
    const size_t more =
        before == Reading::kHead ? ReadHead(rest) : ReadBody(rest);
    // A body may have ended before the rest.
    if (more == 0 && reading_ == before) break;
    consumed += more;
  }
  in_input_ = false;
  server_.statistics_.received_bytes.Add(consumed);
  if (!stream_.is_open()) return consumed;
  // What had come has been answered, and nobody waits for more.
  if (server_.draining_ && (ReadsInput() || consumed == input.size())) {
    EndIfUnused();
  }
  // To close with unread input would make the kernel send an RST.
  if (ending_ == Ending::kWanted && consumed < input.size()) Linger();
  Settle();
  return consumed;
}

// While an answer is awaited, or answers pile up, the client has to wait.
bool Connection::ReadsInput() const {
  return ending_ == Ending::kNone && reading_ != Reading::kWhole &&
         stream_.is_open() && !stream_.is_output_high() &&
         (reading_ == Reading::kHead || !work_->is_paused);
}

size_t Connection::ReadHead(absl::string_view input) {
  http::RequestHead& head = server_.head_;
  const http::ParseOutcome outcome =
      parser_.Parse(input, server_.options_.head_limits, head);
  switch (outcome.kind) {
    case http::ParseOutcome::Kind::kNeedMore:
      return 0;
    case http::ParseOutcome::Kind::kError:
      BeginWithoutHead(input);
      Refuse(outcome.error);
      return input.size();
    case http::ParseOutcome::Kind::kComplete:
      is_followed_ = outcome.bytes < input.size();
      OnHead(head, is_followed_);
      return outcome.bytes;
  }
  return 0;
}

// What is asked for with HEAD is answered without a body, even if the rest of
// the head cannot be read (RFC 9110 §9.3.2).
void Connection::BeginWithoutHead(absl::string_view input) {
  method_ = absl::StartsWith(absl::StripPrefix(input, "\r\n"), "HEAD ")
                ? http::Method::kHead
                : http::Method::kGet;
  route_ = RouteMatch::kNoRoute;
  server_.asked_ = {server_.reactor_.Now(), written_bytes_};
}

void Connection::OnHead(const http::RequestHead& head, bool body_has_begun) {
  version_ = head.version;
  persistence_ = head.persistence;
  method_ = head.method;
  server_.asked_ = {server_.reactor_.Now(), written_bytes_};
  // The time for the head is over; another one's begins anew.
  if (armed_for_ == Deadline::kHead) restart_deadline_ = true;
  server_.router_.Find(head, server_.match_);
  route_ = static_cast<uint16_t>(server_.match_.route);
  reading_ = Reading::kWhole;
  server_.handling_ = {.connection = this, .head = &head};
  if (head.content_length > server_.options_.max_body_bytes) {
    Refuse(http::ParseError::kBodyTooLarge);
  } else {
    if (head.content_length > 0 ||
        head.body_framing == http::BodyFraming::kChunked) {
      reading_ = Reading::kBody;
      work().body.emplace(head, server_.options_.max_body_bytes);
    }
    Handle(head);
    if (stream_.is_open() && !is_ending()) {
      if (reading_ == Reading::kBody) {
        work_->wants_continue = head.expects_continue && !body_has_begun;
        if (answer_ == Answer::kHeld) work_->is_paused = false;
        Continue();
      } else if (work_ != nullptr && work_->receiver != nullptr) {
        work_->receiver->OnBodyEnd();
      }
    }
    if (reading_ != Reading::kHead && stream_.is_open() && !is_ending()) {
      if (server_.options_.observer != nullptr) NoteRequest(head);
      if (is_unanswered()) work().format = PreferredFormat(head);
    }
  }
  server_.handling_ = {};
}

void Connection::Handle(const http::RequestHead& head) {
  const RouteMatch& match = server_.match_;
  if (match.handler != nullptr) {
    match.handler->Handle(Request(head, match, *this), MakeResponder());
  } else if (match.page != nullptr) {
    Respond(match.page->As(PreferredFormat(head)), Lease());
  } else {
    RedirectToFolder(head);
  }
}

void Connection::HandOn(pollux::Handler& handler, const Request& request) {
  // The rest is OnHead()'s.
  if (is_handling()) return handler.Handle(request, MakeResponder());
  ResumeBody();
  // That may have come to the connection's end.
  if (is_ending() || !stream_.is_open()) return;
  const HttpServer::Handling outer = std::exchange(
      server_.handling_, {.connection = this, .head = &request.head()});
  handler.Handle(request, MakeResponder());
  // Nothing comes that would say it later.
  if (stream_.is_open() && !is_ending() && reading_ == Reading::kWhole &&
      work_ != nullptr && work_->receiver != nullptr) {
    work_->receiver->OnBodyEnd();
  }
  server_.handling_ = outer;
}

void Connection::RedirectToFolder(const http::RequestHead& head) {
  Response response;
  response.head.status = 308;
  response.head.fields.emplace_back(
      "Location",
      absl::StrCat(head.path, "/", head.query.empty() ? "" : "?", head.query));
  Respond(std::move(response));
}

// The client waits for a word before it sends the body (RFC 9110 §10.1.1).
void Connection::Continue() {
  if (work_->is_paused) return;
  if (!std::exchange(work_->wants_continue, false)) return;
  if (answer_ == Answer::kHeld && status_ >= 400) {
    // It need not be sent. Whether it will be cannot be known: the connection
    // ends.
    reading_ = Reading::kWhole;
    persistence_ = http::Persistence::kClose;
    closes_unasked_ = true;
    return WriteHeld();
  }
  AppendHead(kContinue);
}

size_t Connection::ReadBody(absl::string_view input) {
  size_t read = 0;
  while (true) {
    const http::BodyOutcome outcome = work_->body->Decode(input.substr(read));
    switch (outcome.kind) {
      case http::BodyOutcome::Kind::kData:
        read += outcome.bytes;
        work_->received_bytes += outcome.data.size();
        if (work_->receiver != nullptr && !outcome.data.empty()) {
          work_->receiver->OnBody(outcome.data);
        }
        // The end is told even if the receiver is paused: nothing comes that
        // would say it later.
        if (is_ending() || !stream_.is_open()) return input.size();
        if (read < input.size() && !ReadsInput()) return read;
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

void Connection::OnBodyRead() {
  reading_ = Reading::kWhole;
  restart_deadline_ = true;
  work_->body.reset();
  if (answer_ == Answer::kHeld) return WriteHeld();
  if (answer_ == Answer::kDone) return FinishExchange();
  if (work_->receiver != nullptr) work_->receiver->OnBodyEnd();
}

// The body of the request, for handlers.

void Connection::ReceiveBody(std::unique_ptr<BodyReceiver> receiver) {
  work().receiver = std::move(receiver);
}

void Connection::PauseBody() {
  work().is_paused = true;
  SettleOutside();
}

void Connection::ResumeBody() {
  if (work_ == nullptr || !std::exchange(work_->is_paused, false)) return;
  restart_deadline_ = true;
  if (!is_handling()) Continue();
  SettleOutside();
}

void Connection::HoldBytes(uint64_t bytes) {
  server_.held_bytes_.Add(static_cast<int64_t>(bytes - work().held_bytes));
  work_->held_bytes = bytes;
}

// Answering.

void Connection::Respond(const http::PreparedResponse& response, Lease lease) {
  // The client did not finish its request, and was told so, or has left.
  if (is_ending() || !stream_.is_open()) return;
  status_ = static_cast<uint16_t>(response.status());
  // Not before the request is known to be whole.
  if (reading_ == Reading::kBody) {
    work().held = ConnectionWork::HeldPrepared{&response, std::move(lease)};
    return HoldAnswer();
  }
  Write(response);
  AnswerDone();
}

void Connection::Respond(Response response) {
  if (is_ending() || !stream_.is_open()) return;
  status_ = static_cast<uint16_t>(response.head.status);
  if (reading_ == Reading::kBody) {
    work().held = std::move(response);
    return HoldAnswer();
  }
  Write(std::move(response));
  AnswerDone();
}

// The rest of the body is read for nobody.
void Connection::HoldAnswer() {
  answer_ = Answer::kHeld;
  ResumeBody();
}

void Connection::RespondStatus(int status) {
  const PageFormat format = is_handling()
                                ? PreferredFormat(*server_.handling_.head)
                            : work_ != nullptr ? work_->format
                                               : PageFormat::kText;
  Respond(server_.PageFor(status).As(format), Lease());
}

void Connection::WriteHeld() {
  auto held = std::exchange(work_->held, std::monostate());
  if (auto* prepared = std::get_if<ConnectionWork::HeldPrepared>(&held)) {
    Write(*prepared->response);
  } else {
    Write(std::get<Response>(std::move(held)));
  }
  AnswerDone();
}

// Whether another request has come, or a part of one.
bool Connection::IsFollowed() {
  if (reading_ == Reading::kBody) return false;
  return (in_input_ && is_followed_) || stream_.HasUnreadInput();
}

http::ConnectionOption Connection::ConnectionOptionNow() {
  if (server_.draining_ && persistence_ != http::Persistence::kClose &&
      !IsFollowed()) {
    persistence_ = http::Persistence::kClose;
    closes_unasked_ = true;
  }
  if (persistence_ == http::Persistence::kClose) {
    return http::ConnectionOption::kClose;
  }
  return version_ == http::Version::kHttp10 ? http::ConnectionOption::kKeepAlive
                                            : http::ConnectionOption::kNone;
}

void Connection::NoteWriting() {
  // While the client does not take what there is, its time runs on.
  if (stream_.unsent_bytes() == 0) restart_deadline_ = true;
}

void Connection::Append(absl::string_view bytes) {
  NoteWriting();
  stream_.output().append(bytes);
  written_bytes_ += bytes.size();
}

void Connection::AppendHead(absl::string_view bytes) {
  Append(bytes);
  asked().head_bytes += bytes.size();
}

void Connection::Write(const http::PreparedResponse& response) {
  NoteWriting();
  std::string& output = stream_.output();
  const size_t before = output.size();
  const bool is_head_only = method_ == http::Method::kHead;
  response.AppendTo(output, server_.dates_.At(server_.reactor_.Now()),
                    ConnectionOptionNow(),
                    is_head_only ? http::BodyPresence::kHeadOnly
                                 : http::BodyPresence::kHeadAndBody,
                    work_ == nullptr ? absl::string_view() : work_->more_lines);
  const size_t bytes = output.size() - before;
  written_bytes_ += bytes;
  asked().head_bytes += bytes - (is_head_only ? 0 : response.body_bytes());
}

absl::Status Connection::WriteHead(const ResponseHead& head,
                                   std::optional<uint64_t> body_bytes) {
  std::vector<http::Field>& fields = server_.fields_;
  fields.clear();
  for (const auto& [name, value] : head.fields) fields.push_back({name, value});
  (void)ConnectionOptionNow();
  std::string& scratch = server_.scratch_;
  scratch.clear();
  http::ResponseWriter& writer = work().writer.emplace(
      scratch,
      http::Recipient{
          .method = method_, .version = version_, .persistence = persistence_});
  absl::Status written =
      writer.WriteHead(head.status, server_.dates_.At(server_.reactor_.Now()),
                       fields, body_bytes);
  if (!written.ok()) {
    server_.statistics_.invalid_responses.Add();
    return written;
  }
  // A body that ends with the connection.
  if (writer.closes()) persistence_ = http::Persistence::kClose;
  constexpr size_t kBlankLineBytes = 2;
  scratch.insert(scratch.size() - kBlankLineBytes, work_->more_lines);
  AppendHead(scratch);
  return written;
}

void Connection::Write(Response response) {
  const uint64_t bytes = SizeOf(response.body);
  if (!WriteHead(response.head, bytes).ok()) {
    status_ = 500;
    return Write(server_.PageFor(status_).As(PageFormat::kText));
  }
  if (method_ == http::Method::kHead || bytes == 0) return;
  written_bytes_ += bytes;
  std::visit(absl::Overload{
                 [&](std::string&& body) { stream_.Write(std::move(body)); },
                 [&](SharedBytes&& body) {
                   stream_.WriteShared(body.bytes, std::move(body.lease));
                 },
                 [&](FileRange&& body) { stream_.WriteFile(std::move(body)); },
             },
             std::move(response.body));
}

void Connection::BeginStream(ResponseHead head,
                             std::optional<uint64_t> body_bytes) {
  if (is_ending() || !stream_.is_open()) return Drop();
  status_ = static_cast<uint16_t>(head.status);
  if (!WriteHead(head, body_bytes).ok()) {
    Drop();
    return RespondStatus(500);
  }
  answer_ = Answer::kStreaming;
  SettleOutside();
}

void Connection::WriteStream(absl::string_view bytes) {
  if (is_ending() || bytes.empty()) return;
  server_.scratch_.clear();
  if (!work_->writer->WriteBody(bytes).ok()) {
    // More than was announced.
    server_.statistics_.invalid_responses.Add();
    Abandon();
    return EndTruncated();
  }
  Append(server_.scratch_);
  SettleOutside();
}

void Connection::FinishStream(absl::Span<const http::Field> trailers) {
  if (is_ending()) return;
  server_.scratch_.clear();
  if (!work_->writer->Finish(trailers).ok()) {
    server_.statistics_.invalid_responses.Add();
    return EndTruncated();
  }
  Append(server_.scratch_);
  AnswerDone();
}

void Connection::AbortStream() {
  if (!is_ending() && stream_.is_open()) EndTruncated();
}

void Connection::SendInterim(int status, absl::Span<const http::Field> fields) {
  if (is_ending() || !stream_.is_open()) return;
  std::string& scratch = server_.scratch_;
  scratch.clear();
  http::ResponseWriter writer(scratch,
                              {.method = method_, .version = version_});
  if (!writer.WriteInterim(status, fields).ok()) {
    server_.statistics_.invalid_responses.Add();
  }
  AppendHead(scratch);
  SettleOutside();
}

void Connection::AddField(absl::string_view name, absl::string_view value) {
  const http::Field field = {name, value};
  if (http::CheckFields({&field, 1}).ok()) {
    http::AppendField(work().more_lines, field);
  } else {
    server_.statistics_.invalid_responses.Add();
  }
}

void Connection::SetRequestId(absl::string_view id) {
  AddField("X-Request-Id", id);
  work().request_id = std::string(id);
}

void Connection::SetUser(absl::string_view name) {
  work().user = std::string(name);
}

void Connection::Refuse(http::ParseError error) {
  server_.statistics_.of(error).Add();
  Refuse(server_.RefusalFor(error));
}

// The request is refused: nothing that follows it can be understood, or is
// wanted (RFC 9112 §9.6).
void Connection::Refuse(const http::PreparedResponse& response) {
  if (is_unanswered()) server_.statistics_.cancelled_requests.Add();
  Abandon();
  if (answer_ == Answer::kStreaming) return EndTruncated();
  persistence_ = http::Persistence::kClose;
  status_ = static_cast<uint16_t>(response.status());
  Write(response);
  Linger();
  Record();
  if (work_ != nullptr) ReleaseWork();
}

void Connection::AnswerDone() {
  answer_ = Answer::kDone;
  // Else the rest of its body is still to be read.
  if (reading_ == Reading::kWhole) FinishExchange();
}

// An answer that is not nearly sent is not over: its time runs, the client may
// still miss it, and no other request is read.
void Connection::FinishExchange() {
  if (!stream_.is_output_high()) return EndExchange();
  answer_ = Answer::kSending;
  ReleaseReceiver(work());
  SettleOutside();
}

void Connection::EndExchange() {
  Record();
  if (work_ != nullptr) ReleaseWork();
  reading_ = Reading::kHead;
  answer_ = Answer::kNone;
  if (persistence_ == http::Persistence::kClose) ending_ = Ending::kWanted;
  SettleOutside();
}

void Connection::Record() {
  const ConnectionWork::Asked& asked = this->asked();
  RouteStatistics& route = server_.statistics_.routes[route_];
  const int64_t nanos = server_.reactor_.Now().nanos() - asked.at.nanos();
  route.responses[status_ / 100 - 1].Add();
  route.latency.RecordNanos(nanos);
  // Less if not even the answers before were sent.
  const uint64_t bytes =
      written_bytes_ - std::min(asked.written_bytes, written_bytes_);
  server_.statistics_.sent_bytes.Add(bytes);
  ExchangeObserver* const observer = server_.options_.observer;
  if (observer == nullptr) return;
  ExchangeRecord record;
  if (is_handling()) {
    using http::FieldName;
    const http::RequestHead& head = *server_.handling_.head;
    const auto value = [&](FieldName name) {
      const http::Field* const field = head.fields.Find(name);
      return field == nullptr ? absl::string_view() : field->value;
    };
    record.method = head.method_token;
    record.target = head.target;
    record.host = head.authority;
    record.referer = value(FieldName::kReferer);
    record.user_agent = value(FieldName::kUserAgent);
    record.traceparent = Traceparent(head);
  } else if (work_ != nullptr && work_->notes.has_value()) {
    const ConnectionWork::RequestNotes& notes = *work_->notes;
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
  record.route = server_.router_.route_name(route_);
  record.status = status_;
  record.sent_bytes = bytes;
  record.body_bytes = bytes - std::min(asked.head_bytes, bytes);
  record.duration = absl::Nanoseconds(nanos);
  observer->OnExchange(record);
}

// The head goes, and the answer comes later.
void Connection::NoteRequest(const http::RequestHead& head) {
  const auto value = [&](http::FieldName name) {
    const http::Field* const field = head.fields.Find(name);
    return field == nullptr ? std::string() : std::string(field->value);
  };
  work().notes = {.method = std::string(head.method_token),
                  .target = std::string(head.target),
                  .host = std::string(head.authority),
                  .referer = value(http::FieldName::kReferer),
                  .user_agent = value(http::FieldName::kUserAgent),
                  .traceparent = std::string(Traceparent(head))};
  // The socket may be closed then.
  (void)client();
}

ConnectionWork& Connection::work() {
  if (work_ == nullptr) {
    work_ = server_.TakeWork();
    // Whoever answers later has work from the first moment.
    work_->asked = server_.asked_;
  }
  return *work_;
}

// Of the request that is answered.
ConnectionWork::Asked& Connection::asked() {
  return work_ == nullptr ? server_.asked_ : work_->asked;
}

void Connection::ReleaseWork() {
  server_.held_bytes_.Add(-static_cast<int64_t>(work_->held_bytes));
  ReleaseReceiver(*work_);
  server_.GiveWork(std::move(work_));
}

// Its callback may be running.
void Connection::ReleaseReceiver(ConnectionWork& work) {
  if (work.receiver == nullptr) return;
  server_.reactor_.DeleteSoon(std::move(work.receiver));
}

// Ending.

// So that the client sees that something is missing.
void Connection::EndTruncated() {
  written_bytes_ -= stream_.unsent_bytes();
  Record();
  answer_ = Answer::kDone;
  stream_.Abort();
  Leave();
}

void Connection::Abort() {
  written_bytes_ -= stream_.unsent_bytes();
  stream_.Abort();
}

// To close with unread input would make the kernel send an RST, which may eat
// the answers (RFC 9112 §9.6).
void Connection::Linger() {
  ending_ = Ending::kLingering;
  stream_.LingerWhenSent();
}

void Connection::CloseWhenSent() {
  ending_ = Ending::kClosing;
  stream_.CloseWhenSent();
}

void Connection::OnEndOfInput() {
  if (is_ending()) return;
  if (reading_ == Reading::kBody || parser_.in_progress()) {
    // In the middle of a request, which will never be whole.
    if (reading_ == Reading::kHead) BeginWithoutHead({});
    Refuse(server_.truncated_request_.As(PageFormat::kText));
  } else {
    // Answers that are due still go out (half-close). While one is awaited
    // nothing is read, so not even the end.
    CloseWhenSent();
  }
  if (stream_.is_open()) Settle();
}

void Connection::OnOutputDrained() {
  if (answer_ == Answer::kSending) {
    EndExchange();
  } else if (answer_ == Answer::kStreaming) {
    NotifyWritable();
  }
  if (stream_.is_open()) Settle();
}

void Connection::OnClosed(Stream::CloseReason, int, uint64_t unsent_bytes) {
  written_bytes_ -= unsent_bytes;
  Leave();
}

void Connection::Leave() {
  Close();
  server_.Remove(*this);
}

// After whatever happened.

// Outside of OnInput(), which sees to all this when it has come to its end.
void Connection::SettleOutside() {
  if (in_input_ || !stream_.is_open()) return;
  if (server_.draining_) EndIfUnused();
  if (ending_ == Ending::kWanted) closes_unasked_ = true;
  stream_.Flush();
  Settle();
}

void Connection::Settle() {
  if (ending_ == Ending::kWanted) {
    // A client that announced the end itself sends no more.
    closes_unasked_ ? Linger() : CloseWhenSent();
  }
  if (!is_ending() && ReadsInput() == is_paused_) {
    is_paused_ = !is_paused_;
    is_paused_ ? stream_.PauseInput() : stream_.ResumeInput();
  }
  NoteState();
  const Deadline current = CurrentDeadline();
  if (restart_deadline_ || current != armed_for_) {
    restart_deadline_ = false;
    Restart(current);
  }
  server_.CheckMemory();
}

void Connection::NoteState() {
  ConnectionState state = ConnectionState::kAnswering;
  if (is_ending()) {
    state = ConnectionState::kClosing;
  } else if (reading_ == Reading::kBody || parser_.in_progress()) {
    state = ConnectionState::kReading;
  } else if (reading_ == Reading::kHead) {
    state = ConnectionState::kIdle;
  }
  if (state == state_) return;
  server_.statistics_.of(state_).Add(-1);
  server_.statistics_.of(state).Add(1);
  state_ = state;
}

Connection::Deadline Connection::CurrentDeadline() const {
  // Answers pile up, or are the last: it is the client's turn to read.
  if (is_ending() || stream_.is_output_high()) return Deadline::kWrite;
  const bool is_unsent = stream_.unsent_bytes() > 0;
  switch (reading_) {
    case Reading::kHead:
      if (parser_.in_progress()) return Deadline::kHead;
      // Usually what is unsent now is sent when this event is over.
      return is_unsent && server_.options_.write_timeout <
                              server_.options_.idle_timeout
                 ? Deadline::kWrite
                 : Deadline::kIdle;
    case Reading::kBody:
      if (!work_->is_paused) return Deadline::kBody;
      break;
    case Reading::kWhole:
      break;
  }
  return is_unsent ? Deadline::kWrite : Deadline::kNone;
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
    case Deadline::kWrite:
      return options.write_timeout;
  }
  return absl::InfiniteDuration();
}

// Of what was written. What the kernel holds for the client has not been taken:
// it holds megabytes, and asks for more only when much of that has gone.
uint64_t Connection::TakenBytes() const {
  return stream_.socket().AcknowledgedBytes().value_or(written_bytes_ -
                                                       stream_.unsent_bytes());
}

// Bytes that have passed in the direction that is waited for.
uint64_t Connection::Progress() const {
  if (armed_for_ == Deadline::kWrite) return TakenBytes();
  return armed_for_ == Deadline::kBody ? work_->received_bytes : 0;
}

// What dribbles moves no deadline; what keeps the rate has it from anew.
bool Connection::IsFastEnough() const {
  if (armed_for_ != Deadline::kBody && armed_for_ != Deadline::kWrite) {
    return false;
  }
  const double wanted =
      absl::ToDoubleSeconds(TimeoutOf(armed_for_)) *
      static_cast<double>(server_.options_.min_bytes_per_second);
  const uint64_t progress = Progress();
  return progress > progress_then_ &&
         static_cast<double>(progress - progress_then_) >= wanted;
}

void Connection::Restart(Deadline deadline) {
  Arm(deadline, server_.reactor_.Now());
}

// How far a client is with an answer costs a system call, and nearly all have
// it long before they are asked.
void Connection::Arm(Deadline deadline, MonotonicTime since) {
  armed_for_ = deadline;
  is_progress_known_ = deadline != Deadline::kWrite;
  if (deadline == Deadline::kNone) return Disarm(server_.reactor_);
  if (is_progress_known_) return CountFrom(since);
  ArmAt(server_.reactor_, since + ArmedTime());
}

// What has passed until now does not count any more.
void Connection::CountFrom(MonotonicTime since) {
  progress_then_ = Progress();
  is_progress_known_ = true;
  ArmAt(server_.reactor_, since + ArmedTime());
}

absl::Duration Connection::ArmedTime() const {
  const absl::Duration time = TimeoutOf(armed_for_);
  return is_progress_known_ ? time : time / kProgressAskedAfter;
}

// Since when the client is waited for.
MonotonicTime Connection::since() const { return deadline() + -ArmedTime(); }

void Connection::OnDeadline() {
  const bool is_unsent = stream_.unsent_bytes() > 0;
  if (armed_for_ == Deadline::kWrite && !is_unsent) {
    // All was sent, and nobody told. The stream sees to a lingering end.
    if (is_ending()) return;
    return Arm(CurrentDeadline(), since());
  }
  if (armed_for_ == Deadline::kIdle && is_unsent) {
    return Restart(Deadline::kWrite);
  }
  if (!is_progress_known_) return CountFrom(since());
  if (IsFastEnough()) {
    return CountFrom(server_.reactor_.Now());
  }
  OnTooSlow();
}

void Connection::OnTooSlow() {
  ServerStatistics& statistics = server_.statistics_;
  switch (armed_for_) {
    case Deadline::kNone:
      return;
    case Deadline::kIdle:
      statistics.of(TimeoutKind::kIdle).Add();
      CloseWhenSent();
      break;
    case Deadline::kHead:
      statistics.of(TimeoutKind::kHead).Add();
      BeginWithoutHead({});
      Refuse(server_.request_timeout_.As(PageFormat::kText));
      break;
    case Deadline::kBody:
      statistics.of(TimeoutKind::kBody).Add();
      Refuse(server_.request_timeout_.As(PageFormat::kText));
      break;
    case Deadline::kWrite:
      statistics.of(TimeoutKind::kWrite).Add();
      // It does not read, so what the kernel has for it must not be kept
      // either.
      Abort();
      return Leave();
  }
  SettleOutside();
}

}  // namespace pollux
