#include "httpd/http/request_parser.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <optional>

#include "absl/base/attributes.h"
#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/head_bitmaps.h"
#include "httpd/http/head_bitmaps_inline.h"
#include "httpd/http/head_limits.h"
#include "httpd/http/head_meaning.h"
#include "httpd/http/head_splitter.h"
#include "httpd/http/head_splitter_inline.h"
#include "httpd/http/parse_error.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

constexpr size_t kCrLfBytes = 2;

constexpr ParseOutcome Complete(size_t bytes) {
  return {.kind = ParseOutcome::Kind::kComplete,
          .error = ParseError::kNone,
          .bytes = bytes};
}

constexpr ParseOutcome NeedMore() {
  return {.kind = ParseOutcome::Kind::kNeedMore,
          .error = ParseError::kNone,
          .bytes = 0};
}

constexpr ParseOutcome Refuse(ParseError error, size_t offset) {
  return {.kind = ParseOutcome::Kind::kError, .error = error, .bytes = offset};
}

// The grammar has let the head pass; it and what stands before it are
// `head_end` bytes of the message.
ParseOutcome Judge(const HeadVerdict& verdict, absl::string_view message,
                   size_t head_end) {
  if (verdict.error == ParseError::kNone) return Complete(head_end);
  // What is missing is missed at the blank line.
  return Refuse(verdict.error, verdict.where.data() == nullptr
                                   ? head_end - kCrLfBytes
                                   : verdict.where.data() - message.data());
}

// What may follow in a target that begins with `first`. "*" stands alone.
ByteClass ClassOfTarget(char first) {
  if (first == '/') return ByteClass::kOriginTarget;
  return first == '*' ? ByteClass::kNone : ByteClass::kAbsoluteTarget;
}

bool MayBeginTarget(char byte) {
  return byte == '/' || byte == '*' || absl::ascii_isalpha(byte);
}

}  // namespace

// The bytes of the message that have arrived and are within the limit.
class RequestParser::Window {
 public:
  Window(absl::string_view message, size_t limit)
      : bytes_(message.substr(0, limit)),
        is_over_limit_(message.size() > limit) {}

  absl::string_view bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  char operator[](size_t offset) const { return bytes_[offset]; }

  // A byte is needed that is not here.
  ParseOutcome Exhausted() const {
    return is_over_limit_ ? Refuse(ParseError::kHeadTooLong, size())
                          : NeedMore();
  }

  // The grammar has no place for the byte at `offset`. Line ends have their own
  // errors; anything else, a line that ends too early included, is `error`.
  ParseOutcome Unexpected(size_t offset, ParseError error) const {
    if (bytes_[offset] == '\n') return Refuse(ParseError::kBareLf, offset);
    if (bytes_[offset] == '\r') {
      if (Stop stop = CheckCr(offset)) return *stop;
    }
    return Refuse(error, offset);
  }

  // Nothing if CRLF stands at `offset`; `error` if it is something else than a
  // bare CR or LF.
  Stop ExpectCrLf(size_t offset, ParseError error) const {
    if (offset == size()) return Exhausted();
    if (bytes_[offset] != '\r') return Unexpected(offset, error);
    return CheckCr(offset);
  }

 private:
  // Nothing if LF follows the CR at `offset`.
  Stop CheckCr(size_t offset) const {
    if (offset + 1 == size()) return Exhausted();
    if (bytes_[offset + 1] == '\n') return std::nullopt;
    return Refuse(ParseError::kBareCr, offset + 1);
  }

  absl::string_view bytes_;
  bool is_over_limit_;
};

// Reads a head that is whole at the first look, and has the parser read byte by
// byte what turns out not to be plain. Each ends with a jump to the next: their
// arguments are in the same order, and only those that need much pay for their
// entry.
class RequestParser::AtOnce {
 public:
  static ParseOutcome Read(RequestParser& parser, absl::string_view message,
                           const HeadLimits& limits, RequestHead& head) {
    // So that a byte stands behind every CR.
    if (message.empty() || message.back() == '\r') {
      return parser.ReadOn(message, limits, head);
    }
#if defined(__x86_64__)
    if (parser.kernel_ == ScanKernel::kAvx2 && message.size() >= 32) {
      return ReadWithAvx2(parser, message, limits, head);
    }
#endif
    return ReadWith(parser, message, limits, head);
  }

