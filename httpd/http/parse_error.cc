#include "httpd/http/parse_error.h"

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

struct Description {
  int status;
  absl::string_view name;
  absl::string_view sentence;
};

// A switch without default: the compiler tells of a forgotten error.
constexpr Description Describe(ParseError error) {
  switch (error) {
    case ParseError::kNone:
      return {200, "none", "There is nothing wrong."};
    case ParseError::kBareCr:
      return {400, "bare_cr",
              "A carriage return is not followed by a line feed."};
    case ParseError::kBareLf:
      return {400, "bare_lf", "A line feed does not follow a carriage return."};
    case ParseError::kExtraEmptyLine:
      return {400, "extra_empty_line",
              "There are empty lines before the request line."};
    case ParseError::kBadMethod:
      return {400, "bad_method", "The method is not a token."};
    case ParseError::kBadTarget:
      return {400, "bad_target", "The request target is malformed."};
    case ParseError::kBadVersion:
      return {400, "bad_version",
              "The request line does not end in an HTTP version."};
    case ParseError::kBadFieldName:
      return {400, "bad_field_name", "A field's name is not a token."};
    case ParseError::kSpaceBeforeColon:
      return {400, "space_before_colon",
              "There is white space in a field's name or behind it."};
    case ParseError::kFoldedLine:
      return {400, "folded_line",
              "A line of the head begins with white space."};
    case ParseError::kBadFieldValue:
      return {400, "bad_field_value",
              "A field's value holds a control character."};
    case ParseError::kMissingHost:
      return {400, "missing_host", "There is no Host field."};
    case ParseError::kRepeatedHost:
      return {400, "repeated_host", "There is more than one Host field."};
    case ParseError::kBadHost:
      return {400, "bad_host", "The Host field does not name a host and port."};
    case ParseError::kBadContentLength:
      return {400, "bad_content_length",
              "The Content-Length is not a number of bytes."};
    case ParseError::kRepeatedContentLength:
      return {400, "repeated_content_length",
              "There is more than one Content-Length field."};
    case ParseError::kBadTransferEncoding:
      return {400, "bad_transfer_encoding",
              "The Transfer-Encoding is malformed."};
    case ParseError::kTransferEncodingInHttp10:
      return {400, "transfer_encoding_in_http10",
              "HTTP/1.0 knows no Transfer-Encoding."};
    case ParseError::kTransferEncodingWithContentLength:
      return {400, "transfer_encoding_with_content_length",
              "There are both a Transfer-Encoding and a Content-Length."};
    case ParseError::kBadChunkSize:
      return {400, "bad_chunk_size",
              "The size of a chunk is not 1 to 16 hexadecimal digits."};
    case ParseError::kBadChunkExtension:
      return {400, "bad_chunk_extension",
              "An extension of a chunk is malformed."};
    case ParseError::kBadChunkEnd:
      return {400, "bad_chunk_end",
              "The data of a chunk is longer than its size."};
    case ParseError::kChunkLineTooLong:
      return {400, "chunk_line_too_long",
              "The line before a chunk is too long."};
    case ParseError::kTrailersTooLong:
      return {400, "trailers_too_long",
              "The fields behind the body are too long."};
    case ParseError::kBodyTooLarge:
      return {413, "body_too_large", "The body is too large."};
    case ParseError::kTargetTooLong:
      return {414, "target_too_long", "The request line is too long."};
    case ParseError::kHeadTooLong:
      return {431, "head_too_long", "The request's head is too long."};
    case ParseError::kTooManyFields:
      return {431, "too_many_fields", "The request has too many fields."};
    case ParseError::kHttpsTarget:
      return {421, "https_target", "This connection does not serve https."};
    case ParseError::kUnknownExpectation:
      return {417, "unknown_expectation",
              "The only expectation served is 100-continue."};
    case ParseError::kConnectMethod:
      return {501, "connect_method", "CONNECT is not served."};
    case ParseError::kMethodTooLong:
      return {501, "method_too_long",
              "The method is longer than any that is served."};
    case ParseError::kUnknownTransferCoding:
      return {501, "unknown_transfer_coding",
              "The only transfer coding served is chunked."};
    case ParseError::kUnsupportedVersion:
      return {505, "unsupported_version", "The only version served is HTTP/1."};
  }
  return {400, "malformed", "The request is malformed."};
}

}  // namespace

int StatusOf(ParseError error) { return Describe(error).status; }

absl::string_view NameOf(ParseError error) { return Describe(error).name; }

absl::string_view Explain(ParseError error) { return Describe(error).sentence; }

}  // namespace pollux::http
