// From the text of a configuration to a Config that nobody has checked yet.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_PARSER_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_PARSER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "httpd/config/config.pb.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {

// A field that the text has but the Config has not: misspelt, a second one, or
// with a value of the wrong type. It has been reported.
struct UnreadField {
  int offset;
  // As it was meant to be spelt.
  std::string name;
};

// What could be read of a text, and where it stands there. Move-only; owns
// everything it speaks of.
struct ParsedConfig {
  explicit ParsedConfig(absl::string_view text) : source(text) {}

  TextSource source;
  Config config;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> places;

  // Whether the text was read to its end, so that what is missing in `config`
  // is missing in the text, unless it is among `unread`.
  bool reached_end = false;
  std::vector<UnreadField> unread;

  // Unsorted, at most one for a place.
  std::vector<Problem> problems;
};

// Reads `text`, at most INT_MAX bytes. It reads on behind fields that are not
// known or have a value of the wrong type, and stops where it cannot tell how
// the text goes on, such as at a bracket too few.
ParsedConfig ParseConfig(absl::string_view text);

// Where a message of a ParsedConfig and its fields stand in the text. A view:
// the ParsedConfig must outlive it. Fields are given by their numbers.
class MessagePlace {
 public:
  // Of the whole Config.
  explicit MessagePlace(const ParsedConfig& parsed);

  // kWholeText if the message has no name in the text.
  int offset() const;

  // "redirect" for a Redirect.
  std::string TypeName() const;

  // Constant for the program's life.
  const std::string& NameOf(int field) const;

  // Whether `field` stands in the text at all.
  bool IsGiven(int field) const { return !Extents(field).empty(); }

  // Of a field that stands only once; the message's own if it is not there.
  int OffsetOf(int field) const;
  MessagePlace Nested(int field) const;

  // Of each of the `count` values of a repeated field.
  std::vector<int> OffsetsOf(int field, int count) const;
  std::vector<MessagePlace> EachNested(int field, int count) const;

  // Whether there is reason to say that `field` is missing, given that the
  // Config has none.
  bool IsMissing(int field) const;

 private:
  using Tree = google::protobuf::TextFormat::ParseInfoTree;
  using Descriptor = google::protobuf::Descriptor;

  MessagePlace(const ParsedConfig& parsed, const Descriptor* type,
               const Tree* tree, std::optional<Extent> extent);

  // Of the values of `field`, as far as they are known.
  std::vector<Extent> Extents(int field) const;

  const ParsedConfig* parsed_;
  const Descriptor* type_;
  // Null if protobuf recorded none.
  const Tree* tree_;
  // Nothing for the Config itself.
  std::optional<Extent> extent_;
};

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_PARSER_H_
