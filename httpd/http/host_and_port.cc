#include "httpd/http/host_and_port.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "httpd/http/byte_class.h"
#include "httpd/http/percent_encoding.h"

namespace pollux::http {
namespace {

constexpr size_t kAddressGroups = 8;

bool IsRegName(absl::string_view text) {
  size_t position = 0;
  while (true) {
    position = SkipWhile(text, position, text.size(), ByteClass::kRegName);
    if (position == text.size()) return !text.empty();
    if (!IsTripletAt(text, position)) return false;
    position += 3;
  }
}

// 0 to 255, without leading zeros.
bool IsDecimalOctet(absl::string_view text) {
  if (text.empty() || text.size() > 3) return false;
  if (text.front() == '0') return text.size() == 1;
  int value = 0;
  for (const char byte : text) {
    if (!absl::ascii_isdigit(byte)) return false;
    value = value * 10 + (byte - '0');
  }
  return value <= 255;
}

bool IsIpv4Address(absl::string_view text) {
  for (int octet = 0; octet < 3; ++octet) {
    const size_t dot = text.find('.');
    if (dot == text.npos || !IsDecimalOctet(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return IsDecimalOctet(text);
}

bool IsGroup(absl::string_view text) {
  return !text.empty() && text.size() <= 4 &&
         std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

// How many groups of 16 bits `text` writes, an IPv4 address at its end being
// two. None if it is empty, nullopt if it is malformed.
std::optional<size_t> CountGroups(absl::string_view text) {
  if (text.empty()) return 0;
  size_t groups = 0;
  while (true) {
    const size_t colon = text.find(':');
    const absl::string_view part = text.substr(0, colon);
    if (IsGroup(part)) {
      groups += 1;
    } else if (colon == text.npos && IsIpv4Address(part)) {
      groups += 2;
    } else {
      return std::nullopt;
    }
    if (colon == text.npos) return groups;
    text.remove_prefix(colon + 1);
  }
}

bool IsIpv6Address(absl::string_view text) {
  const size_t gap = text.find("::");
  if (gap == text.npos) return CountGroups(text) == kAddressGroups;
  const absl::string_view before = text.substr(0, gap);
  const std::optional<size_t> groups_before = CountGroups(before);
  const std::optional<size_t> groups_after = CountGroups(text.substr(gap + 2));
  // An IPv4 address stands at the very end only, and the gap for one group at
  // least.
  return before.find('.') == before.npos && groups_before.has_value() &&
         groups_after.has_value() &&
         *groups_before + *groups_after < kAddressGroups;
}

bool IsPort(absl::string_view text) {
  constexpr uint32_t kMaxPort = 65535;
  uint32_t value = 0;
  for (const char byte : text) {
    const uint32_t digit = static_cast<unsigned char>(byte) - '0';
    // The value has one digit too much at most, so it cannot overflow.
    if (digit > 9 || value > kMaxPort) return false;
    value = value * 10 + digit;
  }
  return !text.empty() && value <= kMaxPort;
}

}  // namespace

bool IsHostAndPort(absl::string_view text) {
  // Most are plain names and addresses, perhaps with a port.
  const size_t plain = SkipWhile(text, 0, text.size(), ByteClass::kRegName);
  if (plain == text.size()) return plain > 0;
  if (plain > 0 && text[plain] == ':') return IsPort(text.substr(plain + 1));

  size_t host_end;
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == text.npos) return false;
    if (!IsIpv6Address(text.substr(1, bracket - 1))) return false;
    host_end = bracket + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (!IsRegName(text.substr(0, host_end))) return false;
  }
  const absl::string_view rest = text.substr(host_end);
  return rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1)));
}

bool ReadHostAndPort(absl::string_view text, HostAndPort& parts) {
  if (!IsHostAndPort(text)) return false;
  // A colon behind the last bracket can only be the port's.
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);
  parts.host = text.substr(0, colon);
  parts.port =
      colon == text.npos ? absl::string_view() : text.substr(colon + 1);
  return true;
}

}  // namespace pollux::http
