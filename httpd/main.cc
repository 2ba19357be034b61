// The daemon's flags. The only code that tests do not link.
#include <gflags/gflags.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/initialize.h"
#include "httpd/program.h"
#include "httpd/version.h"

DEFINE_string(config, "", "File with the configuration, as protobuf text.");
DEFINE_string(config_text, "", "The configuration itself, as protobuf text.");
DEFINE_bool(check, false, "Check the configuration and exit: 0 or 1.");
DEFINE_bool(dump_config, false,
            "Show each value in effect and where it came from, and exit.");
DEFINE_string(explain, "", "Say what a field is, such as max_head, and exit.");
DEFINE_bool(trace, false, "Show each system call on the standard error.");

namespace {

// The flag, if it stands on the command line: empty is not absent.
std::optional<std::string> IfGiven(const char* name, const std::string& value) {
  if (gflags::GetCommandLineFlagInfoOrDie(name).is_default) return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char* argv[]) {
  absl::SetStderrThreshold(absl::LogSeverityAtLeast::kInfo);
  absl::InitializeLog();
  gflags::SetUsageMessage("serves HTTP/1.1: httpd [--config=FILE]");
  gflags::SetVersionString(pollux::kVersion);
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) {
    std::fprintf(stderr, "httpd: what is \"%s\"?\n", argv[1]);
    return EXIT_FAILURE;
  }
  using pollux::ProgramOptions;
  return pollux::RunProgram({
      .task = FLAGS_dump_config ? ProgramOptions::Task::kDumpConfig
              : FLAGS_check     ? ProgramOptions::Task::kCheck
                                : ProgramOptions::Task::kServe,
      .config_file = IfGiven("config", FLAGS_config),
      .config_text = IfGiven("config_text", FLAGS_config_text),
      .explained_field = IfGiven("explain", FLAGS_explain),
      .trace = FLAGS_trace ? ProgramOptions::Trace::kSystemCalls
                           : ProgramOptions::Trace::kNone,
  });
}
