#include "httpd/config/field_reference.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "httpd/config/config_loader.h"
#include "httpd/config/config_rows.h"

namespace pollux::httpd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::string Explained(absl::string_view name) {
  const absl::StatusOr<std::string> text = ExplainField(name);
  return text.ok() ? *text : std::string(text.status().message());
}

TEST(ExplainFieldTest, WholePath) {
  EXPECT_EQ(Explained("limits.max_head"),
            "limits.max_head: string, default \"32KiB\"\n"
            "\n"
            "The size of a request's head, from the method to the blank line: "
            "\"256B\" to\n"
            "\"1MiB\". More is 431.\n");
}

TEST(ExplainFieldTest, EndThatIsUnique) {
  EXPECT_EQ(Explained("max_head"), Explained("limits.max_head"));
  EXPECT_EQ(Explained("files.root"), Explained("route.files.root"));
  EXPECT_EQ(Explained("backlog"),
            "listener.backlog: integer, default 1024\n"
            "\n"
            "Connections that may wait to be accepted, 1 to 65535; the "
            "kernel's\n"
            "net.core.somaxconn bounds it.\n");
}

TEST(ExplainFieldTest, WordsAndLists) {
  EXPECT_TRUE(absl::StartsWith(
      Explained("format"),
      "access_log.format: COMMON, COMBINED or JSON, default COMMON\n"));
  EXPECT_TRUE(absl::StartsWith(Explained("listing"),
                               "route.files.listing: true or false, default "
                               "false\n"));
  EXPECT_TRUE(absl::StartsWith(Explained("route.host"),
                               "route.host: repeated string\n"));
}

TEST(ExplainFieldTest, MessageNamesItsFields) {
  EXPECT_EQ(Explained("access_log"),
            "access_log: message\n"
            "\n"
            "Where each request is logged. Without it no request is.\n"
            "\n"
            "Its fields: access_log.path, access_log.format\n");
}

TEST(ExplainFieldTest, Unknown) {
  const absl::StatusOr<std::string> text = ExplainField("max_haed");
  EXPECT_EQ(text.status(), absl::InvalidArgumentError(
                               "there is no field \"max_haed\": did you mean "
                               "limits.max_head?"));
  EXPECT_EQ(Explained("limit.max_head"),
            "there is no field \"limit.max_head\": did you mean "
            "limits.max_head?");
  EXPECT_EQ(Explained("adress"),
            "there is no field \"adress\": did you mean listener.address, "
            "admin.address?");
  EXPECT_EQ(Explained("teapot\n"),
            "there is no field \"teapot\\n\": at the top are listener, "
            "workers, route, admin, limits, timeouts, access_log");
  EXPECT_TRUE(absl::StartsWith(Explained(""), "there is no field \"\": "));
  EXPECT_TRUE(absl::StartsWith(Explained("."), "there is no field \".\": "));
}

TEST(ExplainFieldTest, Ambiguous) {
  EXPECT_EQ(Explained("path"),
            "\"path\" is the end of several names: choose one of route.path, "
            "access_log.path");
}

TEST(FieldReferencesTest, EachIsExplainedByItsPath) {
  for (const FieldReference& field : FieldReferences()) {
    EXPECT_TRUE(absl::StartsWith(Explained(field.path),
                                 absl::StrCat(field.path, ": ")));
    // Or the quotes would not be pairs in Markdown.
    EXPECT_EQ(std::count(field.comment.begin(), field.comment.end(), '"') % 2,
              0)
        << field.path;
  }
}

std::string Readme() {
  std::stringstream text;
  text << std::ifstream("httpd/config/README.md").rdbuf();
  return text.str();
}

// Each block of the README that starts with `opening`.
std::vector<std::string> Blocks(absl::string_view opening) {
  const std::string readme = Readme();
  std::vector<std::string> blocks;
  for (absl::string_view part : absl::StrSplit(readme, opening)) {
    blocks.emplace_back(part.substr(0, part.find("```\n")));
  }
  blocks.erase(blocks.begin());
  return blocks;
}

TEST(ReadmeTest, ItsReferenceIsThatOfTheProto) {
  EXPECT_TRUE(absl::StrContains(
      Readme(), absl::StrCat("-->\n\n", FieldReferenceMarkdown(), "\n<!--")))
      << "To put that right: tools/bazel run //httpd/config:update_readme";
}

TEST(ReadmeTest, ItsExamplesLoad) {
  const std::vector<std::string> examples = Blocks("```textproto\n");
  EXPECT_THAT(examples, SizeIs(2));
  for (const std::string& example : examples) {
    const LoadedConfig loaded = LoadConfigText(example, "README.md");
    EXPECT_THAT(Strings(loaded.errors), IsEmpty());
    EXPECT_THAT(Strings(loaded.warnings), IsEmpty());
  }
}

TEST(ReadmeTest, ItsErrorsAreTrue) {
  const LoadedConfig loaded = LoadConfigText(
      "listener { address: '127.0.0.1:99999' }\n"
      "route { path: '/' methds: 'GET' fixed {} }\n"
      "route { path: '/' fixed { status: ok } }\n",
      "www.textproto");
  EXPECT_THAT(Blocks("## Messages\n\n```\n"),
              ElementsAre(absl::StrCat(
                  absl::StrJoin(Strings(loaded.errors), "\n"), "\n")));
}

TEST(ReadmeTest, ItsWarningsAreTrue) {
  const LoadedConfig loaded = LoadConfigText(
      "route { methods: ['HEAD', 'GET'] path: '/' fixed {} }\n"
      "admin { address: '0.0.0.0:8081' }\n"
      "timeouts { idle: '100ms' }\n"
      "listener { address: '127.0.0.1:80' }\n",
      "www.textproto");
  EXPECT_THAT(Strings(loaded.errors), IsEmpty());
  EXPECT_THAT(Blocks("before the\nmessage.\n\n```\n"),
              ElementsAre(absl::StrCat(
                  absl::StrJoin(Strings(loaded.warnings), "\n"), "\n")));
}

TEST(ReadmeTest, ItsDumpIsTrue) {
  const LoadedConfig loaded =
      LoadConfigText(Complete("\n\n\n\n\n\n\n\n\n\ntimeouts {\n idle: '30s' }"),
                     "www.textproto");
  const std::vector<std::string> blocks = Blocks("is enough |\n\n```\n");
  ASSERT_THAT(blocks, SizeIs(1));
  for (absl::string_view line :
       absl::StrSplit(blocks[0], '\n', absl::SkipEmpty())) {
    EXPECT_TRUE(
        absl::StrContains(loaded.effective_text, absl::StrCat(line, "\n")))
        << line;
  }
}

}  // namespace
}  // namespace pollux::httpd
