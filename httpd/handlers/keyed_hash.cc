#include "httpd/handlers/keyed_hash.h"

#include <bit>
#include <cstddef>
#include <random>

namespace pollux {
namespace {

constexpr size_t kWordBytes = 8;

// Up to a word of bytes, the first of them lowest.
uint64_t WordOf(absl::string_view bytes) {
  uint64_t word = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    word = word << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return word;
}

class SipState {
 public:
  explicit SipState(const KeyedHash::Secret& secret)
      : v0_(secret.low ^ 0x736f6d6570736575),
        v1_(secret.high ^ 0x646f72616e646f6d ^ 0xee),
        v2_(secret.low ^ 0x6c7967656e657261),
        v3_(secret.high ^ 0x7465646279746573) {}

  void Compress(uint64_t word) {
    v3_ ^= word;
    Rounds(2);
    v0_ ^= word;
  }

  KeyedHash::Digest Finish() {
    KeyedHash::Digest digest;
    v2_ ^= 0xee;
    Rounds(4);
    digest.low = v0_ ^ v1_ ^ v2_ ^ v3_;
    v1_ ^= 0xdd;
    Rounds(4);
    digest.high = v0_ ^ v1_ ^ v2_ ^ v3_;
    return digest;
  }

 private:
  void Rounds(int count) {
    for (int i = 0; i < count; ++i) {
      v0_ += v1_;
      v1_ = std::rotl(v1_, 13) ^ v0_;
      v0_ = std::rotl(v0_, 32);
      v2_ += v3_;
      v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ += v3_;
      v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ += v1_;
      v1_ = std::rotl(v1_, 17) ^ v2_;
      v2_ = std::rotl(v2_, 32);
    }
  }

  uint64_t v0_;
  uint64_t v1_;
  uint64_t v2_;
  uint64_t v3_;
};

}  // namespace

KeyedHash::Secret KeyedHash::NewSecret() {
  std::random_device random;
  const auto word = [&] { return uint64_t{random()} << 32 | random(); };
  return {.low = word(), .high = word()};
}

KeyedHash::Digest KeyedHash::Hash(absl::string_view text) const {
  SipState state(secret_);
  // The last word ends with the size's last byte.
  const uint64_t last_byte = uint64_t{text.size()} << 56;
  for (; text.size() >= kWordBytes; text.remove_prefix(kWordBytes)) {
    state.Compress(WordOf(text.substr(0, kWordBytes)));
  }
  state.Compress(last_byte | WordOf(text));
  return state.Finish();
}

}  // namespace pollux
