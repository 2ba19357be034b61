#include "httpd/http/response_writer.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/http/chunked_encoder.h"
#include "httpd/http/field.h"
#include "httpd/http/field_check.h"
#include "httpd/http/http_date.h"
#include "httpd/http/reason_phrase.h"
#include "httpd/http/request_head.h"
#include "httpd/http/status_body.h"

namespace pollux::http {
namespace {

absl::Status OutOfOrder(absl::string_view call) {
  return absl::FailedPreconditionError(
      absl::StrCat(call, " does not come now"));
}

void AppendStatusLine(std::string& out, int status) {
  absl::StrAppend(&out, "HTTP/1.1 ", status, " ", ReasonPhrase(status), "\r\n");
}

}  // namespace

absl::Status ResponseWriter::WriteInterim(int status,
                                          absl::Span<const Field> fields) {
  if (state_ != State::kBeforeHead) return OutOfOrder("an interim response");
  if (status < 100 || status > 199 || status == 101) {
    return absl::InvalidArgumentError(
        absl::StrCat("status ", status, " is no interim one"));
  }
  if (absl::Status checked = CheckFields(fields); !checked.ok()) return checked;
  if (recipient_.version == Version::kHttp10) return absl::OkStatus();
  AppendStatusLine(out_, status);
  for (const Field& field : fields) AppendField(out_, field);
  out_.append("\r\n");
  return absl::OkStatus();
}

absl::Status ResponseWriter::WriteHead(int status, const HttpDate& date,
                                       absl::Span<const Field> fields,
                                       std::optional<uint64_t> body_bytes) {
  if (state_ != State::kBeforeHead) return OutOfOrder("a head");
  if (status < 200 || status > 599) {
    return absl::InvalidArgumentError(
        absl::StrCat("status ", status, " is not from 200 to 599"));
  }
  if (ForbidsBody(status)) {
    if (body_bytes.value_or(0) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a response with status ", status, " has no body"));
    }
    body_bytes = 0;
  }
  if (absl::Status checked = CheckFields(fields); !checked.ok()) return checked;

  if (body_bytes.has_value()) {
    framing_ = status == 204 || status == 304 ? Framing::kNone
                                              : Framing::kContentLength;
    bytes_left_ = *body_bytes;
  } else if (recipient_.version == Version::kHttp11) {
    framing_ = Framing::kChunked;
  } else {
    framing_ = Framing::kUntilClose;
    // HEAD has no body that could end so, but the field says what GET gets.
    recipient_.persistence = Persistence::kClose;
  }
  AppendStatusLine(out_, status);
  absl::StrAppend(&out_, "Date: ", absl::string_view(date.data(), date.size()),
                  "\r\n");
  if (closes()) {
    out_.append("Connection: close\r\n");
  } else if (recipient_.version == Version::kHttp10) {
    out_.append("Connection: keep-alive\r\n");
  }
  for (const Field& field : fields) AppendField(out_, field);
  if (framing_ == Framing::kContentLength) {
    absl::StrAppend(&out_, "Content-Length: ", bytes_left_, "\r\n");
  } else if (framing_ == Framing::kChunked) {
    out_.append("Transfer-Encoding: chunked\r\n");
  }
  out_.append("\r\n");
  state_ = State::kBody;
  return absl::OkStatus();
}

absl::Status ResponseWriter::WriteBody(absl::string_view piece) {
  if (state_ != State::kBody) return OutOfOrder("a body");
  const bool is_counted =
      framing_ == Framing::kNone || framing_ == Framing::kContentLength;
  if (is_counted) {
    if (piece.size() > bytes_left_) {
      return absl::InvalidArgumentError(
          "there is more content than was announced");
    }
    bytes_left_ -= piece.size();
  }
  if (recipient_.method == Method::kHead) return absl::OkStatus();
  if (framing_ == Framing::kChunked) {
    AppendChunk(out_, piece);
  } else {
    out_.append(piece.data(), piece.size());
  }
  return absl::OkStatus();
}

absl::Status ResponseWriter::Finish(absl::Span<const Field> trailers) {
  if (state_ != State::kBody) return OutOfOrder("an end");
  const bool is_head = recipient_.method == Method::kHead;
  // HEAD is answered without making the content that GET would get.
  if (bytes_left_ > 0 && !is_head) {
    recipient_.persistence = Persistence::kClose;
    return absl::InvalidArgumentError(
        absl::StrCat(bytes_left_, " bytes of content are missing"));
  }
  if (framing_ == Framing::kChunked && !is_head) {
    if (absl::Status written = AppendLastChunk(out_, trailers); !written.ok()) {
      return written;
    }
  } else {
    for (const Field& field : trailers) {
      if (absl::Status checked = CheckTrailer(field); !checked.ok()) {
        return checked;
      }
    }
  }
  state_ = State::kFinished;
  return absl::OkStatus();
}

}  // namespace pollux::http