 private:
  ABSL_ATTRIBUTE_NOINLINE static ParseOutcome ReadWith(
      RequestParser& parser, absl::string_view message,
      const HeadLimits& limits, RequestHead& head) {
    HeadBitmaps bitmaps;
    PlainHead plain;
    if (FillBitmaps(parser.kernel_, message, bitmaps)) {
      plain = SplitPlainHead(LongBitmaps(bitmaps), message, limits, head);
    }
    return Finish(parser, message, limits, head, plain);
  }

#if defined(__x86_64__)
  // Nearly always it is one of these. AVX2's processors have better
  // instructions for single bits, too. Each begins with a cache line: where it
  // would be put by chance is worth 3 % of a long head.

  [[gnu::target("avx2,bmi,bmi2,popcnt"), gnu::noinline,
    gnu::aligned(64)]] static ParseOutcome
  ReadWithAvx2(RequestParser& parser, absl::string_view message,
               const HeadLimits& limits, RequestHead& head) {
    const HeadWord first = FirstWordWithAvx2(message.data(), message.size());
    if (!HasBlankLine(first)) {
      return ReadLongWithAvx2(parser, message, limits, head, first);
    }
    return Finish(parser, message, limits, head,
                  SplitPlainHead(ShortBitmaps(first), message, limits, head));
  }

  // `first` is the message's first word.
  [[gnu::target("avx2,bmi,bmi2,popcnt"), gnu::noinline,
    gnu::aligned(64)]] static ParseOutcome
  ReadLongWithAvx2(RequestParser& parser, absl::string_view message,
                   const HeadLimits& limits, RequestHead& head,
                   const HeadWord& first) {
    HeadBitmaps bitmaps;
    PlainHead plain;
    if (FillBitmapsWithAvx2(message, first, bitmaps)) {
      plain = SplitPlainHead(LongBitmaps(bitmaps), message, limits, head);
    }
    return Finish(parser, message, limits, head, plain);
  }
#endif

  ABSL_ATTRIBUTE_ALWAYS_INLINE static ParseOutcome Finish(
      RequestParser& parser, absl::string_view message,
      const HeadLimits& limits, RequestHead& head, const PlainHead& plain) {
    if (plain.fields_read == FieldsRead::kAll) return Complete(plain.bytes);
    if (plain.bytes == 0) return parser.ReadOn(message, limits, head);
    return Interpret(message, plain, head);
  }

  ABSL_ATTRIBUTE_NOINLINE static ParseOutcome Interpret(
      absl::string_view message, const PlainHead& plain, RequestHead& head) {
    return Judge(InterpretFields(plain.fields_read, head), message,
                 plain.bytes);
  }
};

ParseOutcome RequestParser::Parse(absl::string_view message,
                                  const HeadLimits& limits, RequestHead& head) {
  assert(message.size() >= scanned_);
  assert(limits.max_head_bytes <= HeadLimits::kLargestMaxHeadBytes);
  return scanned_ == 0 ? AtOnce::Read(*this, message, limits, head)
                       : ReadOn(message, limits, head);
}

ABSL_ATTRIBUTE_NOINLINE ParseOutcome RequestParser::ReadOn(
    absl::string_view message, const HeadLimits& limits, RequestHead& head) {
  if (scanned_ == 0) {
    if (Stop stop = SkipEmptyLine(message)) return *stop;
  }
  const Window window(message, head_start_ + size_t{limits.max_head_bytes});
  Stop stop;
  while (!stop.has_value()) {
    switch (state_) {
      case State::kMethod:
        stop = ReadMethod(window);
        break;
      case State::kTarget:
        stop = ReadTarget(window, limits.max_request_line_bytes);
        break;
      case State::kVersion:
        stop = ReadVersion(window);
        break;
      case State::kLineStart:
        stop = ReadLineStart(window, limits.max_fields, head);
        break;
      case State::kFieldName:
        stop = ReadFieldName(window);
        break;
      case State::kFieldValue:
        stop = ReadFieldValue(window);
        break;
    }
  }
  return *stop;
}

