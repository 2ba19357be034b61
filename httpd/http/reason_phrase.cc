#include "httpd/http/reason_phrase.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/string_view.h"

namespace pollux::http {
namespace {

struct NamedStatus {
  int status;
  absl::string_view phrase;
};

// Ascending.
constexpr NamedStatus kNamedStatuses[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {511, "Network Authentication Required"},
};
static_assert(std::is_sorted(std::begin(kNamedStatuses),
                             std::end(kNamedStatuses),
                             [](const NamedStatus& a, const NamedStatus& b) {
                               return a.status < b.status;
                             }));

}  // namespace

absl::string_view ReasonPhrase(int status) {
  const auto* const end = std::end(kNamedStatuses);
  const auto* const found =
      std::lower_bound(std::begin(kNamedStatuses), end, status,
                       [](const NamedStatus& named, int wanted) {
                         return named.status < wanted;
                       });
  return found != end && found->status == status ? found->phrase : "";
}

}  // namespace pollux::http
