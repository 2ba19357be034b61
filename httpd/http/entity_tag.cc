#include "httpd/http/entity_tag.h"

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"

namespace pollux::http {
namespace {

// Takes the tag off the front of `text`, if there is one.
std::optional<EntityTag> TakeTag(absl::string_view& text) {
  EntityTag tag;
  absl::string_view rest = text;
  if (rest.substr(0, 2) == "W/") {
    tag.strength = TagStrength::kWeak;
    rest.remove_prefix(2);
  }
  if (rest.substr(0, 1) != "\"") return std::nullopt;
  const size_t end = SkipWhile(rest, 1, rest.size(), ByteClass::kEntityTag);
  if (end == rest.size() || rest[end] != '"') return std::nullopt;
  tag.opaque = rest.substr(1, end - 1);
  text = rest.substr(end + 1);
  return tag;
}

}  // namespace

std::optional<EntityTag> ParseEntityTag(absl::string_view text) {
  const std::optional<EntityTag> tag = TakeTag(text);
  return text.empty() ? tag : std::nullopt;
}

bool EntityTagReader::Next(EntityTag& tag) {
  if (is_malformed_) return false;
  rest_ = TrimOws(rest_);
  while (!rest_.empty() && rest_.front() == ',') {
    rest_ = TrimOws(rest_.substr(1));
  }
  if (rest_.empty()) return false;
  const std::optional<EntityTag> taken = TakeTag(rest_);
  rest_ = TrimOws(rest_);
  if (!taken.has_value() || (!rest_.empty() && rest_.front() != ',')) {
    is_malformed_ = true;
    return false;
  }
  tag = *taken;
  return true;
}

}  // namespace pollux::http
