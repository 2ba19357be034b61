#include "httpd/config/config_loader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "httpd/config/config_checker.h"
#include "httpd/config/config_dump.h"
#include "httpd/config/config_parser.h"
#include "httpd/config/text_source.h"

namespace pollux::httpd {
namespace {

// So that a wrong path, such as one to a device, ends in a message.
constexpr size_t kMaxTextBytes = 16 * 1024 * 1024;

LoadedConfig Failed(absl::string_view file, absl::string_view message) {
  LoadedConfig loaded;
  loaded.errors.push_back(
      {Severity::kError, std::string(file), 0, 0, std::string(message)});
  return loaded;
}

// Messages quote the text, which may hold anything.
std::string WithoutControls(absl::string_view message) {
  std::string clean;
  for (char c : message) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&clean, "\\x%02x", static_cast<uint8_t>(c));
    } else {
      clean.push_back(c);
    }
  }
  return clean;
}

// In the order of the text.
std::vector<ConfigProblem> Placed(std::vector<Problem> problems,
                                  Severity severity, const TextSource& source,
                                  absl::string_view file) {
  std::stable_sort(
      problems.begin(), problems.end(),
      [](const Problem& a, const Problem& b) { return a.offset < b.offset; });
  std::vector<ConfigProblem> placed;
  for (const Problem& problem : problems) {
    LineColumn place;
    if (problem.offset != kWholeText) place = source.Locate(problem.offset);
    placed.push_back({severity, std::string(file), place.line, place.column,
                      WithoutControls(problem.message)});
  }
  return placed;
}

// Why nothing can be read from `path`, or "" if there is something to try.
std::string DescribeUnreadable(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status =
      std::filesystem::status(path, error);
  switch (status.type()) {
    case std::filesystem::file_type::not_found:
      return "no such file";
    case std::filesystem::file_type::directory:
      return "is a directory, not a file";
    case std::filesystem::file_type::none:
      return absl::StrCat("cannot be read: ", error.message());
    default:
      return "";
  }
}

// Little more than kMaxTextBytes, if there is more.
std::string ReadAll(std::istream& in) {
  std::string text;
  std::vector<char> piece(64 * 1024);
  while (in && text.size() <= kMaxTextBytes) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece.data(), static_cast<size_t>(in.gcount()));
  }
  return text;
}

}  // namespace

std::string ConfigProblem::ToString() const {
  const absl::string_view warning =
      severity == Severity::kWarning ? "warning: " : "";
  if (line == 0) return absl::StrCat(file, ": ", warning, message);
  return absl::StrCat(file, ":", line, ":", column, ": ", warning, message);
}

std::vector<ConfigProblem> LoadedConfig::problems() const {
  std::vector<ConfigProblem> all = errors;
  absl::c_copy(warnings, std::back_inserter(all));
  absl::c_stable_sort(all, [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return all;
}

LoadedConfig LoadConfigText(absl::string_view text, absl::string_view file) {
  if (text.size() > kMaxTextBytes) {
    return Failed(file,
                  absl::StrCat("is too large: a configuration has at most ",
                               kMaxTextBytes >> 20, " MiB"));
  }
  ParsedConfig parsed = ParseConfig(text);
  CheckedConfig checked = CheckConfig(parsed);
  std::vector<Problem> errors = std::move(parsed.problems);
  absl::c_move(checked.errors, std::back_inserter(errors));
  LoadedConfig loaded;
  loaded.errors =
      Placed(std::move(errors), Severity::kError, parsed.source, file);
  loaded.warnings = Placed(std::move(checked.warnings), Severity::kWarning,
                           parsed.source, file);
  loaded.settings = std::move(checked.settings);
  if (loaded.ok()) {
    loaded.effective_text =
        DumpConfig(parsed, loaded.settings, WithoutControls(file));
  }
  loaded.config = std::move(parsed.config);
  return loaded;
}

LoadedConfig LoadConfigFile(const std::string& path) {
  const std::string unreadable = DescribeUnreadable(path);
  if (!unreadable.empty()) return Failed(path, unreadable);
  std::ifstream in(path, std::ios::binary);
  if (!in.is_open()) {
    return Failed(path, "cannot be opened for reading: are you allowed to?");
  }
  const std::string text = ReadAll(in);
  if (in.bad()) return Failed(path, "cannot be read to its end");
  return LoadConfigText(text, path);
}

}  // namespace pollux::httpd