// The one empty line that a client may send too much (RFC 9112 §2.2). It does
// not count against the head's limit.
RequestParser::Stop RequestParser::SkipEmptyLine(absl::string_view message) {
  if (message.empty()) return NeedMore();
  if (message[0] != '\r') return std::nullopt;
  const Window window(message, kCrLfBytes);
  if (Stop stop = window.ExpectCrLf(0, ParseError::kBadMethod)) return stop;
  head_start_ = kCrLfBytes;
  Enter(State::kMethod, kCrLfBytes);
  return std::nullopt;
}

RequestParser::Stop RequestParser::ReadMethod(const Window& window) {
  const size_t limit = token_start_ + kMaxMethodBytes;
  scanned_ = SkipWhile(window.bytes(), scanned_, limit, ByteClass::kToken);
  if (scanned_ == window.size()) return window.Exhausted();
  const char byte = window[scanned_];
  if (scanned_ == token_start_) {
    return window.Unexpected(scanned_, byte == '\r'
                                           ? ParseError::kExtraEmptyLine
                                           : ParseError::kBadMethod);
  }
  if (byte == ' ') {
    const absl::string_view method =
        window.bytes().substr(token_start_, scanned_ - token_start_);
    // Its target has a form of its own, so nothing behind it could be read.
    if (method == "CONNECT") {
      return Refuse(ParseError::kConnectMethod, token_start_);
    }
    Enter(State::kTarget, 1);
    return std::nullopt;
  }
  if (scanned_ == limit && IsIn(byte, ByteClass::kToken)) {
    return Refuse(ParseError::kMethodTooLong, scanned_);
  }
  return window.Unexpected(scanned_, ParseError::kBadMethod);
}

RequestParser::Stop RequestParser::ReadTarget(const Window& window,
                                              size_t max_line_bytes) {
  // The version that has to follow is part of the line.
  constexpr size_t kTailBytes = absl::string_view(" HTTP/1.1").size();
  const size_t line_limit = head_start_ + max_line_bytes;
  const size_t limit = line_limit - std::min(line_limit, kTailBytes);
  if (scanned_ == window.size()) return window.Exhausted();
  if (scanned_ == token_start_) {
    if (!MayBeginTarget(window[scanned_])) {
      return window.Unexpected(scanned_, ParseError::kBadTarget);
    }
    if (scanned_ >= limit) return Refuse(ParseError::kTargetTooLong, scanned_);
    ++scanned_;
  }
  const ByteClass allowed = ClassOfTarget(window[token_start_]);
  while (true) {
    scanned_ = SkipWhile(window.bytes(), scanned_, limit, allowed);
    if (scanned_ == window.size()) return window.Exhausted();
    const char byte = window[scanned_];
    if (byte == ' ') {
      Enter(State::kVersion, 1);
      return std::nullopt;
    }
    const bool is_triplet = byte == '%' && allowed != ByteClass::kNone;
    if (scanned_ == limit && (is_triplet || IsIn(byte, allowed))) {
      return Refuse(ParseError::kTargetTooLong, scanned_);
    }
    if (!is_triplet) {
      // A line that ends here has no version, as in HTTP/0.9.
      return window.Unexpected(scanned_, byte == '\r' ? ParseError::kBadVersion
                                                      : ParseError::kBadTarget);
    }
    if (Stop stop = SkipTriplet(window, limit)) return stop;
  }
}

