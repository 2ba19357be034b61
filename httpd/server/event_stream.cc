#include "httpd/server/event_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "httpd/http/request_head.h"
#include "httpd/server/response.h"

namespace pollux {
namespace {

constexpr absl::string_view kLineEnds = "\r\n";
// One of nothing.
constexpr absl::string_view kComment = ":\n";

ResponseHead EventStreamHead() {
  return {.status = 200,
          .fields = {{"Content-Type", "text/event-stream"},
                     {"Cache-Control", "no-store"},
                     // nginx would keep events until its buffer is full.
                     {"X-Accel-Buffering", "no"}}};
}

// The next line of `text`, which is moved behind it.
absl::string_view TakeLine(absl::string_view& text) {
  const size_t end = text.find_first_of(kLineEnds);
  const absl::string_view line = text.substr(0, end);
  text.remove_prefix(line.size());
  const size_t end_bytes = text.substr(0, 2) == "\r\n" ? 2 : 1;
  text.remove_prefix(end_bytes);
  return line;
}

bool HasLineEnd(absl::string_view text) {
  return text.find_first_of(kLineEnds) != absl::string_view::npos;
}

absl::Status Check(const EventStream::Event& event) {
  if (event.id.has_value() &&
      (HasLineEnd(*event.id) ||
       event.id->find('\0') != absl::string_view::npos)) {
    return absl::InvalidArgumentError("an id is one line, without NUL");
  }
  if (HasLineEnd(event.type)) {
    return absl::InvalidArgumentError("a type is one line");
  }
  if (event.retry.has_value() && (*event.retry < absl::ZeroDuration() ||
                                  *event.retry == absl::InfiniteDuration())) {
    return absl::InvalidArgumentError("retry is no time to wait");
  }
  return absl::OkStatus();
}

// The space behind a colon is not part of the value, so that the value may
// begin with one.
void AppendLine(std::string& out, absl::string_view name,
                absl::string_view value) {
  absl::StrAppend(&out, name, ": ", value, "\n");
}

void AppendEvent(std::string& out, const EventStream::Event& event) {
  if (event.id.has_value()) AppendLine(out, "id", *event.id);
  if (!event.type.empty()) AppendLine(out, "event", event.type);
  if (event.retry.has_value()) {
    AppendLine(out, "retry",
               absl::AlphaNum(absl::ToInt64Milliseconds(*event.retry)).Piece());
  }
  absl::string_view rest = event.data;
  while (HasLineEnd(rest)) AppendLine(out, "data", TakeLine(rest));
  // Also an event without data has one line of it: else it is none.
  AppendLine(out, "data", rest);
  out.push_back('\n');
}

}  // namespace

EventStream::EventStream(Reactor& reactor, const Request& request,
                         Responder responder, const Options& options,
                         Owner& owner)
    : options_(options),
      owner_(owner),
      keep_alive_(reactor, [this] { Write(kComment); }),
      stream_(std::move(responder).Stream(EventStreamHead(), *this)) {
  if (request.method() == http::Method::kHead) Finish();
  if (!has_ended()) keep_alive_.ArmAfter(options_.keep_alive);
  is_constructed_ = true;
}

absl::Status EventStream::Send(const Event& event) {
  absl::Status status = Check(event);
  if (!status.ok() || has_ended()) return status;
  buffer_.clear();
  AppendEvent(buffer_, event);
  Write(buffer_);
  return status;
}

void EventStream::Write(absl::string_view bytes) {
  if (ShouldPause()) {
    behind_bytes_ += bytes.size();
    if (behind_bytes_ > options_.max_behind_bytes) {
      // Breaks it off.
      { const ResponseStream doomed = std::move(stream_); }
      return OnAbandoned();
    }
  }
  keep_alive_.ArmAfter(options_.keep_alive);
  stream_.Write(bytes);
}

void EventStream::Finish() {
  keep_alive_.Disarm();
  std::move(stream_).Finish();
}

void EventStream::OnWritable() {
  behind_bytes_ = 0;
  owner_.OnWritable();
}

void EventStream::OnAbandoned() {
  if (!is_constructed_) return;
  keep_alive_.Disarm();
  owner_.OnEnded();
}

}  // namespace pollux
