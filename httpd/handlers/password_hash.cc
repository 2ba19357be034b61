#include "httpd/handlers/password_hash.h"

#include <crypt.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

// Measured on one core at 3 GHz: bcrypt takes 1.6 s with cost 15. Sha-crypt
// takes 0.25 s with a million rounds, and up to 3 s with the longest password.
// Yescrypt and scrypt take up to 0.5 s with 256 MiB.
constexpr int kMinShaRounds = 1000;
constexpr int kMaxShaRounds = 1'000'000;
constexpr double kMaxScryptBlocks = 1 << 21;

bool AcceptsBcryptCost(absl::string_view parameters) {
  return parameters.size() == 3 &&
         absl::ascii_isdigit(static_cast<unsigned char>(parameters[0])) &&
         absl::ascii_isdigit(static_cast<unsigned char>(parameters[1])) &&
         parameters >= "04$" && parameters <= "15$";
}

// "rounds=5000$salt$" or "salt$".
bool AcceptsShaRounds(absl::string_view parameters) {
  if (!absl::ConsumePrefix(&parameters, "rounds=")) return true;
  const absl::string_view text = parameters.substr(0, parameters.find('$'));
  int rounds = 0;
  return !text.empty() && text[0] >= '1' && text[0] <= '9' &&
         absl::SimpleAtoi(text, &rounds) && rounds >= kMinShaRounds &&
         rounds <= kMaxShaRounds;
}

// Takes one digit of crypt(5)'s base 64 off `text`.
std::optional<uint32_t> TakeDigit(absl::string_view& text) {
  constexpr absl::string_view kDigits =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const size_t digit =
      text.empty() ? absl::string_view::npos : kDigits.find(text[0]);
  if (digit == absl::string_view::npos) return std::nullopt;
  text.remove_prefix(1);
  return static_cast<uint32_t>(digit);
}

// Takes a number of 30 bits off `text`, the lowest digit first.
std::optional<uint32_t> TakeFixed(absl::string_view& text) {
  uint32_t value = 0;
  for (int bits = 0; bits < 30; bits += 6) {
    const std::optional<uint32_t> digit = TakeDigit(text);
    if (!digit.has_value()) return std::nullopt;
    value |= *digit << bits;
  }
  return value;
}

// Removes one of yescrypt's numbers from the front of `text` and returns it, or
// nullopt if it is malformed. The first digit holds the number's highest bits
// and determines how many digits follow; `least` is written as 0.
std::optional<uint32_t> TakeVariable(absl::string_view& text, uint32_t least) {
  const std::optional<uint32_t> first = TakeDigit(text);
  if (!first.has_value()) return std::nullopt;
  uint32_t value = least;
  uint32_t start = 0;
  uint32_t end = 47;
  int bits = 0;
  while (*first > end) {
    value += (end + 1 - start) << bits;
    start = end + 1;
    end = start + (62 - end) / 2;
    bits += 6;
  }
  value += (*first - start) << bits;
  while (bits > 0) {
    const std::optional<uint32_t> digit = TakeDigit(text);
    if (!digit.has_value()) return std::nullopt;
    bits -= 6;
    value += *digit << bits;
  }
  return value;
}

bool AcceptsScryptCost(uint32_t log2_n, uint32_t r, uint32_t p,
                       uint32_t passes) {
  return std::ldexp(1.0, static_cast<int>(log2_n)) * r * p * passes <=
         kMaxScryptBlocks;
}

// "CU..../....salt$": log2(N), r and p.
bool AcceptsScrypt(absl::string_view parameters) {
  const std::optional<uint32_t> log2_n = TakeDigit(parameters);
  const std::optional<uint32_t> r = TakeFixed(parameters);
  const std::optional<uint32_t> p = TakeFixed(parameters);
  return p.has_value() && AcceptsScryptCost(*log2_n, *r, *p, 1);
}

