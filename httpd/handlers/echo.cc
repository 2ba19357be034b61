#include "httpd/handlers/echo.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/field.h"
#include "httpd/http/field_check.h"
#include "httpd/http/field_name.h"
#include "httpd/http/media_type.h"
#include "httpd/http/request_head.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/response.h"
#include "httpd/server/response_stream.h"

namespace pollux {
namespace {

ResponseHead HeadOfType(absl::string_view content_type) {
  return {.status = 200,
          .fields = {{"Content-Type", std::string(content_type)},
                     {"X-Content-Type-Options", "nosniff"},
                     {"Cache-Control", "no-store"}}};
}

// Of a GET. HEAD announces what that would get (RFC 9110 §9.3.2).
std::string Describe(const Request& request) {
  std::string text =
      absl::StrCat("GET ", request.path(), request.query().empty() ? "" : "?",
                   request.query(), "\n");
  for (const http::Field& field : request.fields()) {
    absl::StrAppend(&text, field.name, ": ", field.value, "\n");
  }
  return text;
}

absl::string_view ContentType(const Request& request) {
  const absl::string_view type = request.field(http::FieldName::kContentType);
  return type.empty() || !http::IsValidField({"Content-Type", type})
             ? http::kUnknownMediaType
             : type;
}

// Sends a body back: whole, or from where it is too large, as it comes. If it
// never ends, the answer is a stream without an end, or the connection's own.
class BodyEcho final : public BodyReceiver, private ResponseStream::Producer {
 public:
  explicit BodyEcho(const Request& request)
      : content_type_(ContentType(request)) {
    const http::RequestHead& head = request.head();
    if (head.body_framing == http::BodyFraming::kContentLength) {
      announced_bytes_ = head.content_length;
    }
  }

  void Hold(Responder responder) { responder_.emplace(std::move(responder)); }

  void OnBody(absl::string_view bytes) override {
    if (!stream_.has_value()) {
      if (bytes.size() <= EchoHandler::kMaxCollectedBytes - body_.size()) {
        body_.append(bytes);
        return responder_->HoldBytes(body_.size());
      }
      BeginStream();
    }
    stream_->Write(bytes);
  }

  void OnBodyEnd() override {
    if (stream_.has_value()) return std::move(*stream_).Finish();
    std::move(*responder_)
        .Send(Response{.head = HeadOfType(content_type_),
                       .body = std::move(body_)});
  }

 private:
  void BeginStream() {
    const std::string body = std::exchange(body_, std::string());
    responder_->HoldBytes(0);
    stream_.emplace(
        std::move(*responder_)
            .Stream(HeadOfType(content_type_), *this, announced_bytes_));
    stream_->Write(body);
  }

  // While the output is high no body is read, so there is nothing to go on
  // with; and what is written for nobody goes nowhere.
  void OnWritable() override {}
  void OnAbandoned() override {}

  const std::string content_type_;
  std::optional<uint64_t> announced_bytes_;
  std::string body_;
  std::optional<Responder> responder_;
  std::optional<ResponseStream> stream_;
};

}  // namespace

void EchoHandler::Handle(const Request& request, Responder responder) {
  if (request.method() == http::Method::kGet ||
      request.method() == http::Method::kHead) {
    return std::move(responder).Send(
        Response{.head = HeadOfType("text/plain"), .body = Describe(request)});
  }
  auto echo = std::make_unique<BodyEcho>(request);
  BodyEcho& holder = *echo;
  responder.ReceiveBody(std::move(echo));
  holder.Hold(std::move(responder));
}

}  // namespace pollux
