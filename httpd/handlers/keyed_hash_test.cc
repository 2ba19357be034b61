#include "httpd/handlers/keyed_hash.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_format.h"

namespace pollux {
namespace {

constexpr KeyedHash::Secret kSecret = {.low = 0x0706050403020100,
                                       .high = 0x0f0e0d0c0b0a0908};

// "\x00\x01\x02..."
std::string Counting(size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(i));
  return text;
}

std::string Hex(const KeyedHash::Digest& digest) {
  std::string hex;
  for (uint64_t word : {digest.low, digest.high}) {
    for (int i = 0; i < 8; ++i, word >>= 8) {
      absl::StrAppendFormat(&hex, "%02x", word & 0xff);
    }
  }
  return hex;
}

// By openssl mac -macopt size:16 SipHash; the first ones also stand among the
// authors' vectors.
TEST(KeyedHashTest, IsSipHash) {
  const KeyedHash hash(kSecret);
  EXPECT_EQ(Hex(hash.Hash(Counting(0))), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(Hex(hash.Hash(Counting(1))), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(Hex(hash.Hash(Counting(2))), "8177228da4a45dc7fca38bdef60affe4");
  EXPECT_EQ(Hex(hash.Hash(Counting(7))), "a1f1ebbed8dbc153c0b84aa61ff08239");
  EXPECT_EQ(Hex(hash.Hash(Counting(8))), "3b62a9ba6258f5610f83e264f31497b4");
  EXPECT_EQ(Hex(hash.Hash(Counting(15))), "5493e99933b0a8117e08ec0f97cfc3d9");
  EXPECT_EQ(Hex(hash.Hash(Counting(16))), "6ee2a4ca67b054bbfd3315bf85230577");
  EXPECT_EQ(Hex(hash.Hash(Counting(63))), "5150d1772f50834a503e069a973fbd7c");
}

TEST(KeyedHashTest, DiffersWithTheSecret) {
  const KeyedHash a(KeyedHash::NewSecret());
  const KeyedHash b(KeyedHash::NewSecret());
  EXPECT_EQ(a.Hash("text"), a.Hash("text"));
  EXPECT_FALSE(a.Hash("text") == a.Hash("texT"));
  EXPECT_FALSE(a.Hash("text") == b.Hash("text"));
}

}  // namespace
}  // namespace pollux
