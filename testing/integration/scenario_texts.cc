#include "testing/integration/scenario_texts.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

constexpr absl::string_view kPlainText = "Content-Type: text/plain\r\n";

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 206:
      return "Partial Content";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "?";
  }
}

// Hides the value behind each `name`, up to its line's end.
std::string WithoutValue(absl::string_view text, absl::string_view name,
                         absl::string_view value) {
  std::string result;
  while (true) {
    const size_t at = text.find(name);
    if (at == absl::string_view::npos) break;
    absl::StrAppend(&result, text.substr(0, at + name.size()), value);
    text.remove_prefix(at + name.size());
    text.remove_prefix(std::min(text.find('\r'), text.size()));
  }
  return absl::StrCat(result, text);
}

}  // namespace

std::string Normalized(absl::string_view text) {
  return WithoutValue(WithoutValue(text, "\r\nDate: ", "DATE"),
                      "\r\nETag: ", "TAG");
}

std::string Body(size_t bytes, size_t salt) {
  // Numbered lines, of which each salt begins with another one.
  constexpr size_t kLines = 128 * 1024;
  constexpr size_t kLineBytes = 16;
  constexpr size_t kSalts = 4096;
  static const auto* const lines = [] {
    auto* const text = new std::string;
    for (size_t line = 0; line < kLines; ++line) {
      absl::StrAppend(text, absl::Hex(line, absl::kZeroPad15), "\n");
    }
    return text;
  }();
  return lines->substr(salt % kSalts * kLineBytes, bytes);
}

std::string Repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

std::string Get(absl::string_view path, absl::string_view fields) {
  return absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: a\r\n", fields, "\r\n");
}

std::string Post(absl::string_view path, absl::string_view body,
                 absl::string_view fields) {
  return absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: a\r\n", fields,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

std::string PostInChunks(absl::string_view path, absl::string_view body,
                         size_t chunk_bytes) {
  std::string request = absl::StrCat(
      "POST ", path,
      " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (!body.empty()) {
    const absl::string_view chunk = body.substr(0, chunk_bytes);
    absl::StrAppend(&request, absl::Hex(chunk.size()), ";a=b\r\n", chunk,
                    "\r\n");
    body.remove_prefix(chunk.size());
  }
  return absl::StrCat(request, "0\r\nA: b\r\n\r\n");
}

std::string AnswerOf(int status, absl::string_view fields,
                     absl::string_view body) {
  return absl::StrCat("HTTP/1.1 ", status, " ", ReasonPhrase(status),
                      "\r\nDate: DATE\r\n", fields,
                      "Content-Length: ", body.size(), "\r\n\r\n", body);
}

std::string Ok(absl::string_view body, absl::string_view connection_line) {
  return AnswerOf(200, absl::StrCat(connection_line, kPlainText), body);
}

std::string Page(int status, absl::string_view detail,
                 absl::string_view more_lines) {
  return AnswerOf(status,
                  absl::StrCat(more_lines, kPlainText, "Vary: Accept\r\n"),
                  absl::StrCat(status, " ", ReasonPhrase(status),
                               detail.empty() ? "" : ": ", detail, "\n"));
}

std::string EndedWithin(absl::string_view connection_line) {
  return Page(400, "The connection ended within the request.", connection_line);
}

std::string Echoed(absl::string_view body) {
  return AnswerOf(200,
                  "Content-Type: application/octet-stream\r\n"
                  "X-Content-Type-Options: nosniff\r\n"
                  "Cache-Control: no-store\r\n",
                  body);
}

Answer MayContinue(Answer answer) {
  answer.may_begin_with_continue = true;
  return answer;
}

}  // namespace pollux
