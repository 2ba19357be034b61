// What the program does, apart from reading its flags.
#ifndef POLLUX_HTTPD_PROGRAM_H_
#define POLLUX_HTTPD_PROGRAM_H_

#include <cstdint>
#include <optional>
#include <string>

namespace pollux {

// What the command line asks for. Plain values.
struct ProgramOptions {
  enum class Task : uint8_t {
    kServe,
    // Says what is wrong with the configuration.
    kCheck,
    // Prints the configuration in effect.
    kDumpConfig,
  };
  Task task = Task::kServe;

  // The configuration: at most one of them; without any, the default one.
  std::optional<std::string> config_file;
  std::optional<std::string> config_text;

  // Prints what this field is, and nothing else is done.
  std::optional<std::string> explained_field;

  enum class Trace : uint8_t { kNone, kSystemCalls };
  Trace trace = Trace::kNone;
};

// Does it, and returns what main() is to return. Writes to the standard output,
// and what is wrong to the standard error. The calling thread serves, and gets
// the signals.
int RunProgram(const ProgramOptions& options);

}  // namespace pollux

#endif  // POLLUX_HTTPD_PROGRAM_H_
