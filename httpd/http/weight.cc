#include "httpd/http/weight.h"

#include "absl/strings/ascii.h"

namespace pollux::http {

std::optional<Weight> ParseWeight(absl::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  Weight weight = text[0] == '1' ? kMaxWeight : 0;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  if (text.size() > 5) return std::nullopt;
  Weight unit = kMaxWeight / 10;
  for (const char byte : text.substr(text.size() > 1 ? 2 : 1)) {
    if (!absl::ascii_isdigit(byte)) return std::nullopt;
    weight = static_cast<Weight>(weight + (byte - '0') * unit);
    unit = static_cast<Weight>(unit / 10);
  }
  return weight <= kMaxWeight ? std::optional<Weight>(weight) : std::nullopt;
}

}  // namespace pollux::http
