#include "httpd/handlers/root_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "httpd/handlers/files_fixture.h"
#include "reactor/sys_result.h"
#include "reactor/syscall_record.h"

namespace pollux {
namespace {

using Access = RootDirectory::Access;

class RootDirectoryTest : public FilesFixture {
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

  // The error, or 0.
  int Try(const std::string& path, Access access = Access::kRead) {
    RootDirectory::Opened opened;
    return root_->Open(path, access, opened).error();
  }

  // What is in the file, or the name of what went wrong.
  std::string Read(const std::string& path) {
    RootDirectory::Opened opened;
    const SysResult result = root_->Open(path, Access::kRead, opened);
    if (!result.ok()) return ::strerrorname_np(result.error());
    std::array<char, 64> buffer;
    const SysResult read =
        kernel_.Pread(opened.descriptor.number(), absl::MakeSpan(buffer), 0);
    if (!read.ok()) return ::strerrorname_np(read.error());
    EXPECT_EQ(read.value(), opened.status.st_size);
    return std::string(buffer.data(), static_cast<size_t>(read.value()));
  }

  bool has_openat2() const { return GetParam().has_openat2; }

  std::optional<RootDirectory> root_;
};

TEST_P(RootDirectoryTest, OpensFilesAndDirectories) {
  Write("root/a", "1");
  MakeDirectory("root/b");
  Write("root/b/a", "2");
  EXPECT_EQ(Read("a"), "1");
  EXPECT_EQ(Read("b/a"), "2");
  EXPECT_EQ(Read("b"), "EISDIR");
  EXPECT_EQ(Try(""), 0);
  EXPECT_EQ(Try("b"), 0);
  EXPECT_EQ(Try("b/"), 0);
  RootDirectory::Opened opened;
  ASSERT_TRUE(root_->Open("b", Access::kDescribe, opened).ok());
  EXPECT_TRUE(S_ISDIR(opened.status.st_mode));
}

TEST_P(RootDirectoryTest, SaysWhatIsMissing) {
  Write("root/a", "1");
  EXPECT_EQ(Try("b"), ENOENT);
  EXPECT_EQ(Try("b/a"), ENOENT);
  EXPECT_EQ(Try("a/a"), ENOTDIR);
  EXPECT_EQ(Try("a/"), ENOTDIR);
  EXPECT_EQ(Try(std::string(NAME_MAX + 1, 'a')), ENAMETOOLONG);
  std::string deep;
  while (deep.size() < PATH_MAX) deep += "a/";
  EXPECT_EQ(Try(deep + "a"), ENAMETOOLONG);
  // Its NUL counts.
  ASSERT_EQ(deep.size(), PATH_MAX);
  EXPECT_EQ(Try(deep), ENAMETOOLONG);
  EXPECT_EQ(Try(deep.substr(0, PATH_MAX - 1)), ENOTDIR);
}

TEST_P(RootDirectoryTest, RefusesARootThatIsNone) {
  Write("file", "");
  EXPECT_EQ(RootDirectory::Open(kernel_, Path("none")).status().message(),
            "open " + Path("none") + ": No such file or directory");
  EXPECT_EQ(RootDirectory::Open(kernel_, Path("file")).status().message(),
            "open " + Path("file") + ": Not a directory");
}

TEST_P(RootDirectoryTest, StaysWithTheRootThatItOpened) {
  Write("root/a", "1");
  ASSERT_TRUE(tree_->Rename("root", "elsewhere"));
  MakeDirectory("root");
  Write("root/a", "2");
  EXPECT_EQ(Read("a"), "1");
}

TEST_P(RootDirectoryTest, FollowsLinksThatStayBeneathIfItCan) {
  Write("root/a", "1");
  MakeDirectory("root/b");
  Write("root/b/c", "2");
  Link("root/to_file", "a");
  Link("root/b/to_file", "../a");
  Link("root/to_directory", "b");
  Link("root/to_nothing", "nothing");
  Link("root/loop", "loop");
  if (has_openat2()) {
    EXPECT_EQ(Read("to_file"), "1");
    EXPECT_EQ(Read("b/to_file"), "1");
    EXPECT_EQ(Read("to_directory/c"), "2");
    EXPECT_EQ(Read("to_directory/to_file"), "1");
    EXPECT_EQ(Try("to_nothing"), ENOENT);
    EXPECT_EQ(Try("loop"), ELOOP);
  } else {
    EXPECT_EQ(Try("to_file"), ELOOP);
    EXPECT_EQ(Try("b/to_file"), ELOOP);
    EXPECT_EQ(Try("to_directory/c"), ENOTDIR);
    EXPECT_EQ(Try("to_nothing"), ELOOP);
    EXPECT_EQ(Try("loop"), ELOOP);
  }
}

TEST_P(RootDirectoryTest, NeverLeavesTheRoot) {
  Write("secret", "s");
  MakeDirectory("root/b");
  Link("root/up", "..");
  Link("root/up_file", "../secret");
  Link("root/b/up_file", "../../secret");
  Link("root/out_and_in", "../root/b");
  Link("root/absolute", Path("secret"));
  Link("root/absolute_in", Path("root/b"));
  Link("root/slash", "/");
  Link("root/b/chain", "../up_file");
  for (const absl::string_view path :
       {"up", "up/secret", "up/root", "up_file", "b/up_file", "out_and_in",
        "out_and_in/", "absolute", "absolute_in", "slash", "slash/etc/passwd",
        "b/chain"}) {
    const int error = Try(std::string(path));
    if (has_openat2()) {
      EXPECT_EQ(error, EXDEV) << path;
    } else {
      EXPECT_TRUE(error == ELOOP || error == ENOTDIR) << path << ": " << error;
    }
  }
  // What callers never ask for.
  if (has_openat2()) {
    EXPECT_EQ(Try("../secret"), EXDEV);
    EXPECT_EQ(Try("/etc/passwd"), EXDEV);
  }
}

TEST_P(RootDirectoryTest, RetriesInterruptionsAndRenamesForAWhile) {
  Write("root/a", "1");
  const SyscallKind kind =
      has_openat2() ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  kernel_.FailNext(SyscallKind::kFstat, EINTR, 3);
  EXPECT_EQ(Read("a"), "1");
  kernel_.FailNext(kind, EINTR, 3);
  EXPECT_EQ(Read("a"), "1");
  if (!has_openat2()) return;
  kernel_.FailNext(kind, EAGAIN, 31);
  EXPECT_EQ(Read("a"), "1");
  kernel_.FailNext(kind, EAGAIN, 32);
  EXPECT_EQ(Read("a"), "EAGAIN");
  EXPECT_EQ(Read("a"), "1");
  kernel_.FailNext(SyscallKind::kFstat, EIO);
  EXPECT_EQ(Read("a"), "EIO");
}

TEST_P(RootDirectoryTest, WalksWhereASandboxDeniesTheCall) {
  if (!has_openat2()) return;
  MakeDirectory("root/b");
  Write("root/b/a", "1");
  Link("root/link", "b");
  for (const int error : {EPERM, E2BIG}) {
    kernel_.FailNext(SyscallKind::kOpenAt2, error);
    EXPECT_EQ(Read("b/a"), "1");
    // It may have been that file's fault.
    EXPECT_EQ(Read("link/a"), "1");
  }
  kernel_.FailNext(SyscallKind::kOpenAt2, ENOSYS);
  EXPECT_EQ(Read("b/a"), "1");
  EXPECT_EQ(Read("link/a"), "ENOTDIR");
  const int calls = kernel_.Count(SyscallKind::kOpenAt2);
  EXPECT_EQ(Read("b/a"), "1");
  EXPECT_EQ(kernel_.Count(SyscallKind::kOpenAt2), calls);
}

TEST_P(RootDirectoryTest, PassesFailuresOn) {
  MakeDirectory("root/b");
  Write("root/b/a", "1");
  const SyscallKind kind =
      has_openat2() ? SyscallKind::kOpenAt2 : SyscallKind::kOpenAt;
  EXPECT_EQ(Read("b/a"), "1");
  for (const int error : {EMFILE, ENFILE, ENOMEM, EIO, EACCES}) {
    kernel_.FailNext(kind, error);
    EXPECT_EQ(Try("b/a"), error);
    // On the second name.
    if (!has_openat2()) {
      kernel_.FailNext(kind, error, 1, 1);
      EXPECT_EQ(Try("b/a"), error);
    }
  }
}

TEST_P(RootDirectoryTest, DoesNotWaitForAFifo) {
  if (fake() != nullptr) return;
  ASSERT_EQ(::mkfifo(Path("root/fifo").c_str(), 0600), 0);
  RootDirectory::Opened opened;
  ASSERT_TRUE(root_->Open("fifo", Access::kRead, opened).ok());
  EXPECT_TRUE(S_ISFIFO(opened.status.st_mode));
}

INSTANTIATE_TEST_SUITE_P(Kernels, RootDirectoryTest,
                         testing::ValuesIn(FilesSetups()), FilesSetupName);

}  // namespace
}  // namespace pollux
