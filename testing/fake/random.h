// Numbers that look random and are always the same.
#ifndef POLLUX_TESTING_FAKE_RANDOM_H_
#define POLLUX_TESTING_FAKE_RANDOM_H_

#include <cstdint>

namespace pollux {

// SplitMix64: the same numbers from the same seed with every compiler and
// library, which std's distributions do not promise. A small value; one owner.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // From 0 to `bound` - 1; `bound` is at least 1.
  uint64_t Below(uint64_t bound) { return Next() % bound; }

  // From `low` to `high`, both included.
  int64_t Between(int64_t low, int64_t high) {
    return low +
           static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }

  // True in `percent` of a hundred cases.
  bool Chance(unsigned percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_RANDOM_H_
