#include "reactor/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
constexpr socklen_t kUnixPathOffset = offsetof(sockaddr_un, sun_path);

absl::Status Wrong(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not an address: ", why));
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(),
                                   [](char c) { return c >= '0' && c <= '9'; });
  uint32_t port;
  if (!digits) {
    return absl::InvalidArgumentError(
        absl::StrCat("port \"", text, "\" is not a number from 0 to 65535"));
  }
  if (!absl::SimpleAtoi(text, &port) || port > UINT16_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(
        "port ", text, " is out of range: ports go from 0 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<Address> ParseUnix(absl::string_view text,
                                  absl::string_view name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  // A path needs its NUL; an abstract name begins with one.
  if (name.empty() || name == "@") return Wrong(text, "the name is missing");
  if (name.size() >= sizeof(address.sun_path)) {
    return Wrong(text, absl::StrCat("unix names have at most ",
                                    sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  const bool abstract = name.front() == '@';
  if (abstract) address.sun_path[0] = '\0';
  return Address::FromSockaddr(
      reinterpret_cast<const sockaddr*>(&address),
      kUnixPathOffset + name.size() + (abstract ? 0 : 1));
}

}  // namespace

absl::StatusOr<Address> Address::Parse(absl::string_view text) {
  if (absl::StrContains(text, '\0')) {
    return Wrong(absl::CHexEscape(text), "it holds a NUL");
  }
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, kUnixPrefix)) return ParseUnix(text, rest);

  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return Wrong(text, "a port is missing, as in 127.0.0.1:8080");
  }
  if (text.front() == '[' && text.back() == ']') {
    return Wrong(text, "a port is missing, as in [::1]:8080");
  }
  const absl::string_view host = text.substr(0, colon);
  const absl::StatusOr<uint16_t> port = ParsePort(text.substr(colon + 1));

  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    const std::string digits(host.substr(1, host.size() - 2));
    if (inet_pton(AF_INET6, digits.c_str(), &v6.sin6_addr) != 1) {
      return Wrong(text, absl::StrCat(digits, " is not an IPv6 address"));
    }
    if (!port.ok()) return port.status();
    v6.sin6_port = htons(*port);
    return FromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
  }
  if (absl::StrContains(host, ':')) {
    return Wrong(text, "an IPv6 address stands in brackets, as in [::1]:8080");
  }
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  if (inet_pton(AF_INET, std::string(host).c_str(), &v4.sin_addr) != 1) {
    return Wrong(text,
                 absl::StrCat("a numeric address is needed, as in 127.0.0.1:",
                              port.ok() ? *port : 8080));
  }
  if (!port.ok()) return port.status();
  v4.sin_port = htons(*port);
  return FromSockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
}

Address Address::FromSockaddr(const sockaddr* address, socklen_t length) {
  Address result;
  result.length_ = std::min<socklen_t>(length, sizeof(result.storage_));
  if (result.length_ > 0) {
    std::memcpy(&result.storage_, address, result.length_);
  }
  return result;
}

uint16_t Address::port() const {
  switch (family()) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
    default:
      return 0;
  }
}

absl::string_view Address::unix_path() const {
  if (family() != AF_UNIX || length_ <= kUnixPathOffset) return "";
  // FromSockaddr() leaves room for the NUL that the longest path lacks.
  return reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
}

std::string Address::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family()) {
    case AF_INET:
      inet_ntop(AF_INET,
                &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr, text,
                sizeof(text));
      return absl::StrCat(text, ":", port());
    case AF_INET6:
      inet_ntop(AF_INET6,
                &reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr,
                text, sizeof(text));
      return absl::StrCat("[", text, "]:", port());
    case AF_UNIX: {
      const char* path =
          reinterpret_cast<const sockaddr_un&>(storage_).sun_path;
      if (length_ <= kUnixPathOffset) return "unnamed";
      if (path[0] != '\0') return absl::StrCat(kUnixPrefix, path);
      return absl::StrCat(
          kUnixPrefix, "@",
          absl::string_view(path + 1, length_ - kUnixPathOffset - 1));
    }
    default:
      return "unnamed";
  }
}

bool operator==(const Address& a, const Address& b) {
  return a.length_ == b.length_ &&
         std::memcmp(&a.storage_, &b.storage_, a.length_) == 0;
}

}  // namespace pollux
