#include "httpd/config/text_source.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace pollux::httpd {
namespace {

using google::protobuf::io::Tokenizer;

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// io::Tokenizer::kTabWidth, which is private.
constexpr int kTabWidth = 8;

bool Opens(absl::string_view token) {
  return token == "{" || token == "<" || token == "[";
}

// What closes `opener`, or "".
absl::string_view CloserOf(absl::string_view opener) {
  if (opener == "{") return "}";
  if (opener == "<") return ">";
  if (opener == "[") return "]";
  return "";
}

bool Closes(absl::string_view token) {
  return token == "}" || token == ">" || token == "]";
}

class LexicalErrors : public google::protobuf::io::ErrorCollector {
 public:
  struct Error {
    int line;
    int column;
    std::string message;
  };

  void AddError(int line, int column, const std::string& message) override {
    errors_.push_back({line, column, message});
  }

  const std::vector<Error>& errors() const { return errors_; }

 private:
  std::vector<Error> errors_;
};

}  // namespace

TextSource::TextSource(absl::string_view text)
    : text_(text), line_starts_({0}) {
  if (absl::StartsWith(text, kByteOrderMark)) {
    text_.replace(0, kByteOrderMark.size(), kByteOrderMark.size(), ' ');
  }
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(static_cast<int>(i) + 1);
  }
  Scan();
}

// Set up as TextFormat::Parser does.
void TextSource::Scan() {
  google::protobuf::io::ArrayInputStream stream(text_.data(),
                                                static_cast<int>(text_.size()));
  LexicalErrors lexical;
  Tokenizer tokenizer(&stream, &lexical);
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  while (tokenizer.Next()) {
    const Tokenizer::Token& found = tokenizer.current();
    Kind kind = Kind::kSymbol;
    if (found.type == Tokenizer::TYPE_IDENTIFIER) kind = Kind::kName;
    if (found.type == Tokenizer::TYPE_INTEGER) kind = Kind::kNumber;
    if (found.type == Tokenizer::TYPE_FLOAT) kind = Kind::kNumber;
    if (found.type == Tokenizer::TYPE_STRING) kind = Kind::kString;
    const int begin = Offset(found.line, found.column);
    const int end = begin + static_cast<int>(found.text.size());
    // A value whose quotes were forgotten, such as 10s, is one word to people.
    if (kind == Kind::kName && !tokens_.empty() &&
        tokens_.back().kind == Kind::kNumber &&
        tokens_.back().extent.end == begin) {
      tokens_.back().extent.end = end;
      continue;
    }
    tokens_.push_back({kind, {begin, end}, found.line, found.column});
  }
  for (const auto& error : lexical.errors()) {
    problems_.push_back({Offset(error.line, error.column), error.message});
  }
}

int TextSource::Offset(int line, int column) const {
  if (line < 0 || line >= static_cast<int>(line_starts_.size())) {
    return line < 0 ? 0 : static_cast<int>(text_.size());
  }
  int offset = line_starts_[line];
  int walked = 0;
  // The nearest token before spares the walk from the start of a long line.
  auto behind =
      std::upper_bound(tokens_.begin(), tokens_.end(), std::tuple(line, column),
                       [](const auto& place, const Token& token) {
                         return place < std::tuple(token.line, token.column);
                       });
  if (behind != tokens_.begin() && (behind - 1)->line == line) {
    offset = (behind - 1)->extent.begin;
    walked = (behind - 1)->column;
  }
  while (walked < column && offset < static_cast<int>(text_.size()) &&
         text_[offset] != '\n') {
    walked += text_[offset] == '\t' ? kTabWidth - walked % kTabWidth : 1;
    ++offset;
  }
  return offset;
}

LineColumn TextSource::Locate(int offset) const {
  const auto next =
      std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<int>(next - line_starts_.begin()),
          offset - *(next - 1) + 1};
}

size_t TextSource::TokenAt(int offset) const {
  const auto found = std::partition_point(
      tokens_.begin(), tokens_.end(),
      [offset](const Token& token) { return token.extent.end <= offset; });
  return static_cast<size_t>(found - tokens_.begin());
}

