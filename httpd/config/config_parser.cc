#include "httpd/config/config_parser.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/did_you_mean.h"
#include "httpd/config/duration_text.h"
#include "httpd/config/size_text.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

// Configurations are 4 deep; the stack is not for the text to use up.
constexpr int kMaxDepth = 32;

// Each round reads the text again, without what made the last one stop.
constexpr int kMaxRounds = 100;

// Takes what protobuf says, leaving out what the TextSource said already.
class ParserWords : public google::protobuf::io::ErrorCollector {
 public:
  explicit ParserWords(const TextSource& source) : source_(source) {
    for (const Problem& problem : source.problems()) {
      known_.emplace(problem.offset, problem.message);
    }
  }

  void AddError(int line, int column, const std::string& message) override {
    const int offset = source_.Offset(line, column);
    if (!known_.contains({offset, message})) stop_ = {offset, message};
  }

  void AddWarning(int line, int column, const std::string& message) override {
    warnings_.push_back({source_.Offset(line, column), message});
  }

  // Why the parser did not reach the end.
  const std::optional<Problem>& stop() const { return stop_; }
  const std::vector<Problem>& warnings() const { return warnings_; }

 private:
  const TextSource& source_;
  std::set<std::pair<int, std::string>> known_;
  std::optional<Problem> stop_;
  std::vector<Problem> warnings_;
};

std::string Quoted(absl::string_view token) {
  return absl::StartsWith(token, "\"") ? std::string(token)
                                       : absl::StrCat("\"", token, "\"");
}

// Protobuf's words about characters, where they need a word more.
std::string RewordLexical(absl::string_view message) {
  if (message == "Unexpected end of string." ||
      message == "String literals cannot cross line boundaries.") {
    return "the string that began on this line is not closed: a quote is "
           "missing";
  }
  if (message == "Invalid control characters encountered in text.") {
    return "a control character: there can be none outside of strings";
  }
  if (absl::StartsWith(message, "Interpreting non ascii codepoint")) {
    return "a character beyond ASCII: there can be none outside of strings "
           "and comments";
  }
  return std::string(message);
}

// What protobuf says of 10s.
constexpr absl::string_view kNumberAndName =
    "Need space between number and identifier.";

// Whether values of `field` are words: true and false, or those of an enum.
bool IsOfWords(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM;
}

std::vector<absl::string_view> WordsOf(const FieldDescriptor& field) {
  if (field.enum_type() == nullptr) return {"true", "false"};
  std::vector<absl::string_view> words;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    words.push_back(field.enum_type()->value(i)->name());
  }
  return words;
}

// "true or false", "COMMON, COMBINED or JSON".
std::string OneOf(const std::vector<absl::string_view>& words) {
  return absl::StrCat(absl::StrJoin(words.begin(), words.end() - 1, ", "),
                      " or ", words.back());
}

// What token `name` names, given the brackets around it; null if nothing.
const FieldDescriptor* FindField(const TextSource& source, size_t name) {
  const Descriptor* type = Config::descriptor();
  std::optional<size_t> bracket = source.OpenBracket(name);
  if (bracket.has_value()) {
    // One of a list of messages?
    const std::optional<size_t> list = source.OpenBracket(*bracket);
    if (list.has_value() && source.TokenText(*list) == "[") bracket = list;
    size_t behind_name = *bracket;
    if (behind_name > 0 && source.TokenText(behind_name - 1) == ":") {
      --behind_name;
    }
    if (behind_name == 0) return nullptr;
    const FieldDescriptor* message = FindField(source, behind_name - 1);
    type = message == nullptr ? nullptr : message->message_type();
  }
  if (type == nullptr) return nullptr;
  return type->FindFieldByName(std::string(source.TokenText(name)));
}

// Of a duration or a size, whose default shows what is expected.
bool TakesUnit(const FieldDescriptor& field) {
  const std::string& usual = field.default_value_string();
  return field.has_default_value() &&
         (ParseDurationText(usual).ok() || ParseSizeText(usual).ok());
}

// What to say of token `found`, which should be a string, in field `name`.
std::string ExpectString(const TextSource& source, size_t found,
                         std::optional<size_t> name) {
  const absl::string_view text = source.TokenText(found);
  const std::string expected = absl::StrCat(
      "expected a string in quotes, found ",
      text.empty() ? std::string("the end of the text") : Quoted(text));
  const FieldDescriptor* const field =
      name.has_value() ? FindField(source, *name) : nullptr;
  if (field == nullptr || text.empty()) return expected;
  if (TakesUnit(*field) && absl::c_all_of(text, absl::ascii_isdigit)) {
    return absl::StrCat(expected, ": write it with its unit, as in \"",
                        field->default_value_string(), "\"");
  }
  if (!absl::ascii_isalnum(static_cast<unsigned char>(text.front()))) {
    return expected;
  }
  return absl::StrCat(expected, ": write ", Quoted(text));
}

