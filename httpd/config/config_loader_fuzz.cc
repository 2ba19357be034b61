// Loads any text as a configuration.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "httpd/config/config_loader.h"

namespace pollux::httpd {
namespace {

// Both 0, or a byte of the text, the end of a line, or the end of the text.
bool IsPlace(const ConfigProblem& error,
             const std::vector<absl::string_view>& lines) {
  if (error.line == 0) return error.column == 0;
  return error.line >= 1 && static_cast<size_t>(error.line) <= lines.size() &&
         error.column >= 1 &&
         static_cast<size_t>(error.column) <= lines[error.line - 1].size() + 1;
}

bool IsBefore(const ConfigProblem& a, const ConfigProblem& b) {
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void CheckErrors(const std::vector<ConfigProblem>& errors,
                 absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  for (const ConfigProblem& error : errors) {
    CHECK(IsPlace(error, lines)) << error.ToString();
    CHECK(!error.message.empty());
    CHECK(std::none_of(error.message.begin(), error.message.end(),
                       [](unsigned char c) { return absl::ascii_iscntrl(c); }));
  }
  CHECK(std::is_sorted(errors.begin(), errors.end(), IsBefore));
}

// What the daemon relies on.
void CheckConfig(const Config& config) {
  CHECK_GE(config.listener_size(), 1);
  CHECK_GE(config.route_size(), 1);
  for (const Listener& listener : config.listener()) {
    CHECK(listener.has_address());
  }
}

}  // namespace
}  // namespace pollux::httpd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const pollux::httpd::LoadedConfig loaded =
      pollux::httpd::LoadConfigText(text, "fuzz");
  pollux::httpd::CheckErrors(loaded.errors, text);
  if (loaded.ok()) pollux::httpd::CheckConfig(loaded.config);
  return 0;
}