// "j9T$salt$": the flavour, log2(N) and r; then, if there are more, which ones,
// of which p and t cost time. libcrypt refuses the others.
bool AcceptsYescrypt(absl::string_view parameters) {
  constexpr uint32_t kHasP = 1;
  constexpr uint32_t kHasT = 2;
  parameters = parameters.substr(0, parameters.find('$'));
  const std::optional<uint32_t> flavour = TakeVariable(parameters, 0);
  const std::optional<uint32_t> log2_n = TakeVariable(parameters, 1);
  const std::optional<uint32_t> r = TakeVariable(parameters, 1);
  if (!flavour.has_value() || !r.has_value()) return false;
  uint32_t p = 1;
  uint32_t more_passes = 0;
  if (!parameters.empty()) {
    const uint32_t has = TakeVariable(parameters, 1).value_or(0);
    if ((has & kHasP) != 0) p = TakeVariable(parameters, 2).value_or(0);
    if ((has & kHasT) != 0) {
      more_passes = TakeVariable(parameters, 1).value_or(0);
      if (more_passes == 0) return false;
    }
    if (p == 0 || has == 0 || has > (kHasP | kHasT)) return false;
  }
  return AcceptsScryptCost(*log2_n, *r, p, 1 + more_passes);
}

constexpr absl::string_view kBcryptCosts = "the cost goes from 04 to 15";
constexpr absl::string_view kShaCosts = "the rounds go from 1000 to 1000000";
constexpr absl::string_view kScryptCosts =
    "N * r * p is at most 2097152, which takes 256 MiB and is cost 9 of "
    "crypt_gensalt(3)";

constexpr PasswordHashForm kForms[] = {
    {"$y$", 43, 4, kScryptCosts, AcceptsYescrypt},
    {"$gy$", 43, 4, kScryptCosts, AcceptsYescrypt},
    {"$7$", 43, 3, kScryptCosts, AcceptsScrypt},
    {"$2b$", 53, 3, kBcryptCosts, AcceptsBcryptCost},
    {"$2y$", 53, 3, kBcryptCosts, AcceptsBcryptCost},
    {"$2a$", 53, 3, kBcryptCosts, AcceptsBcryptCost},
    {"$6$", 86, 3, kShaCosts, AcceptsShaRounds},
    {"$5$", 43, 3, kShaCosts, AcceptsShaRounds},
};

bool IsDigestCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '/';
}

}  // namespace

const PasswordHashForm* FormOfPasswordHash(absl::string_view hash) {
  for (const PasswordHashForm& form : kForms) {
    if (absl::StartsWith(hash, form.prefix)) return &form;
  }
  return nullptr;
}

PasswordHashFault FaultOfPasswordHash(absl::string_view hash) {
  const PasswordHashForm* const form = FormOfPasswordHash(hash);
  if (form == nullptr) return PasswordHashFault::kUnknown;
  const size_t digest_start = hash.rfind('$') + 1;
  const absl::string_view digest = hash.substr(digest_start);
  const size_t dollars = absl::c_count(hash, '$');
  const bool has_parts =
      dollars == form->dollars ||
      (dollars == form->dollars + 1 && absl::StrContains(hash, "$rounds="));
  if (!has_parts || digest.size() != form->digest_bytes ||
      !absl::c_all_of(digest, IsDigestCharacter) ||
      !absl::c_all_of(hash, [](unsigned char c) {
        return absl::ascii_isgraph(c) && c != ':';
      })) {
    return PasswordHashFault::kNotWhole;
  }
  const absl::string_view parameters =
      hash.substr(form->prefix.size(), digest_start - form->prefix.size());
  if (!form->accepts_cost(parameters)) {
    return PasswordHashFault::kCostOutOfRange;
  }
  const int salt = crypt_checksalt(std::string(hash).c_str());
  return salt == CRYPT_SALT_INVALID || salt == CRYPT_SALT_METHOD_DISABLED
             ? PasswordHashFault::kUnknown
             : PasswordHashFault::kNone;
}

}  // namespace pollux