// Protobuf's words about what made it stop, where they need a word more.
std::string RewordStop(const TextSource& source, const Problem& stop) {
  absl::string_view rest = stop.message;
  const size_t token = source.TokenAt(stop.offset);
  const std::string found = source.TokenText(token).empty()
                                ? "the end of the text"
                                : Quoted(source.TokenText(token));
  if (absl::ConsumePrefix(&rest, "Non-repeated field ")) {
    absl::ConsumeSuffix(&rest, " is specified multiple times.");
    return absl::StrCat(rest, " stands twice: it can be given only once here");
  }
  if (absl::ConsumePrefix(&rest, "Field ")) {
    // "echo" is specified along with field "fixed", another member of oneof
    // "handler".
    const std::vector<absl::string_view> parts = absl::StrSplit(rest, '"');
    if (parts.size() == 7) {
      return absl::StrCat("\"", parts[1], "\" cannot stand beside \"", parts[3],
                          "\": there is only one ", parts[5], " here");
    }
  }
  if (absl::ConsumePrefix(&rest, "Integer out of range (")) {
    absl::ConsumeSuffix(&rest, ")");
    return absl::StrCat(rest, " is out of range");
  }
  if (absl::StartsWith(rest, "Expected integer")) {
    return absl::StrCat("expected an integer, found ", found);
  }
  if (absl::StartsWith(rest, "Expected string")) {
    return ExpectString(source, token, source.NameOfValue(token));
  }
  if (absl::ConsumePrefix(&rest, "Expected \"")) {
    return absl::StrCat("expected \"", rest.substr(0, rest.find('"')),
                        "\", found ", found);
  }
  if (absl::StartsWith(rest, "Expected identifier")) {
    return absl::StrCat("expected the name of a field, found ", found);
  }
  return stop.message;
}

// Where the text ends too early, the bracket is what to look for.
std::string HintAtBracket(const TextSource& source, int offset) {
  const size_t token = source.TokenAt(offset);
  if (!source.TokenText(token).empty()) return "";
  const std::optional<size_t> open = source.OpenBracket(token);
  if (!open.has_value()) return "";
  const int line = source.Locate(source.TokenExtent(*open).begin).line;
  return absl::StrCat(": the \"", source.TokenText(*open), "\" of line ", line,
                      " is not closed");
}

// One run of ParseConfig().
class Rounds {
 public:
  explicit Rounds(ParsedConfig& parsed)
      : parsed_(parsed), readable_(parsed.source.text()) {
    for (const Problem& problem : source().problems()) {
      if (problem.message == kNumberAndName) {
        ReportNumberAndName(source().TokenAt(problem.offset));
      } else {
        Report(problem.offset, RewordLexical(problem.message));
      }
    }
  }

  void Run() {
    for (int round = 0; round < kMaxRounds; ++round) {
      if (!ReadAndMend()) return;
    }
  }

 private:
  const TextSource& source() const { return parsed_.source; }

  // Such as 10s: a value whose quotes were forgotten, as a rule. Protobuf would
  // read on in the middle of it.
  void ReportNumberAndName(size_t token) {
    const std::optional<size_t> name = source().NameOfValue(token);
    const FieldDescriptor* const field =
        name.has_value() ? FindField(source(), *name) : nullptr;
    const int offset = source().TokenExtent(token).begin;
    if (field != nullptr &&
        field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      Report(offset, ExpectString(source(), token, name));
    } else {
      Report(offset, absl::StrCat("expected a number or a name, found ",
                                  Quoted(source().TokenText(token))));
    }
    if (name.has_value()) (void)LeaveUnread(*name);
  }

  // Whether something was taken out so that it is worth another round.
  bool ReadAndMend() {
    ParserWords words(source());
    Read(words);
    bool mended = false;
    for (const Problem& warning : words.warnings()) {
      mended |= TakeOutUnknown(warning);
    }
    parsed_.reached_end = !words.stop().has_value();
    if (parsed_.reached_end) return false;
    // The parser also stops at a separator behind an unknown field.
    return mended || TakeOutUnreadable(*words.stop());
  }

  void Read(ParserWords& words) {
    parsed_.places = std::make_unique<TextFormat::ParseInfoTree>();
    TextFormat::Parser parser;
    parser.RecordErrorsTo(&words);
    parser.WriteLocationsTo(parsed_.places.get());
    parser.AllowUnknownField(true);
    parser.SetRecursionLimit(kMaxDepth);
    // The collector knows more than the result.
    (void)parser.ParseFromString(readable_, &parsed_.config);
  }

