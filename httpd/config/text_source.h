// Protobuf text and where things stand in it.
#ifndef POLLUX_HTTPD_CONFIG_TEXT_SOURCE_H_
#define POLLUX_HTTPD_CONFIG_TEXT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pollux::httpd {

// Stands for the text as a whole where a byte offset is expected.
inline constexpr int kWholeText = -1;

// Something wrong: at a byte offset, or with kWholeText.
struct Problem {
  int offset = kWholeText;
  std::string message;
};

// The bytes [begin, end).
struct Extent {
  int begin = 0;
  int end = 0;
};

// Both count from 1; the column counts bytes.
struct LineColumn {
  int line = 0;
  int column = 0;
};

// Protobuf text, cut into tokens: it knows what protobuf's parser does not
// tell, such as the extent of a field that could not be read, and of each
// element of a list. Tokens are named by their index; one beyond the last is an
// empty token at the end of the text. A number with letters behind it, such as
// 10s, is one token, where protobuf sees two.
//
// Immutable plain value that owns its text; views live as long as it does.
class TextSource {
 public:
  // At most INT_MAX bytes.
  explicit TextSource(absl::string_view text);

  // With blanks instead of a byte order mark.
  absl::string_view text() const { return text_; }

  // What can be part of no token, in protobuf's words, in the order of the
  // text.
  const std::vector<Problem>& problems() const { return problems_; }

  // The place that protobuf calls so: both from 0, tabs up to 8 wide. If there
  // is none, the nearest before it.
  int Offset(int line, int column) const;

  LineColumn Locate(int offset) const;

  // The first token that ends behind `offset`.
  size_t TokenAt(int offset) const;

  absl::string_view TokenText(size_t token) const;
  Extent TokenExtent(size_t token) const;

  // The field `name: value`, `name: [values]` or `name { fields }`, with a
  // separator behind it, that starts with token `name`. Nothing if the text
  // does not have that form.
  std::optional<Extent> FieldFrom(size_t name) const;

  // The name of the field of which token `value` is the value, or one of the
  // values if they are scalars.
  std::optional<size_t> NameOfValue(size_t value) const;

  // The elements, if `field` holds a list in brackets; else only `field`.
  std::vector<Extent> Elements(Extent field) const;

  // The innermost bracket that is still open at token `token`.
  std::optional<size_t> OpenBracket(size_t token) const;

 private:
  enum class Kind : uint8_t { kName, kNumber, kString, kSymbol };

  struct Token {
    Kind kind;
    Extent extent;
    // As protobuf counts them.
    int line;
    int column;
  };

  void Scan();
  Extent Trimmed(size_t first, size_t end) const;
  bool Is(size_t token, Kind kind) const;

  // The token behind the value that starts at `token`.
  std::optional<size_t> BehindValue(size_t token) const;

  // The token behind the bracket that closes the one at `token`.
  std::optional<size_t> BehindBracket(size_t token) const;

  std::string text_;
  std::vector<int> line_starts_;
  std::vector<Token> tokens_;
  std::vector<Problem> problems_;
};

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_TEXT_SOURCE_H_
