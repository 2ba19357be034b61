// What every fuzz target needs.
#ifndef POLLUX_HTTPD_HTTP_FUZZ_CHECK_H_
#define POLLUX_HTTPD_HTTP_FUZZ_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace pollux::http {

// Dies, naming `what` and the input, unless `holds`.
inline void Check(bool holds, absl::string_view what, absl::string_view input) {
  if (holds) return;
  std::cerr << what << ": \"" << absl::CHexEscape(input) << "\"\n";
  abort();
}

inline bool IsInside(absl::string_view view, absl::string_view input) {
  return view.empty() ||
         (view.data() >= input.data() &&
          view.data() + view.size() <= input.data() + input.size());
}

// A number made of the whole input, so that choices that it decides leave the
// input a plain message.
inline uint32_t HashOf(absl::string_view input) {
  uint32_t hash = 2166136261u;
  for (const char byte : input) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619u;
  }
  return hash;
}

}  // namespace pollux::http

#endif  // POLLUX_HTTPD_HTTP_FUZZ_CHECK_H_
