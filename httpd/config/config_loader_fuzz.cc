// Loads any text as a configuration.
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/settings.h"

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

void CheckProblems(const std::vector<ConfigProblem>& problems,
                   absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  for (const ConfigProblem& error : problems) {
    CHECK(IsPlace(error, lines)) << error.ToString();
    CHECK(!error.message.empty());
    CHECK(std::none_of(error.message.begin(), error.message.end(),
                       [](unsigned char c) { return absl::ascii_iscntrl(c); }));
  }
  CHECK(std::is_sorted(problems.begin(), problems.end(), IsBefore));
}

// What the daemon relies on.
void CheckSettings(const Settings& settings) {
  CHECK(!settings.listeners.empty());
  for (const ListenerSettings& listener : settings.listeners) {
    CHECK_GT(listener.address.length(), 0u);
    CHECK(listener.address.family() != AF_UNIX ||
          (!listener.defer_accept && listener.congestion_control.empty()));
  }
  CHECK(!settings.routes.empty());
  for (const RouteSettings& route : settings.routes) {
    CHECK_NE(route.path.empty(), route.prefix.empty());
    CHECK_EQ((route.path + route.prefix).front(), '/');
    CHECK(!route.methods.empty());
    CHECK(!route.name.empty());
    CHECK(!std::holds_alternative<FilesSettings>(route.handler) ||
          !route.prefix.empty());
  }
  CHECK_LE(settings.limits.max_target_bytes, settings.limits.max_head_bytes);
  CHECK_LE(settings.limits.max_head_bytes, settings.limits.max_buffered_bytes);
  CHECK_GT(settings.timeouts.head, absl::ZeroDuration());
}

void CheckDump(const LoadedConfig& loaded) {
  const LoadedConfig again = LoadConfigText(loaded.effective_text, "dump");
  CHECK(again.ok()) << again.errors.front().ToString();
  CHECK(again.settings == loaded.settings);
}

}  // namespace
}  // namespace pollux::httpd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const pollux::httpd::LoadedConfig loaded =
      pollux::httpd::LoadConfigText(text, "fuzz");
  pollux::httpd::CheckProblems(loaded.errors, text);
  pollux::httpd::CheckProblems(loaded.warnings, text);
  if (loaded.ok()) {
    pollux::httpd::CheckSettings(loaded.settings);
    pollux::httpd::CheckDump(loaded);
  }
  return 0;
}
