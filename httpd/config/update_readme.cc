// Writes the reference of the fields into README.md:
//   tools/bazel run //httpd/config:update_readme
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "httpd/config/field_reference.h"

namespace {

constexpr absl::string_view kBegin = "test says so. -->\n\n";
constexpr absl::string_view kEnd = "\n<!-- Made until here. -->";

int Fail(absl::string_view message) {
  std::fputs(absl::StrCat("update_readme: ", message, "\n").c_str(), stderr);
  return EXIT_FAILURE;
}

}  // namespace

int main() {
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr) return Fail("start it with: tools/bazel run");
  const std::string path = absl::StrCat(workspace, "/httpd/config/README.md");
  std::stringstream readme;
  readme << std::ifstream(path).rdbuf();
  const std::string text = readme.str();
  const size_t begin = text.find(kBegin);
  const size_t end = text.find(kEnd);
  if (begin == text.npos || end == text.npos || begin > end) {
    return Fail(absl::StrCat(path, " has lost the marks of the reference"));
  }
  std::ofstream out(path);
  out << text.substr(0, begin) << kBegin
      << pollux::httpd::FieldReferenceMarkdown() << text.substr(end);
  return out.flush() ? EXIT_SUCCESS : Fail(absl::StrCat("cannot write ", path));
}
