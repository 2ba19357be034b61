// Rows of tests that load a configuration and compare all that is said of it.
#ifndef POLLUX_HTTPD_CONFIG_CONFIG_ROWS_H_
#define POLLUX_HTTPD_CONFIG_CONFIG_ROWS_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/config/config_loader.h"

namespace pollux::httpd {

// For tests only.

// Each as the user sees it.
inline std::vector<std::string> Strings(
    const std::vector<ConfigProblem>& errors) {
  std::vector<std::string> strings;
  for (const ConfigProblem& error : errors) strings.push_back(error.ToString());
  return strings;
}

// A text, loaded as file "c", and what is said of it, in the order of the text.
struct Case {
  absl::string_view name;
  std::string text;
  std::vector<std::string> said;
};

inline std::vector<std::string> WhatIsSaidOf(absl::string_view text) {
  return Strings(LoadConfigText(text, "c").problems());
}

// So that a failure shows the row, not its bytes.
inline void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

inline std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}

inline constexpr char kNoListener[] =
    "c: no listener: at least one is needed, such as listener { address: "
    "\"127.0.0.1:8080\" }";
inline constexpr char kNoRoute[] =
    "c: no route: at least one is needed, such as route { path: \"/\" fixed { "
    "body: \"ha?\\n\" } }";

// Texts for one thing at a time: the rest, on the first line, is right.
inline std::string WithRoute(absl::string_view text) {
  return absl::StrCat("listener { address: '127.0.0.1:80' }\n", text);
}
inline std::string WithListener(absl::string_view text) {
  return absl::StrCat("route { path: '/' fixed {} }\n", text);
}
inline std::string Complete(absl::string_view text) {
  return absl::StrCat(
      "listener { address: '[::1]:0' } route { path: '/a' fixed {} }\n", text);
}

}  // namespace pollux::httpd

#endif  // POLLUX_HTTPD_CONFIG_CONFIG_ROWS_H_
