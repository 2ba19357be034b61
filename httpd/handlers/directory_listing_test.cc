#include "httpd/handlers/directory_listing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "httpd/handlers/files_fixture.h"
#include "httpd/handlers/root_directory.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

using Parent = DirectoryListing::Parent;

class DirectoryListingTest : public FilesFixture {
 protected:
  void SetUp() override {
    MakeDirectory("root");
    absl::StatusOr<RootDirectory> root =
        RootDirectory::Open(kernel_, Path("root"));
    ASSERT_TRUE(root.ok()) << root.status();
    root_ = *std::move(root);
  }
  void TearDown() override {
    root_.reset();
    FilesFixture::TearDown();
  }

  DirectoryListing Start(const std::string& path, size_t max_names = 10'000) {
    RootDirectory::Opened opened;
    EXPECT_TRUE(root_->Open(path, RootDirectory::Access::kRead, opened).ok());
    return DirectoryListing(*root_, std::move(opened.descriptor), path,
                            absl::StrCat("Index of /", path),
                            path.empty() ? Parent::kNone : Parent::kLinked,
                            max_names);
  }

  std::string List(const std::string& path, size_t max_names = 10'000) {
    DirectoryListing listing = Start(path, max_names);
    while (!listing.is_done()) EXPECT_TRUE(listing.Step().ok());
    return listing.TakePage();
  }

  // What stands between `start` and `end`, each time.
  static std::vector<std::string> Between(absl::string_view text,
                                          absl::string_view start,
                                          absl::string_view end) {
    std::vector<std::string> found;
    for (size_t at = text.find(start); at != text.npos;
         at = text.find(start, at)) {
      at += start.size();
      found.emplace_back(text.substr(at, text.find(end, at) - at));
    }
    return found;
  }
  static std::vector<std::string> Links(absl::string_view page) {
    return Between(page, "href=\"", "\"");
  }

  std::optional<RootDirectory> root_;
};

TEST_P(DirectoryListingTest, IsOnePage) {
  MakeDirectory("root/d");
  MakeDirectory("root/d/sub");
  Write("root/d/a", "12345");
  const absl::Time time = absl::FromUnixSeconds(1714566896);
  ASSERT_TRUE(tree_->SetModified("root/d/a", time));
  ASSERT_TRUE(tree_->SetModified("root/d/sub", time));
  EXPECT_EQ(List("d/"),
            "<!doctype html>\n"
            "<html lang=\"en\">\n"
            "<head>\n"
            "<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width\">\n"
            "<title>Index of /d/</title>\n"
            "</head>\n"
            "<body>\n"
            "<h1>Index of /d/</h1>\n"
            "<table>\n"
            "<tr><th>Name</th><th>Bytes</th><th>Changed (UTC)</th></tr>\n"
            "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n"
            "<tr><td><a href=\"./sub/\">sub/</a></td><td></td>"
            "<td>2024-05-01 12:34</td></tr>\n"
            "<tr><td><a href=\"./a\">a</a></td><td>5</td>"
            "<td>2024-05-01 12:34</td></tr>\n"
            "</table>\n"
            "</body>\n"
            "</html>\n");
}

TEST_P(DirectoryListingTest, IsSortedDirectoriesFirst) {
  EXPECT_TRUE(Links(List("")).empty());
  for (const char* name : {"b", "a", "C", "10", "9"}) {
    Write(absl::StrCat("root/", name), "");
  }
  MakeDirectory("root/z");
  MakeDirectory("root/y");
  EXPECT_EQ(Links(List("")),
            std::vector<std::string>(
                {"./y/", "./z/", "./10", "./9", "./C", "./a", "./b"}));
}

TEST_P(DirectoryListingTest, NamesDoNoHarm) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"javascript:alert(1)", "./javascript%3Aalert%281%29"},
      {"a b", "./a%20b"},
      {"a\"onclick=\"x", "./a%22onclick%3D%22x"},
      {"<script>alert(1)<", "./%3Cscript%3Ealert%281%29%3C"},
      {"&amp;'", "./%26amp%3B%27"},
      {"a%2e%2e", "./a%252e%252e"},
      {"a?b#c", "./a%3Fb%23c"},
      {"new\nline", "./new%0Aline"},
      {"\xC3\xA9", "./%C3%A9"},
      {"\xFF", "./%FF"},
      {"http:", "./http%3A"},
      {"~a-b_c.d", "./~a-b_c.d"}};
  for (const auto& [name, link] : names) {
    const std::string path = absl::StrCat("root/", name);
    Write(path, "");
    const std::string page = List("");
    EXPECT_EQ(Links(page), std::vector<std::string>({link}));
    EXPECT_FALSE(absl::StrContains(page, "<script"));
    EXPECT_FALSE(absl::StrContains(page, "\"onclick"));
    ASSERT_TRUE(tree_->Remove(path));
  }
  Write("root/<&>\"'", "");
  EXPECT_TRUE(absl::StrContains(List(""), ">&lt;&amp;&gt;&quot;&#39;</a>"));
  // A title is a path that somebody asked for.
  MakeDirectory("root/<b>");
  EXPECT_TRUE(absl::StrContains(List("<b>/"), "<h1>Index of /&lt;b&gt;/</h1>"));
}

