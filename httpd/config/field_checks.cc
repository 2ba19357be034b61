#include "httpd/config/field_checks.h"

#include "absl/status/statusor.h"
#include "httpd/config/duration_text.h"
#include "httpd/config/size_text.h"

namespace pollux::httpd {

int FieldChecks::Number(const MessagePlace& place, int field, int value,
                        int min, int max) {
  if (value < min || value > max) {
    Report(place.OffsetOf(field),
           absl::StrCat(place.NameOf(field), " ", value,
                        " is out of range: it goes from ", min, " to ", max));
  }
  return value;
}

std::string FieldChecks::Text(const MessagePlace& place, int field,
                              const std::string& text, Describe describe_bad) {
  IsRight(place.NameOf(field), text, describe_bad, place.OffsetOf(field));
  return text;
}

std::string FieldChecks::RequiredText(const MessagePlace& place, int field,
                                      const std::string& text,
                                      Describe describe_bad,
                                      absl::string_view example) {
  if (place.IsGiven(field)) return Text(place, field, text, describe_bad);
  if (place.IsMissing(field)) {
    Report(place.offset(),
           absl::StrCat(place.TypeName(), " without a ", place.NameOf(field),
                        ": give it one, such as ", place.NameOf(field), ": ",
                        Quoted(example)));
  }
  return text;
}

std::optional<absl::Duration> FieldChecks::Duration(const MessagePlace& place,
                                                    int field,
                                                    const std::string& text,
                                                    const TextRange& range) {
  const absl::StatusOr<absl::Duration> duration = ParseDurationText(text);
  if (!duration.ok()) {
    Report(place.OffsetOf(field),
           absl::StrCat(place.NameOf(field), " ", duration.status().message()));
    return std::nullopt;
  }
  if (*duration < ParseDurationText(range.least).value() ||
      *duration > ParseDurationText(range.most).value()) {
    ReportOutOfRange(place, field, text, range);
    return std::nullopt;
  }
  return *duration;
}

std::optional<uint64_t> FieldChecks::Size(const MessagePlace& place, int field,
                                          const std::string& text,
                                          const TextRange& range) {
  const absl::StatusOr<uint64_t> bytes = ParseSizeText(text);
  if (!bytes.ok()) {
    Report(place.OffsetOf(field),
           absl::StrCat(place.NameOf(field), " ", bytes.status().message()));
    return std::nullopt;
  }
  if (*bytes < ParseSizeText(range.least).value() ||
      *bytes > ParseSizeText(range.most).value()) {
    ReportOutOfRange(place, field, text, range);
    return std::nullopt;
  }
  return *bytes;
}

void FieldChecks::Order(const MessagePlace& place, const SizeField& part,
                        const SizeField& whole) {
  if (!part.bytes.has_value() || !whole.bytes.has_value() ||
      *part.bytes <= *whole.bytes) {
    return;
  }
  const auto origin = [](const SizeField& size) {
    return size.is_given ? "" : " (the default)";
  };
  Report(place.OffsetOf(part.is_given ? part.field : whole.field),
         absl::StrCat(place.NameOf(part.field), " ", Quoted(part.text),
                      origin(part), " is more than ", place.NameOf(whole.field),
                      " ", Quoted(whole.text), origin(whole),
                      ": it must fit into it"));
}

bool FieldChecks::IsFirst(absl::string_view what, absl::string_view where,
                          const std::string& value, int offset,
                          FirstSeen& seen) {
  const auto [first, is_first] = seen.try_emplace(value, offset);
  if (is_first) return true;
  Report(offset, absl::StrCat(what, " stands twice", where, ": first on line ",
                              LineOf(first->second)));
  return false;
}

bool FieldChecks::IsRight(absl::string_view name, absl::string_view text,
                          Describe describe_bad, int offset) {
  const std::string bad = describe_bad(text);
  if (bad.empty()) return true;
  Report(offset, absl::StrCat(name, " ", Quoted(text), " ", bad));
  return false;
}

void FieldChecks::ReportOutOfRange(const MessagePlace& place, int field,
                                   absl::string_view text,
                                   const TextRange& range) {
  Report(place.OffsetOf(field),
         absl::StrCat(place.NameOf(field), " ", Quoted(text),
                      " is out of range: it goes from ", Quoted(range.least),
                      " to ", Quoted(range.most)));
}

}  // namespace pollux::httpd