  // `warning` is at the token behind the name.
  bool TakeOutUnknown(const Problem& warning) {
    size_t name = source().TokenAt(warning.offset);
    if (name > 0) --name;
    const bool extension = source().TokenText(name) == "]";
    while (extension && name > 0 && source().TokenText(name) != "[") --name;
    // Message type "pollux.httpd.Route" has no field named "methds".
    // Ignoring extension "a.b" which is not defined or is not an extension of
    // "pollux.httpd.Route".
    const std::vector<absl::string_view> parts =
        absl::StrSplit(warning.message, '"');
    const Descriptor* type = nullptr;
    if (parts.size() == 5) {
      type = Config::descriptor()->file()->pool()->FindMessageTypeByName(
          std::string(parts[extension ? 3 : 1]));
    }
    if (type == nullptr) {
      Report(source().TokenExtent(name).begin, warning.message);
    } else if (extension) {
      ReportUnknown(name, *type, absl::StrCat("[", parts[1], "]"));
    } else {
      ReportUnknown(name, *type, parts[3]);
    }
    return TakeOut(name);
  }

  void ReportUnknown(size_t token, const Descriptor& type,
                     absl::string_view name) {
    if (IsSpoilt(token)) return;
    std::vector<absl::string_view> fields;
    for (int i = 0; i < type.field_count(); ++i) {
      fields.push_back(type.field(i)->name());
    }
    const int offset = source().TokenExtent(token).begin;
    const absl::string_view meant = DidYouMean(name, fields);
    const std::string unknown =
        absl::StrCat("unknown field \"", name, "\" in ", type.name());
    if (meant.empty()) {
      Report(offset, absl::StrCat(unknown, ": its fields are ",
                                  absl::StrJoin(fields, ", ")));
      return;
    }
    Report(offset, absl::StrCat(unknown, ": did you mean \"", meant, "\"?"));
    parsed_.unread.push_back({offset, std::string(meant)});
  }

  bool TakeOutUnreadable(const Problem& stop) {
    size_t token = source().TokenAt(stop.offset);
    // The parser is behind a word when it sees that there is none such.
    if (absl::StartsWith(stop.message, "Invalid value for boolean") ||
        absl::StartsWith(stop.message, "Unknown enumeration value")) {
      --token;
    }
    if (const FieldDescriptor* field = FieldOfWords(token)) {
      ReportWord(*field, token);
    } else {
      ReportStop(stop, token);
    }
    const std::optional<size_t> name = NameOfUnreadable(stop, token);
    return name.has_value() && LeaveUnread(*name);
  }

  // Takes a field out that is not missing for that.
  bool LeaveUnread(size_t name) {
    if (!TakeOut(name)) return false;
    parsed_.unread.push_back({source().TokenExtent(name).begin,
                              std::string(source().TokenText(name))});
    return true;
  }

  // A token that is spoilt by a character needs no other report.
  bool IsSpoilt(size_t token) const {
    const Extent extent = source().TokenExtent(token);
    return absl::c_any_of(source().problems(), [&](const Problem& lexical) {
      return lexical.offset >= extent.begin && lexical.offset <= extent.end;
    });
  }

  // The field of which token `value` should be one of certain words.
  const FieldDescriptor* FieldOfWords(size_t value) const {
    const std::optional<size_t> name = source().NameOfValue(value);
    const FieldDescriptor* field =
        name.has_value() ? FindField(source(), *name) : nullptr;
    return field != nullptr && IsOfWords(*field) ? field : nullptr;
  }

  void ReportWord(const FieldDescriptor& field, size_t token) {
    if (IsSpoilt(token)) return;
    const absl::string_view found = source().TokenText(token);
    const bool quoted =
        absl::StartsWith(found, "\"") || absl::StartsWith(found, "'");
    const std::vector<absl::string_view> words = WordsOf(field);
    const absl::string_view meant =
        quoted ? absl::string_view() : DidYouMean(found, words);
    Report(source().TokenExtent(token).begin,
           absl::StrCat("expected ", OneOf(words),
                        quoted ? " without quotes" : "", ", found ",
                        Quoted(found), meant.empty() ? "" : ": did you mean ",
                        meant, meant.empty() ? "" : "?"));
  }

  void ReportStop(const Problem& stop, size_t token) {
    if (IsSpoilt(token)) return;
    const bool repeated = absl::StrContains(stop.message, " is specified ");
    Report(repeated ? source().TokenExtent(token - 1).begin : stop.offset,
           absl::StrCat(RewordStop(source(), stop),
                        HintAtBracket(source(), stop.offset)));
  }

