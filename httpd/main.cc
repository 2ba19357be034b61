// The daemon's program: flags in, a running Daemon out. The only code that
// tests do not link.
#include <gflags/gflags.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/field_reference.h"
#include "httpd/daemon.h"
#include "httpd/startup_message.h"
#include "httpd/user_path.h"
#include "reactor/linux_kernel.h"
#include "reactor/syscall_printer.h"
#include "reactor/tracing_kernel.h"

DEFINE_string(config, "", "File with the configuration, as protobuf text.");
DEFINE_string(config_text, "", "The configuration itself, as protobuf text.");
DEFINE_bool(check, false, "Check the configuration and exit: 0 or 1.");
DEFINE_bool(dump_config, false,
            "Show each value in effect and where it came from, and exit.");
DEFINE_string(explain, "", "Say what a field is, such as max_head, and exit.");
DEFINE_bool(trace, false, "Show each system call on the standard error.");

namespace {

int Fail(const std::string& message) {
  std::fputs(absl::StrCat("httpd: ", message, "\n").c_str(), stderr);
  return EXIT_FAILURE;
}

int Explain(const std::string& field) {
  const absl::StatusOr<std::string> text = pollux::httpd::ExplainField(field);
  if (!text.ok()) return Fail(std::string(text.status().message()));
  std::fputs(text->c_str(), stdout);
  return EXIT_SUCCESS;
}

// Whether the flag stands on the command line: empty is not absent.
bool IsGiven(const char* flag) {
  return !gflags::GetCommandLineFlagInfoOrDie(flag).is_default;
}

pollux::httpd::LoadedConfig Load() {
  using namespace pollux::httpd;  // NOLINT: three of its functions.
  if (IsGiven("config")) {
    return LoadConfigFile(pollux::FromWhereTheUserStands(FLAGS_config));
  }
  if (IsGiven("config_text")) {
    return LoadConfigText(FLAGS_config_text, "--config_text");
  }
  return LoadConfigText(DefaultConfigText(), "the default configuration");
}

}  // namespace

int main(int argc, char* argv[]) {
  gflags::SetUsageMessage("serves HTTP/1.1: httpd [--config=FILE]");
  gflags::SetVersionString("0.1.0");
  gflags::ParseCommandLineFlags(&argc, &argv, true);
  if (argc > 1) return Fail(absl::StrCat("what is \"", argv[1], "\"?"));
  if (IsGiven("config") && IsGiven("config_text")) {
    return Fail("--config and --config_text exclude each other");
  }
  if (IsGiven("explain")) return Explain(FLAGS_explain);
  const pollux::httpd::LoadedConfig loaded = Load();
  for (const auto& warning : loaded.warnings) Fail(warning.ToString());
  for (const auto& error : loaded.errors) Fail(error.ToString());
  if (!loaded.ok()) return EXIT_FAILURE;
  if (FLAGS_dump_config) std::fputs(loaded.effective_text.c_str(), stdout);
  if (FLAGS_check || FLAGS_dump_config) return EXIT_SUCCESS;

  pollux::LinuxKernel linux_kernel;
  pollux::SyscallPrinter trace(stderr);
  pollux::TracingKernel tracing_kernel(linux_kernel, trace);
  pollux::Kernel& kernel =
      FLAGS_trace ? static_cast<pollux::Kernel&>(tracing_kernel) : linux_kernel;
  absl::StatusOr<std::unique_ptr<pollux::Daemon>> daemon =
      pollux::Daemon::Create(kernel, loaded.config);
  if (!daemon.ok()) return Fail(std::string(daemon.status().message()));
  std::fputs(
      pollux::StartupMessage(loaded.config, (*daemon)->addresses()).c_str(),
      stdout);
  std::fflush(stdout);
  (*daemon)->Run();
  return EXIT_SUCCESS;
}