absl::string_view TextSource::TokenText(size_t token) const {
  const Extent extent = TokenExtent(token);
  return text().substr(extent.begin, extent.end - extent.begin);
}

Extent TextSource::TokenExtent(size_t token) const {
  const int end = static_cast<int>(text_.size());
  return token < tokens_.size() ? tokens_[token].extent : Extent{end, end};
}

std::optional<Extent> TextSource::FieldFrom(size_t name) const {
  size_t token = name + 1;
  if (TokenText(name) == "[") {
    const std::optional<size_t> behind = BehindBracket(name);
    if (!behind.has_value()) return std::nullopt;
    token = *behind;
  }
  if (TokenText(token) == ":") ++token;
  const std::optional<size_t> behind = BehindValue(token);
  if (!behind.has_value()) return std::nullopt;
  const absl::string_view next = TokenText(*behind);
  return Trimmed(name, next == "," || next == ";" ? *behind + 1 : *behind);
}

std::optional<size_t> TextSource::NameOfValue(size_t value) const {
  size_t token = value;
  if (token > 0 && TokenText(token - 1) == "-") --token;
  if (token > 0 && TokenText(token - 1) != ":") {
    while (token > 0 && !Opens(TokenText(token - 1))) {
      --token;
      if (Closes(TokenText(token)) || TokenText(token) == ":") {
        return std::nullopt;
      }
    }
    if (token == 0 || TokenText(token - 1) != "[") return std::nullopt;
    --token;
  }
  if (token < 2 || TokenText(token - 1) != ":") return std::nullopt;
  return Is(token - 2, Kind::kName) ? std::optional(token - 2) : std::nullopt;
}

std::vector<Extent> TextSource::Elements(Extent field) const {
  size_t token = TokenAt(field.begin) + 1;
  if (TokenText(token) == ":") ++token;
  if (TokenText(token) != "[") return {field};
  std::vector<Extent> elements;
  const size_t behind = BehindBracket(token).value_or(token + 1);
  size_t first = ++token;
  while (token + 1 < behind) {
    token = Opens(TokenText(token)) ? BehindBracket(token).value_or(behind)
                                    : token + 1;
    if (TokenText(token) != "," && token + 1 < behind) continue;
    elements.push_back(Trimmed(first, token));
    first = ++token;
  }
  return elements;
}

std::optional<size_t> TextSource::OpenBracket(size_t token) const {
  std::vector<size_t> open;
  for (size_t i = 0; i < std::min(token, tokens_.size()); ++i) {
    if (Opens(TokenText(i))) open.push_back(i);
    if (Closes(TokenText(i)) && !open.empty()) open.pop_back();
  }
  return open.empty() ? std::nullopt : std::optional(open.back());
}

Extent TextSource::Trimmed(size_t first, size_t end) const {
  return {TokenExtent(first).begin, TokenExtent(end - 1).end};
}

bool TextSource::Is(size_t token, Kind kind) const {
  return token < tokens_.size() && tokens_[token].kind == kind;
}

std::optional<size_t> TextSource::BehindValue(size_t token) const {
  if (Opens(TokenText(token))) return BehindBracket(token);
  if (Is(token, Kind::kString)) {
    // Strings next to each other are one.
    while (Is(token, Kind::kString)) ++token;
    return token;
  }
  if (TokenText(token) == "-") ++token;
  if (Is(token, Kind::kName) || Is(token, Kind::kNumber)) return token + 1;
  return std::nullopt;
}

std::optional<size_t> TextSource::BehindBracket(size_t token) const {
  std::vector<absl::string_view> closers;
  for (size_t i = token; i < tokens_.size(); ++i) {
    const absl::string_view text = TokenText(i);
    if (Opens(text)) closers.push_back(CloserOf(text));
    if (!Closes(text)) continue;
    if (closers.empty() || closers.back() != text) return std::nullopt;
    closers.pop_back();
    if (closers.empty()) return i + 1;
  }
  return std::nullopt;
}

}  // namespace pollux::httpd