// A "%" and two hexadecimal digits, not both "0": a NUL in a path ends it for
// some and not for others.
RequestParser::Stop RequestParser::SkipTriplet(const Window& window,
                                               size_t target_limit) {
  const size_t last = scanned_ + 2;
  for (size_t offset = scanned_ + 1; offset <= last; ++offset) {
    if (offset == window.size()) return window.Exhausted();
    if (!absl::ascii_isxdigit(window[offset])) {
      return window.Unexpected(offset, ParseError::kBadTarget);
    }
    if (offset == target_limit) {
      return Refuse(ParseError::kTargetTooLong, offset);
    }
  }
  if (window[last - 1] == '0' && window[last] == '0') {
    return Refuse(ParseError::kBadTarget, last);
  }
  scanned_ = last + 1;
  return std::nullopt;
}

RequestParser::Stop RequestParser::ReadVersion(const Window& window) {
  constexpr absl::string_view kName = "HTTP/";
  constexpr absl::string_view kShape = "HTTP/1.1";
  for (; scanned_ - token_start_ < kShape.size(); ++scanned_) {
    if (scanned_ == window.size()) return window.Exhausted();
    const char byte = window[scanned_];
    const char shape = kShape[scanned_ - token_start_];
    const bool fits = shape == '1' ? absl::ascii_isdigit(byte) : byte == shape;
    if (!fits) return window.Unexpected(scanned_, ParseError::kBadVersion);
  }
  if (Stop stop = window.ExpectCrLf(scanned_, ParseError::kBadVersion)) {
    return stop;
  }
  const size_t major = token_start_ + kName.size();
  if (window[major] != '1') {
    return Refuse(ParseError::kUnsupportedVersion, major);
  }
  Enter(State::kLineStart, kCrLfBytes);
  return std::nullopt;
}

RequestParser::Stop RequestParser::ReadLineStart(const Window& window,
                                                 size_t max_fields,
                                                 RequestHead& head) {
  if (scanned_ == window.size()) return window.Exhausted();
  const char byte = window[scanned_];
  if (byte == '\r') {
    if (Stop stop = window.ExpectCrLf(scanned_, ParseError::kBadFieldName)) {
      return stop;
    }
    SplitCheckedLines(
        window.bytes().substr(head_start_, scanned_ - head_start_), head);
    HeadVerdict verdict = InterpretTarget(head);
    if (verdict.error == ParseError::kNone) {
      verdict = InterpretFields(FieldsRead::kNone, head);
    }
    const ParseOutcome outcome =
        Judge(verdict, window.bytes(), scanned_ + kCrLfBytes);
    if (verdict.error == ParseError::kNone) *this = RequestParser(kernel_);
    return outcome;
  }
  if (byte == ' ' || byte == '\t') {
    return Refuse(ParseError::kFoldedLine, scanned_);
  }
  if (!IsIn(byte, ByteClass::kToken)) {
    return window.Unexpected(scanned_, ParseError::kBadFieldName);
  }
  if (fields_ == max_fields)
    return Refuse(ParseError::kTooManyFields, scanned_);
  ++fields_;
  Enter(State::kFieldName, 0);
  return std::nullopt;
}

RequestParser::Stop RequestParser::ReadFieldName(const Window& window) {
  scanned_ =
      SkipWhile(window.bytes(), scanned_, window.size(), ByteClass::kToken);
  if (scanned_ == window.size()) return window.Exhausted();
  const char byte = window[scanned_];
  if (byte == ':') {
    Enter(State::kFieldValue, 1);
    return std::nullopt;
  }
  return window.Unexpected(scanned_, byte == ' ' || byte == '\t'
                                         ? ParseError::kSpaceBeforeColon
                                         : ParseError::kBadFieldName);
}

RequestParser::Stop RequestParser::ReadFieldValue(const Window& window) {
  scanned_ = SkipWhile(window.bytes(), scanned_, window.size(),
                       ByteClass::kFieldValue);
  if (Stop stop = window.ExpectCrLf(scanned_, ParseError::kBadFieldValue)) {
    return stop;
  }
  Enter(State::kLineStart, kCrLfBytes);
  return std::nullopt;
}

// The element that is being read is whole, and `delimiter_bytes` stand between
// it and the next.
void RequestParser::Enter(State state, size_t delimiter_bytes) {
  state_ = state;
  scanned_ += delimiter_bytes;
  token_start_ = scanned_;
}

}  // namespace pollux::http
