#include "httpd/http/parse_error.h"

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

struct Description {
  int status;
  absl::string_view sentence;
};

// A switch without default: the compiler tells of a forgotten error.
constexpr Description Describe(ParseError error) {
  switch (error) {
    case ParseError::kNone:
      return {200, "There is nothing wrong."};
    case ParseError::kBareCr:
      return {400, "A carriage return is not followed by a line feed."};
    case ParseError::kBareLf:
      return {400, "A line feed does not follow a carriage return."};
    case ParseError::kExtraEmptyLine:
      return {400, "There are empty lines before the request line."};
    case ParseError::kBadMethod:
      return {400, "The method is not a token."};
    case ParseError::kBadTarget:
      return {400, "The request target is malformed."};
    case ParseError::kBadVersion:
      return {400, "The request line does not end in an HTTP version."};
    case ParseError::kBadFieldName:
      return {400, "A field's name is not a token."};
    case ParseError::kSpaceBeforeColon:
      return {400, "There is white space in a field's name or behind it."};
    case ParseError::kFoldedLine:
      return {400, "A line of the head begins with white space."};
    case ParseError::kBadFieldValue:
      return {400, "A field's value holds a control character."};
    case ParseError::kMissingHost:
      return {400, "There is no Host field."};
    case ParseError::kRepeatedHost:
      return {400, "There is more than one Host field."};
    case ParseError::kBadHost:
      return {400, "The Host field does not name a host and port."};
    case ParseError::kBadContentLength:
      return {400, "The Content-Length is not a number of bytes."};
    case ParseError::kRepeatedContentLength:
      return {400, "There is more than one Content-Length field."};
    case ParseError::kBadTransferEncoding:
      return {400, "The Transfer-Encoding is malformed."};
    case ParseError::kTransferEncodingInHttp10:
      return {400, "HTTP/1.0 knows no Transfer-Encoding."};
    case ParseError::kTransferEncodingWithContentLength:
      return {400, "There are both a Transfer-Encoding and a Content-Length."};
    case ParseError::kBadChunkSize:
      return {400, "The size of a chunk is not 1 to 16 hexadecimal digits."};
    case ParseError::kBadChunkExtension:
      return {400, "An extension of a chunk is malformed."};
    case ParseError::kBadChunkEnd:
      return {400, "The data of a chunk is longer than its size."};
    case ParseError::kChunkLineTooLong:
      return {400, "The line before a chunk is too long."};
    case ParseError::kTrailersTooLong:
      return {400, "The fields behind the body are too long."};
    case ParseError::kBodyTooLarge:
      return {413, "The body is too large."};
    case ParseError::kTargetTooLong:
      return {414, "The request line is too long."};
    case ParseError::kHeadTooLong:
      return {431, "The request's head is too long."};
    case ParseError::kTooManyFields:
      return {431, "The request has too many fields."};
    case ParseError::kHttpsTarget:
      return {421, "This connection does not serve https."};
    case ParseError::kUnknownExpectation:
      return {417, "The only expectation served is 100-continue."};
    case ParseError::kConnectMethod:
      return {501, "CONNECT is not served."};
    case ParseError::kMethodTooLong:
      return {501, "The method is longer than any that is served."};
    case ParseError::kUnknownTransferCoding:
      return {501, "The only transfer coding served is chunked."};
    case ParseError::kUnsupportedVersion:
      return {505, "The only version served is HTTP/1."};
  }
  return {400, "The request is malformed."};
}

}  // namespace

int StatusOf(ParseError error) { return Describe(error).status; }

absl::string_view Explain(ParseError error) { return Describe(error).sentence; }

}  // namespace pollux::http
