// Takes notes of what a handler answers.
#ifndef POLLUX_HTTPD_SERVER_RECORDING_EXCHANGE_H_
#define POLLUX_HTTPD_SERVER_RECORDING_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/field.h"
#include "httpd/http/http_date.h"
#include "httpd/http/prepared_response.h"
#include "httpd/server/body_receiver.h"
#include "httpd/server/client_address.h"
#include "httpd/server/exchange.h"
#include "httpd/server/handler.h"
#include "httpd/server/request.h"
#include "httpd/server/responder.h"
#include "httpd/server/response.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"

namespace pollux {

// An Exchange without a connection, for tests of handlers: gives them
// responders, and keeps what they answer. Owned by the test; one thread.
class RecordingExchange final : public Exchange {
 public:
  // What came of one question.
  struct Answer {
    // 0 until it is answered.
    int status = 0;
    std::vector<std::pair<std::string, std::string>> fields;
    // Of a file: nothing, see `file`.
    std::string body;
    std::optional<FileRange> file;
    // The whole message, with a Date of 1970-01-01, if it was prepared.
    std::string message;
    bool is_whole = false;
    bool was_aborted = false;

    // The value of the first field called so; empty if there is none.
    std::string Field(absl::string_view name) const {
      for (const auto& [field, value] : fields) {
        if (field == name) return value;
      }
      return "";
    }
  };

  // Asks again; what was asked before must have been answered.
  Responder Ask() {
    answers.emplace_back();
    return MakeResponder();
  }

  // What the client would do: read on, or leave.
  void SetStreamHigh(bool is_high) { is_high_ = is_high; }
  using Exchange::Abandon;
  using Exchange::is_unanswered;
  using Exchange::NotifyWritable;

  Answer& answer() { return answers.back(); }

  std::vector<Answer> answers;
  std::vector<int> interim;
  std::string request_id;
  std::string user;
  std::unique_ptr<BodyReceiver> receiver;
  bool is_body_paused = false;
  uint64_t held_bytes = 0;
  ClientAddress client_address;

 private:
  void Respond(const http::PreparedResponse& response, Lease) override {
    answer().status = response.status();
    response.AppendTo(answer().message, http::FormatHttpDate(0),
                      http::ConnectionOption::kNone,
                      http::BodyPresence::kHeadAndBody);
    answer().body = answer().message.substr(answer().message.size() -
                                            response.body_bytes());
    answer().is_whole = true;
  }
  void Respond(Response response) override {
    TakeHead(std::move(response.head));
    if (auto* bytes = std::get_if<std::string>(&response.body)) {
      answer().body = std::move(*bytes);
    } else if (auto* shared = std::get_if<SharedBytes>(&response.body)) {
      answer().body = std::string(shared->bytes);
    } else {
      answer().file = std::get<FileRange>(std::move(response.body));
    }
    answer().is_whole = true;
  }
  void RespondStatus(int status) override {
    answer().status = status;
    answer().is_whole = true;
  }
  void BeginStream(ResponseHead head, std::optional<uint64_t>) override {
    TakeHead(std::move(head));
  }
  void HandOn(Handler& handler, const Request& request) override {
    is_body_paused = false;
    handler.Handle(request, MakeResponder());
  }
  void WriteStream(absl::string_view bytes) override {
    answer().body.append(bytes);
  }
  bool IsStreamHigh() const override { return is_high_; }
  void FinishStream(absl::Span<const http::Field>) override {
    answer().is_whole = true;
  }
  void AbortStream() override { answer().was_aborted = true; }
  void SendInterim(int status, absl::Span<const http::Field>) override {
    interim.push_back(status);
  }
  void AddField(absl::string_view name, absl::string_view value) override {
    answer().fields.emplace_back(name, value);
  }
  void SetUser(absl::string_view name) override { user = std::string(name); }
  void SetRequestId(absl::string_view id) override {
    request_id = std::string(id);
  }
  void ReceiveBody(std::unique_ptr<BodyReceiver> new_receiver) override {
    receiver = std::move(new_receiver);
  }
  void PauseBody() override { is_body_paused = true; }
  void ResumeBody() override { is_body_paused = false; }
  void HoldBytes(uint64_t bytes) override { held_bytes = bytes; }
  const ClientAddress& client() override { return client_address; }

  void TakeHead(ResponseHead head) {
    answer().status = head.status;
    for (auto& field : head.fields) {
      answer().fields.push_back(std::move(field));
    }
  }

  bool is_high_ = false;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_RECORDING_EXCHANGE_H_
