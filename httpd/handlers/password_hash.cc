#include "httpd/handlers/password_hash.h"

#include <crypt.h>

#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace pollux {
namespace {

constexpr PasswordHashForm kForms[] = {
    {"$y$", 43, 4},  {"$gy$", 43, 4}, {"$7$", 43, 3}, {"$2b$", 53, 3},
    {"$2y$", 53, 3}, {"$2a$", 53, 3}, {"$6$", 86, 3}, {"$5$", 43, 3},
};

bool IsDigestCharacter(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '/';
}

// "$2b$05$", and so on.
bool HasBcryptCost(absl::string_view hash) {
  const absl::string_view cost = hash.substr(4, 3);
  return cost.size() == 3 && cost[2] == '$' &&
         absl::c_all_of(
             cost.substr(0, 2),
             [](unsigned char c) { return absl::ascii_isdigit(c); }) &&
         cost >= "04$" && cost <= "31$";
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
  const absl::string_view digest = hash.substr(hash.rfind('$') + 1);
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
  if (absl::StartsWith(hash, "$2") && !HasBcryptCost(hash)) {
    return PasswordHashFault::kCostOutOfRange;
  }
  const int salt = crypt_checksalt(std::string(hash).c_str());
  return salt == CRYPT_SALT_INVALID || salt == CRYPT_SALT_METHOD_DISABLED
             ? PasswordHashFault::kUnknown
             : PasswordHashFault::kNone;
}

}  // namespace pollux
