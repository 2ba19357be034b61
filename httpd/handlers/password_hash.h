// Which hashes of passwords are accepted.
#ifndef POLLUX_HTTPD_HANDLERS_PASSWORD_HASH_H_
#define POLLUX_HTTPD_HANDLERS_PASSWORD_HASH_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux {

// Pure functions, for any thread.

// A method of crypt(5) that is still strong.
struct PasswordHashForm {
  // "$6$"
  absl::string_view prefix;
  // The number of characters after the last "$"; bcrypt's salt is among them.
  size_t digest_bytes;
  // The number of "$", without the one after "rounds=5000".
  size_t dollars;
  // Which costs are accepted, as a sentence without its full stop. Each limit
  // keeps a comparison to about two seconds, and to 256 MiB of memory.
  absl::string_view costs;
  // Whether `parameters`, all between the prefix and the digest, has one.
  bool (*accepts_cost)(absl::string_view parameters);
};

enum class PasswordHashFault : uint8_t {
  kNone,
  // None of the methods, or one that this libcrypt does not know.
  kUnknown,
  // A part is missing, or has characters that it cannot have.
  kNotWhole,
  // The cost is not one of PasswordHashForm::costs.
  kCostOutOfRange,
};

// Returns the form that `hash` begins as, or null if it is none of them.
// Constant for the program's life.
const PasswordHashForm* FormOfPasswordHash(absl::string_view hash);

// Returns why no password can be verified by `hash`, as far as it shows.
PasswordHashFault FaultOfPasswordHash(absl::string_view hash);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_PASSWORD_HASH_H_
