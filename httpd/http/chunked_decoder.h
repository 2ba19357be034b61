// Takes a body in the chunked transfer coding apart.
#ifndef POLLUX_HTTPD_HTTP_CHUNKED_DECODER_H_
#define POLLUX_HTTPD_HTTP_CHUNKED_DECODER_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {

// The longest line in front of a chunk, its CRLF not counted.
inline constexpr uint32_t kMaxChunkLineBytes = 4 * 1024;

// The longest trailer section, from behind the last chunk's line to the blank
// line that ends the body, which is not counted.
inline constexpr uint32_t kMaxTrailerBytes = 8 * 1024;

// What became of some bytes of a body.
struct [[nodiscard]] BodyOutcome {
  enum class Kind : uint8_t {
    // `data` is the next piece of the content; there may be more in the input.
    kData,
    // All of the input is read; more must come.
    kNeedMore,
    // The body is whole.
    kComplete,
    // The message is refused because of the byte at `bytes`: the one that the
    // grammar has no place for, or the first beyond a limit. A CR that ends no
    // line is known by the byte behind it, and refused there.
    kError,
  };

  Kind kind;
  // kNone unless kError.
  ParseError error;
  // How much of the input is read; what is behind it must be shown again, or
  // belongs to the next message. The offset in the input of the offending byte
  // if kError.
  size_t bytes;
  // Empty unless kData. Points into the input.
  absl::string_view data;
};

// A strict decoder of the chunked transfer coding (RFC 9112 §7.1): sizes of 1
// to 16 hexadecimal digits, extensions by the letter of the grammar, lines that
// end in CRLF, data that is followed by CRLF. Trailers are checked as fields
// are, and discarded (RFC 9110 §6.5.1 allows it). There is no switch to relax
// it.
//
// Reads each byte once, copies none, holds none and never allocates: pieces of
// content are views of the input. The sum of the content and the place of an
// error do not depend on how the body was cut. One per body, owned by whoever
// reads it; one thread at a time.
class ChunkedDecoder {
 public:
  // More content than `max_body_bytes`, in all chunks together, is refused as
  // soon as a chunk's size says so.
  explicit ChunkedDecoder(uint64_t max_body_bytes)
      : bytes_left_(max_body_bytes) {}

  // Reads on in `input`, which begins where the last call stopped reading. Not
  // after kComplete or kError.
  BodyOutcome Decode(absl::string_view input);

 private:
  // What the next byte belongs to.
  enum class State : uint8_t {
    kFirstSizeDigit,
    kSize,
    kBeforeSemicolon,
    kBeforeExtensionName,
    kExtensionName,
    kAfterExtensionName,
    kBeforeExtensionValue,
    kExtensionToken,
    kQuotedString,
    kQuotedPair,
    kAfterQuotedString,
    kChunkLineLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kLastLf,
    kComplete,
  };

  bool IsInTrailer() const {
    return state_ >= State::kTrailerStart && state_ <= State::kTrailerLf;
  }

  // Each reads one byte and says what is wrong with it.
  ParseError Read(char byte);
  ParseError ReadSize(char byte);
  ParseError ReadExtension(char byte);
  ParseError ReadTrailer(char byte);
  ParseError ExpectLf(char byte, State next);
  ParseError EndChunkLine(char byte, ParseError otherwise);
  ParseError FinishSize();
  ParseError Count();

  State state_ = State::kFirstSizeDigit;
  uint8_t digits_ = 0;
  // Of the chunk line, or of the trailers.
  uint16_t line_bytes_ = 0;
  // Of the chunk that is being read, what has not been.
  uint64_t chunk_bytes_ = 0;
  // How much content may still be announced.
  uint64_t bytes_left_;
  bool is_last_chunk_ = false;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_CHUNKED_DECODER_H_
