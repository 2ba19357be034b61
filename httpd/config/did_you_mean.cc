#include "httpd/config/did_you_mean.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"

namespace pollux::httpd {
namespace {

// No name has as many letters; keeps the work on hostile input small.
constexpr size_t kMaxWordBytes = 64;

bool SameLetter(char a, char b) {
  return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
         absl::ascii_tolower(static_cast<unsigned char>(b));
}

// The number of slips between `a` and `b` (optimal string alignment distance).
size_t CountSlips(absl::string_view a, absl::string_view b) {
  // Three rows of the table of the distances between all prefixes.
  std::vector<size_t> two_back(b.size() + 1);
  std::vector<size_t> back(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(two_back, back);
    std::swap(back, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced =
          back[j - 1] + (SameLetter(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && SameLetter(a[i - 1], b[j - 2]) &&
          SameLetter(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

absl::string_view DidYouMean(absl::string_view word,
                             absl::Span<const absl::string_view> candidates) {
  if (word.size() > kMaxWordBytes) return {};
  absl::string_view best;
  // One more than is allowed.
  size_t best_slips = std::max<size_t>(1, word.size() / 3) + 1;
  for (absl::string_view candidate : candidates) {
    const size_t slips = CountSlips(word, candidate);
    // A word of which no letter is right is not a misspelling.
    if (slips < best_slips && slips < candidate.size()) {
      best = candidate;
      best_slips = slips;
    }
  }
  return best;
}

}  // namespace pollux::httpd
