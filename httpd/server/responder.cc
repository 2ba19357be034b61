#include "httpd/server/responder.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"

namespace pollux {
namespace {

// Answers when the body is whole, or too large.
class BodyCollector final : public BodyReceiver {
 public:
  BodyCollector(uint64_t max_bytes, Responder::OnBody on_body)
      : max_bytes_(max_bytes), on_body_(std::move(on_body)) {}

  void Hold(Responder responder) { responder_.emplace(std::move(responder)); }

  void OnBody(absl::string_view bytes) override {
    if (!responder_.has_value()) return;
    if (bytes.size() > max_bytes_ - body_.size()) {
      body_ = std::string();
      std::move(TakeResponder()).SendStatus(413);
      return;
    }
    body_.append(bytes);
    responder_->HoldBytes(body_.size());
  }

  void OnBodyEnd() override {
    if (!responder_.has_value()) return;
    std::move(on_body_)(std::move(body_), TakeResponder());
  }

 private:
  Responder TakeResponder() {
    Responder responder = *std::move(responder_);
    responder_.reset();
    return responder;
  }

  const uint64_t max_bytes_;
  Responder::OnBody on_body_;
  std::string body_;
  std::optional<Responder> responder_;
};

}  // namespace

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  if (Exchange* exchange = Detach()) exchange->RespondStatus(500);
  TakeFrom(other);
  on_abandoned_ = std::exchange(other.on_abandoned_, nullptr);
  return *this;
}

Responder::~Responder() {
  if (Exchange* exchange = Detach()) exchange->RespondStatus(500);
}

void Responder::OnExchangeGone() {
  auto told = std::exchange(on_abandoned_, nullptr);
  if (told) told();
}

void Responder::Send(const http::PreparedResponse& response, Lease lease) && {
  if (Exchange* exchange = Detach()) {
    exchange->Respond(response, std::move(lease));
  }
}

void Responder::Send(Response response) && {
  if (Exchange* exchange = Detach()) exchange->Respond(std::move(response));
}

void Responder::SendStatus(int status) && {
  if (Exchange* exchange = Detach()) exchange->RespondStatus(status);
}

void Responder::HandOn(Handler& handler, const Request& request) && {
  if (Exchange* exchange = Detach()) exchange->HandOn(handler, request);
}

ResponseStream Responder::Stream(ResponseHead head,
                                 ResponseStream::Producer& producer,
                                 std::optional<uint64_t> body_bytes) && {
  Exchange* const exchange = Detach();
  if (exchange == nullptr) return ResponseStream();
  ResponseStream stream(*exchange, producer);
  exchange->BeginStream(std::move(head), body_bytes);
  return stream;
}

void Responder::SendInterim(int status, absl::Span<const http::Field> fields) {
  if (exchange_ != nullptr) exchange_->SendInterim(status, fields);
}

void Responder::AddField(absl::string_view name, absl::string_view value) {
  if (exchange_ != nullptr) exchange_->AddField(name, value);
}

void Responder::SetRequestId(absl::string_view id) {
  if (exchange_ != nullptr) exchange_->SetRequestId(id);
}

void Responder::SetUser(absl::string_view name) {
  if (exchange_ != nullptr) exchange_->SetUser(name);
}

void Responder::HoldBytes(uint64_t bytes) {
  if (exchange_ != nullptr) exchange_->HoldBytes(bytes);
}

void Responder::ReceiveBody(std::unique_ptr<BodyReceiver> receiver) {
  if (exchange_ != nullptr) exchange_->ReceiveBody(std::move(receiver));
}

void Responder::CollectBody(uint64_t max_bytes, OnBody on_body) && {
  if (abandoned()) return;
  auto collector =
      std::make_unique<BodyCollector>(max_bytes, std::move(on_body));
  BodyCollector& holder = *collector;
  ReceiveBody(std::move(collector));
  holder.Hold(std::move(*this));
}

void Responder::PauseBody() {
  if (exchange_ != nullptr) exchange_->PauseBody();
}

void Responder::ResumeBody() {
  if (exchange_ != nullptr) exchange_->ResumeBody();
}

// Exchange.

Exchange::~Exchange() { Abandon(); }

Responder Exchange::MakeResponder() {
  CHECK(!is_unanswered());
  return Responder(*this);
}

void Exchange::Abandon() {
  if (holder_ == nullptr) return;
  ExchangeHolder* const holder = holder_;
  (void)holder->Detach();
  holder->OnExchangeGone();
}

void Exchange::Drop() {
  if (holder_ != nullptr) (void)holder_->Detach();
}

void Exchange::NotifyWritable() {
  if (holder_ != nullptr) holder_->OnExchangeWritable();
}

Exchange* ExchangeHolder::Detach() {
  Exchange* exchange = std::exchange(exchange_, nullptr);
  if (exchange != nullptr) exchange->holder_ = nullptr;
  return exchange;
}

void ExchangeHolder::TakeFrom(ExchangeHolder& other) {
  exchange_ = std::exchange(other.exchange_, nullptr);
  if (exchange_ != nullptr) exchange_->holder_ = this;
}

// ResponseStream.

ResponseStream& ResponseStream::operator=(ResponseStream&& other) noexcept {
  if (this == &other) return *this;
  Abort();
  TakeFrom(other);
  producer_ = other.producer_;
  return *this;
}

void ResponseStream::Abort() {
  if (Exchange* exchange = Detach()) exchange->AbortStream();
}

void ResponseStream::Write(absl::string_view bytes) {
  if (exchange_ != nullptr) exchange_->WriteStream(bytes);
}

bool ResponseStream::ShouldPause() const {
  return exchange_ != nullptr && exchange_->IsStreamHigh();
}

void ResponseStream::Finish(absl::Span<const http::Field> trailers) && {
  if (Exchange* exchange = Detach()) exchange->FinishStream(trailers);
}

}  // namespace pollux
