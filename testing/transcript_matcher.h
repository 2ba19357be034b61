// Transcripts as tests.
#ifndef POLLUX_TESTING_TRANSCRIPT_MATCHER_H_
#define POLLUX_TESTING_TRANSCRIPT_MATCHER_H_

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace pollux {

// Whether `text` is `pattern`, in which "..." stands for anything.
inline bool MatchesWithGaps(absl::string_view text, absl::string_view pattern) {
  const size_t gap = pattern.find("...");
  if (gap == absl::string_view::npos) return text == pattern;
  if (!absl::ConsumePrefix(&text, pattern.substr(0, gap))) return false;
  const absl::string_view rest = pattern.substr(gap + 3);
  for (size_t at = 0; at <= text.size(); ++at) {
    if (MatchesWithGaps(text.substr(at), rest)) return true;
  }
  return false;
}

// The calls of a transcript (Transcript::ToString()), without their times, are
// those of `golden`, a line each: blank lines and indentation do not count,
// "..." in a line stands for anything, and text behind "  # " is a comment.
//
//   EXPECT_THAT(transcript.ToString(), IsTranscript(R"(
//     epoll_pwait2(3, [{EPOLLIN, 8}], ...) = 1   # the request has come
//     recv(8, "GET / ...) = 27
//   )"));
MATCHER_P(IsTranscript, golden, "has the calls that are written down") {
  std::vector<std::string> expected;
  for (absl::string_view line : absl::StrSplit(std::string(golden), '\n')) {
    line = absl::StripAsciiWhitespace(line.substr(0, line.find("  # ")));
    if (!line.empty()) expected.emplace_back(line);
  }
  std::vector<std::string> calls;
  for (absl::string_view line :
       absl::StrSplit(std::string(arg), '\n', absl::SkipEmpty())) {
    calls.emplace_back(line.substr(line.find(' ') + 1));
  }
  for (size_t i = 0; i < std::max(expected.size(), calls.size()); ++i) {
    const std::string call = i < calls.size() ? calls[i] : "nothing more";
    const std::string line = i < expected.size() ? expected[i] : "nothing more";
    if (MatchesWithGaps(call, line)) continue;
    *result_listener << "call " << i + 1 << " is\n  " << call
                     << "\nwhere there should be\n  " << line;
    return false;
  }
  return true;
}

}  // namespace pollux

#endif  // POLLUX_TESTING_TRANSCRIPT_MATCHER_H_
