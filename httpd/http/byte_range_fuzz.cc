// Fuzzes what reads ranges and the lists of entity tags that go with them.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_range.h"
#include "httpd/http/entity_tag.h"
#include "httpd/http/fuzz_check.h"
#include "httpd/http/guarded_buffer.h"

namespace pollux::http {
namespace {

constexpr size_t kMaxInputBytes = 4096;

void CheckRange(absl::string_view value, uint64_t size_bytes) {
  ByteRange range;
  const RangeVerdict verdict = ReadByteRange(value, size_bytes, range);
  if (verdict != RangeVerdict::kPart) return;
  Check(range.first <= range.last && range.last < size_bytes, "outside", value);
  Check(range.bytes() <= size_bytes, "longer than all", value);
  Check(value.find(',') == value.npos, "several", value);
  // Written out, it means the same.
  ByteRange again;
  Check(ReadByteRange(absl::StrCat("bytes=", range.first, "-", range.last),
                      size_bytes, again) == RangeVerdict::kPart &&
            again.first == range.first && again.last == range.last,
        "not the range that was read", value);
}

void CheckTags(absl::string_view list) {
  EntityTagReader reader(list);
  EntityTag tag;
  while (reader.Next(tag)) {
    Check(IsInside(tag.opaque, list), "tag outside", list);
    const std::string text = absl::StrCat(
        tag.strength == TagStrength::kWeak ? "W/" : "", "\"", tag.opaque, "\"");
    const std::optional<EntityTag> again = ParseEntityTag(text);
    Check(again.has_value() && again->opaque == tag.opaque &&
              again->strength == tag.strength,
          "not the tag that was read", list);
  }
}

}  // namespace
}  // namespace pollux::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pollux::http::GuardedBuffer;
  if (size > pollux::http::kMaxInputBytes) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  static GuardedBuffer& buffer =
      *new GuardedBuffer(pollux::http::kMaxInputBytes);
  for (const uint64_t size_bytes : {uint64_t{0}, uint64_t{1}, uint64_t{10},
                                    uint64_t{1} << 40, UINT64_MAX}) {
    pollux::http::CheckRange(buffer.Show(text), size_bytes);
  }
  pollux::http::CheckTags(buffer.Show(text));
  return 0;
}
