#include "testing/run_request.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/log/log.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pollux {
namespace {

// From the system, so that it works whichever main() a test has.
std::vector<std::string> Arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return absl::StrSplit(text, '\0');
}

std::optional<std::string> Find(absl::string_view flag, const char* variable) {
  std::optional<std::string> found = FindFlag(Arguments(), flag);
  if (found.has_value()) return found;
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> FindFlag(absl::Span<const std::string> arguments,
                                    absl::string_view name) {
  std::optional<std::string> found;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view rest = arguments[i];
    if (!absl::ConsumePrefix(&rest, "-")) continue;
    (void)absl::ConsumePrefix(&rest, "-");
    if (!absl::ConsumePrefix(&rest, name)) continue;
    if (absl::ConsumePrefix(&rest, "=")) {
      found = std::string(rest);
    } else if (rest.empty() && i + 1 < arguments.size()) {
      found = arguments[i + 1];
    }
  }
  return found;
}

std::optional<uint64_t> RequestedSeed() {
  const std::optional<std::string> text = Find("seed", "POLLUX_SEED");
  if (!text.has_value()) return std::nullopt;
  uint64_t seed;
  if (!absl::SimpleAtoi(*text, &seed)) {
    LOG(FATAL) << "the seed is no number: \"" << *text << "\"";
  }
  return seed;
}

std::optional<std::string> RequestedPlan() {
  return Find("plan", "POLLUX_PLAN");
}

}  // namespace pollux