  // The field at which the parser stopped, if it can do without.
  std::optional<size_t> NameOfUnreadable(const Problem& stop,
                                         size_t token) const {
    // A second field, or a second one of a oneof: the parser is behind its
    // name.
    if (absl::StrContains(stop.message, " is specified ")) return token - 1;
    if (absl::StartsWith(stop.message, "Expected integer") ||
        absl::StartsWith(stop.message, "Expected string") ||
        absl::StartsWith(stop.message, "Integer out of range") ||
        FieldOfWords(token) != nullptr) {
      return source().NameOfValue(token);
    }
    return std::nullopt;
  }

  bool TakeOut(size_t name) {
    const std::optional<Extent> field = source().FieldFrom(name);
    if (!field.has_value()) return false;
    for (int i = field->begin; i < field->end; ++i) {
      // What is behind must stay where it is, as protobuf counts.
      if (readable_[i] != '\n' && readable_[i] != '\t') readable_[i] = ' ';
    }
    return true;
  }

  void Report(int offset, std::string message) {
    if (!reported_.insert(offset).second) return;
    parsed_.problems.push_back({offset, std::move(message)});
  }

  ParsedConfig& parsed_;
  std::string readable_;
  std::set<int> reported_;
};

}  // namespace

ParsedConfig ParseConfig(absl::string_view text) {
  ParsedConfig parsed(text);
  Rounds(parsed).Run();
  return parsed;
}

MessagePlace::MessagePlace(const ParsedConfig& parsed)
    : MessagePlace(parsed, Config::descriptor(), parsed.places.get(),
                   std::nullopt) {}

MessagePlace::MessagePlace(const ParsedConfig& parsed, const Descriptor* type,
                           const Tree* tree, std::optional<Extent> extent)
    : parsed_(&parsed), type_(type), tree_(tree), extent_(extent) {}

int MessagePlace::offset() const {
  return extent_.has_value() ? extent_->begin : kWholeText;
}

std::string MessagePlace::TypeName() const {
  return absl::AsciiStrToLower(type_->name());
}

const std::string& MessagePlace::NameOf(int field) const {
  return type_->FindFieldByNumber(field)->name();
}

int MessagePlace::OffsetOf(int field) const {
  return OffsetsOf(field, 1).front();
}

MessagePlace MessagePlace::Nested(int field) const {
  return EachNested(field, 1).front();
}

std::vector<int> MessagePlace::OffsetsOf(int field, int count) const {
  std::vector<int> offsets;
  for (const Extent& extent : Extents(field)) offsets.push_back(extent.begin);
  offsets.resize(count, offset());
  return offsets;
}

std::vector<MessagePlace> MessagePlace::EachNested(int field, int count) const {
  const FieldDescriptor* descriptor = type_->FindFieldByNumber(field);
  const std::vector<Extent> extents = Extents(field);
  std::vector<MessagePlace> places;
  for (int i = 0; i < count; ++i) {
    const int index = descriptor->is_repeated() ? i : -1;
    const Tree* tree =
        tree_ == nullptr ? nullptr : tree_->GetTreeForNested(descriptor, index);
    places.push_back(MessagePlace(
        *parsed_, descriptor->message_type(), tree,
        i < static_cast<int>(extents.size()) ? extents[i] : extent_));
  }
  return places;
}

bool MessagePlace::IsMissing(int field) const {
  if (!parsed_->reached_end) return false;
  const std::string& name = NameOf(field);
  return absl::c_none_of(parsed_->unread, [&](const UnreadField& unread) {
    return unread.name == name &&
           (!extent_.has_value() ||
            (unread.offset >= extent_->begin && unread.offset < extent_->end));
  });
}

std::vector<Extent> MessagePlace::Extents(int field) const {
  if (tree_ == nullptr) return {};
  const FieldDescriptor* descriptor = type_->FindFieldByNumber(field);
  std::vector<Extent> extents;
  // Protobuf keeps one range for a whole list in brackets.
  for (int i = 0;; ++i) {
    const TextFormat::ParseLocationRange range =
        tree_->GetLocationRange(descriptor, descriptor->is_repeated() ? i : -1);
    if (range.start.line < 0) break;
    const Extent whole = {
        parsed_->source.Offset(range.start.line, range.start.column),
        parsed_->source.Offset(range.end.line, range.end.column)};
    if (!descriptor->is_repeated()) return {whole};
    const std::vector<Extent> elements = parsed_->source.Elements(whole);
    extents.insert(extents.end(), elements.begin(), elements.end());
  }
  return extents;
}

}  // namespace pollux::httpd
