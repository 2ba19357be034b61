#include "httpd/http/accept.h"

#include <cstddef>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/list_reader.h"
#include "httpd/http/request_head.h"
#include "httpd/http/weight.h"

namespace pollux::http {
namespace {

MediaMatch Match(absl::string_view range, absl::string_view type,
                 absl::string_view subtype) {
  const size_t slash = range.find('/');
  if (slash == range.npos) return MediaMatch::kNone;
  const absl::string_view range_type = range.substr(0, slash);
  const absl::string_view range_subtype = range.substr(slash + 1);
  if (range_type == "*" && range_subtype == "*") return MediaMatch::kAny;
  if (!absl::EqualsIgnoreCase(range_type, type)) return MediaMatch::kNone;
  if (range_subtype == "*") return MediaMatch::kType;
  return absl::EqualsIgnoreCase(range_subtype, subtype) ? MediaMatch::kExact
                                                        : MediaMatch::kNone;
}

// Of what stands behind a range; nothing if it is malformed.
std::optional<Weight> WeightAmong(QuotedListReader& parameters) {
  absl::string_view parameter;
  while (parameters.Next(parameter)) {
    if (absl::StartsWithIgnoreCase(parameter, "q=")) {
      return ParseWeight(parameter.substr(2));
    }
  }
  return kMaxWeight;
}

}  // namespace

MediaPreference PreferenceFor(const RequestHead& head, absl::string_view type,
                              absl::string_view subtype) {
  constexpr FieldName kAccept = FieldName::kAccept;
  MediaPreference preference;
  for (const Field* field = head.fields.Find(kAccept); field != nullptr;
       field = head.fields.FindNext(kAccept, field)) {
    QuotedListReader list(field->value, ',');
    absl::string_view element;
    while (list.Next(element)) {
      QuotedListReader parameters(element, ';');
      absl::string_view range;
      parameters.Next(range);
      const MediaMatch match = Match(range, type, subtype);
      if (match == MediaMatch::kNone || match < preference.match) continue;
      if (const auto weight = WeightAmong(parameters)) {
        preference = {match, *weight};
      }
    }
  }
  return preference;
}

}  // namespace pollux::http
