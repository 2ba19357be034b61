#include "httpd/http/preconditions.h"

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/field.h"
#include "httpd/http/field_name.h"
#include "httpd/http/http_date.h"
#include "httpd/http/request_head.h"

namespace pollux::http {
namespace {

using TagsEqual = bool (*)(const EntityTag&, const EntityTag&);

// Whether the list that the fields of that name make up is "*" or has a tag
// that equals `current`.
bool Lists(const RequestHead& head, FieldName name,
           const std::optional<EntityTag>& current, TagsEqual equal) {
  for (const Field* field = head.fields.Find(name); field != nullptr;
       field = head.fields.FindNext(name, field)) {
    if (field->value == "*") return true;
    if (!current.has_value()) continue;
    EntityTagReader tags(field->value);
    EntityTag tag;
    while (tags.Next(tag)) {
      if (equal(tag, *current)) return true;
    }
    if (tags.is_malformed()) return false;
  }
  return false;
}

// The date in the only field of that name.
std::optional<int64_t> DateIn(const RequestHead& head, FieldName name,
                              int64_t now_unix_seconds) {
  const Field* const field = head.fields.Find(name);
  if (field == nullptr || head.fields.HasSeveral(name)) return std::nullopt;
  return ParseHttpDate(field->value, now_unix_seconds);
}

bool IsChangedSince(const std::optional<int64_t>& last_modified,
                    const std::optional<int64_t>& date) {
  return last_modified.has_value() && date.has_value() &&
         *last_modified > *date;
}

}  // namespace

Precondition JudgePreconditions(const RequestHead& head,
                                const Validators& validators,
                                int64_t now_unix_seconds) {
  const std::optional<int64_t>& changed = validators.last_modified_unix_seconds;
  if (head.fields.Has(FieldName::kIfMatch)) {
    if (!Lists(head, FieldName::kIfMatch, validators.entity_tag,
               StronglyEqual)) {
      return Precondition::kFailed;
    }
  } else if (IsChangedSince(changed, DateIn(head, FieldName::kIfUnmodifiedSince,
                                            now_unix_seconds))) {
    return Precondition::kFailed;
  }

  const bool is_read =
      head.method == Method::kGet || head.method == Method::kHead;
  if (head.fields.Has(FieldName::kIfNoneMatch)) {
    if (Lists(head, FieldName::kIfNoneMatch, validators.entity_tag,
              WeaklyEqual)) {
      return is_read ? Precondition::kNotModified : Precondition::kFailed;
    }
    return Precondition::kHolds;
  }
  if (!is_read || !changed.has_value()) return Precondition::kHolds;
  const std::optional<int64_t> since =
      DateIn(head, FieldName::kIfModifiedSince, now_unix_seconds);
  return since.has_value() && *changed <= *since ? Precondition::kNotModified
                                                 : Precondition::kHolds;
}

Precondition JudgePreconditionsOfNothing(const RequestHead& head) {
  return head.fields.Has(FieldName::kIfMatch) ? Precondition::kFailed
                                              : Precondition::kHolds;
}

bool IfRangeHolds(const RequestHead& head, const Validators& validators,
                  int64_t now_unix_seconds) {
  const Field* const field = head.fields.Find(FieldName::kIfRange);
  if (field == nullptr) return true;
  if (head.fields.HasSeveral(FieldName::kIfRange)) return false;
  if (const std::optional<EntityTag> tag = ParseEntityTag(field->value)) {
    return validators.entity_tag.has_value() &&
           StronglyEqual(*tag, *validators.entity_tag);
  }
  const std::optional<int64_t> date =
      ParseHttpDate(field->value, now_unix_seconds);
  const std::optional<int64_t>& changed = validators.last_modified_unix_seconds;
  // What changed within this second may change again within it (§8.8.2.2).
  return date.has_value() && changed.has_value() && *date == *changed &&
         *changed < now_unix_seconds;
}

}  // namespace pollux::http
