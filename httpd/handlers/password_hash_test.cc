#include "httpd/handlers/password_hash.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pollux {
namespace {

// `setting` is everything before the digest, the last "$" included.
PasswordHashFault FaultOf(absl::string_view setting) {
  const PasswordHashForm* const form = FormOfPasswordHash(setting);
  if (form == nullptr) return PasswordHashFault::kUnknown;
  return FaultOfPasswordHash(
      absl::StrCat(setting, std::string(form->digest_bytes, 'a')));
}

TEST(PasswordHashTest, AcceptsBcryptCostsFrom4To15) {
  for (const absl::string_view prefix : {"$2a$", "$2b$", "$2y$"}) {
    for (const absl::string_view cost : {"04", "10", "15"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, cost, "$")),
                PasswordHashFault::kNone)
          << prefix << cost;
    }
    for (const absl::string_view cost :
         {"03", "16", "31", "32", "99", "xx", "1x", "4", "004"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, cost, "$")),
                PasswordHashFault::kCostOutOfRange)
          << prefix << cost;
    }
  }
}

TEST(PasswordHashTest, AcceptsShaCryptUpToAMillionRounds) {
  for (const absl::string_view prefix : {"$5$", "$6$"}) {
    EXPECT_EQ(FaultOf(absl::StrCat(prefix, "salt$")), PasswordHashFault::kNone)
        << prefix;
    for (const absl::string_view rounds : {"1000", "656000", "1000000"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, "rounds=", rounds, "$salt$")),
                PasswordHashFault::kNone)
          << prefix << rounds;
    }
    // crypt(3) finds every password wrong by the last ones.
    for (const absl::string_view rounds :
         {"1000001", "999999999", "99999999999999999999", "999", "0", "",
          "05000", "5000x", "+5000"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, "rounds=", rounds, "$salt$")),
                PasswordHashFault::kCostOutOfRange)
          << prefix << rounds;
    }
  }
}

TEST(PasswordHashTest, AcceptsYescryptUpTo256MiB) {
  for (const absl::string_view prefix : {"$y$", "$gy$"}) {
    // What crypt_gensalt(3) writes for the costs 1, 5 and 9; 3 lanes of a
    // smaller one; 4 more passes.
    for (const absl::string_view parameters :
         {"j75", "j9T", "jDT", "j9T.1", "j9T/2"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, parameters, "$salt$")),
                PasswordHashFault::kNone)
          << prefix << parameters;
    }
    // The costs 10 and 11; a larger block; two lanes, and one more pass, of the
    // largest that is accepted; numbers that end too early.
    for (const absl::string_view parameters :
         {"jET", "jFT", "jDU", "jDT..", "jDT/.", "jzT", "jDzzzzzz", "", "j",
          "j9", "j9T.", "j9T/", "j9Tz", "j9z"}) {
      EXPECT_EQ(FaultOf(absl::StrCat(prefix, parameters, "$salt$")),
                PasswordHashFault::kCostOutOfRange)
          << prefix << parameters;
    }
  }
}

TEST(PasswordHashTest, AcceptsScryptUpTo256MiB) {
  // What crypt_gensalt(3) writes for the costs 6 and 9.
  for (const absl::string_view parameters : {"BU..../....", "EU..../...."}) {
    EXPECT_EQ(FaultOf(absl::StrCat("$7$", parameters, "salt$")),
              PasswordHashFault::kNone)
        << parameters;
  }
  // The costs 10 and 11; a larger block; two lanes; a number that ends too
  // early.
  for (const absl::string_view parameters :
       {"FU..../....", "GU..../....", "EV..../....", "EU....0....",
        "zU..../....", "BU..../...", "B"}) {
    EXPECT_EQ(FaultOf(absl::StrCat("$7$", parameters, "$")),
              PasswordHashFault::kCostOutOfRange)
        << parameters;
  }
}

TEST(PasswordHashTest, RefusesWhatCryptDoesNotMake) {
  for (const absl::string_view hash :
       {"", "secret", "ab5SY/d8uQkMc", "$1$abcdefgh$r2c5jmTSpVyfFhLBSzBTi/"}) {
    EXPECT_EQ(FaultOfPasswordHash(hash), PasswordHashFault::kUnknown) << hash;
  }
  const std::string digest(86, 'a');
  EXPECT_EQ(FaultOfPasswordHash(absl::StrCat("$6$salt$", digest)),
            PasswordHashFault::kNone);
  for (const std::string& hash :
       {absl::StrCat("$6$salt$", digest, "a"),
        absl::StrCat("$6$salt$", digest.substr(1)), absl::StrCat("$6$", digest),
        absl::StrCat("$6$salt$$", digest), absl::StrCat("$6$sa:lt$", digest),
        absl::StrCat("$6$sa lt$", digest),
        absl::StrCat("$6$salt$-", digest.substr(1))}) {
    EXPECT_EQ(FaultOfPasswordHash(hash), PasswordHashFault::kNotWhole) << hash;
  }
}

}  // namespace
}  // namespace pollux
