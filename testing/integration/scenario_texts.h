// What the clients of the scenarios say, and what they expect to hear.
#ifndef POLLUX_TESTING_INTEGRATION_SCENARIO_TEXTS_H_
#define POLLUX_TESTING_INTEGRATION_SCENARIO_TEXTS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pollux {

// One answer of a server, as Normalized() makes it.
struct Answer {
  // NOLINTNEXTLINE(google-explicit-constructor): most answers are a text.
  Answer(std::string text) : text(std::move(text)) {}
  Answer(std::string text, std::vector<std::string> under_fault)
      : text(std::move(text)), under_fault(std::move(under_fault)) {}

  std::string text;
  // What may stand in its place after a fault.
  std::vector<std::string> under_fault = {};
  // Whether a 100 (Continue) may come before it.
  bool may_begin_with_continue = false;
};

// A request, and what it is answered.
struct Question {
  std::string request;
  Answer answer;
};

// The text with what changes from run to run (the values of Date and ETag)
// made the same, as far as it has come: "Date: DATE", "ETag: TAG".
std::string Normalized(absl::string_view text);

// `bytes` bytes, up to 1.9 MB, different everywhere and for each `salt`.
std::string Body(size_t bytes, size_t salt = 0);

std::string Repeat(const std::string& text, int times);

// Requests. `fields` are whole lines.

std::string Get(absl::string_view path, absl::string_view fields = "");
std::string Post(absl::string_view path, absl::string_view body,
                 absl::string_view fields = "");
std::string PostInChunks(absl::string_view path, absl::string_view body,
                         size_t chunk_bytes);

// Answers.

// With `fields` in place of the Content-Type of plain text.
std::string AnswerOf(int status, absl::string_view fields,
                     absl::string_view body);
std::string Ok(absl::string_view body, absl::string_view connection_line = "");
// The server's own.
std::string Page(int status, absl::string_view detail = "",
                 absl::string_view more_lines = "");
// To whoever leaves in the middle of a request.
std::string EndedWithin(absl::string_view connection_line);
// Of /echo.
std::string Echoed(absl::string_view body);

inline constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// To a request that expects a 100 (Continue), which is not sent where the body
// comes without it.
Answer MayContinue(Answer answer);

inline constexpr absl::string_view kExpectLine = "Expect: 100-continue\r\n";
inline constexpr absl::string_view kCloseLine = "Connection: close\r\n";

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_SCENARIO_TEXTS_H_
