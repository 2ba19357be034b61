// A hash that nobody can foretell.
#ifndef POLLUX_HTTPD_HANDLERS_KEYED_HASH_H_
#define POLLUX_HTTPD_HANDLERS_KEYED_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace pollux {

// SipHash-2-4 with 128 bits (Aumasson and Bernstein): a pseudorandom function
// of short texts, so that of a digest nothing can be told about the text
// without the secret. It is fast: it does not protect a guessable text, such as
// a password, from whoever has the secret as well, as in a core dump.
//
// Immutable plain value; any thread; allocates nothing.
class KeyedHash {
 public:
  struct Secret {
    uint64_t low;
    uint64_t high;
  };

  struct Digest {
    // In a time that does not depend on where they differ.
    friend bool operator==(const Digest& a, const Digest& b) {
      return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
    }

    uint64_t low;
    uint64_t high;
  };

  // Of the system's random numbers.
  static Secret NewSecret();

  explicit KeyedHash(const Secret& secret) : secret_(secret) {}

  Digest Hash(absl::string_view text) const;

 private:
  const Secret secret_;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_KEYED_HASH_H_
