#include "httpd/http/chunked_decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/parse_error.h"

namespace pollux::http {
namespace {

// 64 bits, so that no size overflows.
constexpr int kMaxSizeDigits = 16;

// Why `byte` has no place where `error` would be said of any other.
ParseError Unexpected(char byte, ParseError error) {
  return byte == '\n' ? ParseError::kBareLf : error;
}

}  // namespace

BodyOutcome ChunkedDecoder::Decode(absl::string_view input) {
  for (size_t i = 0; i < input.size(); ++i) {
    if (state_ == State::kData) {
      const size_t size = static_cast<size_t>(
          std::min<uint64_t>(chunk_bytes_, input.size() - i));
      chunk_bytes_ -= size;
      if (chunk_bytes_ == 0) state_ = State::kDataCr;
      return {.kind = BodyOutcome::Kind::kData,
              .error = ParseError::kNone,
              .bytes = i + size,
              .data = input.substr(i, size)};
    }
    const ParseError error = Read(input[i]);
    if (error != ParseError::kNone) {
      return {.kind = BodyOutcome::Kind::kError,
              .error = error,
              .bytes = i,
              .data = {}};
    }
    if (state_ == State::kComplete) {
      return {.kind = BodyOutcome::Kind::kComplete,
              .error = ParseError::kNone,
              .bytes = i + 1,
              .data = {}};
    }
  }
  return {.kind = BodyOutcome::Kind::kNeedMore,
          .error = ParseError::kNone,
          .bytes = input.size(),
          .data = {}};
}

ParseError ChunkedDecoder::Read(char byte) {
  switch (state_) {
    case State::kFirstSizeDigit:
    case State::kSize:
      return ReadSize(byte);
    case State::kBeforeSemicolon:
    case State::kBeforeExtensionName:
    case State::kExtensionName:
    case State::kAfterExtensionName:
    case State::kBeforeExtensionValue:
    case State::kExtensionToken:
    case State::kQuotedString:
    case State::kQuotedPair:
    case State::kAfterQuotedString:
      return ReadExtension(byte);
    case State::kChunkLineLf:
      line_bytes_ = 0;
      return ExpectLf(byte,
                      is_last_chunk_ ? State::kTrailerStart : State::kData);
    case State::kData:
      return ParseError::kNone;
    case State::kDataCr:
      if (byte != '\r') return Unexpected(byte, ParseError::kBadChunkEnd);
      state_ = State::kDataLf;
      return ParseError::kNone;
    case State::kDataLf:
      return ExpectLf(byte, State::kFirstSizeDigit);
    case State::kTrailerStart:
    case State::kTrailerName:
    case State::kTrailerValue:
    case State::kTrailerLf:
      return ReadTrailer(byte);
    case State::kLastLf:
      return ExpectLf(byte, State::kComplete);
    case State::kComplete:
      return ParseError::kNone;
  }
  return ParseError::kNone;
}

// A byte that the grammar lets pass in a chunk line or a trailer counts against
// the limit.
ParseError ChunkedDecoder::Count() {
  const bool is_trailer = IsInTrailer();
  if (line_bytes_ == (is_trailer ? kMaxTrailerBytes : kMaxChunkLineBytes)) {
    return is_trailer ? ParseError::kTrailersTooLong
                      : ParseError::kChunkLineTooLong;
  }
  ++line_bytes_;
  return ParseError::kNone;
}

ParseError ChunkedDecoder::ReadSize(char byte) {
  if (IsIn(byte, ByteClass::kHexDigit)) {
    if (digits_ == kMaxSizeDigits) return ParseError::kBadChunkSize;
    ++digits_;
    chunk_bytes_ = chunk_bytes_ << 4 | HexValue(byte);
    state_ = State::kSize;
    return Count();
  }
  if (state_ == State::kFirstSizeDigit) {
    return Unexpected(byte, ParseError::kBadChunkSize);
  }
  if (const ParseError error = FinishSize(); error != ParseError::kNone) {
    return error;
  }
  if (byte == ';') {
    state_ = State::kBeforeExtensionName;
    return Count();
  }
  if (IsOws(byte)) {
    state_ = State::kBeforeSemicolon;
    return Count();
  }
  return EndChunkLine(byte, ParseError::kBadChunkSize);
}

// The digits are all there.
ParseError ChunkedDecoder::FinishSize() {
  digits_ = 0;
  is_last_chunk_ = chunk_bytes_ == 0;
  if (chunk_bytes_ > bytes_left_) return ParseError::kBodyTooLarge;
  bytes_left_ -= chunk_bytes_;
  return ParseError::kNone;
}

// RFC 9112 §7.1.1, with the "bad" white space that it allows around ";" and
// "=", and nowhere else.
ParseError ChunkedDecoder::ReadExtension(char byte) {
  const auto go_to = [this](State state) {
    state_ = state;
    return Count();
  };
  switch (state_) {
    case State::kBeforeSemicolon:
      if (IsOws(byte)) return Count();
      if (byte == ';') return go_to(State::kBeforeExtensionName);
      break;
    case State::kBeforeExtensionName:
      if (IsOws(byte)) return Count();
      if (IsIn(byte, ByteClass::kToken)) return go_to(State::kExtensionName);
      break;
    case State::kExtensionName:
      if (IsIn(byte, ByteClass::kToken)) return Count();
      if (IsOws(byte)) return go_to(State::kAfterExtensionName);
      if (byte == '=') return go_to(State::kBeforeExtensionValue);
      if (byte == ';') return go_to(State::kBeforeExtensionName);
      return EndChunkLine(byte, ParseError::kBadChunkExtension);
    case State::kAfterExtensionName:
      if (IsOws(byte)) return Count();
      if (byte == '=') return go_to(State::kBeforeExtensionValue);
      if (byte == ';') return go_to(State::kBeforeExtensionName);
      break;
    case State::kBeforeExtensionValue:
      if (IsOws(byte)) return Count();
      if (byte == '"') return go_to(State::kQuotedString);
      if (IsIn(byte, ByteClass::kToken)) return go_to(State::kExtensionToken);
      break;
    case State::kExtensionToken:
      if (IsIn(byte, ByteClass::kToken)) return Count();
      if (IsOws(byte)) return go_to(State::kBeforeSemicolon);
      if (byte == ';') return go_to(State::kBeforeExtensionName);
      return EndChunkLine(byte, ParseError::kBadChunkExtension);
    case State::kQuotedString:
      if (IsIn(byte, ByteClass::kQuotedText)) return Count();
      if (byte == '\\') return go_to(State::kQuotedPair);
      if (byte == '"') return go_to(State::kAfterQuotedString);
      break;
    case State::kQuotedPair:
      if (IsIn(byte, ByteClass::kFieldValue)) {
        return go_to(State::kQuotedString);
      }
      break;
    case State::kAfterQuotedString:
      if (IsOws(byte)) return go_to(State::kBeforeSemicolon);
      if (byte == ';') return go_to(State::kBeforeExtensionName);
      return EndChunkLine(byte, ParseError::kBadChunkExtension);
    default:
      break;
  }
  return Unexpected(byte, ParseError::kBadChunkExtension);
}

ParseError ChunkedDecoder::EndChunkLine(char byte, ParseError otherwise) {
  if (byte != '\r') return Unexpected(byte, otherwise);
  state_ = State::kChunkLineLf;
  return ParseError::kNone;
}

ParseError ChunkedDecoder::ExpectLf(char byte, State next) {
  if (byte != '\n') return ParseError::kBareCr;
  state_ = next;
  return ParseError::kNone;
}

// Fields as in a head (RFC 9112 §7.1.2).
ParseError ChunkedDecoder::ReadTrailer(char byte) {
  switch (state_) {
    case State::kTrailerStart:
      if (byte == '\r') {
        state_ = State::kLastLf;
        return ParseError::kNone;
      }
      if (IsOws(byte)) return ParseError::kFoldedLine;
      if (!IsIn(byte, ByteClass::kToken)) {
        return Unexpected(byte, ParseError::kBadFieldName);
      }
      state_ = State::kTrailerName;
      return Count();
    case State::kTrailerName:
      if (IsIn(byte, ByteClass::kToken)) return Count();
      if (IsOws(byte)) return ParseError::kSpaceBeforeColon;
      if (byte != ':') return Unexpected(byte, ParseError::kBadFieldName);
      state_ = State::kTrailerValue;
      return Count();
    case State::kTrailerValue:
      if (IsIn(byte, ByteClass::kFieldValue)) return Count();
      if (byte != '\r') return Unexpected(byte, ParseError::kBadFieldValue);
      state_ = State::kTrailerLf;
      return Count();
    case State::kTrailerLf:
      if (byte != '\n') return ParseError::kBareCr;
      if (const ParseError error = Count(); error != ParseError::kNone) {
        return error;
      }
      state_ = State::kTrailerStart;
      return ParseError::kNone;
    default:
      return ParseError::kNone;
  }
}

}  // namespace pollux::http
