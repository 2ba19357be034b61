#include "httpd/server/responder.h"

#include "absl/log/check.h"

namespace pollux {

ResponseSink::~ResponseSink() {
  if (responder_ != nullptr) responder_->sink_ = nullptr;
}

Responder ResponseSink::MakeResponder() {
  CHECK(responder_ == nullptr);
  return Responder(*this);
}

Responder::Responder(ResponseSink& sink) : sink_(&sink) {
  sink.responder_ = this;
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  if (ResponseSink* sink = Detach()) sink->RespondNothing();
  sink_ = other.Detach();
  if (sink_ != nullptr) sink_->responder_ = this;
  return *this;
}

Responder::~Responder() {
  if (ResponseSink* sink = Detach()) sink->RespondNothing();
}

void Responder::Send(const http::PreparedResponse& response) && {
  if (ResponseSink* sink = Detach()) sink->Respond(response);
}

ResponseSink* Responder::Detach() {
  ResponseSink* sink = std::exchange(sink_, nullptr);
  if (sink != nullptr) sink->responder_ = nullptr;
  return sink;
}

}  // namespace pollux
