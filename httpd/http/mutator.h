// Makes bad messages of good ones.
#ifndef POLLUX_HTTPD_HTTP_MUTATOR_H_
#define POLLUX_HTTPD_HTTP_MUTATOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux::http {

// Takes one of the seeds and changes it in a few places, where parsers tend to
// differ. The same seed number gives the same messages. For tests.
class Mutator {
 public:
  // The texts must outlive the mutator. `pieces` are what is put in.
  Mutator(absl::Span<const absl::string_view> seeds,
          absl::Span<const absl::string_view> pieces, uint32_t seed)
      : seeds_(seeds), pieces_(pieces), random_(seed) {}

  std::string Next() {
    std::string text(Pick(seeds_));
    const size_t changes = Below(5);
    for (size_t i = 0; i < changes; ++i) Change(text);
    return text;
  }

  // 0 to `end` - 1.
  size_t Below(size_t end) { return random_() % end; }

 private:
  absl::string_view Pick(absl::Span<const absl::string_view> texts) {
    return texts[Below(texts.size())];
  }

  void Change(std::string& text) {
    const size_t at = Below(text.size() + 1);
    switch (Below(7)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        return;
      case 1:
        text.insert(at, 1, static_cast<char>(random_()));
        return;
      case 2:
        text.erase(at, 1 + Below(4));
        return;
      case 3:
        text.insert(at, text.substr(Below(text.size() + 1), Below(24)));
        return;
      case 4:
        if (at < text.size()) text[at] ^= 0x20;
        return;
      default: {
        const absl::string_view piece = Pick(pieces_);
        if (Below(2) == 0) text.erase(at, piece.size());
        text.insert(std::min(at, text.size()), piece.data(), piece.size());
        return;
      }
    }
  }

  absl::Span<const absl::string_view> seeds_;
  absl::Span<const absl::string_view> pieces_;
  std::mt19937 random_;
};

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_MUTATOR_H_
