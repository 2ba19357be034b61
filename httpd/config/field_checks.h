// What is wrong with the values of fields, and where they stand.
#ifndef POLLUX_HTTPD_CONFIG_FIELD_CHECKS_H_
#define POLLUX_HTTPD_CONFIG_FIELD_CHECKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/config/config_parser.h"
#include "httpd/config/text_checks.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {

// The least and the most, as texts of the same kind as the field.
struct TextRange {
  absl::string_view least;
  absl::string_view most;
};

// Of a message, one of two sizes that are compared.
struct SizeField {
  int field;
  bool is_given;
  absl::string_view text;
  // Nothing if it was reported already.
  std::optional<uint64_t> bytes;
};

// Collects what is wrong with one configuration. Most members look at one
// field, report what is wrong with its value and return that: nothing if it is
// of no use. A field is given by its message's place and its number.
//
// Owned by whoever checks; one thread at a time. The TextSource must outlive
// it.
class FieldChecks {
 public:
  // Where each of the values that must differ was seen first.
  using FirstSeen = std::map<std::string, int>;

  // What is wrong with a text, to be put behind its name; "" if nothing is.
  using Describe = std::string (*)(absl::string_view);

  explicit FieldChecks(const TextSource& source) : source_(source) {}

  int Number(const MessagePlace& place, int field, int value, int min, int max);

  std::string Text(const MessagePlace& place, int field,
                   const std::string& text, Describe describe_bad);

  // Also reports it if it is missing, with `example` for what to write.
  std::string RequiredText(const MessagePlace& place, int field,
                           const std::string& text, Describe describe_bad,
                           absl::string_view example);

  // All of a repeated field that are right; they must differ, in more than
  // upper and lower case.
  template <typename Strings>
  std::vector<std::string> Texts(const MessagePlace& place, int field,
                                 const Strings& texts, Describe describe_bad) {
    const std::vector<int> offsets = place.OffsetsOf(field, texts.size());
    const std::string& name = place.NameOf(field);
    FirstSeen seen;
    std::vector<std::string> right;
    for (int i = 0; i < texts.size(); ++i) {
      if (IsRight(name, texts[i], describe_bad, offsets[i]) &&
          IsFirst(absl::StrCat(name, " ", Quoted(texts[i])), " here",
                  absl::AsciiStrToLower(texts[i]), offsets[i], seen)) {
        right.push_back(texts[i]);
      }
    }
    return right;
  }

  std::optional<absl::Duration> Duration(const MessagePlace& place, int field,
                                         const std::string& text,
                                         const TextRange& range);

  std::optional<uint64_t> Size(const MessagePlace& place, int field,
                               const std::string& text, const TextRange& range);

  // Reports if `part` is larger than `whole`, into which it must fit.
  void Order(const MessagePlace& place, const SizeField& part,
             const SizeField& whole);

  // Whether `value` is the first of its kind; reports `what` and `where`
  // otherwise.
  bool IsFirst(absl::string_view what, absl::string_view where,
               const std::string& value, int offset, FirstSeen& seen);

  void Report(int offset, std::string message) {
    errors_.push_back({offset, std::move(message)});
  }
  void Warn(int offset, std::string message) {
    warnings_.push_back({offset, std::move(message)});
  }

  // Counts from 1.
  int LineOf(int offset) const { return source_.Locate(offset).line; }

  // Unsorted.
  std::vector<Problem>& errors() { return errors_; }
  std::vector<Problem>& warnings() { return warnings_; }

 private:
  bool IsRight(absl::string_view name, absl::string_view text,
               Describe describe_bad, int offset);
  void ReportOutOfRange(const MessagePlace& place, int field,
                        absl::string_view text, const TextRange& range);

  const TextSource& source_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_FIELD_CHECKS_H_
