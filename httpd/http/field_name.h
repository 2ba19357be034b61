// The fields of a request that a server has something to do with.
#ifndef POLLUX_HTTPD_HTTP_FIELD_NAME_H_
#define POLLUX_HTTPD_HTTP_FIELD_NAME_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"
#include "httpd/http/letter_case.h"

namespace pollux::http {

// Names are compared without case (RFC 9110 §5.1). The text of each stands in
// kFieldNameTexts, in this order.
enum class FieldName : uint8_t {
  // None of these.
  kOther,
  kAccept,
  kAcceptCharset,
  kAcceptEncoding,
  kAcceptLanguage,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentRange,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kIfMatch,
  kIfModifiedSince,
  kIfNoneMatch,
  kIfRange,
  kIfUnmodifiedSince,
  kKeepAlive,
  kOrigin,
  kRange,
  kReferer,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
};

// As the RFCs spell them; "" for kOther.
inline constexpr auto kFieldNameTexts = std::to_array<absl::string_view>({
    "",
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Origin",
    "Range",
    "Referer",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
});

// How many there are, kOther included.
inline constexpr size_t kFieldNames = kFieldNameTexts.size();
static_assert(kFieldNames ==
              static_cast<size_t>(FieldName::kXForwardedFor) + 1);

namespace field_name_internal {

struct alignas(32) Slot {
  // In small letters.
  std::array<char, kMaxSmallBytes> text{};
  uint8_t size = 0;
  FieldName name = FieldName::kOther;
};

inline constexpr size_t kSlots = 128;

// No two of the names share a slot: checked below. The bit that tells capital
// letters from small ones falls off, in either term.
ABSL_ATTRIBUTE_ALWAYS_INLINE constexpr size_t SlotOf(absl::string_view name) {
  const size_t first = static_cast<unsigned char>(name.front());
  const size_t last = static_cast<unsigned char>(name.back());
  return (name.size() + 4 * first + 24 * last) % kSlots;
}
static_assert(SlotOf("A") == SlotOf("a"));

inline constexpr std::array<Slot, kSlots> kSlotTable = [] {
  std::array<Slot, kSlots> slots{};
  for (size_t i = 1; i < kFieldNames; ++i) {
    const absl::string_view text = kFieldNameTexts[i];
    Slot& slot = slots[SlotOf(text)];
    for (size_t j = 0; j < text.size(); ++j) slot.text[j] = text[j] | 0x20;
    slot.size = static_cast<uint8_t>(text.size());
    slot.name = static_cast<FieldName>(i);
  }
  return slots;
}();

static_assert([] {
  for (size_t i = 1; i < kFieldNames; ++i) {
    const absl::string_view text = kFieldNameTexts[i];
    if (text.size() < 2 || text.size() > kMaxSmallBytes) return false;
    if (kSlotTable[SlotOf(text)].name != static_cast<FieldName>(i)) {
      return false;
    }
  }
  return true;
}());

}  // namespace field_name_internal

// The field that `token` names, or kOther. `token` is a token (RFC 9110
// §5.6.2): other bytes may be taken for a name's.
ABSL_ATTRIBUTE_ALWAYS_INLINE inline FieldName FieldNameOf(
    absl::string_view token) {
  namespace internal = field_name_internal;
  const internal::Slot& slot = internal::kSlotTable[internal::SlotOf(token)];
  if (slot.size != token.size()) return FieldName::kOther;
  return EqualsSmall(token.data(), slot.text.data(), token.size())
             ? slot.name
             : FieldName::kOther;
}

// "Content-Length" ...; empty for kOther. Constant for the program's life.
constexpr absl::string_view TextOf(FieldName name) {
  return kFieldNameTexts[static_cast<size_t>(name)];
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_FIELD_NAME_H_
