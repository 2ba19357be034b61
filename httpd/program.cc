#include "httpd/program.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/field_reference.h"
#include "httpd/config/settings.h"
#include "httpd/daemon.h"
#include "httpd/startup_message.h"
#include "httpd/user_path.h"
#include "reactor/kernel.h"
#include "reactor/linux_kernel.h"
#include "reactor/syscall_printer.h"
#include "reactor/tracing_kernel.h"

namespace pollux {
namespace {

void Complain(absl::string_view message) {
  std::fputs(absl::StrCat("httpd: ", message, "\n").c_str(), stderr);
}

int Fail(absl::string_view message) {
  Complain(message);
  return EXIT_FAILURE;
}

int Explain(const std::string& field) {
  const absl::StatusOr<std::string> text = httpd::ExplainField(field);
  if (!text.ok()) return Fail(text.status().message());
  std::fputs(text->c_str(), stdout);
  return EXIT_SUCCESS;
}

httpd::LoadedConfig Load(const ProgramOptions& options) {
  if (options.config_file.has_value()) {
    return httpd::LoadConfigFile(FromWhereTheUserStands(*options.config_file));
  }
  if (options.config_text.has_value()) {
    return httpd::LoadConfigText(*options.config_text, "--config_text");
  }
  return httpd::LoadConfigText(httpd::DefaultConfigText(),
                               "the default configuration");
}

int Serve(Kernel& kernel, const httpd::Settings& settings) {
  absl::StatusOr<std::unique_ptr<Daemon>> daemon =
      Daemon::Create(kernel, settings);
  if (!daemon.ok()) return Fail(daemon.status().message());
  const std::string message = StartupMessage(settings, (*daemon)->addresses(),
                                             (*daemon)->admin_address());
  std::fputs(message.c_str(), stdout);
  std::fflush(stdout);
  (*daemon)->Run();
  return EXIT_SUCCESS;
}

}  // namespace

int RunProgram(const ProgramOptions& options) {
  if (options.explained_field.has_value()) {
    return Explain(*options.explained_field);
  }
  if (options.config_file.has_value() && options.config_text.has_value()) {
    return Fail("--config and --config_text exclude each other");
  }
  httpd::LoadedConfig loaded = Load(options);
  for (const auto& problem : loaded.problems()) Complain(problem.ToString());
  if (!loaded.ok()) return EXIT_FAILURE;
  if (options.task == ProgramOptions::Task::kDumpConfig) {
    std::fputs(loaded.effective_text.c_str(), stdout);
  }
  if (options.task != ProgramOptions::Task::kServe) return EXIT_SUCCESS;

  if (const absl::Status status = StandWhereTheUserStands(loaded.settings);
      !status.ok()) {
    return Fail(status.message());
  }
  LinuxKernel linux_kernel;
  if (options.trace == ProgramOptions::Trace::kNone) {
    return Serve(linux_kernel, loaded.settings);
  }
  SyscallPrinter printer(stderr);
  TracingKernel tracing_kernel(linux_kernel, printer);
  return Serve(tracing_kernel, loaded.settings);
}

}  // namespace pollux
