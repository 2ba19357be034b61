// Why a request is refused by the framing.
#ifndef POLLUX_HTTPD_HTTP_PARSE_ERROR_H_
#define POLLUX_HTTPD_HTTP_PARSE_ERROR_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux::http {

// One meaning each. The sentence and the status of each stand in the .cc file.
enum class ParseError : uint8_t {
  kNone,
  // 400, the grammar.
  kBareCr,
  kBareLf,
  kExtraEmptyLine,
  kBadMethod,
  kBadTarget,
  kBadVersion,
  kBadFieldName,
  kSpaceBeforeColon,
  kFoldedLine,
  kBadFieldValue,
  // 400, what the fields say.
  kMissingHost,
  kRepeatedHost,
  kBadHost,
  kBadContentLength,
  kRepeatedContentLength,
  kBadTransferEncoding,
  kTransferEncodingInHttp10,
  kTransferEncodingWithContentLength,
  // 400, the body.
  kBadChunkSize,
  kBadChunkExtension,
  kBadChunkEnd,
  kChunkLineTooLong,
  kTrailersTooLong,
  // Limits.
  kBodyTooLarge,
  kTargetTooLong,
  kHeadTooLong,
  kTooManyFields,
  // Understood, and not served.
  kHttpsTarget,
  kUnknownExpectation,
  kConnectMethod,
  kMethodTooLong,
  kUnknownTransferCoding,
  kUnsupportedVersion,
};

// How many there are, kNone included.
inline constexpr size_t kParseErrors =
    static_cast<size_t>(ParseError::kUnsupportedVersion) + 1;

// The status to answer with: 400, 413, 414, 417, 421, 431, 501 or 505.
int StatusOf(ParseError error);

// As its enumerator, in small letters with "_" between words: for counters.
// Constant for the program's life.
absl::string_view NameOf(ParseError error);

// A short sentence that may be shown to the client: it never repeats what the
// client sent. Constant for the program's life.
absl::string_view Explain(ParseError error);

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_PARSE_ERROR_H_
