#include "httpd/handlers/file_path.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/string_view.h"

namespace pollux {
namespace {

// The path, or "forbidden".
std::string Read(absl::string_view encoded) {
  std::string path = "of another request";
  switch (ReadFilePath(encoded, path)) {
    case PathForm::kFile:
      EXPECT_NE(path.back(), '/');
      return path;
    case PathForm::kDirectory:
      EXPECT_TRUE(path.empty() || path.back() == '/');
      return path;
    case PathForm::kForbidden:
      return "forbidden";
  }
  return "";
}

TEST(FilePathTest, NamesFilesAndDirectories) {
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read("a"), "a");
  EXPECT_EQ(Read("a/"), "a/");
  EXPECT_EQ(Read("a/b.c"), "a/b.c");
  EXPECT_EQ(Read("a/b/"), "a/b/");
}

TEST(FilePathTest, DecodesOnceAndAfterCutting) {
  EXPECT_EQ(Read("a%20b/%C3%A9+"), "a b/\xC3\xA9+");
  EXPECT_EQ(Read("%2561"), "%61");
  EXPECT_EQ(Read("a%252e"), "a%2e");
  EXPECT_EQ(Read("%252e%252e"), "%2e%2e");
  EXPECT_EQ(Read("..a"), "forbidden");
  EXPECT_EQ(Read("a.."), "a..");
  EXPECT_EQ(Read("a..b/c."), "a..b/c.");
}

TEST(FilePathTest, ForbidsWhatLeadsElsewhereOrIsHidden) {
  for (const absl::string_view encoded :
       {"/",         "//",          "/a",          "a//b",      "a//",
        ".",         "./",          "./a",         "a/.",       "a/./b",
        "..",        "../",         "../a",        "a/..",      "a/../b",
        "%2e",       "%2e/",        "%2E%2e",      ".%2e/a",    "%2e./a",
        "a/%2e%2e",  "a/%2e%2e/",   "%2e%2e%2fa",  "..%2fa",    "a%2fb",
        "a%2Fb",     "%2f",         "%2fetc",      "..%5ca",    "a%5cb",
        "%5c",       "%5C%5Chost",  "..\\a",       "a\\b",      "a%00",
        "%00",       "a%00.html",   ".hidden",     "a/.hidden", ".hidden/a",
        "%2ehidden", ".git/config", "%2Ehtaccess", "...",       "a/.../b",
        "a%2",       "a%",          "a%zz",        "..%00/",    ".%00./a"}) {
    EXPECT_EQ(Read(encoded), "forbidden") << encoded;
  }
}

}  // namespace
}  // namespace pollux
