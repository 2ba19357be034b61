#include "httpd/handlers/request_id.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

// 64 bits are 16 digits.
constexpr size_t kDigits = 16;

bool IsIdCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) || absl::StrContains(".-_=+/~:@", c);
}

bool IsId(absl::string_view text) {
  return !text.empty() && text.size() <= RequestIdHandler::kMaxIdBytes &&
         std::all_of(text.begin(), text.end(), IsIdCharacter);
}

void WriteHex(uint64_t bits, char* digits) {
  for (size_t i = kDigits; i-- > 0; bits >>= 4) {
    digits[i] = "0123456789abcdef"[bits & 0xf];
  }
}

}  // namespace

void RequestIdHandler::Handle(const Request& request, Responder responder) {
  std::array<char, 2 * kDigits> generated;
  absl::string_view id = request.field("X-Request-Id");
  if (!IsId(id)) {
    WriteHex(random_bits_(), generated.data());
    WriteHex(random_bits_(), generated.data() + kDigits);
    id = absl::string_view(generated.data(), generated.size());
  }
  responder.SetRequestId(id);
  Request named = request;
  named.set_id(id);
  inner_->Handle(named, std::move(responder));
}

}  // namespace pollux
