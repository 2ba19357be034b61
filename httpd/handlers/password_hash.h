// Which hashes of passwords are taken.
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
  // How many characters stand behind the last "$"; bcrypt's salt is among them.
  size_t digest_bytes;
  // How many "$" there are, but for one more behind "rounds=5000".
  size_t dollars;
};

enum class PasswordHashFault : uint8_t {
  kNone,
  // None of the methods, or one that this libcrypt does not know.
  kUnknown,
  // Something is missing, or stands where it cannot.
  kNotWhole,
  // Of bcrypt: from 04 to 31, that is.
  kCostOutOfRange,
};

// That of `hash`, by how it begins; null if it is none of them. Constant for
// the program's life.
const PasswordHashForm* FormOfPasswordHash(absl::string_view hash);

// What keeps any password from being found right by `hash`, as far as it shows.
PasswordHashFault FaultOfPasswordHash(absl::string_view hash);

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_PASSWORD_HASH_H_