TEST_P(DirectoryListingTest, ShowsWhatCanBeAskedFor) {
  Write("secret", "s");
  Write("root/a", "123");
  MakeDirectory("root/d");
  Write("root/.hidden", "");
  MakeDirectory("root/.git");
  Write("root/back\\slash", "");
  Link("root/to_file", "a");
  Link("root/to_directory", "d");
  Link("root/out", "../secret");
  Link("root/absolute", "/");
  Link("root/nowhere", "nothing");
  EXPECT_EQ(Links(List("")),
            GetParam().has_openat2
                ? std::vector<std::string>(
                      {"./d/", "./to_directory/", "./a", "./to_file"})
                : std::vector<std::string>({"./d/", "./a"}));
}

TEST_P(DirectoryListingTest, IsCutShort) {
  for (int i = 0; i < 10; ++i) Write(absl::StrCat("root/f", i), "");
  Write("root/.hidden", "");
  EXPECT_EQ(Links(List("", 10)).size(), 10u);
  EXPECT_FALSE(absl::StrContains(List("", 10), "more than"));
  const std::string page = List("", 9);
  EXPECT_EQ(Links(page).size(), 9u);
  EXPECT_TRUE(absl::StrContains(
      page, "<p>There are more than 9 names; not all are shown.</p>\n"));
  EXPECT_EQ(Links(List("", 0)).size(), 0u);
}

TEST_P(DirectoryListingTest, TakesSmallSteps) {
  constexpr int kFiles = 1500;
  for (int i = 0; i < kFiles; ++i) {
    Write(absl::StrCat("root/a_rather_long_name_of_a_file_", i), "");
  }
  DirectoryListing listing = Start("");
  int steps = 0;
  for (; !listing.is_done(); ++steps) {
    const int calls = kernel_.calls();
    ASSERT_TRUE(listing.Step().ok());
    // openat2, or openat, and fstat and close.
    EXPECT_LE(kernel_.calls() - calls, 3 * 32 + 2);
  }
  EXPECT_GT(steps, kFiles / 32);
  EXPECT_GT(listing.held_bytes(), kFiles * 32u);
  EXPECT_EQ(Links(listing.TakePage()).size(), kFiles);
}

TEST_P(DirectoryListingTest, LeavesOutWhatGoesAwayMeanwhile) {
  Write("root/a", "");
  Write("root/b", "");
  DirectoryListing listing = Start("");
  ASSERT_TRUE(listing.Step().ok());
  ASSERT_TRUE(tree_->Remove("root/a"));
  while (!listing.is_done()) EXPECT_TRUE(listing.Step().ok());
  EXPECT_EQ(Links(listing.TakePage()), std::vector<std::string>({"./b"}));
}

TEST_P(DirectoryListingTest, PassesFailuresOn) {
  Write("root/a", "");
  const SyscallKind open =
      GetParam().has_openat2 ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  {
    DirectoryListing listing = Start("");
    kernel_.FailNext(SyscallKind::kGetDents64, EIO);
    EXPECT_EQ(listing.Step(), SysResult::Error(EIO));
  }
  for (const int error : {EMFILE, ENFILE, ENOMEM}) {
    DirectoryListing listing = Start("");
    kernel_.FailNext(open, error);
    SysResult result = SysResult::Ok();
    while (result.ok()) result = listing.Step();
    EXPECT_EQ(result, SysResult::Error(error));
  }
  kernel_.FailNext(SyscallKind::kGetDents64, EINTR);
  kernel_.FailNext(open, EACCES, 1, 1);
  EXPECT_EQ(Links(List("")).size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Kernels, DirectoryListingTest,
                         testing::ValuesIn(FilesSetups()), FilesSetupName);

}  // namespace
}  // namespace pollux
