// Entity tags: names for versions of a representation.
#ifndef POLLUX_HTTPD_HTTP_ENTITY_TAG_H_
#define POLLUX_HTTPD_HTTP_ENTITY_TAG_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace pollux::http {

enum class TagStrength : uint8_t {
  // The same bytes.
  kStrong,
  // W/: as good as the same.
  kWeak,
};

// An entity tag (RFC 9110 §8.8.3). A view of bytes that somebody else owns.
struct EntityTag {
  // Without the quotes.
  absl::string_view opaque;
  TagStrength strength = TagStrength::kStrong;
};

// RFC 9110 §8.8.3.2.
inline bool StronglyEqual(const EntityTag& a, const EntityTag& b) {
  return a.strength == TagStrength::kStrong &&
         b.strength == TagStrength::kStrong && a.opaque == b.opaque;
}
inline bool WeaklyEqual(const EntityTag& a, const EntityTag& b) {
  return a.opaque == b.opaque;
}

// `text` is "a" or W/"a", to the letter; nothing if it is neither. Never
// allocates; any thread.
std::optional<EntityTag> ParseEntityTag(absl::string_view text);

// The entity tags of a list, such as If-None-Match, in order. Empty elements
// are skipped (RFC 9110 §5.6.1.2). A view of the list; never allocates; one
// thread at a time.
class EntityTagReader {
 public:
  explicit EntityTagReader(absl::string_view list) : rest_(list) {}

  // Whether there is another; it is in `tag` then. Also false where the list is
  // malformed: is_malformed() tells, and what came before it stands.
  bool Next(EntityTag& tag);

  bool is_malformed() const { return is_malformed_; }

 private:
  absl::string_view rest_;
  bool is_malformed_ = false;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_ENTITY_TAG_H_
